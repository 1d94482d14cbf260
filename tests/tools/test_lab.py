"The learner's copy of the lessons: what a learner wrote is never lost"
import json, os, shutil, sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager

import kernel, lab
from project import root


def book(*sources, outputs=False):
    cell = lambda s: dict(cell_type='code', id='a', metadata={}, execution_count=1 if outputs else None, source=s,
                          outputs=[dict(output_type='stream', name='stdout', text='hi')] if outputs else [])
    return json.dumps(dict(cells=[cell(s) for s in sources], metadata={}, nbformat=4, nbformat_minor=5))

@pytest.fixture
def course(tmp_path):
    "A small course: `ship(name, text)` publishes, `learn(name, text)` is the learner's save, `read(name)` the copy"
    class Course:
        nbs, work = tmp_path/'nbs', tmp_path/'my work'
        def ship(self, name, text):
            (self.nbs/name).parent.mkdir(parents=True, exist_ok=True)
            (self.nbs/name).write_text(text)
        def learn(self, name, text): (self.work/name).write_text(text)
        def read(self, name): return (self.work/name).read_text()
        def update(self): return lab.update(self.nbs, self.work)
        def names(self): return sorted(o.relative_to(self.work).as_posix() for o in self.work.rglob('*') if o.is_file())
    res = Course()
    for o in ('index.ipynb', '00_neuron.ipynb', '01_matmul.ipynb', 'answers/00_neuron.ipynb', 'images/map.svg', 'support/data.ipynb'):
        res.ship(o, book(f'# {o}') if o.endswith('ipynb') else '<svg/>')
    return res


def test_first_copy(course):
    assert {w for w,_ in course.update()} == {'new'}
    assert course.names() == ['.groundup.json', '00_neuron.ipynb', '01_matmul.ipynb', 'answers/00_neuron.ipynb', 'images/map.svg', 'index.ipynb']
    assert course.update() == []

def test_new_lesson_is_added(course):
    course.update()
    course.learn('01_matmul.ipynb', book('mine'))
    course.ship('02_broadcasting.ipynb', book('new'))
    assert course.update() == [('new', '02_broadcasting.ipynb')]
    assert course.read('01_matmul.ipynb') == book('mine')

def test_unchanged_copy_is_replaced(course):
    course.update()
    course.learn('01_matmul.ipynb', book('# 01_matmul.ipynb', '', outputs=True)) # run, and JupyterLab added an empty cell
    assert course.update() == []
    course.ship('01_matmul.ipynb', book('better'))
    assert course.update() == [('updated', '01_matmul.ipynb')]
    assert course.read('01_matmul.ipynb') == book('better')

def test_changed_copy_is_kept(course):
    course.update()
    course.learn('01_matmul.ipynb', book('mine'))
    assert course.update() == []
    course.ship('01_matmul.ipynb', book('v2'))
    assert course.update() == [('beside', '01_matmul-updated.ipynb')]
    assert course.update() == []
    assert (course.read('01_matmul.ipynb'), course.read('01_matmul-updated.ipynb')) == (book('mine'), book('v2'))
    course.ship('01_matmul.ipynb', book('v3')) # the update was not touched: the next one takes its place
    assert course.update() == [('beside', '01_matmul-updated.ipynb')]
    course.learn('01_matmul-updated.ipynb', book('mine too'))
    course.ship('01_matmul.ipynb', book('v4'))
    assert course.update() == [('beside', '01_matmul-updated-2.ipynb')]
    assert [course.read(f'01_matmul{o}.ipynb') for o in ('', '-updated', '-updated-2')] == [book('mine'), book('mine too'), book('v4')]

def test_learner_takes_the_update(course):
    course.update()
    course.learn('01_matmul.ipynb', book('mine'))
    course.ship('01_matmul.ipynb', book('v2'))
    course.update()
    os.replace(course.work/'01_matmul-updated.ipynb', course.work/'01_matmul.ipynb')
    assert course.update() == []
    course.ship('01_matmul.ipynb', book('v3'))
    assert course.update() == [('updated', '01_matmul.ipynb')]

def test_deleted_update_stays_away_and_deleted_lesson_comes_back(course):
    course.update()
    course.learn('01_matmul.ipynb', book('mine'))
    course.ship('01_matmul.ipynb', book('v2'))
    course.update()
    (course.work/'01_matmul-updated.ipynb').unlink()
    assert course.update() == []
    (course.work/'01_matmul.ipynb').unlink()
    assert course.update() == [('new', '01_matmul.ipynb')]
    assert course.read('01_matmul.ipynb') == book('v2')

