"Lesson 13: sums over processes at random, processes that die, hang or raise, kills at random, bad checkpoints, two networks"
import multiprocessing, os, random, re, shutil, signal, socket, subprocess, sys, threading, time
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from fastcore.test import test_eq as eq

from groundup.parallel import (ParallelLearner, connect, in_processes, launch, main, restore, resume, ring_all_reduce,
                               run_state, sum_gradients)
from groundup.support.testing import same
from groundup.training import Learner, digit_learner, digit_net, load, save
from project import cells, root, source

pytestmark = [pytest.mark.skipif(not hasattr(os, 'fork'), reason='there is no fork here'), pytest.mark.xdist_group('parallel')]

@pytest.fixture(scope='module', autouse=True)
def one_thread():
    "One thread, and processes that find the package here; what comes after must not find it: pip would take the wheel for installed"
    old = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as m:
        m.setenv('PYTHONPATH', str(root))
        yield
    torch.set_num_threads(old)

def left(mark):
    "Processes that have a text in their command line"
    if Path('/proc/self/cmdline').exists():
        lines = []
        for p in Path('/proc').glob('[0-9]*'):
            try: lines.append((int(p.name), (p/'cmdline').read_bytes().replace(b'\0', b' ').decode(errors='replace')))
            except OSError: pass # it has just ended
    else:
        out = subprocess.run(['ps', '-axww', '-o', 'pid=,command='], capture_output=True, text=True).stdout
        lines = [(int(l.split()[0]), l) for l in out.splitlines()]
    return [(pid, l) for pid,l in lines if str(mark) in l and pid!=os.getpid()]

def none_left(mark, within=4.):
    end = time.monotonic()+within
    while left(mark) and time.monotonic()<end: time.sleep(.1)
    eq(left(mark), [])
    eq(multiprocessing.active_children(), [])


