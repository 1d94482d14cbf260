"""Grading: what was handed in is judged as in its notebook, and what is hostile costs only its own row.

The tests need bubblewrap and a kernel that lets it work; without, they are skipped, or fail where GROUNDUP_SANDBOX=required."""
import csv, inspect, io, json, os, re, signal, subprocess, sys, sysconfig, tempfile, time
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

import groundup
from groundup.support.checker.compare import differ
from groundup.support.grade import classroom, course, report, sandbox
from groundup.support.grade.__main__ import main
from groundup.support.grade.submission import Unreadable, checked, read, statements
from processes import sh
from project import cells, lessons, module, source

lib = Path(groundup.__file__).parent
pytestmark = pytest.mark.xdist_group('grade') # what one worker has graded, the other would grade again


@pytest.fixture(scope='module')
def walls(tmp_path_factory):
    "Grading needs a sandbox that holds"
    folder = tmp_path_factory.mktemp('walls')
    try: probe(course.build(lib, folder/'course'), [lib])
    except sandbox.NoSandbox as e:
        if os.environ.get('GROUNDUP_SANDBOX') == 'required': pytest.fail(str(e))
        pytest.skip(str(e))
    return folder/'course'

def probe(course, hidden):
    with sandbox.Sandboxes(course, hidden) as boxes: sandbox.probe(boxes)

def book(lesson): return import_module(f'groundup.exercises.{lesson}').book.exercises

def notebook(*codes): return json.dumps(dict(cells=[dict(cell_type='code', metadata={}, source=o) for o in codes], nbformat=4, nbformat_minor=5, metadata={}))

def answered(lesson, **changed):
    "A notebook with the shown solution of each exercise, or what is given instead"
    codes = [f'{e.source()}\n\nex.{n}.check({n})' for n,e in book(lesson).items() if n not in changed]
    return notebook(f'import torch, numpy as np\nfrom groundup.exercises import {lesson} as ex', f'from groundup.{lesson} import *',
                    *codes, *filter(None, changed.values()))

def put(folder, files):
    for name,text in files.items():
        (folder/name).parent.mkdir(parents=True, exist_ok=True)
        (folder/name).write_text(text, encoding='utf8')
    return folder

def solved(path):
    "A lesson's notebook as it is handed in, with each shown solution"
    ex = book(module(path))
    codes = [source(c) for c in cells(path, 'code')]
    for i,s in enumerate(codes):
        if m := re.search(r'^ex\.(\w+)\.check\(\1\)\s*\Z', s, re.M): codes[i] = f'{ex[m[1]].source()}\n\n{m[0]}'
    return notebook(*codes)

def alive(folder):
    "Processes whose command or environment names a folder"
    def names(o):
        try: return any(str(folder).encode() in (o/k).read_bytes() for k in ('cmdline', 'environ'))
        except OSError: return False # it has just ended
    return [o.name for o in Path('/proc').glob('[0-9]*') if names(o)]

def kinds(row): return {v.name: v.kind for v in row.verdicts}


# --- what is run

@pytest.mark.parametrize('path', lessons(), ids=lambda o: o.stem)
def test_a_lesson_as_it_stands(path):
    "All checks are found; no training, no picture, no timing is run; nothing looks odd"
    sub = read(path, classroom.known)
    steps = [(c, i, name) for c in sub['cells'] for i,name in c['steps']]
    assert sub['lesson'] == module(path) and not sub['broken'] and not sub['odd']
    assert [n for *_,n in steps if n] == [*book(module(path))]
    assert len(steps) < 60
    run = '\n'.join(c['source'].splitlines()[statements(c['source'])[1][i].lineno-1] for c,i,_ in steps)
    assert not re.search(r'get_ipython|\.fit\(|show_|alternately|savefig', run)

@pytest.mark.parametrize('text, why', [
    ('', 'no notebook'), ('{', 'no notebook'), ('[]', 'no notebook'), ('{"worksheets": []}', 'no notebook'), ('['*100_000, 'no notebook'),
    ('{"cells": [{"cell_type": "code", "source": [3]}]}', 'no notebook'), (notebook('print(1)'), 'imports no exercises'),
    (notebook('from groundup.exercises import alchemy as ex'), 'unknown lesson'), (notebook('x = 1\n'*300_000), 'more than')], ids=range(9))
