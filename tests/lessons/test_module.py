"Lesson 07 against torch.nn: names, values, gradients, steps of SGD, states, misuse"
import copy, io, pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn
from torch.nn import Parameter

from groundup import module as ours
from groundup.backprop import check_grads
from groundup.module import (SGD, AutoInit, AutoModule, Linear, LinearLayer, Module, ModuleList, ReLU, Sequential,
                             Optimizer, fan_uniform, leaves, once, show_tree, walk)
from groundup.support.testing import same

calm = settings(max_examples=150)
fewer = settings(calm, max_examples=40)
libs = ours, nn

def f64(*shape): return torch.randn(*shape, dtype=torch.float64)

def double(m):
    for p in m.parameters(): p.data = p.data.double()
    return m

def names(pairs): return [(n, tuple(t.shape)) for n,t in pairs]

def paths(m): return [n for n,_ in m.named_modules()]

def refuses(f, error, *texts):
    with pytest.raises(error) as e: f()
    for t in texts: assert t in str(e.value), str(e.value)
    return str(e.value)


# random trees: the same operations on both libraries
leaf = st.one_of(st.just(('relu',)), st.tuples(st.just('linear'), st.integers(0, 4), st.booleans()))
tree = st.recursive(leaf, lambda t: st.one_of(
    st.tuples(st.just('seq'), st.lists(t, max_size=3)), st.tuples(st.just('list'), st.lists(t, max_size=3)),
    st.tuples(st.just('attrs'), st.lists(st.tuples(st.sampled_from('abc'), st.one_of(
        t, st.just('plain'), st.just('none'), st.just('tensor'), st.just('delete'), st.just('buffer'),
        st.tuples(st.just('param'), st.integers(0, 3)))), max_size=6))), max_leaves=8)

def grow(lib, spec, pool):
    "A module from its description; layers and parameters of equal number are shared"
    kind = spec[0]
    if kind == 'relu': return lib.ReLU()
    if kind == 'linear':
        return pool.setdefault(spec, lib.Linear(spec[1]+1, 2, bias=spec[2]))
    if kind in ('seq','list'):
        parts = [grow(lib, s, pool) for s in spec[1]]
        return lib.Sequential(*parts) if kind == 'seq' else lib.ModuleList(parts)
    m, log = type('Own', (lib.Module,), {})(), []
    for name,what in spec[1]: log.append(change(lib, m, name, what, pool))
    pool.setdefault('log', []).append(log)
    return m

def change(lib, m, name, what, pool):
    "One operation on an attribute: what came of it"
    try:
        if what == 'delete': delattr(m, name)
        elif what == 'buffer':
            if not hasattr(m, name): m.register_buffer(name, torch.ones(2))
        elif isinstance(what, str): setattr(m, name, dict(plain=5, none=None, tensor=torch.ones(3))[what])
        elif what[0] == 'param': setattr(m, name, pool.setdefault(what, Parameter(torch.ones(what[1]+1))))
        else: setattr(m, name, grow(lib, what, pool))
    except (TypeError,AttributeError) as e: return type(e).__name__
    v = getattr(m, name, 'gone')
    return v.__class__.__name__

@calm
@given(tree)
def test_random_trees(spec):
    "Names, their order, shared parts counted once, states: as torch.nn"
    pools = {}, {}
    torch.manual_seed(1); a = grow(ours, spec, pools[0])
    torch.manual_seed(1); b = grow(nn, spec, pools[1])
    assert pools[0].get('log') == pools[1].get('log')
    assert paths(a) == paths(b)
    assert names(a.named_parameters()) == names(b.named_parameters())
    assert names(a.named_buffers()) == names(b.named_buffers())
    assert [type(m).__name__ for m in a.modules()] == [type(m).__name__ for m in b.modules()]
    sa, sb = a.state_dict(), b.state_dict()
    assert [*sa] == [*sb]
    same(sa, dict(sb))
    assert type(a).__name__ in repr(a)
    a.load_state_dict(sb)
    b.load_state_dict(sa)