# adding up
@pytest.mark.parametrize('n', [1,2,3,5])
def test_ring_at_random(n):
    "Any shape, also fewer numbers than processes and none; any strides; floats and integers; the same bits everywhere"
    rng = random.Random(n)
    shapes = [(0,),(1,),(),(2,3,0)]+[tuple(rng.randrange(1, 7) for _ in range(rng.randrange(1, 4))) for _ in range(12)]
    dtypes = [rng.choice((torch.float32,torch.float64,torch.int64)) for _ in shapes]
    def made(rank, k):
        t = (torch.randn(shapes[k][::-1], generator=torch.Generator().manual_seed(100*k+rank))*9).to(dtypes[k])
        return t.permute(tuple(range(t.ndim-1, -1, -1))) # not in order
    def sums(rank):
        out = []
        for k in range(len(shapes)):
            t = made(rank, k)
            assert ring_all_reduce(t) is t and t.stride()==made(rank, k).stride()
            out.append(t.clone(memory_format=torch.contiguous_format))
        wide = torch.arange(12.).view(3, 4)*(rank+1)
        ring_all_reduce(wide[:,1:3])
        return out,wide
    got = in_processes(sums, n)
    for out,wide in got:
        for k,t in enumerate(out): same(t, sum(made(r, k) for r in range(n)).contiguous())
        same(out, got[0][0], rtol=0, atol=0)
    want = torch.arange(12.).view(3, 4)
    for r,(_,wide) in enumerate(got):
        both = want*(r+1)
        both[:,1:3] = want[:,1:3]*(n*(n+1)//2)
        same(wide, both)

@pytest.mark.parametrize('reduce', [dist.all_reduce, ring_all_reduce])
def test_gradients_that_lie_in_another_order(reduce):
    "Transposed in one process, in order in another, missing in the third"
    base = [torch.arange(6.).view(2, 3), torch.arange(4.)]
    def work(rank):
        ps = [torch.nn.Parameter(torch.zeros(2, 3)), torch.nn.Parameter(torch.zeros(4))]
        if rank==0: ps[0].grad,ps[1].grad = base[0].t().contiguous().t(),base[1].clone()
        if rank==1: ps[0].grad = base[0].clone()
        sum_gradients((p for p in ps), reduce)
        return [p.grad for p in ps]
    for got in in_processes(work, 3): same([t.contiguous() for t in got], [2*base[0],base[1]])

@pytest.mark.parametrize('rows,batch', [(9,4),(13,6)])
def test_training_with_a_last_batch_of_one(rows, batch):
    "More processes than digits in it: the weights of one process alone"
    x,y = torch.randn(rows, 36, generator=torch.Generator().manual_seed(3)).double(),torch.arange(rows)%10
    def trained(kind):
        torch.set_default_dtype(torch.double)
        l = digit_learner(x, y, batch_size=batch, net=lambda: digit_net((36,7,10)))
        l = kind(l.model, l.opt, l.train, l.loss, l.schedule).fit(3)
        return {n:t.clone() for n,t in l.model.state_dict().items()},l.history[-1]['loss']
    (alone,loss), = in_processes(lambda rank: trained(Learner), 1)
    for n in (2,4):
        got = in_processes(lambda rank: trained(ParallelLearner), n)
        for w,_ in got: same(w, alone, rtol=1e-9); same(w, got[0][0], rtol=0, atol=0)
        same(sum(l for _,l in got), loss, rtol=1e-9)

def test_nan_is_named():
    x = torch.randn(8, 36)
    x[7] = torch.nan
    def work(rank):
        l = digit_learner(x, torch.arange(8), batch_size=8, net=lambda: digit_net((36,7,10)))
        ParallelLearner(l.model, l.opt, l.train, l.loss).fit(1)
    with pytest.raises(RuntimeError, match=r'rank \d: FloatingPointError: the loss is nan in step 1'): in_processes(work, 2)


# processes
def reduced(rank): t = torch.tensor([10.**rank]); dist.all_reduce(t); return t.item()
def when(rank, bad): return lambda r: bad() if r==rank else reduced(r)

@pytest.mark.parametrize('n,rank,bad,error', [
    (3, 0, lambda: os.kill(os.getpid(), signal.SIGKILL), 'rank 0 died: it ended with exit status -9'),
    (2, 1, lambda: os._exit(7), 'rank 1 died: it ended with exit status 7'),
    (4, 2, lambda: {}['no'], "rank 2: KeyError: 'no'"),
    (2, 1, lambda: lambda: 0, 'rank 1: .*pickle'),
    (3, 1, lambda: time.sleep(60), 'rank 1 gave no answer within 1.5 s'),
    (2, 0, lambda: os.kill(os.getpid(), signal.SIGSTOP), 'rank 0 gave no answer within 1.5 s'),
    (2, 1, lambda: sys.exit(3), 'rank 1: SystemExit: 3')])
def test_the_guilty_one_is_named(n, rank, bad, error):
    start = time.monotonic()
    with pytest.raises(TimeoutError if 'no answer' in error else RuntimeError, match=error): in_processes(when(rank, bad), n, timeout=1.5)
    assert time.monotonic()-start<20
    eq(multiprocessing.active_children(), [])

def test_answers_of_any_size_after_work_in_many_threads():
    "A copy of a process in which threads worked must not wait for them"
    torch.set_num_threads(4)
    try:
        t = torch.randn(700, 700)
        for _ in range(3): t@t; t.exp().sum()
        got = in_processes(lambda rank: (t@t+rank, t.exp().sum(), 'x'*5_000_000), 2)
    finally: torch.set_num_threads(1)
    same(got[1][0]-1, t@t, rtol=1e-3, atol=1e-3)
    eq([len(o[2]) for o in got], [5_000_000]*2)
    with pytest.raises(ValueError, match='n is 0'): in_processes(reduced, 0)

def test_interrupted():
    "Ctrl-C while it waits: no process is left"
    def stop(): os.kill(os.getpid(), signal.SIGINT)
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(.7, stop)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt): in_processes(lambda rank: time.sleep(30), 2, timeout=20)
    finally: signal.signal(signal.SIGINT, old)
    eq(multiprocessing.active_children(), [])


# checkpoints
settings = (0,4,.1,50)
def learner(hidden=8):
    g = torch.Generator().manual_seed(5)
    return digit_learner(torch.randn(200, 36, generator=g), torch.arange(200)%10, batch_size=50,
                         net=lambda: digit_net((36,hidden,10)))
def weights(l): return {n:t.clone() for n,t in l.model.state_dict().items()}

def test_goes_on_bit_for_bit(tmp_path):
    "From a file, into a learner that has already learned something else"
    one,other = learner().fit(2),learner().fit(1)
    save(tmp_path/'a.npz', run_state(one, 2, settings))
    eq(restore(other, load(tmp_path/'a.npz'), settings), 2)
    for k in (2,1): same(weights(one.fit(k)), weights(other.fit(k)), rtol=0, atol=0)
    eq([o.name for o in tmp_path.iterdir()], ['a.npz'])

