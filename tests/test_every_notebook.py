"""nbdev's own test of every notebook, each in a fresh process: what a lesson says of itself.

A lesson is tested as it is met on Colab: alone in a folder, with the installed package and nothing of the checkout."""
import json, os, shutil, sys, sysconfig, time
from pathlib import Path

import nbformat, nbformat.v4 as v4
import pytest
from nbdev.doclinks import nbglob
from nbdev.frontmatter import FrontmatterProc
from nbdev.process import NBProcessor

import project
from processes import limited
from project import root


def problem(path, folder, data, python=sys.executable, **kw):
    "What `nbdev_test`, started in `folder` by `python`, says against the notebook at `path`, with the cell that fails; '' if nothing"
    if getattr(NBProcessor(path, procs=FrontmatterProc, process=True).nb, 'frontmatter_', {}).get('skip_exec'):
        return 'its front matter says skip_exec: nbdev_test would not run it'
    cmd = [python, Path(sysconfig.get_path('scripts'))/'nbdev_test', '--path', path.relative_to(folder)]
    why,out = limited(cmd, cwd=folder, env=os.environ | dict(GROUNDUP_DATA=str(data)), **kw)
    if not why and 'Success.' not in out.splitlines(): why = 'it did not run'
    return why and f'{why}\n{out.strip()[-6000:]}' or ''

@pytest.mark.parametrize('path', project.notebooks(), ids=project.rel)
def test_notebook(path, tmp_path, request):
    if path not in project.lessons(): why = problem(path, root, tmp_path)
    else:
        folder,python = (request.getfixturevalue(o) for o in ('alone','python'))
        why = problem(lonely(path, folder, python), folder, tmp_path, python)
        left = sorted(project.rel(o, folder) for o in folder.rglob('*') if o.is_file() and '__pycache__' not in o.parts)
        if not why and left != [f'nbs/{path.name}', 'settings.ini']: why = f'the lesson leaves files behind: {left}'
    if why: pytest.fail(why, pytrace=False)

def lonely(path, folder, python):
    "A copy of the lesson at `path` in `folder`; its last cell says that nothing of the checkout was used"
    (folder/'nbs').mkdir()
    shutil.copy(root/'settings.ini', folder)
    nb = nbformat.read(path, as_version=4)
    nb.cells.append(v4.new_code_cell(f'import groundup; assert groundup.__file__.startswith({str(python.parent.parent)+os.sep!r}), groundup.__file__'))
    nbformat.write(nb, folder/'nbs'/path.name)
    return folder/'nbs'/path.name

def test_every_notebook_is_tested():
    "nbdev finds the same notebooks, and each lesson has its answers"
    books = project.notebooks()
    found = [o for o in project.nbs.rglob('*.ipynb') if '.ipynb_checkpoints' not in o.parts]
    assert sorted(found) == sorted(nbglob(project.nbs, as_path=True)) == sorted(books)
    assert not [*project.nbs.rglob('.notest')]
    names = [o.name for o in project.lessons()]
    assert len(names) >= 8 and [o.name for o in books if o.parent.name == 'answers'] == names
    assert len(books) >= 2*len(names)+7+1 # and support, and the map


# what this test of notebooks itself must see
def book(folder, name, *sources):
    shutil.copy(root/'settings.ini', folder)
    path = folder/'nbs'/name
    path.parent.mkdir(exist_ok=True)
    path.write_text(v4.writes(v4.new_notebook(cells=[v4.new_markdown_cell('# Title')]+[v4.new_code_cell(o) for o in sources],
        metadata=dict(kernelspec=dict(name='python3', display_name='Python 3', language='python')))))
    return path

def test_a_cell_that_fails_is_shown(tmp_path):
    said = problem(book(tmp_path, 'a.ipynb', 'x = 41', 'x += 1\nassert x == 43, "no answer"'), tmp_path, tmp_path)
    assert 'exit status 1' in said and 'assert x == 43' in said and 'no answer' in said and 'a.ipynb' in said

def test_a_notebook_that_holds_passes(tmp_path):
    path = book(tmp_path, 'a.ipynb', f'import os; assert os.environ["GROUNDUP_DATA"] == {str(tmp_path)!r}')
    assert problem(path, tmp_path, tmp_path) == ''

def test_time_limit(tmp_path):
    "A notebook without end is stopped, with the processes that it started"
    beat = tmp_path/'beat'
    child = f'import time\nwhile 1: open({str(beat)!r}, "a").write("."); time.sleep(.1)'
    path = book(tmp_path, 'a.ipynb', f'import subprocess, sys; p = subprocess.Popen([sys.executable, "-c", {child!r}])\nwhile 1: pass')
    assert 'stopped after 8 s' in problem(path, tmp_path, tmp_path, limit=8)
    assert beat.exists()
    time.sleep(.5)
    size = beat.stat().st_size
    time.sleep(.5)
    assert beat.stat().st_size == size

def test_a_notebook_that_is_skipped_fails(tmp_path):
    path = book(tmp_path, 'a.ipynb', 'assert False')
    nb = project.read(path)
    nb['cells'].insert(0, dict(cell_type='raw', id='0', metadata={}, source='---\nskip_exec: true\n---'))
    path.write_text(json.dumps(nb))
    assert 'skip_exec' in problem(path, tmp_path, tmp_path)

def test_a_folder_that_is_left_out_fails(tmp_path):
    path = book(tmp_path, 'a.ipynb', 'assert False')
    (path.parent/'.notest').touch()
    said = problem(path, tmp_path, tmp_path)
    assert 'it did not run' in said and 'No files were eligible' in said
