"Lesson 09: weight files damaged at random, the command stopped and run again, bad input, the device, PyTorch's optimizers"
import io, math, os, pickle, random, re, signal, subprocess, sys, zipfile

import numpy as np
import pytest
import torch
from fastcore.test import test_eq as eq
from torch import nn
import torch.nn.functional as F

from groundup.module import SGD, Linear, ReLU, Sequential
from groundup.support.testing import same
from groundup.training import (DataLoader, Dataset, KeepBest, Learner, Shifted, accuracy, digit_learner, digit_net, evaluate,
                               load, main, one_cycle, save)
from project import root


def net(seed=0):
    torch.manual_seed(seed)
    return Sequential(Linear(6, 4), ReLU(), Linear(4, 3))

def tiny(): return digit_net((36,8,10))

def data(n=20):
    g = torch.Generator().manual_seed(7)
    return Dataset(torch.randn(n, 6, generator=g), torch.randint(0, 3, (n,), generator=g))

def learner(lr=.1, rows=None, model=None, **kw):
    model = model or net()
    return Learner(model, SGD(model.parameters(), lr=lr), DataLoader(rows or data(), 8, shuffle=True), **kw)


# weight files
@pytest.fixture
def kept(tmp_path):
    state = net().state_dict()
    save(tmp_path/'w.npz', state)
    return tmp_path/'w.npz',state

def test_comes_back(kept):
    path,state = kept
    same(load(path), state)
    odd = {'a.b':torch.tensor(2.), 'none':torch.zeros(0, 3), 'n':torch.tensor([[1,2]]), 'turned':torch.randn(3, 2).double().t()}
    save(path, odd)
    same(load(path), odd)
    assert [o.name for o in path.parent.iterdir()]==['w.npz']

def test_a_slice_is_saved_alone(tmp_path):
    save(tmp_path/'w.npz', {'w':torch.randn(500, 500)[:2,:2]})
    assert (tmp_path/'w.npz').stat().st_size<1000

@pytest.mark.parametrize('seed', range(4))
def test_damaged_at_random(kept, seed):
    "Either the right numbers or a ValueError"
    path,state = kept
    raw,rng,refused = path.read_bytes(),random.Random(seed),0
    for _ in range(150):
        bad = bytearray(raw)
        for _ in range(rng.choice((1,1,1,3))): bad[rng.randrange(len(bad))] ^= 1<<rng.randrange(8)
        if rng.random()<.2: bad = bad[:rng.randrange(len(bad))]
        path.write_bytes(bad)
        try: got = load(path)
        except ValueError: refused += 1
        else: same(got, state)
    assert refused>75

def test_every_byte_of_the_heads(kept):
    "A damaged head may say fewer rows or smaller numbers: NumPy would read them without looking at the checksum"
    path,state = kept
    raw = path.read_bytes()
    start = raw.index(b"{'descr'")
    for k in range(start-10, raw.index(b'\n', start)):
        for new in b'1248':
            path.write_bytes(raw[:k]+bytes([new])+raw[k+1:])
            if raw[k]==new: same(load(path), state)
            else:
                with pytest.raises(ValueError, match='holds no weights, or is damaged'): load(path)

class Evil:
    def __reduce__(self): return os.mkdir, ('executed',)

def foreign():
    def file(f): b = io.BytesIO(); f(b); return b.getvalue()
    def zipped(**parts):
        def f(b):
            with zipfile.ZipFile(b, 'w') as z:
                for n,t in parts.items(): z.writestr(n, t)
        return file(f)
    objects = np.array([Evil()], dtype=object)
    yield 'empty', b''
    yield 'text', b'no weights'
    yield 'npy', file(lambda b: np.save(b, np.ones(3)))
    yield 'pickle', pickle.dumps(Evil())
    yield 'npy of objects', file(lambda b: np.save(b, objects, allow_pickle=True))
    yield 'npz of objects', file(lambda b: np.savez(b, w=objects))
    yield 'npz of text', file(lambda b: np.savez(b, w=np.array(['a'])))
    yield 'zip without arrays', zipped(readme='text')
    yield 'zip with a false array', zipped(**{'w.npy':'text'})
    yield 'zip without files', zipped()
    yield "PyTorch's", file(lambda b: torch.save({'w':torch.ones(2)}, b))