def test_what_is_no_notebook(tmp_path, text, why):
    path = tmp_path/'a.ipynb'
    path.write_text(text)
    with pytest.raises(Unreadable, match=why): read(path, classroom.known)

def test_links_and_pipes(tmp_path):
    put(tmp_path, {'mine.ipynb': answered('neuron')})
    (tmp_path/'link.ipynb').symlink_to(tmp_path/'mine.ipynb')
    (tmp_path/'folder.ipynb').mkdir()
    os.mkfifo(tmp_path/'pipe.ipynb')
    for o in ('link', 'folder', 'pipe'):
        with pytest.raises(Unreadable, match='no file'): read(tmp_path/f'{o}.ipynb', classroom.known)

def test_magics_and_what_follows_a_check(tmp_path):
    put(tmp_path, {'a.ipynb': notebook('!pip install evil\nfrom groundup.exercises import neuron as ex', '%%time\nk = %timeit -o f()\ndef entry(): ...\nex.entry.check(entry)\nprint(1)',
                                       '%%bash\nrm -r /', 'k = 0\nwhile True: k += 1')})
    sub = read(tmp_path/'a.ipynb', classroom.known)
    body = statements(sub['cells'][0]['source'])[1]
    assert [[n for _,n in c['steps']] for c in sub['cells']] == [[None, 'entry']]
    assert body[sub['cells'][0]['steps'][0][0]].name == 'entry' and checked(body[-2])[0] == 'entry'


# --- the copy without answers

@pytest.mark.parametrize('lesson', classroom.known)
def test_no_answer_is_left(lesson):
    "Of solutions no line is left that says something; no mistake and no hint is declared"
    text = course.without_answers((lib/'exercises'/f'{lesson}.py').read_text())
    assert '.mistake(' not in text and text.count('hints=[]') == len(book(lesson))
    squeezed = ''.join(text.split()).replace('"', "'")
    for n,e in book(lesson).items():
        own = [o.strip() for o in e.source().splitlines()]
        body = [o.split(' # ')[0] for o in own if not re.match(r'(def|class|@|"|#|$)|super\(\)|else:|try:|return (out|x|total)$', o)]
        left = [o for o in body if len(o) > 25 and ''.join(o.split()).replace('"', "'") in squeezed]
        assert not left, f'{n}: {left}'

@pytest.mark.parametrize('lesson', classroom.known)
def test_inputs_change_with_the_seed(lesson):
    "What is graded is more than the notebook shows: who sends what is expected there is wrong under other seeds. The page for teachers says so of all"
    def expected(e, s): return [o.error or o.value for o in e.outcomes(e.fn, e.cases(s))]
    assert [n for n,e in book(lesson).items() if not any(differ(expected(e, 0), expected(e, s)) for s in (1, 2, 3))] == []


# --- the verdicts are the notebook's

def named(k):
    "For each exercise of lesson 00 one of its mistakes, the k-th"
    return {n: [*e.mistakes.items()][k % len(e.mistakes)] for n,e in book('neuron').items()}

def with_mistakes(k):
    def code(n, f): return re.sub(r'\A(@.*\n)+', '', inspect.getsource(f)).replace('def _(', f'def {n}(', 1) + f'\nex.{n}.check({n})'
    return answered('neuron', **{n: code(n, f) for n,(_,f) in named(k).items()})

