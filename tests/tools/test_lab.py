"The learner's copy of the lessons: what a learner wrote is never lost"
import json, os

import pytest

import lab


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

def test_lesson_that_is_withdrawn_stays(course):
    course.update()
    (course.nbs/'01_matmul.ipynb').unlink()
    assert course.update() == []
    assert '01_matmul.ipynb' in course.names()

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