@pytest.mark.parametrize('raw', [pytest.param(r, id=n) for n,r in foreign()])
def test_foreign(raw, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path/'w.npz').write_bytes(raw)
    with pytest.raises(ValueError, match='w.npz holds no weights, or is damaged'): load('w.npz')
    assert not (tmp_path/'executed').exists()

def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError): load(tmp_path/'none.npz')
    with pytest.raises(ValueError, match='is a folder'): load(tmp_path)

def test_weights_of_another_net_change_nothing(kept):
    path,_ = kept
    other = Sequential(Linear(6, 5), ReLU(), Linear(5, 3))
    before = {n:t.clone() for n,t in other.state_dict().items()}
    with pytest.raises(ValueError): other.load_state_dict(load(path))
    same(other.state_dict(), before)

def test_nothing_half_written(kept):
    "An error in the middle leaves the old file as it was, and no other"
    path,state = kept
    with pytest.raises(TypeError): save(path, {'a':torch.ones(2), 'b':torch.ones(2, dtype=torch.bfloat16)})
    same(load(path), state)
    with pytest.raises(FileNotFoundError): save(path.parent/'none'/'w.npz', state)
    (path.parent/'folder').mkdir()
    with pytest.raises(OSError): save(path.parent/'folder', state)
    assert sorted(o.name for o in path.parent.iterdir())==['folder','w.npz']


# bad input
def test_labels():
    x,y = data().x,data().y
    with pytest.raises(TypeError, match='classes are whole numbers'): learner(rows=Dataset(x, y.float())).fit(1)
    for bad in (y+1, y-1):
        with pytest.raises(ValueError, match='there are classes 0 to 2'): learner(rows=Dataset(x, bad)).fit(1)
    with pytest.raises(ValueError, match='one class for each row'): learner(rows=Dataset(x, y[:,None])).fit(1)

def test_portions():
    with pytest.raises(ValueError, match='the data is empty'): Dataset(torch.zeros(0, 6), torch.zeros(0).long())
    for n in (0,-1,21):
        with pytest.raises(ValueError, match=f'batch_size is {n}'): DataLoader(data(), n)
    eq([len(y) for _,y in DataLoader(data(), 20)], [20])
    seen = torch.cat([x for x,_ in DataLoader(data(), 7, shuffle=True)])
    same(seen[seen[:,0].argsort()], data().x[data().x[:,0].argsort()]) # each row once

def test_accuracy():
    scores = torch.tensor([[1.,2],[3,0],[0,1]])
    eq(accuracy(scores, torch.tensor([1,0,0])), 2/3)
    for bad in (torch.tensor([[1],[0],[0]]), torch.tensor([1,0]), torch.zeros(0).long()):
        with pytest.raises(ValueError, match='one class for each row'): accuracy(scores, bad)

@pytest.mark.parametrize('lr', [0, -.1, math.nan, math.inf])
def test_rate(lr):
    with pytest.raises(ValueError): learner(lr)
    with pytest.raises(ValueError): one_cycle(lr)
    model = nn.Linear(6, 3)
    opt = torch.optim.SGD(model.parameters(), lr=1.)
    opt.param_groups[0]['lr'] = lr
    with pytest.raises(ValueError, match='must be above 0'): Learner(model, opt, DataLoader(data(), 8), F.cross_entropy)

def test_nan():
    "The step, counted from 1, and the parameter; nan in the data is told apart"
    with pytest.raises(FloatingPointError, match=r'in step \d+; .*(weight|bias) went first.*learning rate'): learner(1e20).fit(30)
    rows = data()
    rows.x[13,2] = math.nan
    l = learner(rows=rows)
    before = {n:t.clone() for n,t in l.model.state_dict().items()}
    with pytest.raises(FloatingPointError, match=r'in step [123]: the inputs hold nan'): l.fit(1)
    assert l.history==[] and all(t.isfinite().all() for t in l.model.state_dict().values())
    model = net()
    with torch.no_grad(): model[2].bias.detach()[1] = math.nan
    with pytest.raises(FloatingPointError, match='in step 1; 2.bias went first'): learner(model=model).fit(1)
    assert before.keys()==model.state_dict().keys()

