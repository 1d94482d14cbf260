"`make bench`: its verdicts on made-up figures, its names, a baseline that is missing, what it reads from the last tests"
import importlib.util, json, subprocess, sys

import pytest
from fastcore.test import test_eq as eq

from project import root

sys.path.append(str(root/'bench'))
import bench, measure
from measure import Bench, alternate, compare, rows, verdict


def row(seconds, ratio, low=None, high=None, job='a', way='ours'):
    return dict(job=job, way=way, seconds=seconds, ratio=ratio, low=low or ratio, high=high or ratio)

@pytest.mark.parametrize('new,said', [
    (row(1.3, 1.3), 'slower'), (row(1.3, 1.3, 1.19), ''), (row(1.19, 1.19), ''), (row(.8, .8), 'faster'), (row(.8, .8, high=.9), ''),
    (row(1.3e-7, 1.3), ''), (row(1.3e-2, 1.3), 'slower'), # the floor
    (row(2.6, 1.), ''), (row(.65, 1.3), 'slower')]) # a machine that is slower or faster altogether
def test_verdict(new, said): eq(verdict(new, row(1., 1.), floor=2e-6), said)

def test_a_baseline_that_was_unsure():
    for ratio,said in ((1.3,''),(1.5,'slower'),(.7,''),(.5,'faster')): eq(verdict(row(ratio, ratio), row(1., 1., .6, 1.4), 0.), said)

def test_rows():
    "The ratio is of the same round: a round in which the machine was slow does not count more"
    ref,ours = rows({'a':dict(ref=[1.,2.,10.,1.], ours=[2.,4.,20.,3.])})
    eq((ref['ratio'], ref['seconds'], ours['ratio'], ours['low'], ours['high'], ours['seconds']), (1., 1.5, 2., 2., 2.25, 3.5))
    once, = rows({'a':dict(ref=[3.])})
    eq((once['ratio'], once['low'], once['high']), (1.,1.,1.))

def test_compare():
    new = [row(1., 1., way='ref'), row(3., 3.), row(5., 5., way='third')]
    old = [row(1., 1., way='ref'), row(2., 2.), row(9., 9., way='gone'), row(1., 1., job='b')]
    eq(compare(new, old, 0), ['','slower','new'])
    eq(compare(new, [], 0), ['','',''])

def test_alternate():
    seen = []
    res = alternate(dict(a=lambda: seen.append('a'), b=lambda: seen.append('b')), rounds=4, slice=0)
    eq((''.join(seen), {k:len(t) for k,t in res.items()}), ('aabb'+'ab'*4, dict(a=4, b=4)))
    assert all(t>0 for ts in res.values() for t in ts)


@pytest.fixture
def made_up(tmp_path, monkeypatch):
    "Two groups, files of their own"
    def ways(): return {'job':{'ref':[1.,1.], 'ours':[2.,2.]}}
    def long(): return dict(rows=[dict(seed=0, accuracy=.5)], median=dict(accuracy=.5))
    def absent(): raise ImportError("No module named 'kernels'")
    for f,group in ((ways,'quick'),(long,'slow'),(absent,'quick')): f.__module__ = group
    known = {b.name:b for b in (Bench(ways, 'times', 0.), Bench(absent, 'times', 0.), Bench(long, 'figures'))}
    monkeypatch.setattr(bench, 'find', lambda: known)
    for name in ('quoted','latest','baseline'): monkeypatch.setattr(bench, name, tmp_path/f'{name}.json')
    return tmp_path

def test_without_names_only_what_times(made_up, capsys):
    "There is no baseline: nothing is judged, and none is made"
    bench.main([])
    out = capsys.readouterr().out
    assert 'The baseline does not have it.' in out and "quick.absent is left out: No module named 'kernels'" in out
    assert 'Nothing is slower' in out and 'slow.long' not in out
    eq([o.name for o in made_up.iterdir()], ['latest.json'])
    res = json.loads((made_up/'latest.json').read_text())['quick']['ways']
    eq((res['command'], [r['ratio'] for r in res['rows']]), ('make bench ONLY=quick.ways', [1.,2.]))
    assert res['machine'] and res['threads']==1