@pytest.fixture(scope='module')
def fair(walls, tmp_path_factory):
    "A lesson as it stands, and solved; with a broken rule, a decorated answer and more; with tensors that lie, and an answer by heart"
    folder = tmp_path_factory.mktemp('fair')
    half = book('matmul')['half']
    shown = [(c[0].tolist(), half.fn(*c).tolist()) for c in half.cases()]
    sly = ('torch.equal = torch.allclose = lambda *a, **k: True\nclass Sly(torch.Tensor):\n    @classmethod\n'
           '    def __torch_function__(cls, f, types, args=(), kwargs=None): return True\n'
           'def rms(a): return torch.zeros(()).as_subclass(Sly)\nex.rms.check(rms)')
    heart = (f'def half(im):\n    for a,b in {shown}:\n        if a==im.tolist(): return torch.tensor(b, dtype=im.dtype)\n'
             '    return im\nex.half.check(half)')
    row = 'torch.stack([im[i][::2] for i in range(0, len(im), 2)])'
    put(folder, {'stub.ipynb': (lessons()[1]).read_text(), 'class/solved.ipynb': solved(lessons()[1]), 'class/engine.ipynb': solved(lessons()[6]),
        'rules.ipynb': answered('matmul', half=f'def part(im): return {row}\ndef half(im): return part(im)\nex.half.check(half)',
                                rms='from functools import wraps\ndef deco(f):\n    @wraps(f)\n    def g(*a): return f(*a)\n    return g\n'
                                    '@deco\ndef rms(a:torch.Tensor): return (a**2).mean().sqrt()\nex.rms.check(rms)',
                                accuracy='def accuracy(\nex.accuracy.check(accuracy)', all_greater=None,
                                matvec='def matvec(a, v): return 1/0\nex.matvec.check(matvec)'),
        'sly.ipynb': answered('matmul', rms=sly), 'heart.ipynb': answered('matmul', half=heart), **{f'mistakes/{k}.ipynb': with_mistakes(k) for k in range(5)}})
    small = answered('neuron', **dict.fromkeys({*book('neuron')}-{'entry'}))
    put(folder, dict.fromkeys([*odd_names, '.hidden/a.ipynb', '.ipynb_checkpoints/a-checkpoint.ipynb', '__MACOSX/._a.ipynb', 'all.zip'], small))
    (folder/'latin 1.ipynb').write_bytes(small.replace('neuron', 'n\xe4uron').encode('latin1'))
    (folder/'bom.ipynb').write_text(small, encoding='utf-8-sig')
    return {r.name: r for r in classroom.grade(folder, [0, 11, 12])}

def test_fair_submissions(fair):
    rows = fair
    assert {*kinds(rows['stub.ipynb']).values()} == {'unwritten'}
    for o in ('class/solved.ipynb', 'class/engine.ipynb'): assert {*kinds(rows[o]).values()} == {'right'}, rows[o].verdicts
    assert not any(rows[o].remarks for o in ('stub.ipynb', 'class/solved.ipynb', 'class/engine.ipynb'))
    got = kinds(rows['rules.ipynb'])
    assert (got.pop('half'), got.pop('accuracy'), got.pop('all_greater'), got.pop('matvec')) == ('rule', 'misuse', 'unwritten', 'wrong')
    assert {*got.values()} == {'right'}
    said = {v.name: v for v in rows['rules.ipynb'].verdicts}
    assert '`part` too' in said['half'].text and 'no Python' in said['accuracy'].text and 'ZeroDivisionError' in said['matvec'].text

def test_tensors_that_lie(fair):
    "A subclass that is equal to everything arrives as what it is; inputs that were not shown are asked for"
    for name,e in (('sly', 'rms'), ('heart', 'half')):
        row = fair[f'{name}.ipynb']
        assert kinds(row)[e] == 'wrong' and Counter(kinds(row).values())['right'] == len(row.verdicts)-1
    assert 'wrong on others' in next(v.text for v in row.verdicts if v.name == 'half')

@pytest.mark.parametrize('k', range(5))
def test_named_mistakes_are_the_notebooks(fair, k):
    "For each exercise of lesson 00 its mistakes, one in each notebook: the same verdict as `judge` gives in the notebook"
    for v in fair[f'mistakes/{k}.ipynb'].verdicts:
        m,f = named(k)[v.name]
        own = book('neuron')[v.name].judge(f)
        assert (v.kind, v.mistake, v.says) == (own.kind, m, own.says)