@pytest.mark.parametrize('key', [*run_state(learner(), 0, settings)])
def test_every_part_of_the_state_matters(key):
    "Without any part it is refused; with a wrong one the training is another"
    one = learner().fit(1)
    state = {n:t.clone() for n,t in run_state(one, 1, settings).items()}
    with pytest.raises(ValueError, match=f'{key} is missing'): restore(learner(), {n:t for n,t in state.items() if n!=key}, settings)
    if key in ('epochs','settings'): return
    old = state[key]
    state[key] = run_state(learner().fit(3), 3, settings)[key] if key in ('order','shifts') else old+1
    other = learner()
    restore(other, state, settings)
    assert not torch.equal(other.fit(1).model[0].weight.detach(), one.fit(1).model[0].weight.detach())

def test_refused(tmp_path):
    "Of another training or net: an error, and the learner is as it was"
    l = learner()
    before = weights(l)
    state = run_state(learner(9), 1, settings)
    for wrong in ((1,4,.1,50),(0,5,.1,50),(0,4,.2,50),(0,4,.1,60)):
        with pytest.raises(ValueError, match='the checkpoint is of another training'): restore(l, state, wrong)
    with pytest.raises(ValueError, match=r'0.weight is \(9, 36\), not \(8, 36\)'): restore(l, state, settings)
    same(weights(l), before)

def test_the_furthest_is_taken(tmp_path):
    "Also if rank 0 has none, and if nobody has one; a damaged one names its process"
    def work(rank, have):
        old,new,path = learner().fit(have[rank]),learner(),tmp_path/f'{have}{rank}.npz'
        if have[rank]: save(path, run_state(old, have[rank], settings))
        return resume(new, path, settings),weights(new),weights(old)
    for have in ((0,2),(1,0,3),(0,0)):
        got = in_processes(lambda rank: work(rank, have), len(have))
        for n,now,_ in got: eq(n, max(have)); same(now, got[have.index(max(have))][2], rtol=0, atol=0)
    path = tmp_path/'bad.npz'
    save(path, run_state(learner(), 1, settings))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(RuntimeError, match='rank 1: ValueError: bad.npz holds no weights, or is damaged'):
        in_processes(lambda rank: resume(learner(), path if rank else tmp_path/'none.npz', settings), 2)


# the program
@pytest.fixture
def place(monkeypatch):
    def set_(**env):
        for n,v in env.items(): monkeypatch.setenv(n, str(v))
    return set_

def test_two_machines_need_a_store_for_each_try(place):
    place(RANK=0, WORLD_SIZE=2, LOCAL_WORLD_SIZE=1, TORCHELASTIC_USE_AGENT_STORE='True', TORCHELASTIC_MAX_RESTARTS=3)
    with pytest.raises(ValueError, match='set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1'): connect(1)

def test_a_port_in_use(place):
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0)); s.listen()
        place(RANK=0, WORLD_SIZE=2, MASTER_ADDR='127.0.0.1', MASTER_PORT=s.getsockname()[1])
        with pytest.raises(ConnectionError, match=r'rank 0 met nobody at 127.0.0.1:\d+: .*port in use'): connect(2)

def test_nobody_comes(place):
    place(RANK=0, WORLD_SIZE=2, MASTER_ADDR='127.0.0.1', MASTER_PORT=0)
    with pytest.raises(ConnectionError, match='rank 0 met nobody'): connect(1)

@pytest.mark.parametrize('args,world,said', [
    (['--batch-size','3'], 4, '--batch-size is 3: it must be from 4, a digit for each process, to 4000'), (['--batch-size','4001'], 1, 'to 4000'),
    ([], 5000, 'from 5000, a digit for each process'), (['--epochs','0'], 1, 'above 0'), (['--lr','nan'], 1, '--lr is nan'),
    (['--timeout','0'], 1, '--timeout is 0'), (['--seed','-1'], 1, '--seed is -1'), (['--out','none/x.npz'], 1, 'a folder that exists'),
    (['--out','.'], 1, 'is no file')])
