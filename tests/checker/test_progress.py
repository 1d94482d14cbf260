"The file of progress: damaged, unwritable, shared"
import json, multiprocessing, os, sys
from datetime import date

import pytest
from sample import _rows, book, center, center_inputs, scale

from groundup.support.checker import progress
from groundup.support.checker.exercise import Book


def stored(data): return json.loads((data/'progress.json').read_text(encoding='utf8'))

def test_progress_file(data):
    center.check(lambda x: ...)
    center.check(3)
    assert not (data/'progress.json').exists()
    center.check(_rows)
    center.hint()
    assert stored(data) == {'test': {'center': dict(tries=1, hints=1)}}
    center.check(center.fn)
    center.check(_rows)
    center.solution()
    assert stored(data) == {'test': {'center': dict(tries=3, hints=1, right=date.today().isoformat(), solution=True)}}
    assert [o.name for o in data.iterdir()] == ['progress.json']

def test_right_stays_right(data):
    old = {'test': {'center': {'right': '2026-01-31', 'tries': 1}}, 'other': {'é': {'hints': 1}}}
    (data/'progress.json').write_text(json.dumps(old))
    center.check(center.fn)
    assert stored(data) == old | {'test': {'center': {'right': '2026-01-31', 'tries': 2}}}

@pytest.mark.parametrize('content', [b'', b'{', b'[]', b'{"test": 3}', b'{"test": {"center": 3}}', b'\xff\xfe', b'['*100000,
                                     b'{"test": {"center": {"tries": "x"}}}', b'{"test": {"center": {"hints": -9}}}', b'{"test": {"center": {"right": 1}}}'])
def test_damaged(content, data, capsys):
    (data/'progress.json').write_bytes(content)
    center.check(center.fn)
    center.hint()
    out = capsys.readouterr().out
    assert out.count('was damaged') == 1 and 'center: right' in out
    assert stored(data)['test']['center'] == dict(tries=1, right=date.today().isoformat(), hints=1)
    aside, = data.glob('progress-damaged-*.json')
    assert aside.read_bytes() == content

@pytest.mark.parametrize('spoil', ['folder is a file', 'file is a folder'])
def test_unwritable(spoil, data, capsys, monkeypatch):
    if spoil == 'folder is a file': (data/'x').write_text(''); monkeypatch.setenv('GROUNDUP_DATA', str(data/'x'))
    else: (data/'progress.json').mkdir()
    for _ in range(2): center.check(center.fn)
    for _ in range(4): center.hint()
    book.progress()
    out = capsys.readouterr().out
    assert out.count('Progress cannot be kept') == 1 and out.count('center: right') == 2
    assert 'Hint 3 of 3: c' in out and 'No more hints' in out and 'tries: 2, hints: 3' in out

def test_odd_text(data):
    "Half of a pair of surrogates in somebody's file"
    (data/'progress.json').write_text('{"\\ud800": {}}')
    center.check(center.fn)
    assert stored(data)['test']['center']['tries'] == 1

def test_a_moment_without_disk(data, capsys, monkeypatch):
    "What could not be written is kept, and written when it can be"
    for _ in range(5): center.check(_rows)
    def full(*args): raise OSError(28, 'No space left on device')
    with monkeypatch.context() as m:
        m.setattr(os, 'replace', full)
        center.check(center.fn)
        assert stored(data)['test']['center'] == dict(tries=5)
        assert 'Progress cannot be kept' in capsys.readouterr().out and [o.name for o in data.iterdir()] == ['progress.json']
        book.progress()
        assert f'right ({date.today()}), tries: 6' in capsys.readouterr().out
    center.hint()
    assert stored(data)['test']['center'] == dict(tries=6, right=date.today().isoformat(), hints=1) and not progress._memory

def test_read_only(data, capsys, monkeypatch):
    "What is known stays known where nothing can be written"
    for _ in range(5): center.check(_rows)
    def denied(*args, **kwargs): raise PermissionError(13, 'Permission denied')
    monkeypatch.setattr(os, 'open', denied)
    center.check(_rows)
    book.progress()
    assert 'open, tries: 6' in capsys.readouterr().out and stored(data)['test']['center'] == dict(tries=5)

def run_all(n):
    context = multiprocessing.get_context('fork' if 'fork' in multiprocessing.get_all_start_methods() else 'spawn')
    ps = [context.Process(target=work, args=(i,)) for i in range(n)]
    for p in ps: p.start()
    for p in ps: p.join()
    assert [p.exitcode for p in ps] == [0]*n

def work(i):
    e = Book('test').exercise(center_inputs, ['a', 'b', 'c'], 1, 5)(center.fn)
    e.__name__ = f'e{i}'
    with open(os.devnull, 'w') as sys.stdout:
        for _ in range(10): progress.entry('test', 'center', lambda o: o.update(tries=o.get('tries', 0) + 1)); e.check(_rows)

def test_concurrent(data):
    run_all(3)
    assert stored(data)['test'] == {'center': dict(tries=30)} | {f'e{i}': dict(tries=10) for i in range(3)}
    assert [o.name for o in data.iterdir()] == ['progress.json']

def test_concurrent_and_damaged(data):
    "The damaged file is put aside once; what is counted afterwards is not"
    (data/'progress.json').write_text('{')
    run_all(3)
    assert stored(data)['test'] == {'center': dict(tries=30)} | {f'e{i}': dict(tries=10) for i in range(3)}
    aside, = data.glob('progress-damaged-*.json')
    assert aside.read_text() == '{' and len([*data.iterdir()]) == 2

def test_stale_lock(data):
    "A lock that a dead process left behind; the clock says how old it is"
    (data/'progress.lock').touch()
    os.utime(data/'progress.lock', (1e9, 1e9))
    center.check(center.fn)
    assert stored(data)['test']['center']['tries'] == 1 and not (data/'progress.lock').exists()

def test_lock_that_stays(data, capsys):
    (data/'progress.lock').mkdir()
    os.utime(data/'progress.lock', (1e9, 1e9))
    center.check(center.fn)
    assert 'Progress cannot be kept' in capsys.readouterr().out

def test_hints_and_table(data, capsys):
    for _ in range(5): center.hint()
    scale.check(scale.fn)
    book.progress()
    out = capsys.readouterr().out
    assert [out.count(f'Hint {i} of 3') for i in (1, 2, 3)] == [1, 1, 1] and out.count('Next is `ex.center.solution()`') == 2
    assert 'Exercises of test: 1 of 5 right, about 28 minutes to go\n' in out
    assert 'center     1 of 3      5 min   open, hints: 3\n' in out and f'right ({date.today()}), tries: 1' in out

@pytest.mark.parametrize('e', [RuntimeError('Could not determine home directory.'), KeyError('getpwuid(): uid not found: 4711'), None])
def test_no_home(e, data, capsys, monkeypatch):
    "A user without a home folder or a name gets verdicts, and progress for the session; no folder `~` is made"
    def nowhere(name):
        if e: raise e
        return '~/.local/share/groundup'
    monkeypatch.setattr('platformdirs.user_data_dir', nowhere)
    monkeypatch.delenv('GROUNDUP_DATA')
    monkeypatch.chdir(data)
    for _ in range(2): center.check(center.fn)
    center.hint()
    book.progress()
    center.solution()
    out = capsys.readouterr().out
    assert out.count('Progress cannot be kept, just in this session: ') == 1 and 'tries: 2, hints: 1' in out and not [*data.iterdir()]
    assert (str(e.args[0]) if e else 'there is no home folder') in out