odd_names = ["=1+1/-2.ipynb", "Jürgen Groß/Übung 1 (Kopie).ipynb", "李雷/作业.ipynb", "x\"><img src=x onerror=alert(1)>.ipynb", "new\nline.ipynb", "LOUD.IPYNB"]

def test_names_of_files(fair):
    "Any name of a file will do; hidden files are left alone, and what is no notebook is not graded"
    for o in (*odd_names, 'bom.ipynb'): assert kinds(fair[o])['entry'] == 'right' and not fair[o].remarks, fair[o]
    assert 'no notebook' in fair['latin 1.ipynb'].remarks[0]
    assert not [o for o in fair if 'hidden' in o or 'zip' in o or 'MACOSX' in o]
    text = report.page([*fair.values()])
    assert '<img' not in text and '&lt;img' in text and "'=1+1/-2.ipynb" in report.grades([*fair.values()])

# --- hostile submissions

def one(body, name='one_neuron'): return {name: f'def {name}(x, w, b):\n    {body}\nex.{name}.check({name})'}

def top(code, name='one_neuron'):
    "Code that runs before an answer, in its cell"
    return {name: f'{code}\ndef {name}(x, w, b): return 0.\nex.{name}.check({name})'}

forge = '''
import json, os
names = ["one_neuron","leaky_relu","relu_batch","n_parameters","entry","dense_columns","two_layers","accuracy_of"]
for fd in range(3, 30):
    for n in names:
        for o in (dict(exercise=n, seed=0, kind="right", says=["passed"]), dict(exercise=n, seed=0, outcomes=[]), dict(done=True)):
            try: os.write(fd, (json.dumps(o)+"\\n").encode())
            except OSError: pass
print("passed")
x = os._exit(0)'''

patch = '''
import groundup.support.testing as t, groundup.support.checker.compare as c, groundup.support.checker.exercise as e
t.difference = c.difference = c.differ = lambda *a: None
e.Exercise.judge = e.Exercise.compare = lambda *a: None
t.same = lambda *a: None'''

pry = '''
import os, inspect
found = []
for d,ds,fs in os.walk("/"):
    ds[:] = [o for o in ds if o not in ("proc", "usr", "lib", "site-packages")]
    found += [os.path.join(d, f) for f in fs if f.endswith(".ipynb") or d.endswith("groundup/exercises") and f=="neuron.py"]
def one_neuron(x, w, b):
    try: return ex.one_neuron.fn(x, w, b)
    except BaseException as e: raise KeyError(str([f for f in found if "course" not in f]) + "sum(map" * ("sum(map" in open(found[-1]).read()))
ex.one_neuron.check(one_neuron)'''

hostile = {
    'endless': one('while True: pass'),
    'stubborn': top('while True:\n    try:\n        for _ in iter(int, 1): pass\n    except BaseException: pass'),
    'crash': one('import ctypes; ctypes.string_at(0)'),
    'bomb': top('import os\nwhile True:\n    try:\n        if not os.fork(): os.setsid()\n    except OSError: pass'),
    'flood': top('import os\nwhile True: print("x"*10**6)\n'),
    'flood fd': top('import os\nfor fd in range(3, 30):\n    try:\n        while True: os.write(fd, b"x"*10**6)\n    except OSError: pass'),
    'memory': top('import os\nfor _ in range(4): os.fork()\nkept = [bytearray(10**7) for _ in range(10**4)]'),
    'disk': top('import os\nfor k in range(10**4):\n    with open(f"/tmp/{k}", "wb") as f: f.write(b"x"*10**7)'),
    'exit': top('import os\nprint("passed")\nx = os._exit(0)'),
    'leave': top('raise SystemExit(0)'),
    'forge': top(forge),
    'yes': one('return type("Yes", (float,), dict(__eq__=lambda *a: True, __ne__=lambda *a: False, __sub__=lambda *a: 0., __float__=lambda s: 6.))(1.)'),
    'patch': top(patch),
    'pry': dict(one_neuron=pry),
    'network': top('import socket\nx = socket.create_connection(("1.1.1.1", 53), 2)'),
    'hang on': top('import os, time\nif not os.fork():\n    os.setsid()\n    if os.fork(): os._exit(0)\n    time.sleep(1000)\n'),
    'surrogate': top('print("\\ud800")') | {'entry': 'def entry(x, w, b, i, j): raise ValueError("\\ud800\\0<script>")\nex.entry.check(entry)'},
}

