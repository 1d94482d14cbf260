"The time of each notebook and of the site's build, from the last `make test`; they are measured against the median notebook"
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from statistics import median

from measure import times

root = Path(__file__).resolve().parent.parent
durations,site = root/'.pytest_cache/last.xml',root/'_docs/seconds'


@times(floor=3.)
def notebooks(): return read(durations, site)

def read(durations, site):
    if not durations.exists(): raise ImportError(f'there are no times in {durations.relative_to(root)}: make test first')
    names = [(re.fullmatch(r'test_notebook\[nbs/(.+)\.ipynb\]', c.get('name')),c) for c in ET.parse(durations).iter('testcase')]
    books = {m[1]:[float(c.get('time'))] for m,c in names if m and c.find('skipped') is None}
    if not books: raise ImportError('the last make test ran no notebook')
    ways = {'median notebook':[median(t for t, in books.values())], **dict(sorted(books.items()))}
    if site.exists(): ways['site build'] = [float(site.read_text())]
    return {'last make test': ways}