def test_what_is_withdrawn(course, capsys):
    "A folder or lesson under an old name would mislead: it goes, unless the learner changed it"
    for o in ('exercises/00_neuron.ipynb', 'exercises/01_matmul.ipynb', '06_autograd.ipynb', '07_old.ipynb'): course.ship(o, book(f'# {o}'))
    lab.files,keep = lambda nbs: keep(nbs)+[o.relative_to(nbs) for o in nbs.glob('exercises/*')], lab.files # as earlier copies had it
    try: course.update()
    finally: lab.files = keep
    course.learn('exercises/00_neuron.ipynb', book('mine'))
    course.learn('06_autograd.ipynb', book('# 06_autograd.ipynb', outputs=True)) # run, not changed
    course.learn('own.ipynb', book('my notes'))
    shutil.rmtree(course.nbs/'exercises')
    for o in ('06_autograd.ipynb', '07_old.ipynb'): (course.nbs/o).unlink()
    (course.work/'07_old.ipynb').unlink()
    lab.tell(course.update(), course.work)
    out = capsys.readouterr().out
    assert 'removed, no longer part of the course: 06_autograd.ipynb, exercises/01_matmul.ipynb' in out
    assert 'exercises/00_neuron.ipynb is no longer part of the course: you changed it, so it is kept' in out
    assert course.read('exercises/00_neuron.ipynb') == book('mine') and course.read('own.ipynb') == book('my notes')
    assert not {'06_autograd.ipynb', '07_old.ipynb', 'exercises/01_matmul.ipynb'} & {*course.names()}
    assert course.update() == []
    course.learn('exercises/00_neuron.ipynb', book('# exercises/00_neuron.ipynb'))
    assert course.update() == [] and 'exercises/00_neuron.ipynb' in course.names() # told once, it is the learner's own

def test_no_empty_folder_stays(course):
    course.update()
    shutil.rmtree(course.nbs/'answers')
    assert course.update() == [('removed', 'answers/00_neuron.ipynb')]
    assert not (course.work/'answers').exists()

@pytest.mark.parametrize('bad', ['', '{"01_matm', '[]', '{"01_matmul.ipynb": 3}', None, '\x00\xff'])
def test_damaged_state(course, bad):
    course.update()
    course.learn('01_matmul.ipynb', book('mine'))
    course.ship('00_neuron.ipynb', book('v2'))
    if bad is None: (course.work/lab.state).unlink()
    else: (course.work/lab.state).write_bytes(bad.encode('latin1'))
    done = dict((n,w) for w,n in course.update())
    assert done == {'01_matmul-updated.ipynb': 'beside', '00_neuron-updated.ipynb': 'beside'}
    assert course.read('01_matmul.ipynb') == book('mine')
    assert course.read('00_neuron.ipynb') == book('# 00_neuron.ipynb')
    assert course.update() == []

@pytest.mark.parametrize('bad', ['', '{"cells": [', '[1]', '{"cells": 1}'])
def test_damaged_notebook(course, bad):
    course.update()
    course.learn('01_matmul.ipynb', bad)
    assert course.update() == []
    course.ship('01_matmul.ipynb', book('v2'))
    assert course.update() == [('beside', '01_matmul-updated.ipynb')]
    assert course.read('01_matmul.ipynb') == bad

@pytest.mark.parametrize('after', range(5))
def test_interrupted_copy(course, monkeypatch, after):
    "Stopped before any of its writes, the next call finishes and nothing is half written"
    real,n = os.replace, iter(range(99))
    def stopping(a, b):
        if next(n) == after: raise KeyboardInterrupt
        real(a, b)
    monkeypatch.setattr(lab.os, 'replace', stopping)
    with pytest.raises(KeyboardInterrupt): course.update()
    monkeypatch.undo()
    for o in course.names():
        if not o.endswith('.tmp'): assert course.read(o) == (course.nbs/o).read_text()
    course.update()
    assert not [o for o in course.names() if o.endswith('.tmp')]
    course.ship('00_neuron.ipynb', book('v2'))
    assert course.update() == [('updated', '00_neuron.ipynb')]

def test_what_is_told(course, capsys):
    course.update()
    course.learn('01_matmul.ipynb', book('mine'))
    course.ship('01_matmul.ipynb', book('v2'))
    course.ship('00_neuron.ipynb', book('v2'))
    lab.tell(course.update(), course.work)
    out = capsys.readouterr().out
    assert 'updated, you had not changed them: 00_neuron.ipynb' in out
    assert '01_matmul-updated.ipynb is a newer version of a lesson that you changed: yours is kept' in out
    lab.tell(course.update(), course.work)
    assert capsys.readouterr().out == 'my work/ is up to date\n'

@pytest.mark.parametrize('writable', [True, False])
def test_home_that_cannot_be_written(tmp_path, monkeypatch, capsys, writable):
    "Settings and progress then lie beside the lessons"
    there = tmp_path/'home' if writable else tmp_path/'file/home'
    (tmp_path/'file').touch()
    for o in [o for o in os.environ if o.startswith(('JUPYTER', 'XDG_'))]: monkeypatch.delenv(o)
    for o in ('HOME', 'USERPROFILE'): monkeypatch.setenv(o, str(there))
    lab.home(tmp_path/'my work/.home')
    assert os.environ['HOME'] == str(there if writable else tmp_path/'my work/.home')
    assert ('settings and progress are kept in' in capsys.readouterr().out) != writable
    assert (tmp_path/'my work/.home').exists() != writable