@fewer
@given(tree)
def test_random_states(spec):
    "A state that was copied brings everything back; copies and pickles have the same tree"
    a = grow(ours, spec, {})
    kept = copy.deepcopy(a.state_dict())
    with torch.no_grad():
        for t in (*a.parameters(), *a.buffers()): t.add_(1)
    b = copy.deepcopy(a)
    same(b.state_dict(), a.state_dict())
    assert names(b.named_parameters()) == names(a.named_parameters()) and paths(a) == paths(b)
    a.load_state_dict(kept)
    same(a.state_dict(), kept)
    if kept: assert not all(torch.equal(b.state_dict()[n], kept[n]) for n in kept) # the copy is another
    for m in a.modules(): assert m.training
    a.eval()
    for m in a.modules(): assert not m.training and 'training' not in m.state_dict()


def twins(*sizes, bias=True, dtype=torch.float64):
    "The same network in both libraries, with the same numbers"
    nets = []
    for lib in libs:
        torch.manual_seed(3)
        layers = [o for i,k in zip(sizes, sizes[1:]) for o in (lib.Linear(i, k, bias=bias, dtype=dtype), lib.ReLU())]
        nets.append(lib.Sequential(*layers[:-1]))
    same(nets[0].state_dict(), dict(nets[1].state_dict()))
    return nets

@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('shape', [(7,5), (1,5), (0,5), (5,), (2,3,5)])
def test_values_and_gradients(bias, shape):
    torch.manual_seed(0)
    x, dout = f64(*shape), None
    found = []
    for m in twins(5, 4, 3, bias=bias):
        xg = x.clone().requires_grad_()
        out = m(xg)
        dout = torch.randn_like(out) if dout is None else dout
        found.append((out.detach(), torch.autograd.grad(out, [xg,*m.parameters()], dout)))
    same(*found, rtol=1e-12, atol=1e-12)

def test_relu_at_zero():
    "The choice of torch.relu, not the one of clamp"
    for m in (ReLU(), nn.ReLU()):
        x = torch.zeros(3, requires_grad=True)
        m(x).sum().backward()
        same(x.grad, torch.zeros(3))

@pytest.mark.parametrize('make', [LinearLayer, Linear])
def test_linear_from_scratch(make):
    "Question 39: values and gradients, by nn.Linear and by central differences"
    torch.manual_seed(0)
    mine, theirs = double(make(4, 3)), nn.Linear(4, 3).double()
    theirs.load_state_dict(mine.state_dict())
    x, dout = f64(6, 4), f64(6, 3)
    grads = []
    for m in (mine, theirs):
        xg = x.clone().requires_grad_()
        grads.append(torch.autograd.grad(m(xg), [xg,*m.parameters()], dout))
    same(mine(x), theirs(x), rtol=1e-12)
    same(*grads, rtol=1e-12)
    inputs = dict(x=x, weight=mine.weight.detach().clone(), bias=mine.bias.detach().clone())
    def at(x, weight, bias):
        mine.load_state_dict(dict(weight=weight, bias=bias))
        return mine(x).detach()
    assert check_grads(at, inputs, dict(zip(inputs, grads[0])), dout=dout)

@pytest.mark.parametrize('make', [LinearLayer, Linear])
def test_start_of_linear(make):
    torch.manual_seed(5); a = make(300, 200)
    torch.manual_seed(5); b = nn.Linear(300, 200)
    same([*a.parameters()], [*b.parameters()])
    assert a.weight.abs().max() <= 300**-.5 and abs(a.weight.std().item()*900**.5-1) < .01

@pytest.mark.parametrize('bad', [0, -1, 2.5, '3', None])
def test_sizes(bad):
    refuses(lambda: Linear(bad, 3), ValueError, 'n_in is')
    refuses(lambda: Linear(3, bad), ValueError, 'shape is')

def test_inputs_of_linear():
    m = Linear(5, 3)
    refuses(lambda: m(torch.zeros(3, 4)), ValueError, '(3, 4)', '5')
    refuses(lambda: m(torch.zeros(())), ValueError, '()', '5')
    refuses(lambda: m([1.]*5), TypeError, 'a list')
    refuses(lambda: m(f64(2, 5)), TypeError, 'float64', 'float32')