def test_device():
    model = net()
    for p in model.parameters(): p.data = p.data.to('meta')
    with pytest.raises(ValueError, match='the model is on meta, the data on cpu'): learner(model=model).fit(1)

@pytest.mark.skipif(not torch.cuda.is_available(), reason='no CUDA')
def test_cuda():
    x,y = torch.randn(50, 36),torch.randint(0, 10, (50,))
    l = [digit_learner(x.to(o), y.to(o), batch_size=10, net=tiny).fit(2) for o in ('cpu','cuda')]
    for p,q in zip(*[o.model.state_dict().values() for o in l]): same(q.cpu(), p, rtol=1e-3, atol=1e-4)


# the loop
def test_pytorchs_optimizer_follows_a_schedule():
    "Same losses and rates with ours and PyTorch's"
    ours,theirs = net(),nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))
    theirs.load_state_dict(ours.state_dict())
    how = dict(lr=.3, momentum=.9)
    runs = [Learner(m, o(m.parameters(), **how), DataLoader(data(), 8, shuffle=True), f, one_cycle(.3)).fit(3)
            for m,o,f in ((ours,SGD,learner().loss),(theirs,torch.optim.SGD,F.cross_entropy))]
    same(*[[h['loss'] for h in l.history] for l in runs], rtol=1e-5)
    same(runs[1].opt.param_groups[0]['lr'], runs[0].opt.lr)
    assert runs[0].opt.lr<.1

def test_mean_loss_weights_the_last_batch():
    l = learner(1e-30)
    same(l.fit(1).history[0]['loss'], evaluate(net(), data())[0], rtol=1e-6)

def test_best_is_a_copy():
    best = KeepBest()
    l = learner(after_epoch=[best]).fit(1)
    first = {n:t.clone() for n,t in best.state.items()}
    l.history.append(dict(loss=math.inf))
    l.after_epoch = []
    l.fit(2)
    same(best.state, first)

def test_evaluate_draws_nothing_and_leaves_the_mode():
    model = nn.Sequential(nn.Linear(6, 3), nn.Dropout(.5))
    before = torch.get_rng_state()
    same(evaluate(model, data(), F.cross_entropy), evaluate(model, data(), F.cross_entropy))
    same(torch.get_rng_state(), before)
    assert model.training and model[1].training

def test_shifted():
    x = torch.arange(2*12.).view(2, 3, 4)[:,:,:3].reshape(2, 9)
    moving = Shifted(x, torch.tensor([0,1]), by=1)
    for i in (0,1):
        im,corner = x[i].view(3, 3),torch.full((3,3), x.min().item())
        corner[1:,1:] = im[:2,:2]
        same(moving.windows[i,1,1], im)
        same(moving.windows[i,0,0], corner) # down and to the right
    xs,ys = moving[torch.tensor([1,0,1])]
    eq((xs.shape, ys.tolist()), ((3,9), [1,0,1]))
    eq(moving[1][0].shape, (9,))

@pytest.mark.parametrize('seed', [1,5])
def test_repeats(seed):
    x,y = torch.randn(40, 36),torch.randint(0, 10, (40,))
    runs = []
    for _ in range(2):
        torch.rand(seed+1) # what others draw does not matter
        runs.append(digit_learner(x, y, seed, batch_size=16, net=tiny).fit(2).model.state_dict())
    same(*runs)
    other = digit_learner(x, y, seed+1, batch_size=16, net=tiny).fit(2).model.state_dict()
    assert not torch.equal(other['0.weight'], runs[0]['0.weight'])


# the command
def run(python, *args, cwd):
    return subprocess.run([python, '-m', 'groundup.training', *map(str, args)], cwd=cwd, text=True, capture_output=True, timeout=240)