@pytest.mark.parametrize('home', ['none', 'file'])
@pytest.mark.parametrize('writable', [True, False])
def test_nobody_at_home(tmp_path, monkeypatch, home, writable):
    "A user without a home folder or a name, as in some containers, also where work/ cannot be written"
    def nobody(): raise KeyError('getpwuid(): uid not found: 1234')
    def lost(path): return path # what expanduser gives where there is no home
    for o in [o for o in os.environ if o.startswith(('JUPYTER', 'XDG_'))]: monkeypatch.delenv(o)
    monkeypatch.setattr(lab.getpass, 'getuser', nobody)
    monkeypatch.setenv('USER', '')
    (tmp_path/'file').touch()
    monkeypatch.setenv('HOME', str(tmp_path/'file'))
    if home == 'none': monkeypatch.setattr(lab.os.path, 'expanduser', lost)
    monkeypatch.chdir(tmp_path)
    lab.home(tmp_path/('my work' if writable else 'file')/'.home')
    own = os.environ['HOME']
    assert os.path.isdir(own) and os.access(own, os.W_OK) and os.environ['USER'] == 'learner'
    assert (own == str(tmp_path/'my work/.home')) == writable
    if not writable: shutil.rmtree(own)
    assert sorted(o.name for o in tmp_path.iterdir()) == ['file', 'my work'][:1+writable]

def test_copy_that_cannot_be_written(course, monkeypatch, capsys):
    "What is there opens; without anything there, a sentence says why"
    def full(*a): raise OSError(30, 'Read-only file system')
    started,work = [],course.work.parent/'work'
    for o,v in dict(root=work.parent, nbs=course.nbs, home=lambda own: None).items(): monkeypatch.setattr(lab, o, v)
    monkeypatch.setattr('jupyterlab.labapp.main', started.append)
    monkeypatch.chdir(root) # the present folder changes
    with monkeypatch.context() as m, pytest.raises(SystemExit, match='could not be written'):
        m.setattr(lab, 'put', full)
        lab.main([])
    lab.update(course.nbs, work)
    course.ship('01_matmul.ipynb', book('v2'))
    monkeypatch.setattr(lab, 'put', full)
    lab.main(['--no-browser'])
    assert 'It opens as it is' in capsys.readouterr().out and f'--ServerApp.root_dir={work}' in started[0]

def hostile(folder):
    "A kernel `python3` that starts something else"
    (folder/'kernels/python3').mkdir(parents=True)
    (folder/'kernels/python3/kernel.json').write_text(json.dumps(dict(argv=['/bin/false', '{connection_file}'], display_name='Python 3', language='python')))

@pytest.mark.parametrize('place', ['path', 'user', 'env', 'system'])
def test_own_kernel(tmp_path, monkeypatch, place):
    "Whatever kernels the machine, the user, the environment or JUPYTER_PATH hold, ours is the Python that runs"
    from jupyter_core import paths
    for o in [o for o in os.environ if o.startswith('JUPYTER')]: monkeypatch.delenv(o)
    if place == 'path': monkeypatch.setenv('JUPYTER_PATH', str(tmp_path))
    if place == 'user':
        monkeypatch.setenv('JUPYTER_DATA_DIR', str(tmp_path))
        monkeypatch.setenv('JUPYTER_PREFER_ENV_PATH', '0')
    if place == 'env': monkeypatch.setattr(paths, 'ENV_JUPYTER_PATH', [str(tmp_path)])
    if place == 'system':
        monkeypatch.setattr(paths, 'SYSTEM_JUPYTER_PATH', [str(tmp_path)])
        monkeypatch.setattr(paths, 'ENV_JUPYTER_PATH', [])
    hostile(tmp_path)
    assert KernelSpecManager().get_kernel_spec('python3').argv[0] == '/bin/false', 'the trap is none'
    ours = kernel.OwnKernel()
    assert ours.get_kernel_spec('python3').argv[0] == sys.executable
    assert {k: o['spec']['argv'][0] for k,o in ours.get_all_specs().items()} == dict(python3=sys.executable)

def test_jupyterlab_knows_the_settings():
    "What tools/jupyterlab/ overrides is there in the JupyterLab of this environment"
    from jupyterlab.commands import get_app_dir
    for plugin,values in json.loads((root/'tools/jupyterlab/overrides.json').read_text()).items():
        package,name = plugin.split(':')
        schema = json.loads((Path(get_app_dir())/'schemas'/package/f'{name}.json').read_text())['properties']
        for k,v in values.items():
            allowed = [o['const'] for o in schema[k].get('oneOf', [])]
            assert v in allowed if allowed else isinstance(v, bool), (plugin, k)