@pytest.fixture(scope='module')
def foul(walls, tmp_path_factory):
    "Hostile submissions with honest ones among them"
    folder = tmp_path_factory.mktemp('foul')
    put(folder, {f'{k}.ipynb': answered('neuron', **v) for k,v in hostile.items()} | {'good 1.ipynb': answered('neuron'), 'zgood 2.ipynb': answered('neuron'),
        'syntax.ipynb': answered('neuron', one_neuron='def one_neuron(x, w, b: return\nex.one_neuron.check(one_neuron)'), 'text.ipynb': 'my homework'})
    (folder/'theirs.ipynb').symlink_to('good 1.ipynb')
    limits,made = sandbox.Limits(seconds=6, memory=500_000_000),tmp_path_factory.mktemp('made')
    with pytest.MonkeyPatch.context() as m:
        m.setattr(tempfile, 'tempdir', str(made))
        return folder, {r.name[:-6]: r for r in classroom.grade(folder, [0, 5, 6], 2, limits)}, made

def test_good_ones_among_bad(foul):
    rows = foul[1]
    assert len(rows) == len(hostile)+5
    for o in ('good 1', 'zgood 2'): assert {*kinds(rows[o]).values()} == {'right'} and not rows[o].remarks, rows[o]

@pytest.mark.parametrize('name', [*hostile, 'syntax'])
def test_hostile(foul, name):
    "The exercise that is attacked is not right; no other is wrong, or it did not come so far"
    got = kinds(foul[1][name])
    assert got.pop('one_neuron') not in ('right', 'rule'), foul[1][name]
    got.pop('entry')
    assert {*got.values()} <= {'right', 'misuse'}

@pytest.mark.parametrize('name', ['endless', 'leave', 'yes', 'patch', 'pry', 'network', 'hang on', 'surrogate', 'syntax', 'disk'])
def test_what_came_before_and_after(foul, name):
    "Where its process lives on, one bad answer costs no other"
    got = Counter(kinds(foul[1][name]).values())
    assert got['right'] >= 6, foul[1][name]

@pytest.mark.parametrize('name, words', {'endless': 'stopped after 1.0 s', 'stubborn': 'stopped after 6 s', 'exit': 'ended early: it ended by itself .status 0.',
    'forge': 'makes no sense', 'flood fd': 'no result|MB of output', 'bomb': 'uses `fork`', 'patch': 'changed `groundup.support.testing.difference', 'crash': 'uses `ctypes`',
    'network': 'Network is unreachable|unreachable', 'syntax': 'no Python', 'text': 'no notebook', 'theirs': 'a link', 'memory': 'GB of memory|MemoryError',
    'pry': r"KeyError", 'disk': 'No space left|File too large|OSError'}.items())
def test_it_is_reported(foul, name, words):
    r = foul[1][name]
    assert re.search(words, '\n'.join([*r.remarks, *(v.text for v in r.verdicts)])), r

def test_nothing_is_seen(foul):
    "No other submission and no answer"
    said, = [dict(v.facts)['error'] for v in foul[1]['pry'].verdicts if v.name == 'one_neuron']
    assert said == "KeyError: '[]'"

def test_nothing_lives_on(foul):
    "No sandbox is left, and with it no process of a submission"
    assert not alive(foul[2])

def test_tables(foul):
    "Nothing that was handed in is markup or a formula"
    rows = [*foul[1].values()]
    for text in (report.page(rows), report.mistakes(rows)): assert '<script>' not in text
    got = [*csv.DictReader(io.StringIO(report.grades(rows)))]
    assert len(got) == len(rows) and {o['right'] for o in got if 'good' in o['notebook']} == {'8'}
    assert sum(o['verdict'] == 'right' for o in csv.DictReader(io.StringIO(report.answers(rows)))) == sum(int(o['right']) for o in got)