def test_wrong_options(args, world, said, place, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place(WORLD_SIZE=world)
    with pytest.raises(SystemExit) as e: main(args)
    assert e.value.code==2 and said in ' '.join(capsys.readouterr().err.split())

def test_does_not_start_in_a_notebook():
    last, = [s for s in map(source, cells(root/'nbs'/'13_parallel.ipynb', 'code')) if "__name__=='__main__'" in s]
    exec(last, {'__name__':'__main__', 'main':lambda: pytest.fail('it started')})

@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory):
    "The weights of a run of two processes, and what it said"
    out = tmp_path_factory.mktemp('undisturbed')/'digits.npz'
    said = launch(2, ['--epochs',8,'--out',out], see=lambda line: None)
    eq([o.name for o in out.parent.iterdir()], ['digits.npz'])
    none_left(out)
    return out.read_bytes(),said

def test_command(undisturbed, alone, python):
    "From the wheel, alone, without torchrun: the same training"
    said = subprocess.run([python, '-m', 'groundup.parallel', '--epochs', '8'], cwd=alone, capture_output=True, text=True, timeout=240)
    assert said.returncode==0, said.stderr
    right = [float(re.search(r'(\d+\.\d)% of 1,000 digits it never saw', s)[1]) for s in ('\n'.join(undisturbed[1]),said.stdout)]
    assert min(right)>90 and abs(right[0]-right[1])<1 # sums in another order are rounded in another way
    (alone/'w.npz').write_bytes(undisturbed[0])
    theirs = load(alone/'w.npz')
    for n,t in load(alone/'digits.npz').items(): assert (t-theirs[n]).abs().max()<.05
    said = subprocess.run([python, '-m', 'groundup.parallel', '--help'], cwd=alone, capture_output=True, text=True, timeout=120)
    for o in ('--epochs','--seed','--lr','--batch-size','--timeout','--out','torchrun --nproc-per-node=2'): assert o in said.stdout

@pytest.mark.parametrize('seed', [1])
def test_killed_at_random_three_times(undisturbed, tmp_path, seed):
    "Any process, at any moment of the training: the weights are those of the undisturbed run, bit for bit"
    rng,pids,kills,timers = random.Random(seed),{},[],[]
    at = sorted(rng.sample(range(1, 8), 3)) # after these epochs
    def kill():
        rank = rng.choice([*pids])
        kills.append(rank)
        try: os.kill(pids[rank], signal.SIGKILL)
        except ProcessLookupError: pytest.fail('it had ended')
    def see(line):
        if m := re.match(r'rank (\d) of 2 is process (\d+)', line): pids[m[1]] = int(m[2])
        if (m := re.match(r'epoch (\d) ', line)) and at and int(m[1])>=at[0]:
            at.pop(0)
            timers.append(threading.Timer(rng.uniform(0, .25), kill))
            timers[-1].start()
    out = tmp_path/'digits.npz'
    said = launch(2, ['--epochs',8,'--out',out,'--timeout',20], restarts=3, see=see)
    eq(len(kills), 3)
    eq(sum('epochs are done' in l for l in said)>=2*3, True) # a try may end before it could say so
    assert out.read_bytes()==undisturbed[0]
    eq([o.name for o in tmp_path.iterdir()], ['digits.npz']) # nothing half-written, no checkpoint
    none_left(out)

def test_gives_up(tmp_path):
    "No restart is left: the error names the rank; run again, it goes on from the last epoch. Then a checkpoint of another training"
    pids,out = {},tmp_path/'digits.npz'
    def see(line):
        if m := re.match(r'rank (\d) of 2 is process (\d+)', line): pids[m[1]] = int(m[2])
        if line.startswith('epoch 2'): os.kill(pids['1'], signal.SIGKILL)
    with pytest.raises(RuntimeError, match='rank 1 ended with exit status -9'): launch(2, ['--epochs',100,'--out',out], see=see)
    none_left(out)
    eq([o.name for o in tmp_path.iterdir()], ['digits-run.npz'])
    with pytest.raises(RuntimeError, match='rank 0 ended with exit status 1: rank 0: the checkpoint is of another training'):
        launch(1, ['--epochs',50,'--out',out], see=lambda line: None)
    none_left(out)

def test_hangs(tmp_path):
    "A process that stands still: after the time-out its rank is named"
    pids,out,said = {},tmp_path/'digits.npz',[]
    def see(line):
        said.append(line)
        if m := re.match(r'rank (\d) of 2 is process (\d+)', line): pids[m[1]] = int(m[2])
        if line.startswith('epoch 1'): os.kill(pids['1'], signal.SIGSTOP)
        if line=='rank 0: rank 1 does not answer': os.kill(pids['1'], signal.SIGCONT) # so that torchrun can end it
    with pytest.raises(RuntimeError, match='rank 0 ended with exit status 1: rank 0: rank 1 does not answer'):
        launch(2, ['--epochs',100,'--out',out,'--timeout',3], see=see)
    none_left(out)