# SGD
rates = st.fixed_dictionaries(dict(lr=st.sampled_from([0.,1e-3,.05]), momentum=st.sampled_from([0.,.5,.9]),
                                   dampening=st.sampled_from([0.,.3]), weight_decay=st.sampled_from([0.,.01,.1]),
                                   nesterov=st.booleans()))
def train(net, opt, steps=20):
    torch.manual_seed(11)
    x, y = f64(12, 6), f64(12, 2)
    losses = []
    for _ in range(steps):
        loss = (net(x)-y).pow(2).mean()
        loss.backward()
        opt.step()
        opt.zero_grad()
        losses.append(loss.item())
    assert all(p.grad is None for p in net.parameters())
    return losses, [p.detach().clone() for p in net.parameters()]

@fewer
@given(rates)
def test_twenty_steps(how):
    a, b = twins(6, 5, 2)
    if how['nesterov'] and (not how['momentum'] or how['dampening']): # both refuse
        for make in (SGD, torch.optim.SGD): refuses(lambda: make(a.parameters(), **how), ValueError, 'esterov')
        return
    c, d = copy.deepcopy(a), copy.deepcopy(b)
    want = train(b, torch.optim.SGD(b.parameters(), **how))
    same(train(a, SGD(a.parameters(), **how)), want, rtol=1e-12, atol=1e-12)
    same(train(c, torch.optim.SGD(c.parameters(), **how)), want, rtol=1e-12, atol=1e-12) # our module, their optimizer
    same(train(d, SGD(d.parameters(), **how)), want, rtol=1e-12, atol=1e-12)

def test_momentum_by_hand():
    "The first velocity is the gradient, also with dampening"
    p = Parameter(torch.tensor([1.]))
    opt = SGD([p], lr=1., momentum=.5, dampening=.25)
    for g,want in ((2.,-1.), (4.,-5.), (0.,-7.)):
        p.grad = torch.tensor([g])
        opt.step()
        same(p.detach(), torch.tensor([want]))

def test_parameters_without_gradient_stay():
    "Those that have none, and those whose gradient comes later: as torch"
    found = []
    for make in (SGD, torch.optim.SGD):
        ps = [Parameter(torch.ones(2)), Parameter(torch.ones(3)), Parameter(torch.ones(1), requires_grad=False)]
        opt = make(ps, lr=.1, momentum=.9, weight_decay=.1)
        for k in range(4):
            ps[0].grad = torch.tensor([1.,-1])
            if k > 1: ps[1].grad = torch.ones(3)
            opt.step()
        same(ps[2].detach(), torch.ones(1))
        found.append([p.detach() for p in ps])
    same(*found)

def test_a_step_is_in_place_and_not_recorded():
    m = Linear(3, 2)
    before, where = [*m.parameters()], [p.data_ptr() for p in m.parameters()]
    m(torch.ones(4, 3)).sum().backward()
    grads = [p.grad.clone() for p in before]
    SGD(m.parameters(), lr=.1, momentum=.9, weight_decay=.1).step()
    assert all(p is q and p.requires_grad and p.is_leaf for p,q in zip(m.parameters(), before))
    assert where == [p.data_ptr() for p in m.parameters()]
    same([p.grad for p in before], grads) # neither decay nor momentum changes them

def test_plain_descent():
    a, b = twins(6, 5, 2)
    same(train(a, Optimizer(a.parameters(), lr=.1)), train(b, torch.optim.SGD(b.parameters(), lr=.1)), rtol=1e-12)

def test_decay_of_what_is_not_finite():
    "Without decay a parameter that is infinite does not spoil the gradient"
    p = Parameter(torch.tensor([float('inf'),1.]))
    p.grad = torch.zeros(2)
    SGD([p], lr=.1).step()
    same(p.detach(), torch.tensor([float('inf'),1.]))

def test_learning_rate_may_change():
    p = Parameter(torch.zeros(1))
    opt = SGD([p], lr=1.)
    for lr in (1., .5):
        p.grad = torch.ones(1)
        opt.lr = lr
        opt.step()
    same(p.detach(), torch.tensor([-1.5]))

def test_a_parameter_that_comes_twice_moves_once():
    p = Parameter(torch.zeros(1))
    p.grad = torch.ones(1)
    SGD([p, p], lr=1.).step()
    same(p.detach(), torch.tensor([-1.]))