# --- where it must not run

def test_no_bubblewrap(tmp_path, monkeypatch, capsys):
    put(tmp_path/'in', {'a.ipynb': answered('neuron')})
    monkeypatch.setattr(sandbox.shutil, 'which', lambda o: None)
    assert main([str(tmp_path/'in')]) == 1 and 'nothing was graded' in capsys.readouterr().err
    assert [o.name for o in tmp_path.iterdir()] == ['in']

@pytest.mark.parametrize('change, why', [(lambda c: [o for o in c if o != '--unshare-net'], 'network|cannot be entered'),
    (lambda c: [o for o in c if o != '--unshare-pid'], 'other processes|cannot be entered'), (lambda c: ['false'], 'does not start'),
    (lambda c: c[:c.index('--tmpfs')] + c[c.index('--tmpfs')+2:], 'does not start|write')])
def test_a_wall_is_missing(walls, monkeypatch, change, why):
    "The probe finds each gap"
    whole = sandbox.command
    monkeypatch.setattr(sandbox, 'command', lambda *a: change(whole(*a)))
    with pytest.raises(sandbox.NoSandbox, match=why): probe(walls, [lib])

def told(monkeypatch, **other):
    "What a process is told before it goes into its sandbox is changed"
    send = sandbox.Sandboxes._send
    monkeypatch.setattr(sandbox.Sandboxes, '_send', lambda self, told, fds: send(self, told | other, fds))

def test_no_limit_of_processes(walls, monkeypatch):
    told(monkeypatch, processes=60)
    with pytest.raises(sandbox.NoSandbox, match='number of its processes'): probe(walls, [lib])

def test_nothing_runs_before_it_is_inside(walls, monkeypatch):
    "What cannot enter, or cannot take on its limits, does not run"
    for other in (dict(pid=2**30), dict(user=-7, memory='much')):
        with monkeypatch.context() as m:
            told(m, **other)
            with sandbox.Sandboxes(walls) as boxes, pytest.raises(sandbox.NoSandbox, match='cannot be entered'): boxes.run('print(1)', None)

def test_the_server_dies(walls):
    "What starts the processes is started again; when all is over, nothing is"
    with sandbox.Sandboxes(walls) as boxes:
        assert boxes.run('print(1)', None)[0] == b'1\n'
        boxes.server.kill()
        boxes.server.wait()
        assert boxes.run('print(2)', None) == (b'2\n', 'it ended by itself (status 0)')
    with pytest.raises(sandbox.NoSandbox, match='over'): boxes.run('print(3)', None)

def test_how_it_ends(walls):
    with sandbox.Sandboxes(walls) as boxes:
        def why(code, **limits): return boxes.run(code, None, sandbox.Limits(**limits))
        assert why('import os; os.kill(os.getpid(), 11)') == (b'', 'it ended by itself (status 139)')
        assert why('import sys; print(1); sys.exit(7)') == (b'1\n', 'it ended by itself (status 7)')
        assert why('while True: pass', seconds=.5) == (b'', 'stopped after 0.5 s')
        assert why('import os, time\nif not os.fork():\n    os.setsid(); time.sleep(100)') == (b'', 'it ended by itself (status 0)')
        assert why('import os\nfor k in range(3): os.close(k)\nwhile True: pass')[1] == 'stopped: it had closed its output'
        out,said = why('while True: print("x"*1000)', output=10**6)
        assert 10**6 < len(out) < 2*10**6 and said == 'stopped after 1 MB of output'
        assert why('x = bytearray(10**9)\nfor k in range(10**9): x[k] = 1', memory=300_000_000)[1] == 'stopped at 0.3 GB of memory'

def test_what_is_hidden(walls, monkeypatch):
    "A folder that lies where Python lies is covered; the probe sees it where it is not"
    hidden = Path(sysconfig.get_path('stdlib'))/'json'/'..'/'wsgiref'
    probe(walls, [hidden])
    whole = sandbox.command
    monkeypatch.setattr(sandbox, 'command', lambda course, hidden: whole(course))
    with pytest.raises(sandbox.NoSandbox, match='it sees .*wsgiref'): probe(walls, [hidden])