def test_stopped(tmp_path):
    "A time limit, a Ctrl-C, and torchrun itself killed: no process is left"
    def stop(line):
        if line.startswith('epoch 1'): raise KeyboardInterrupt
    def kill(line):
        if line.startswith('epoch 1'):
            for pid,l in left(tmp_path):
                if 'torch.distributed.run' in l: os.kill(pid, signal.SIGKILL)
    args = ['--epochs',1000,'--out',tmp_path/'x.npz']
    with pytest.raises(KeyboardInterrupt): launch(1, args, see=stop)
    none_left(tmp_path)
    with pytest.raises(RuntimeError, match='torchrun failed'): launch(2, args, see=kill, timeout=60)
    none_left(tmp_path)
    with pytest.raises(TimeoutError, match='not done after 9 s'): launch(1, args, see=lambda line: None, timeout=9)
    none_left(tmp_path)


# two machines: two networks on one computer, joined by a virtual cable
def own_network():
    "A command that gives a process a network of its own, or None"
    if not (shutil.which('ip') and shutil.which('unshare') and shutil.which('nsenter')): return None
    for cmd in (['unshare','-n'], ['unshare','-rn']): # as root, or where everybody may
        probe = 'unshare -n sleep 9 & sleep .5; ip link add m0 type veth peer name m1 netns $!; ok=$?; kill $!; exit $ok'
        if not subprocess.run([*cmd,'sh','-c',probe], capture_output=True).returncode: return cmd

script = r'''
ip link set lo up
unshare -n sleep 600 & other=$!
trap "kill $other" EXIT
sleep .5
two="nsenter -t $other -n"
ip link add eth0 type veth peer name eth0 netns $other
ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 up
$two ip link set lo up; $two ip addr add 10.0.0.2/24 dev eth0; $two ip link set eth0 up
(cd one && exec bash run) >one/said 2>one/log & first=$!
(cd two && exec $two bash run) >two/said 2>two/log & second=$!
for k in $(seq 600); do
    grep -q "^epoch 3" one/said two/said && break
    sleep .1
done
kill -9 $(cat one/said two/said | sed -n "s/^rank 1 of 2 is process \([0-9]*\).*/\1/p")
wait $first && wait $second
'''

def test_two_machines(undisturbed, tmp_path):
    "The commands of the lesson, as they stand there; one process is killed; the weights are those of the undisturbed run"
    if not (cmd := own_network()):
        if os.environ.get('GROUNDUP_NETWORKS')=='required': pytest.fail('no network of its own could be made')
        pytest.skip('it takes the rights to make networks (root), and ip, unshare, nsenter')
    text = '\n'.join(source(c) for c in cells(root/'nbs'/'13_parallel.ipynb', 'markdown'))
    block = re.search(r'```\n(export TORCH_DISABLE.*?)\n```', text, re.S)[1]
    for name,b in (('one',block), ('two',block.replace('is_host=1', 'is_host=0').replace('local-addr=10.0.0.1', 'local-addr=10.0.0.2'))):
        (tmp_path/name).mkdir()
        (tmp_path/name/'run').write_text(b)
    (tmp_path/'bin').mkdir()
    (tmp_path/'bin'/'torchrun').write_text(f'#!/bin/sh\nexec {sys.executable} -m torch.distributed.run "$@" --timeout 15\n')
    (tmp_path/'bin'/'torchrun').chmod(0o755)
    p = subprocess.Popen([*cmd,'bash','-c',script], cwd=tmp_path, start_new_session=True,
                         env=os.environ|dict(PATH=f'{tmp_path/"bin"}:{os.environ["PATH"]}', OMP_NUM_THREADS='1'))
    try: eq(p.wait(150), 0)
    finally:
        if p.poll() is None: os.killpg(p.pid, signal.SIGKILL)
        logs = '\n'.join(f'{o.parent.name}/{o.name}:\n{o.read_text()[-1500:]}' for o in tmp_path.glob('*/[sl]*'))
        print(logs) # pytest shows it if the test fails
    eq(sum('epochs are done' in l for l in logs.splitlines()), 4) # both began, and once more
    got, = tmp_path.glob('*/digits.npz') # rank 0 saves the weights, on whichever machine it is
    assert got.read_bytes()==undisturbed[0]
    eq([*tmp_path.glob('*/*-run.npz')], [])