@pytest.mark.parametrize('how', [dict(lr=-1), dict(lr=float('nan')), dict(momentum=-.1), dict(weight_decay=-1e-9)])
def test_rates(how): refuses(lambda: SGD([Parameter(torch.zeros(1))], **how), ValueError, *how)

def test_what_sgd_takes():
    refuses(lambda: SGD([], lr=1.), ValueError, 'empty')
    for one in (Parameter(torch.zeros(2)), Linear(2, 3), None): refuses(lambda: SGD(one), TypeError, f'params is a {type(one).__name__}')
    refuses(lambda: SGD([1.]), TypeError, 'a float')
    refuses(lambda: SGD([Parameter(torch.zeros(2))*2]), ValueError, '(2,)')
    refuses(lambda: SGD([Parameter(torch.zeros(2))], lr='1'), TypeError, 'lr', 'str')
    refuses(lambda: SGD([Parameter(torch.zeros(2))], lr=torch.ones(2)), TypeError, 'lr', 'Tensor')
    assert SGD([Parameter(torch.zeros(2))], lr=np.float32(.5)).lr == .5
    for how in (dict(), dict(momentum=.9, dampening=.1)):
        refuses(lambda: SGD([Parameter(torch.zeros(2))], nesterov=True, **how), ValueError, 'nesterov')
    refuses(lambda: SGD([Parameter(torch.zeros(2))], dampening='1'), TypeError, 'dampening', 'str')


# the walk, on both libraries
@calm
@given(tree)
def test_walks(spec):
    "walk, leaves and once say of torch's modules what these say of themselves"
    m = grow(nn, spec, {})
    same_pairs = lambda a,b: [(n, id(o)) for n,o in a] == [(n, id(o)) for n,o in b]
    assert same_pairs(once(walk(m)), m.named_modules())
    assert same_pairs(walk(m), m.named_modules(remove_duplicate=False))
    assert same_pairs(once(leaves(m, '_parameters')), m.named_parameters())
    assert same_pairs(once(leaves(m, '_buffers')), m.named_buffers())
    assert [n for n,_ in leaves(m, '_parameters', '_buffers')] == [*m.state_dict()]
    assert not [*leaves(m)]


# states
def net(): return Sequential(Linear(4, 3), ReLU(), Sequential(Linear(3, 2, bias=False)))

def changes(**entries):
    m = net()
    state = copy.deepcopy(m.state_dict())
    for t in state.values(): t.add_(1)
    for n,v in entries.items():
        if v is None: del state[n]
        else: state[n] = v
    return m, state

@pytest.mark.parametrize('entries,texts', [
    ({'0.bias':None, '2.0.weight':None}, ['missing: 0.bias, 2.0.weight']),
    ({'2.0.bias':torch.zeros(2), 'x':torch.zeros(1)}, ['unexpected: 2.0.bias, x']),
    ({'0.weight':torch.zeros(3, 5)}, ['0.weight is (3, 5), not (3, 4)']),
    ({'0.bias':torch.zeros(1)}, ['0.bias is (1,), not (3,)']), # copy_ would stretch it
    ({'0.bias':torch.zeros(3, dtype=torch.int64)}, ['0.bias is torch.int64, not torch.float32']),
    ({'2.0.weight':torch.zeros(2, 3).double()}, ['torch.float64']),
    ({'0.bias':[1.,2,3]}, ['0.bias is not a tensor: it is a list']),
    ({'0.bias':torch.zeros(3).numpy()}, ['0.bias is not a tensor: it is a ndarray']),
    ({'0.weight':torch.zeros(4, 3), '0.bias':None, 3:torch.zeros(1)}, ['missing: 0.bias', 'unexpected: 3', '(4, 3)'])])
def test_all_or_nothing(entries, texts):
    m, state = changes(**{str(k):v for k,v in entries.items()})
    before, ids = copy.deepcopy(m.state_dict()), [id(p) for p in m.parameters()]
    said = refuses(lambda: m.load_state_dict(state), ValueError, 'Sequential stays as it is:', *texts)
    assert all(any(l.startswith('  ') and t in l for l in said.splitlines()) for t in texts) # a complaint a line
    same(m.state_dict(), before)
    assert ids == [id(p) for p in m.parameters()]