def test_command(python, alone):
    "From the wheel, in an empty folder"
    out = run(python, '--epochs', 2, '--hidden', 30, '--out', 'x.npz', cwd=alone)
    assert out.returncode==0 and not out.stderr, out.stderr
    right = float(re.fullmatch(r'(\d+\.\d)% of 1,000 digits it never saw; weights in x.npz\n', out.stdout)[1])
    assert right>80 and [o.name for o in alone.iterdir()]==['x.npz']
    fresh = digit_net((784,30,10))
    fresh.load_state_dict(load(alone/'x.npz'))
    again = run(python, '--epochs', 2, '--hidden', 30, '--out', 'y.npz', cwd=alone)
    assert again.stdout==out.stdout.replace('x.npz', 'y.npz')
    same(load(alone/'y.npz'), load(alone/'x.npz'))
    said = run(python, '--help', cwd=alone)
    for o in ('--epochs','--seed','--lr','--batch-size','--hidden','--out','Ctrl-C','exit status','default 300 100'):
        assert o in ' '.join(said.stdout.split()), o
    assert said.returncode==0

@pytest.mark.parametrize('args,said', [
    (['--out','none/x.npz'], '--out none/x.npz: No such file'), (['--out','.'], '--out . is a folder'), (['--lr','0'], '--lr is 0.0: it must be above 0'),
    (['--lr','nan'], '--lr is nan'), (['--epochs','0'], '--epochs is 0: it must be above 0'), (['--batch-size','4001'], 'from 1 to 4000'),
    (['--hidden','30','0'], '--hidden is [30, 0]'), (['--seed','-1'], '--seed is -1'), (['--epochs','two'], 'invalid int value')])
def test_wrong_options(args, said, tmp_path, monkeypatch, capsys):
    "Before the training, not after it"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as e: main(args)
    assert e.value.code==2 and said in capsys.readouterr().err and not [*tmp_path.iterdir()]

def test_diverges(tmp_path, capsys):
    with pytest.raises(SystemExit, match='the loss is .* in step .* Nothing is saved.'):
        main(['--epochs','1','--lr','1e30','--hidden','5','--out',str(tmp_path/'x.npz')])
    assert not [*tmp_path.iterdir()]

@pytest.mark.skipif(os.name=='nt', reason='Windows has no SIGINT for one process')
@pytest.mark.parametrize('when', ['after an epoch', 'before'])
def test_stopped(when, tmp_path):
    "A real Ctrl-C, sent when the training says that it is there"
    name = 'KeepBest.__call__' if when=='after an epoch' else 'Learner.one_step'
    code = f'''if True:
        import signal, sys, groundup.training as t
        signal.signal(signal.SIGINT, signal.default_int_handler) # a run in the background hands down that it is ignored
        real = t.{name}
        def said(*args):
            res = real(*args)
            print('now', flush=True)
            return res
        t.{name} = said
        t.main(['--epochs', '10000', '--hidden', '10', '--out', 'x.npz'])'''
    p = subprocess.Popen([sys.executable, '-c', code], cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         env=os.environ|dict(PYTHONPATH=str(root)))
    p.stdout.readline()
    p.send_signal(signal.SIGINT)
    try: out,err = p.communicate(timeout=120)
    finally: p.kill()
    assert 'Traceback' not in err, err
    if when=='before':
        assert p.returncode==1 and 'no epoch was finished: nothing is saved' in err and not [*tmp_path.iterdir()]
    else:
        assert p.returncode==0 and re.search(r'stopped after \d+ epochs', err)
        assert re.search(r'\d\d\.\d% of 1,000 digits it never saw; weights in x.npz', out)
        assert [o.name for o in tmp_path.iterdir()]==['x.npz']
        digit_net((784,10,10)).load_state_dict(load(tmp_path/'x.npz'))

@pytest.mark.parametrize('names', [{}, {'__spec__':None}, {'__file__':'/a/notebook.py'}, {'__vsc_ipynb_file__':'/a/09_training.ipynb'}])
def test_does_not_start_in_a_notebook(names):
    "Neither in JupyterLab, nor in VS Code (which may know a file), nor where the tests run"
    from project import cells, source
    last = next(s for s in map(source, cells(root/'nbs'/'09_training.ipynb', 'code')) if "__name__=='__main__'" in s)
    def main(): raise AssertionError('it started')
    exec(last, {'__name__':'__main__', 'main':main, **names})
    with pytest.raises(AssertionError, match='it started'):
        exec(last, {'__name__':'__main__', 'main':main, '__spec__':__import__('importlib.machinery').machinery.ModuleSpec('groundup.training', None)})