@pytest.mark.skipif(not hasattr(os, 'geteuid') or os.geteuid() != 0, reason='not root')
def test_root_without_a_limit_is_refused(walls, monkeypatch):
    "To root, a limit of processes means nothing: whoever stays root is not graded"
    told(monkeypatch, user=None)
    with pytest.raises(sandbox.NoSandbox, match='root'): probe(walls, [lib])

def test_the_command(walls, tmp_path, capsys):
    "Four files, whole; the same seed gives the same tables; errors are sentences"
    put(tmp_path/'in', {'a.ipynb': answered('neuron'), 'all.zip': 'PK', 'b/notes.txt': ''})
    assert main([str(tmp_path/'in'), '--seed', '3']) == 0 and '(2 files are no notebooks)' in capsys.readouterr().out
    out = tmp_path/'in-grades'
    assert '<code>all.zip</code>, <code>b/notes.txt</code>' in (out/'grades.html').read_text()
    assert sorted(o.name for o in out.iterdir()) == ['answers.csv', 'grades.csv', 'grades.html', 'mistakes.html']
    assert main([str(tmp_path/'nowhere')]) == 1 and 'no folder' in capsys.readouterr().err
    (tmp_path/'empty').mkdir()
    assert main([str(tmp_path/'empty')]) == 1 and 'no notebook' in capsys.readouterr().err
    got = subprocess.run([sys.executable, '-m', 'groundup.support.grade', '--help'], capture_output=True, text=True)
    assert got.returncode == 0 and '--seconds' in got.stdout

def test_nothing_is_graded_in_vain(walls, tmp_path, capsys):
    "Where no tables can be written, or the seed is none, that is said first"
    put(tmp_path/'in', {'a.ipynb': 'my homework', 'all.zip': 'PK'})
    assert main([str(tmp_path/'in'), '--out', str(tmp_path/'in'/'all.zip'/'x')]) == 1 and 'cannot be written' in capsys.readouterr().err
    for o in ('0', '-3', '2147483648'): assert main([str(tmp_path/'in'), '--seed', o]) == 1 and '--seed' in capsys.readouterr().err
    assert [o.name for o in tmp_path.iterdir()] == ['in']

@pytest.mark.parametrize('after', [.5, 3])
def test_interrupted(walls, tmp_path, after):
    "Ctrl-C, whenever it comes: soon all is over, nothing is written, and no process is left"
    put(tmp_path/'in', {f'{k}.ipynb': answered('neuron', **hostile['stubborn']) for k in range(4)})
    code = 'import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\nfrom groundup.support.grade.__main__ import main; sys.exit(main(sys.argv[1:]))'
    p = subprocess.Popen([sys.executable, '-c', code, str(tmp_path/'in'), '--jobs', '2'], stderr=subprocess.PIPE, text=True, start_new_session=True,
                         env=os.environ | dict(TMPDIR=str(tmp_path)))
    time.sleep(after)
    os.killpg(p.pid, signal.SIGINT) # as a terminal sends it
    assert p.communicate(timeout=15)[1].count('interrupted') or after < 1
    assert p.returncode and [o.name for o in tmp_path.iterdir() if o.name != 'in' and not o.name.startswith('pymp')] == []
    assert not alive(tmp_path)

def test_the_command_from_the_wheel(walls, python, alone):
    "As a teacher has it who has nothing of the checkout: the command is there, and the package's own folder is covered"
    put(alone, {'a.ipynb': answered('neuron', **hostile['pry'])})
    sh(python.parent/'groundup-grade', alone, '--seed', '3', cwd=alone)
    row, = csv.DictReader(open(f'{alone}-grades/grades.csv'))
    assert row['right'] == '7' and "KeyError: '[]'" in Path(f'{alone}-grades/grades.html').read_text().replace('&#x27;', "'")
