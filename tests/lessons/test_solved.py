"""What a learner does, in every lesson: in an empty folder, with the installed package and a real kernel, each stub is
replaced by the source that `solution()` shows. Every verdict is then *right*, no cell raises and nothing is left behind.

Of the other cells only what answers need is run, found as for grading: imports, definitions and the inputs of exercises.
The whole lesson is run by test_every_notebook.py, with the same package and as alone."""
import ast, dis, json, os, re
from importlib import import_module

import nbformat.v4 as v4
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from groundup.support.grade.submission import chosen, statements
from kernel import OwnKernel
from processes import limit, sh
from project import cells, lessons, module, source


@pytest.fixture(scope='session')
def solutions(python, tmp_path_factory):
    "What `solution()` prints for each exercise of each lesson, in the installed package"
    code = '''if True:
        import contextlib, importlib, io, json, sys
        def shown(e):
            with contextlib.redirect_stdout(out := io.StringIO()): e.solution()
            return out.getvalue().strip()
        def book(name): return importlib.import_module(f'groundup.exercises.{name}').book.exercises
        print(json.dumps({name: {k: shown(e) for k,e in book(name).items()} for name in sys.argv[1:]}))'''
    folder = tmp_path_factory.mktemp('solutions')
    env = {k: v for k,v in os.environ.items() if k != 'PYTHONPATH'}
    return json.loads(sh(python, '-c', code, *map(module, lessons()), cwd=folder, env=env))

class Kernels(OwnKernel):
    "The one kernel is that of another Python"
    def __init__(self, python):
        super().__init__()
        self.python = str(python)
    def get_kernel_spec(self, name):
        spec = super().get_kernel_spec(name)
        spec.argv[0] = self.python
        return spec

def said(c): return '\n'.join(''.join(o.get('text') or o.get('data', {}).get('text/plain', '')) for o in c.outputs)

def answered(path, shown):
    "The code cells of a lesson, each stub replaced by its solution; the cell of each exercise"
    codes,checks = [source(c) for c in cells(path, 'code')],{}
    for i,s in enumerate(codes):
        if m := re.search(r'^ex\.(\w+)\.check\(\1\)\s*\Z', s, re.M):
            codes[i] = f'{shown[m[1]]}\n\n{m[0]}'
            checks[i] = m[1]
    return codes,checks

def needed(codes, checks):
    "Of each cell the lines that answers need; the cell of an exercise is whole"
    parsed = [statements(s) for s in codes]
    for i,(s,(text,body),keep) in enumerate(zip(codes, parsed, chosen([b for _,b in parsed]))):
        run = [n for j,n in enumerate(body) if j in keep or isinstance(n, ast.ImportFrom) and n.module=='groundup.exercises']
        lines = {k for n in run for k in range(min(o.lineno for o in [n, *getattr(n, 'decorator_list', ())]), n.end_lineno+1)}
        yield s if i in checks else '\n'.join(l for k,l in enumerate(text.splitlines(), 1) if k in lines)

@pytest.mark.parametrize('path', lessons(), ids=lambda o: o.stem)
def test_solved(path, solutions, python, alone):
    codes,checks = answered(path, solutions[module(path)])
    assert list(checks.values()) == list(import_module(f'groundup.exercises.{module(path)}').book.exercises) == list(solutions[module(path)])
    nb = v4.new_notebook(cells=[v4.new_code_cell(s) for s in [*needed(codes, checks), 'import groundup; print(groundup.__file__)']])
    manager = AsyncKernelManager(kernel_spec_manager=Kernels(python))
    NotebookClient(nb, manager, timeout=limit, allow_errors=True, resources=dict(metadata=dict(path=str(alone)))).execute()
    assert said(nb.cells[-1]).startswith(str(python.parent.parent)+os.sep), 'another package was tested'
    bad = [f'{c.source}\n{o.ename}: {o.evalue}' for c in nb.cells for o in c.outputs if o.output_type=='error']
    bad += [said(nb.cells[i]) for i,k in checks.items() if not said(nb.cells[i]).startswith(f'{k}: right')]
    if bad: pytest.fail('\n\n'.join(bad), pytrace=False)
    assert not [*alone.iterdir()], 'the lesson leaves files behind'

def made(src):
    "The global names that a cell makes"
    return {o.argval for o in dis.get_instructions(compile(statements(src)[0], '', 'exec', dont_inherit=True)) if o.opname == 'STORE_NAME'}

@pytest.mark.parametrize('path', lessons(), ids=lambda o: o.stem)
def test_no_solution_is_in_the_way(path, solutions):
    "What a solution defines beside its exercise has a name of its own: to the cells that come later, it changes nothing"
    codes,checks = answered(path, solutions[module(path)])
    taken = set().union(*(made(s) for i,s in enumerate(codes) if i not in checks))
    assert not [(k,both) for i,k in checks.items() if (both := (made(codes[i])-{k}) & taken)]
