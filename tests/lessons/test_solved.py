"""What a learner does, in every lesson: in an empty folder, with the installed package and a real kernel, each stub is
replaced by the source that `solution()` shows. Every verdict is then *right*, no cell raises and nothing is left behind."""
import json, os, shutil

import pytest

from processes import limit, limited
from project import lessons, root

driver = r'''
import contextlib, importlib, io, json, re, sys
import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
name,tools,report,limit = sys.argv[1:]
sys.path.append(tools)
from kernel import OwnKernel
from project import module

def shown(e):
    "What `e.solution()` prints"
    with contextlib.redirect_stdout(out := io.StringIO()): e.solution()
    return out.getvalue().strip()

def said(c): return '\n'.join(''.join(o.get('text') or o.get('data', {}).get('text/plain', '')) for o in c.outputs)

nb = nbformat.read(name, as_version=4)
ex = importlib.import_module(f'groundup.exercises.{module(name)}')
checks = {}
for c in nb.cells:
    if c.cell_type=='code' and (m := re.search(r'^ex\.(\w+)\.check\(\1\)\s*\Z', c.source, re.M)):
        c.source = f'{shown(getattr(ex, m[1]))}\n\n{m[0]}'
        checks[m[1]] = c
nb.cells.append(nbformat.v4.new_code_cell('import groundup; print(groundup.__file__)'))
manager = AsyncKernelManager(kernel_spec_manager=OwnKernel())
NotebookClient(nb, manager, timeout=float(limit), allow_errors=True).execute()
errors = [f'{c.source}\n{o.ename}: {o.evalue}' for c in nb.cells if c.cell_type=='code' for o in c.outputs if o.output_type=='error'
          and 'raises-exception' not in c.metadata.get('tags', [])]
with open(report, 'w') as f:
    json.dump(dict(errors=errors, verdicts={k: said(c) for k,c in checks.items()}, exercises=list(ex.book.exercises), package=said(nb.cells[-1])), f)
'''

@pytest.mark.parametrize('path', lessons(), ids=lambda o: o.stem)
def test_solved(path, python, alone, tmp_path):
    shutil.copy(path, alone)
    (tmp_path/'driver.py').write_text(driver)
    why,out = limited([python, tmp_path/'driver.py', path.name, root/'tools', tmp_path/'report', limit], cwd=alone, limit=limit+30)
    if why: pytest.fail(f'{why}\n{out}', pytrace=False)
    got = json.loads((tmp_path/'report').read_text())
    assert got['package'].startswith(str(python.parent.parent)+os.sep), 'another package was tested'
    assert list(got['verdicts']) == got['exercises']
    bad = got['errors'] + [o for k,o in got['verdicts'].items() if not o.startswith(f'{k}: right')]
    if bad: pytest.fail('\n\n'.join(bad), pytrace=False)
    left = sorted(o.name for o in alone.iterdir() if o.name != path.name)
    assert not left, f'the lesson leaves files behind: {left}'