@pytest.mark.parametrize('state', [None, [], 'w', net()])
def test_a_state_is_a_dictionary(state): refuses(lambda: net().load_state_dict(state), TypeError, 'not a dictionary')

def test_loading_keeps_the_tensors():
    m, state = changes()
    ps, opt = [*m.parameters()], SGD(m.parameters(), lr=.1)
    m.load_state_dict(state)
    assert all(p is q and p.requires_grad for p,q in zip(ps, m.parameters())) and opt.params[0] is m[0].weight
    same(m.state_dict(), state)
    state['0.bias'].fill_(99) # what was loaded is a copy
    assert m[0].bias.max() < 99

def test_loading_from_itself():
    "A state made of the module's own tensors, exchanged"
    class Pair(Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = Parameter(torch.zeros(2)), Parameter(torch.ones(2))
    m = Pair()
    s = m.state_dict()
    m.load_state_dict(dict(a=s['b'], b=s['a']))
    same((m.a.tolist(), m.b.tolist()), ([1.,1.], [0.,0.]))

def test_a_shared_parameter_takes_the_last_of_its_entries():
    "As in torch; each path is asked for, and looked at"
    for lib in libs:
        l = lib.Linear(2, 2)
        m = lib.Sequential(l, l)
        s = {n:t.clone() for n,t in m.state_dict().items()} # a deepcopy would share too
        assert [*s] == ['0.weight','0.bias','1.weight','1.bias'] and len([*m.parameters()]) == 2
        s['1.bias'].add_(1)
        m.load_state_dict(s)
        same((m.state_dict()['0.bias'], l.bias.detach()), (s['1.bias'], s['1.bias']))
    m, s = Sequential(l := Linear(2, 2), l), m.state_dict()
    refuses(lambda: m.load_state_dict({**s, '1.bias':3}), ValueError, '1.bias is not a tensor')
    refuses(lambda: m.load_state_dict({n:t for n,t in s.items() if n != '0.bias'}), ValueError, 'missing: 0.bias')

def test_parameters_as_a_state():
    "Tensors that require gradients, and a frozen module"
    m, other = net(), net()
    for p in m.parameters(): p.requires_grad_(False)
    m.load_state_dict(dict(other.named_parameters()))
    same(m.state_dict(), other.state_dict())
    assert all(p.is_leaf and not p.requires_grad for p in m.parameters()) and all(p.is_leaf and p.requires_grad for p in other.parameters())

def test_loading_is_seen_by_autograd():
    "A state loaded between forward and backward is an error there, as in torch"
    for lib in libs:
        m = lib.Linear(3, 3)
        loss = m(m(torch.ones(2, 3))).sum()
        m.load_state_dict(m.state_dict())
        refuses(loss.backward, RuntimeError, 'inplace operation')

def test_a_copy_that_fails_changes_nothing():
    m, state = changes()
    before = copy.deepcopy(m.state_dict())
    state['2.0.weight'] = torch.empty(2, 3, device='meta')
    with pytest.raises(Exception): m.load_state_dict(state)
    same(m.state_dict(), before)

def test_a_state_is_not_a_copy():
    m = net()
    s = m.state_dict()
    with torch.no_grad(): m[0].bias.fill_(7)
    assert s['0.bias'].tolist() == [7.,7.,7.] and not s['0.bias'].requires_grad

def test_files():
    m, f = net(), io.BytesIO()
    torch.save(m.state_dict(), f)
    f.seek(0)
    other = net()
    other.load_state_dict(torch.load(f))
    same(other.state_dict(), m.state_dict())
    again = pickle.loads(pickle.dumps(m))
    same(again(torch.ones(2, 4)), m(torch.ones(2, 4)))

def test_buffers():
    class Mean(Module):
        def __init__(self):
            super().__init__()
            self.register_buffer('mean', torch.zeros(2))
        def forward(self, x): return x-self.mean
    m = Mean()
    m.mean = torch.ones(2) # a tensor takes its place, as a buffer
    assert [*m.state_dict()] == ['mean'] and [n for n,_ in m.named_buffers()] == ['mean'] and not [*m.parameters()]
    refuses(lambda: setattr(m, 'mean', 3), TypeError, 'Mean.mean is a tensor', 'no int')
    m.load_state_dict(dict(mean=torch.tensor([5.,6])))
    same(m(torch.zeros(2)), torch.tensor([-5.,-6]))
    m.mean = None
    assert not m.state_dict() and m.mean is None
    m.mean = Parameter(torch.zeros(1))
    assert [n for n,_ in m.named_parameters()] == ['mean'] and not [*m.buffers()]


# attributes
def test_attributes():
    m = Module()
    m.w = 3
    m.w = p = Parameter(torch.zeros(2))
    assert m.w is p and 'w' not in vars(m) and hasattr(m, 'w')
    m.w = q = Parameter(torch.zeros(3))
    assert [*m.parameters()] == [q]
    refuses(lambda: setattr(m, 'w', torch.zeros(3)), TypeError, 'Module.w is a Parameter: only a Parameter can take its place, no Tensor')
    refuses(lambda: setattr(m, 'w', 'text'), TypeError, 'str')
    m.w = None
    assert m.w is None and not [*m.parameters()]
    m.w = Parameter(torch.zeros(1))
    del m.w
    assert not hasattr(m, 'w')
    refuses(lambda: delattr(m, 'w'), AttributeError)
    m.w = 'plain'
    assert m.w == 'plain' and not [*m.named_parameters()]
    m.part = Linear(2, 3)
    refuses(lambda: setattr(m, 'part', torch.relu), TypeError, 'Module.part is a module')
    refuses(lambda: m.prat, AttributeError, "Module has no attribute 'prat'")
    assert getattr(m, 'prat', 1) == 1

@pytest.mark.parametrize('name', ['forward', 'parameters', 'training', 'state_dict', '_modules', '_parameters'])
def test_names_of_the_class(name):
    m = net()
    refuses(lambda: setattr(m, name, ReLU()), ValueError, name)
    refuses(lambda: setattr(m, name, Parameter(torch.zeros(1))), ValueError, name)
    refuses(lambda: m.register_buffer(name, torch.zeros(1)), ValueError, name)
    assert len([*m.parameters()]) == 3

@pytest.mark.parametrize('name', ['', 'a.b'])
def test_no_names(name): refuses(lambda: setattr(Module(), name, ReLU()), ValueError, repr(name))

def test_no_circles():
    a, b, c = Module(), Module(), Module()
    a.b, b.c = b, c
    for m in (a, b, c): refuses(lambda: setattr(c, 'up', m), ValueError, 'cannot contain itself')
    assert paths(a) == ['', 'b', 'b.c']

def test_their_modules_do_not_fit():
    refuses(lambda: setattr(Module(), 'l', nn.Linear(2, 3)), TypeError, 'torch.nn.Linear')
    refuses(lambda: Sequential(nn.ReLU()), TypeError, 'ReLU')


# misuse
class NoInit(Module):
    def __init__(self): self.n = 3
    def forward(self, x): return x

@pytest.mark.parametrize('use', [
    lambda m: m(torch.zeros(2)), lambda m: m.parameters(), lambda m: m.named_parameters(), lambda m: [*m.modules()],
    lambda m: m.state_dict(), lambda m: m.load_state_dict({}), lambda m: m.train(), lambda m: m.eval(), lambda m: m.zero_grad(),
    lambda m: setattr(m, 'w', Parameter(torch.zeros(1))), lambda m: setattr(m, 'l', ReLU()), lambda m: m.w,
    lambda m: m.register_buffer('b', torch.zeros(1)), lambda m: setattr(Module(), 'part', m), lambda m: Sequential(m)])
def test_before_init(use): refuses(lambda: use(NoInit()), AttributeError, 'NoInit', 'call super().__init__() first')

def test_before_init_what_works():
    m = NoInit()
    assert m.n == 3 and 'super().__init__() was not called' in repr(m) and not hasattr(m, 'w')

def test_list_before_init():
    class L(ModuleList):
        def __init__(self): pass
    for use in (len, list, lambda m: m[0], lambda m: m.append(ReLU())):
        refuses(lambda: use(L()), AttributeError, 'L: call super().__init__() first')

def test_forward():
    class Nothing(Module): pass
    class NoReturn(Module):
        def forward(self, x): x+1
    refuses(lambda: Nothing()(1), NotImplementedError, 'Nothing must define forward')
    refuses(lambda: NoReturn()(1), TypeError, 'NoReturn.forward gives nothing', 'return')
    class Keywords(Module):
        def forward(self, a, *, b=1): return a+b
    assert Keywords()(1, b=5) == 6
    refuses(lambda: ModuleList([ReLU()])(1), NotImplementedError, 'ModuleList')

def test_train_and_eval():
    class Frozen(ReLU): # its own idea of training
        def train(self, mode=True): return super().train(False)
    m = Sequential(ReLU(), Sequential(Frozen(), ReLU()))
    assert m.train() is m and [k.training for k in m.modules()] == [True,True,True,False,True]
    assert m.eval() is m and not any(k.training for k in m.modules())
    for bad in (1, 'yes', None): refuses(lambda: m.train(bad), TypeError, repr(bad))

def test_registers_hold_a_name_once():
    "An attribute that changes its kind, or goes, leaves no trace in another register"
    m = Module()
    m.w, m.n, m.inside = Parameter(torch.zeros(2)), 5, Module()
    m.n, m.inside, m.part = Parameter(torch.ones(3)), Parameter(torch.ones(4)), Module()
    del m.w
    assert [[*vars(m)[k]] for k in ours._registers] == [['n','inside'],[],['part']] and 'n' not in vars(m)
    refuses(lambda: m.register_buffer('b', 1.), TypeError, 'b is a float, not a tensor')

def test_formula_of_a_linear_layer():
    "The gradients are those of the sum over k, written as einsum"
    m, x, dout = double(LinearLayer(7, 3)), f64(5, 7), f64(5, 3)
    w, b = [p.detach().clone().requires_grad_() for p in m.parameters()]
    got = torch.autograd.grad(m(x), [*m.parameters()], dout)
    same(got, torch.autograd.grad(torch.einsum('ik,jk->ij', x, w)+b, (w, b), dout), rtol=1e-12)

def test_zero_grad():
    m = net()
    m(torch.ones(2, 4)).sum().backward()
    assert all(p.grad is not None for p in m.parameters())
    m.zero_grad()
    assert all(p.grad is None for p in m.parameters())

def test_repr():
    text = repr(net())
    assert text == ('Sequential(\n  (0): Linear(weight (3, 4), bias (3,))\n  (1): ReLU()\n'
                    '  (2): Sequential(\n    (0): Linear(weight (2, 3))\n  )\n)')
    m = Module()
    m.scale, m.part = Parameter(torch.ones(2)), ReLU()
    m.register_buffer('mean', torch.zeros(()))
    assert repr(m) == 'Module(scale (2,), mean ()\n  (part): ReLU()\n)'
    assert repr(Sequential()) == 'Sequential()'


# lists
def test_lists():
    a, b, c = ReLU(), Linear(2, 3), ReLU()
    for m in (ModuleList([a,b]), Sequential(a, b)):
        m.append(c)
        assert len(m) == 3 and [*m] == [a,b,c] and m[0] is a and m[-1] is c and b in m
        assert type(m[1:]) is type(m) and [*m[1:]] == [b,c] and [n for n,_ in m[1:].named_parameters()] == ['0.weight','0.bias']
        m[-1] = d = Linear(3, 1)
        assert [*m] == [a,b,d] and [*m.state_dict()] == ['1.weight','1.bias','2.weight','2.bias']
        for i in (3, -4):
            with pytest.raises(IndexError): m[i]
            with pytest.raises(IndexError): m[i] = a
        refuses(lambda: m.append(3), TypeError, 'int')
        refuses(lambda: m.__setitem__(0, 3), TypeError, 'int')
        delattr(m, '0')
        m.append(a) # takes no name that is in use
        assert [*m] == [b,d,a]
    same(Sequential()(5), 5)
    refuses(lambda: ModuleList([None]), TypeError, 'NoneType')

def test_a_plain_list_hides():
    class Hidden(Module):
        def __init__(self):
            super().__init__()
            self.layers = [Linear(2, 3)]
    assert not [*Hidden().parameters()]


# without super().__init__()
def test_auto():
    class A(AutoModule):
        def __init__(self, n, *, k=1): self.l, self.w, self.n = Linear(n, k), Parameter(torch.zeros(2)), n
        def forward(self, x): return self.l(x)
    class B(A):
        def __init__(self):
            self.first = ReLU()
            super().__init__(3, k=2) # keeps what is there
        def __post_init__(self): raise AssertionError
    m = B()
    assert names(m.named_parameters()) == [('w', (2,)), ('l.weight', (2,3)), ('l.bias', (2,))] and paths(m) == ['', 'first', 'l']
    assert m(torch.ones(5, 3)).shape == (5,2) and isinstance(m, Module) and type(B) is AutoInit
    class C(AutoModule): pass
    assert not [*C().parameters()]
    refuses(lambda: A(), TypeError, 'n')
    same(copy.deepcopy(m).state_dict(), m.state_dict())

def test_auto_leaves_other_objects_alone():
    class Odd(metaclass=AutoInit):
        def __new__(cls): return 5
    assert Odd() == 5

def test_auto_on_torch():
    class T(nn.Module, metaclass=AutoInit):
        def __pre_init__(self): nn.Module.__init__(self)
        def __init__(self): self.l = nn.Linear(2, 3)
    assert [n for n,_ in T().named_parameters()] == ['l.weight','l.bias']


@pytest.mark.parametrize('shape', [(2,3), (4,), ()])
def test_fan_uniform(shape):
    t = fan_uniform(4, *shape, dtype=torch.float64)
    assert t.shape == shape and t.dtype == torch.float64 and t.abs().max() <= .5

def test_answers_in_other_forms():
    "Right answers that look different, and a mistake that is known by its message only"
    from groundup.exercises import module as ex
    class Tower(nn.Module):
        def __init__(self, sizes):
            super().__init__()
            parts = [o for i,k in zip(sizes, sizes[1:]) for o in (nn.Linear(i, k), nn.ReLU())]
            self.layers = nn.Sequential(*parts[:-1])
        def forward(self, x): return self.layers(x)
    class PReLU(nn.Module):
        def __init__(self):
            super().__init__()
            self.slope = Parameter(torch.tensor([.25]))
        def forward(self, x): return x.clamp_min(0)+self.slope*x.clamp_max(0)
    def momentum_step(params, velocities, lr, momentum):
        for k,p in enumerate(params):
            if p.grad is None: continue
            velocities[k] *= momentum
            velocities[k] += p.grad
            p.data -= lr*velocities[k]
    for f in (Tower, PReLU, momentum_step): assert getattr(ex, f.__name__).judge(f).ok
    class BiasFree(PReLU): # a misspelt name is no missing super().__init__()
        def __init__(self, n_in, n_out):
            nn.Module.__init__(self)
            self.weight = Parameter(fan_uniform(n_in, n_out, n_in))
        def forward(self, x): return x@self.wieght.t()
    v = ex.BiasFree.judge(BiasFree)
    assert v.kind == 'wrong' and not v.mistake and 'wieght' in v.text
    class Dropout(Module): # another way to draw: the mistake has its name all the same
        def __init__(self, p):
            super().__init__()
            self.p = p
        def forward(self, x): return x*torch.bernoulli(torch.full_like(x, 1-self.p))/(1-self.p)
    v = ex.Dropout.judge(Dropout)
    assert v.kind == 'wrong' and 'self.training' in v.mistake

def test_tree_picture():
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    l = Linear(2, 2)
    for m in (Sequential(l, ReLU(), l), nn.Sequential(nn.BatchNorm1d(3)), ReLU()):
        fig = show_tree(m, 'net')
        assert fig.axes[0].texts[0].get_text() == f'net: {type(m).__name__}'
    ax = show_tree(Sequential(l, l)).axes[0]
    layer = ['weight (2, 2)', 'bias (2,)']
    assert [t.get_text() for t in ax.texts] == ['model: Sequential', '0: Linear', *layer, '1: Linear', *layer]
    assert [p.get_linestyle() for p in ax.patches] == ['-','-','--','--'] # met before
    plt.close('all')
