"""What tools, tests and the site ask about the project: where it lies, what settings.ini says, what its notebooks hold.

This is the one place that reads them (setup.py reads settings.ini by itself, for it stands alone in a source archive).
tools/env.py begins on any Python 3.6+, and so does this."""
import configparser, json, re
from pathlib import Path

root = Path(__file__).resolve().parent.parent


def settings(folder=root):
    "What settings.ini says: `cfg['repo']`, `cfg.getboolean('clean_ids')`"
    ini = configparser.ConfigParser(delimiters=['='])
    ini.read(str(folder/'settings.ini'), encoding='utf8')
    return ini['DEFAULT']

cfg = settings()
nbs, lib = root/cfg['nbs_path'], root/cfg['lib_path']


def notebooks():
    "All notebooks, in the order in which they build on each other: support, answers, lessons, the map"
    def order(path):
        folder = path.relative_to(nbs).parts[0]
        return dict(support=0, answers=1).get(folder, 3 if folder == 'index.ipynb' else 2), str(path)
    found = [o for o in nbs.rglob('*.ipynb') if not any(p[0] in '._' for p in o.relative_to(nbs).parts)]
    return sorted(found, key=order)

def lessons(): return sorted(nbs.glob('[0-9][0-9]_*.ipynb'))

def rel(path, folder=root): return Path(path).relative_to(folder).as_posix()
def read(path): return json.loads(Path(path).read_text(encoding='utf8'))

def cells(path, kind=None):
    "The cells of the notebook at `path`, of one kind ('code', 'markdown') or all"
    return [c for c in read(path)['cells'] if kind in (None, c['cell_type'])]

def source(cell): return ''.join(cell['source'])

def directives(cell):
    "What a cell says to nbdev: the text behind each `#|`"
    return [o for o in re.findall(r'^#\|[ \t]*(.*?)[ \t]*$', source(cell), re.M) if o]

def module(path):
    "The module that the notebook at `path` makes, without `groundup.`, or None"
    return next((d.split()[1] for c in cells(path, 'code') for d in directives(c) if d.startswith('default_exp ')), None)