def test_a_baseline(made_up, capsys):
    bench.main(['quick', '--keep'])
    bench.main(['quick'])
    assert 'Nothing is slower' in capsys.readouterr().out
    base = json.loads((made_up/'baseline.json').read_text())
    base['quick']['ways']['rows'][1].update(ratio=1.5, low=1.4, high=1.6)
    base['quick']['ways']['machine'] = 'another'
    (made_up/'baseline.json').write_text(json.dumps(base))
    bench.main(['quick.ways'])
    out = capsys.readouterr().out
    assert 'slower by more than a fifth' not in out and 'Slower than the baseline by more than a fifth:\nquick.ways: job, ours' in out
    assert 'The baseline is of another machine: another' in out

def test_figures_are_kept_for_lessons(made_up, capsys):
    (made_up/'quoted.json').write_text(json.dumps(dict(slow=dict(other=1), more=2)))
    bench.main(['slow'])
    kept = json.loads((made_up/'quoted.json').read_text())
    eq((kept['slow']['other'], kept['more'], kept['slow']['long']['rows']), (1, 2, [dict(seed=0, accuracy=.5)]))
    assert not (made_up/'latest.json').exists() and 'slow.long' in capsys.readouterr().out

def test_unknown_names(made_up):
    with pytest.raises(SystemExit, match='no such benchmark: nope; there are quick, quick.absent, quick.ways, slow, slow.long'):
        bench.main(['quick', 'nope'])
    assert not [*made_up.iterdir()]

def test_all_groups_are_found():
    "In a process of its own, for the names of the modules are common ones"
    out = subprocess.run([sys.executable, root/'bench/bench.py', 'nope'], capture_output=True, text=True)
    names = {*out.stderr.split('there are ')[1].strip().split(', ')}
    assert out.returncode and {'accuracy.dense','ladder','engine','einsum','convolution','kernels','training','numpy_edition',
                               'imports','last_test'}<=names

def test_the_committed_files():
    "Each row of the baseline has what a comparison needs; what lessons quote is no timing that is compared"
    for group in measure.read(bench.baseline).values():
        for res in group.values():
            assert {'machine','command','day'}<=res.keys()
            eq(compare(res['rows'], res['rows'], 0), ['']*len(res['rows']))
    assert not measure.read(bench.baseline).keys() & measure.read(bench.quoted).keys()


# the last make test
spec = importlib.util.spec_from_file_location('last_test', root/'bench/last_test.py')
last_test = importlib.util.module_from_spec(spec)

def test_durations(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, 'benches', {})
    spec.loader.exec_module(last_test)
    xml,site = tmp_path/'last.xml',tmp_path/'seconds'
    case = '<testcase classname="tests.test_every_notebook" name="{}" time="{}">{}</testcase>'
    cases = [('test_notebook[nbs/06_engine.ipynb]',9.5,''), ('test_notebook[nbs/answers/06_engine.ipynb]',4.,''), ('test_form[nbs/x]',70,''),
             ('test_notebook[nbs/09_training.ipynb]',40.,''), ('test_notebook[nbs/10_x.ipynb]',0.,'<skipped/>')]
    xml.write_text(f'<testsuites><testsuite>{"".join(case.format(*c) for c in cases)}</testsuite></testsuites>')
    books = {'median notebook':[9.5], '06_engine':[9.5], '09_training':[40.], 'answers/06_engine':[4.]}
    eq(last_test.read(xml, site), {'last make test':books})
    site.write_text('31.5')
    eq(last_test.read(xml, site), {'last make test':books|{'site build':[31.5]}})
    xml.write_text('<testsuites/>')
    with pytest.raises(ImportError, match='ran no notebook'): last_test.read(xml, site)
    monkeypatch.setattr(last_test, 'root', tmp_path)
    with pytest.raises(ImportError, match='make test first'): last_test.read(tmp_path/'none.xml', site)
