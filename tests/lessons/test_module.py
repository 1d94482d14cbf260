"Lesson 07 against torch.nn: names, values, gradients, steps of SGD, states, misuse"
import copy, io, pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from groundup import module as ours
from groundup.backprop import check_grads, mse
from groundup.engine import Var
from groundup.init import lin, relu
from groundup.module import (SGD, AutoInit, AutoModule, Linear, Module, ModuleList, Parameter, ReLU, Sequential,
                             fan_uniform)
from groundup.support.diagrams import show_tree
from groundup.support.testing import same

calm = settings(max_examples=150)
fewer = settings(calm, max_examples=40)
libs = ours, nn

def f64(*shape): return torch.randn(*shape, dtype=torch.float64)

def numbers(m): return [p.detach().clone() for p in m.parameters()]
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
        elif what[0] == 'param': setattr(m, name, pool.setdefault(what, lib.Parameter(torch.ones(what[1]+1))))
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
        for t in (*a.parameters(), *a.buffers()): t.detach().add_(1)
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
@pytest.mark.parametrize('shape', [(7,5), (1,5), (0,5), (2,3,5)])
def test_values_and_gradients(bias, shape):
    "Names, outputs, gradients of the input and of each parameter"
    torch.manual_seed(0)
    a, b = twins(5, 4, 3, bias=bias)
    v, t = Var(f64(*shape), requires_grad=True), None
    t = v.data.clone().requires_grad_()
    out, want = a(v), b(t)
    dout = torch.randn_like(want)
    out.backward(dout); want.backward(dout)
    found = [(o.detach(), x.grad, [p.grad for p in m.parameters()]) for m,o,x in ((a,out,v), (b,want,t))]
    same(*found, rtol=1e-12, atol=1e-12)
    same(a(t.detach()).detach(), want.detach(), rtol=1e-12, atol=1e-12) # a plain tensor goes in as well

def test_relu_at_zero():
    "The choice of torch.relu, not the one of clamp"
    v = Var(torch.zeros(3), requires_grad=True)
    ReLU()(v).sum().backward()
    same(v.grad, torch.zeros(3))
    same(ReLU()(torch.tensor([-1.,2])), torch.tensor([0.,2]))

def test_linear_from_scratch():
    "Question 39: values and gradients, by nn.Linear and by central differences"
    torch.manual_seed(0)
    mine, theirs = Linear(4, 3, dtype=torch.float64), nn.Linear(4, 3).double()
    theirs.load_state_dict(mine.state_dict())
    x, dout = f64(6, 4), f64(6, 3)
    v, t = Var(x, requires_grad=True), x.clone().requires_grad_()
    mine(v).backward(dout); theirs(t).backward(dout)
    grads = [(o.grad, *[p.grad for p in m.parameters()]) for o,m in ((v,mine), (t,theirs))]
    same(mine(x).detach(), theirs(x).detach(), rtol=1e-12)
    same(*grads, rtol=1e-12)
    inputs = dict(x=x, weight=mine.weight.detach().clone(), bias=mine.bias.detach().clone())
    def at(x, weight, bias):
        mine.load_state_dict(dict(weight=weight, bias=bias))
        return mine(x).detach()
    assert check_grads(at, inputs, dict(zip(inputs, grads[0])), dout=dout)

def test_start_of_linear():
    torch.manual_seed(5); a = Linear(300, 200)
    torch.manual_seed(5); b = nn.Linear(300, 200)
    same(numbers(a), numbers(b))
    w = a.weight.detach()
    assert w.abs().max() <= 300**-.5 and abs(w.std().item()*900**.5-1) < .01

@pytest.mark.parametrize('bad', [0, -1, 2.5, '3', None])
def test_sizes(bad):
    refuses(lambda: Linear(bad, 3), ValueError, 'n_in is')
    refuses(lambda: Linear(3, bad), ValueError, 'shape is')

def test_sizes_of_numpy():
    "Sizes may be NumPy integers"
    m = Linear(np.int64(4), np.int32(3))
    assert names(m.named_parameters()) == [('weight', (3,4)), ('bias', (3,))] and m(torch.ones(2, 4)).shape == (2,3)

def test_inputs_of_linear():
    "PyTorch's own messages, or the engine's"
    m = Linear(5, 3)
    for bad in (torch.zeros(3, 4), f64(2, 5), torch.zeros(()), [1.]*5):
        with pytest.raises((RuntimeError,ValueError,TypeError)): m(bad)


# parts compose
def test_parameter():
    p = Parameter(torch.ones(2))
    assert isinstance(p, Var) and p.requires_grad and p.is_leaf and type(p*2) is Var
    assert not Parameter(torch.ones(2), requires_grad=False).requires_grad
    for bad in (torch.ones(2, dtype=torch.int64), [1.]): refuses(lambda: Parameter(bad), TypeError, 'data is')
    q = copy.deepcopy(p)
    assert type(q) is Parameter and q is not p and q.detach() is not p.detach()

def test_the_sign_of_a_parameter_is_what_its_class_says():
    "Another class with the sign is found, a plain Var or tensor is not, nn.Parameter is"
    class Other(Var): is_parameter = True
    m = Module()
    m.a, m.b, m.c, m.d = Other(torch.ones(2), True), nn.Parameter(torch.ones(3)), Var(torch.ones(4), True), torch.ones(5, requires_grad=True)
    assert names(m.named_parameters()) == [('a', (2,)), ('b', (3,))]
    m.e = Other # the class itself is no parameter
    assert m.e is Other and len([*m.parameters()]) == 2

def test_functions_of_earlier_lessons_and_modules():
    "A Var through lin and relu of lesson 04, then through layers with one tied: as torch"
    torch.manual_seed(2)
    x, w, b = f64(6, 4), f64(4, 3), f64(3)
    l, n = Linear(3, 3, dtype=torch.float64), nn.Linear(3, 3).double()
    n.load_state_dict(l.state_dict())
    vs, ts = [Var(t, requires_grad=True) for t in (x,w,b)], [t.clone().requires_grad_() for t in (x,w,b)]
    Sequential(l, ReLU(), l)(relu(lin(*vs))).pow(2).mean().backward()
    nn.Sequential(n, nn.ReLU(), n)(relu(lin(*ts))).pow(2).mean().backward()
    same([o.grad for o in (*vs, l.weight, l.bias)], [o.grad for o in (*ts, n.weight, n.bias)], rtol=1e-12, atol=1e-12)

def test_mse_of_a_module():
    "The loss of lesson 05 on what our layers give: as torch"
    torch.manual_seed(2)
    x, targ = f64(6, 4), f64(6)
    a, b = twins(4, 3, 1)
    for m in (a, b): mse(m(x), targ).backward()
    same([p.grad for p in a.parameters()], [p.grad for p in b.parameters()], rtol=1e-12, atol=1e-12)

@pytest.mark.parametrize('momentum', [0., .9])
def test_tied_layers_learn(momentum):
    nets = []
    for lib in libs:
        torch.manual_seed(4)
        l = lib.Linear(6, 6, dtype=torch.float64)
        nets.append(lib.Sequential(l, lib.ReLU(), l, lib.Linear(6, 2, dtype=torch.float64)))
    found = [train(m, make(m.parameters(), lr=.05, momentum=momentum)) for m,make in zip(nets, (SGD,torch.optim.SGD))]
    same(*found, rtol=1e-12, atol=1e-12)

def test_on_pytorchs_autograd():
    "Our module with nn.Parameter inside: PyTorch's graph, either optimizer"
    found = []
    for make in (SGD, torch.optim.SGD):
        m = twins(6, 5, 2)[0]
        for part in m.modules():
            for n,p in [*part._parameters.items()]: setattr(part, n, nn.Parameter(p.detach().clone()))
        found.append(train(m, make(m.parameters(), lr=.1, momentum=.9)))
    same(found[0], found[1], rtol=1e-12, atol=1e-12)
    a, b = twins(6, 5, 2)
    same(found[0], train(b, torch.optim.SGD(b.parameters(), lr=.1, momentum=.9)), rtol=1e-12, atol=1e-12)

class Both(Module):
    "A layer of each kind of parameter, and a factor of ours"
    def __init__(self, kind):
        super().__init__()
        self.own, self.other = Linear(5, 4, dtype=torch.float64), Linear(4, 2, dtype=torch.float64)
        for n,p in [*self.other._parameters.items()]: setattr(self.other, n, kind(p.detach().clone()))
    def forward(self, x):
        h = self.own(x).relu()
        out = self.other(h.detach()).relu() # the second layer learns alone
        return h, out

@pytest.mark.parametrize('how', [dict(lr=.1), dict(lr=.05, momentum=.8, weight_decay=.01, nesterov=True)])
def test_a_module_of_both_kinds_learns(how):
    found = []
    for kind in (Parameter, nn.Parameter):
        torch.manual_seed(6)
        m, x = Both(kind), f64(7, 5)
        opt = SGD(m.parameters(), **how)
        for _ in range(10):
            for out in m(x): out.pow(2).mean().backward()
            opt.step(); opt.zero_grad()
        assert [*m.state_dict()] == ['own.weight','own.bias','other.weight','other.bias']
        c = copy.deepcopy(m)
        assert type(c.other.weight) is kind and c.own.weight is not m.own.weight
        same(numbers(c), numbers(m))
        found.append(numbers(m))
    same(*found, rtol=1e-12, atol=1e-12)

@pytest.mark.parametrize('dtype,tol', [(torch.float32,1e-5),(torch.float64,1e-12)])
def test_ten_steps_with_a_tied_layer_and_a_var_that_goes_through(dtype, tol):
    "The loss of lesson 05, the gradient of the input too, Nesterov and decay: as torch"
    found = []
    for lib,make in ((ours,SGD), (nn,torch.optim.SGD)):
        torch.manual_seed(8)
        l = lib.Linear(6, 6, dtype=dtype)
        net = lib.Sequential(lib.Linear(8, 6, dtype=dtype), l, lib.ReLU(), l, lib.Linear(6, 1, dtype=dtype))
        opt = make(net.parameters(), lr=.05, momentum=.8, weight_decay=.01, nesterov=True)
        x, targ, seen = torch.randn(9, 8, dtype=dtype), torch.randn(9, dtype=dtype), []
        for _ in range(10):
            inp = Var(x, requires_grad=True) if lib is ours else x.clone().requires_grad_()
            loss = mse(net(inp), targ)
            loss.backward(); opt.step(); opt.zero_grad()
            seen += [loss.detach().clone(), inp.grad]
        found.append(seen+numbers(net))
    same(*found, rtol=tol, atol=tol)

def test_bare_vars_learn():
    "No module at all: SGD moves any Var that wants a gradient"
    v, t, c = Var(torch.ones(3), requires_grad=True), torch.ones(3, requires_grad=True), torch.tensor([1.,-2.,.5])
    a, b = [make([p], lr=.1, momentum=.9, weight_decay=.1) for make,p in ((SGD,v), (torch.optim.SGD,t))]
    for _ in range(5): # no zero_grad between
        for p,opt in ((v,a), (t,b)): (p*p*c).sum().backward(); opt.step()
    same(v.data, t.detach())

def test_check_grads_of_a_module():
    "A state is a dictionary of inputs: every parameter before the second judge"
    torch.manual_seed(9)
    m, x, dout = twins(6, 5, 2)[0], f64(4, 6), f64(4, 2)
    m(x).backward(dout)
    def at(*ts):
        c = copy.deepcopy(m)
        c.load_state_dict(dict(zip(m.state_dict(), ts)))
        return c(x)
    assert check_grads(at, m.state_dict(), {n:p.grad for n,p in m.named_parameters()}, dout=dout)

def test_states_go_both_ways():
    a, b = twins(6, 5, 2)
    with torch.no_grad():
        for p in b.parameters(): p.add_(1)
    a.load_state_dict(b.state_dict())
    same(numbers(a), numbers(b))
    for p in a.parameters(): p.detach().mul_(2)
    assert all(type(t) is torch.Tensor and not t.requires_grad for t in a.state_dict().values())
    b.load_state_dict(a.state_dict())
    same(numbers(a), numbers(b))


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
        losses.append(loss.detach().item())
    assert all(p.grad is None for p in net.parameters())
    return losses, numbers(net)

@fewer
@given(rates)
def test_twenty_steps(how):
    a, b = twins(6, 5, 2)
    if how['nesterov'] and (not how['momentum'] or how['dampening']): # both refuse
        for make,m in ((SGD,a), (torch.optim.SGD,b)): refuses(lambda: make(m.parameters(), **how), ValueError, 'esterov')
        return
    d = copy.deepcopy(b)
    want = train(b, torch.optim.SGD(b.parameters(), **how))
    same(train(a, SGD(a.parameters(), **how)), want, rtol=1e-12, atol=1e-12)
    same(train(d, SGD(d.parameters(), **how)), want, rtol=1e-12, atol=1e-12) # their module, our optimizer

def test_three_steps_without_zero_grad():
    "Gradients add up between the steps: the velocity is a copy of the first one"
    found = []
    for lib,make in ((ours,SGD), (nn,torch.optim.SGD)):
        torch.manual_seed(3)
        m = lib.Linear(4, 2, dtype=torch.float64)
        opt = make(m.parameters(), lr=.1, momentum=.9)
        for k in range(3):
            m(torch.arange(12.).double().view(3, 4)+k).pow(2).mean().backward()
            opt.step()
        found.append(numbers(m))
    same(*found, rtol=1e-12)
    p = Parameter(torch.ones(2))
    opt = SGD([p], lr=1., momentum=.5)
    p.grad = torch.ones(2)
    opt.step()
    p.grad.add_(1) # in place, as PyTorch's autograd adds
    opt.step()
    same(p.detach(), torch.full((2,), 1-1-(.5+2.)))

def test_a_step_is_seen_by_the_engine():
    "Forward, step, back through the old graph: an error, for both kinds"
    for lib in libs:
        m = lib.Linear(3, 3)
        loss, again = [m(m(torch.ones(2, 3))).sum() for _ in range(2)]
        again.backward()
        SGD(m.parameters(), lr=.1).step()
        refuses(loss.backward, RuntimeError, 'place')

def test_momentum_by_hand():
    "The first velocity is the gradient, also with dampening"
    p = Parameter(torch.tensor([1.]))
    opt = SGD([p], lr=1., momentum=.5, dampening=.25)
    for g,want in ((2.,-1.), (4.,-5.), (0.,-7.)):
        p.grad = torch.tensor([g])
        opt.step()
        same(p.detach(), torch.tensor([want]))

def test_nesterov_by_hand():
    "The step is against g + momentum·v"
    p = Parameter(torch.tensor([1.]))
    opt = SGD([p], lr=1., momentum=.5, nesterov=True)
    for g,want in ((2.,-2.), (4.,-8.5)):
        p.grad = torch.tensor([g])
        opt.step()
        same(p.detach(), torch.tensor([want]))

@pytest.mark.parametrize('kind', [Parameter, nn.Parameter])
def test_parameters_without_gradient_stay(kind):
    "Those that have none, and those whose gradient comes later: as torch"
    found = []
    for make,kind in ((SGD,kind), (torch.optim.SGD,nn.Parameter)):
        ps = [kind(torch.ones(2)), kind(torch.ones(3)), kind(torch.ones(1), requires_grad=False)]
        opt = make(ps, lr=.1, momentum=.9, weight_decay=.1)
        for k in range(4):
            ps[0].grad = torch.tensor([1.,-1])
            if k > 1: ps[1].grad = torch.ones(3)
            opt.step()
        same(ps[2].detach(), torch.ones(1))
        found.append([p.detach() for p in ps])
    same(*found)

@pytest.mark.parametrize('lib', libs)
def test_a_step_is_in_place_and_not_recorded(lib):
    m = lib.Linear(3, 2)
    before, where = [*m.parameters()], [p.detach().data_ptr() for p in m.parameters()]
    m(torch.ones(4, 3)).sum().backward()
    grads = [p.grad.clone() for p in before]
    SGD(m.parameters(), lr=.1, momentum=.9, weight_decay=.1).step()
    assert all(p is q and p.requires_grad and p.is_leaf for p,q in zip(m.parameters(), before))
    assert where == [p.detach().data_ptr() for p in m.parameters()]
    same([p.grad for p in before], grads) # neither decay nor momentum changes them

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
    for one in (Parameter(torch.zeros(2)), Linear(2, 3), None):
        with pytest.raises(TypeError): SGD(one)
    refuses(lambda: SGD([1.]), ValueError, 'a float')
    refuses(lambda: SGD(Linear(2, 3).named_parameters()), ValueError, 'a tuple')
    for bad in (Parameter(torch.zeros(2))*2, nn.Parameter(torch.zeros(2))*2): refuses(lambda: SGD([bad]), ValueError, 'gets no .grad')
    with pytest.raises(TypeError): SGD([Parameter(torch.zeros(2))], lr='1')
    assert SGD([Parameter(torch.zeros(2))], lr=np.float32(.5)).lr == .5
    for how in (dict(), dict(momentum=.9, dampening=.1)):
        refuses(lambda: SGD([Parameter(torch.zeros(2))], nesterov=True, **how), ValueError, 'nesterov')


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

def test_loading_keeps_the_tensors():
    m, state = changes()
    ps, opt = [*m.parameters()], SGD(m.parameters(), lr=.1)
    m.load_state_dict(state)
    assert all(p is q and p.requires_grad for p,q in zip(ps, m.parameters())) and opt.params[0] is m[0].weight
    same(m.state_dict(), state)
    state['0.bias'].fill_(99) # what was loaded is a copy
    assert m[0].bias.detach().max() < 99

def test_loading_from_itself():
    "A state made of the module's own tensors, exchanged"
    class Pair(Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = Parameter(torch.zeros(2)), Parameter(torch.ones(2))
    m = Pair()
    s = m.state_dict()
    m.load_state_dict(dict(a=s['b'], b=s['a']))
    same((m.a.detach().tolist(), m.b.detach().tolist()), ([1.,1.], [0.,0.]))

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
    for p in m.parameters(): p.requires_grad = False
    m.load_state_dict(dict(other.named_parameters()))
    same(m.state_dict(), other.state_dict())
    assert all(p.is_leaf and not p.requires_grad for p in m.parameters()) and all(p.is_leaf and p.requires_grad for p in other.parameters())

def test_loading_is_seen():
    "A state loaded between forward and backward is an error there, in our engine as in torch"
    for lib in libs:
        m = lib.Linear(3, 3)
        loss = m(m(torch.ones(2, 3))).sum()
        m.load_state_dict(m.state_dict())
        refuses(loss.backward, RuntimeError, 'place')

def test_a_copy_that_fails_changes_nothing():
    m, state = changes()
    before = copy.deepcopy(m.state_dict())
    state['2.0.weight'] = torch.empty(2, 3, device='meta')
    with pytest.raises(Exception): m.load_state_dict(state)
    same(m.state_dict(), before)

def test_a_state_is_not_a_copy():
    m = net()
    s = m.state_dict()
    m[0].bias.detach().fill_(7)
    assert s['0.bias'].tolist() == [7.,7.,7.] and not s['0.bias'].requires_grad

def test_files():
    m, f = net(), io.BytesIO()
    torch.save(m.state_dict(), f)
    f.seek(0)
    other = net()
    other.load_state_dict(torch.load(f))
    same(other.state_dict(), m.state_dict())
    again = pickle.loads(pickle.dumps(m))
    same(again(torch.ones(2, 4)).detach(), m(torch.ones(2, 4)).detach())

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
    refuses(lambda: setattr(m, 'w', Linear(2, 3)), TypeError, 'no Linear')
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
    refuses(lambda: m.prat, AttributeError, "'Module' object has no attribute 'prat'")
    assert getattr(m, 'prat', 1) == 1

@pytest.mark.parametrize('name', ['forward', 'parameters', 'training', 'state_dict', '_modules', '_parameters'])
def test_names_of_the_class(name):
    m = net()
    refuses(lambda: setattr(m, name, ReLU()), ValueError, name)
    refuses(lambda: setattr(m, name, Parameter(torch.zeros(1))), ValueError, name)
    refuses(lambda: m.register_buffer(name, torch.zeros(1)), ValueError, name)
    assert len([*m.parameters()]) == 3

@pytest.mark.parametrize('name', ['', 'a.b'])
def test_no_names(name): refuses(lambda: setattr(Module(), name, ReLU()), ValueError, f'Module.{name}: a part needs a name')

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
    lambda m: m.parameters(), lambda m: m.named_parameters(), lambda m: [*m.modules()],
    lambda m: m.state_dict(), lambda m: m.load_state_dict({}), lambda m: m.train(), lambda m: m.eval(), lambda m: m.zero_grad(),
    lambda m: setattr(m, 'w', Parameter(torch.zeros(1))), lambda m: setattr(m, 'l', ReLU()), lambda m: m.w,
    lambda m: m.register_buffer('b', torch.zeros(1)), lambda m: setattr(Module(), 'part', m), lambda m: Sequential(m)])
def test_before_init(use): refuses(lambda: use(NoInit()), AttributeError, 'NoInit', 'call super().__init__() first')

def test_before_init_what_works():
    m = NoInit()
    assert m.n == 3 and not hasattr(m, 'w') and m(2) == 2

def test_list_before_init():
    class L(ModuleList):
        def __init__(self): pass
    for use in (len, list, lambda m: m[0], lambda m: m.append(ReLU())):
        refuses(lambda: use(L()), AttributeError, 'L: call super().__init__() first')

def test_forward():
    class Nothing(Module): pass
    class NoReturn(Module):
        def forward(self, x): x+1
    refuses(lambda: Nothing()(1), AttributeError, "'Nothing' object has no attribute 'forward'")
    refuses(lambda: NoReturn()(1), TypeError, 'NoReturn.forward gives nothing', 'return')
    class Keywords(Module):
        def forward(self, a, *, b=1): return a+b
    assert Keywords()(1, b=5) == 6
    refuses(lambda: ModuleList([ReLU()])(1), AttributeError, 'ModuleList', 'forward')

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
    m, x, dout = Linear(7, 3, dtype=torch.float64), f64(5, 7), f64(5, 3)
    w, b = [p.detach().clone().requires_grad_() for p in m.parameters()]
    m(x).backward(dout)
    want = torch.autograd.grad(torch.einsum('ik,jk->ij', x, w)+b, (w, b), dout)
    same([p.grad for p in m.parameters()], [*want], rtol=1e-12)

def test_an_error_in_a_property_keeps_its_message():
    class Wide(Module):
        @property
        def width(self): return self.wieght.shape[1]
        @property
        def deep(self): return {}['k']
    refuses(lambda: Wide().width, AttributeError, "'Wide' object has no attribute 'wieght'")
    with pytest.raises(KeyError): Wide().deep

def test_a_property_with_a_setter_is_no_plain_attribute():
    class Half(Module):
        @property
        def rate(self): return self.r/2
        @rate.setter
        def rate(self, v): self.r = v*2
    m = Half()
    m.rate = 3.
    assert m.rate == 3. and m.r == 6. and 'rate' not in vars(m)

def test_tab_completes_parts():
    m = net()
    m.register_buffer('mean', torch.zeros(1))
    assert {'0','1','2','mean','forward','training'} <= {*dir(m)} and {'weight','bias'} <= {*dir(m[0])}

def test_named_parameters_is_an_iterator():
    n, p = next(net().named_parameters())
    assert n == '0.weight' and next(net().parameters()).shape == (3,4) and next(net().named_modules())[0] == ''

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
    s = Sequential(a, b)
    s.extend(s)
    assert [*s] == [a,b,a,b] and [n for n,_ in s.named_parameters()] == ['1.weight','1.bias']
    refuses(lambda: ModuleList([None]), TypeError, 'NoneType')

@pytest.mark.parametrize('part', [ReLU(), Parameter(torch.ones(2))])
def test_a_part_takes_the_place_of_a_plain_value(part):
    m = Module()
    m.a = 5
    m.a = part
    assert m.a is part and 'a' not in vars(m)

@pytest.mark.parametrize('wrong', [3, None, 'relu', ReLU, torch.zeros(2), Parameter(torch.zeros(2)), nn.ReLU()])
def test_a_list_keeps_nothing_that_it_refuses(wrong):
    "What raised has left no trace: not as a parameter, not as an attribute"
    for l in (ModuleList([Linear(2, 3)]), Sequential(Linear(2, 3))):
        before = {k:dict(o) if isinstance(o, dict) else o for k,o in vars(l).items()}
        refuses(lambda: l.append(wrong), TypeError)
        assert vars(l) == before and [n for n,_ in l.named_parameters()] == ['0.weight','0.bias']

@pytest.mark.parametrize('cut', [slice(1, 3), slice(None, None, -1), slice(-2, None), slice(3, 1), slice(None, None, 2)])
def test_slices_as_in_torch(cut):
    made = [lib.ModuleList([lib.Linear(k, k+1) for k in range(1, 6)]) for lib in libs]
    a, b = [m[cut] for m in made]
    assert names(a.named_parameters()) == names(b.named_parameters()) and all(m in [*made[0]] for m in a)

def test_a_slice_is_plain():
    "A slice of a subclass whose __init__ takes no parts"
    class Own(Sequential):
        def __init__(self, n): super().__init__(Linear(4, n), ReLU(), Linear(n, 2))
    class Names(ModuleList):
        def __init__(self, n): super().__init__([ReLU() for _ in range(n)])
    assert type(Own(3)[1:]) is Sequential and type(Names(3)[:2]) is ModuleList and type(Sequential(ReLU())[:]) is Sequential
    m = Own(3)
    x = torch.ones(5, 4)
    same(m[2:](m[:2](x)).detach(), m(x).detach())
    assert m[:1][0] is m[0] and len(m[::2]) == 2

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

def test_auto_when_new_takes_arguments():
    class Counted(AutoModule):
        def __new__(cls, n, *, k=2):
            obj = super().__new__(cls)
            vars(obj)['made'] = (n,k)
            return obj
        def __init__(self, n, *, k=2): self.l = Linear(n, k)
    m = Counted(3, k=4)
    assert m.made == (3,4) and names(m.named_parameters()) == [('l.weight', (4,3)), ('l.bias', (4,))]

def test_auto_when_init_is_called_after_the_parts():
    class Late(AutoModule):
        def __init__(self):
            self.w = Parameter(torch.zeros(2))
            self.register_buffer('b', torch.ones(3))
            super().__init__()
    assert [*Late().state_dict()] == ['w','b']

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

def answers():
    from groundup.exercises import module as ex
    return ex

def test_right_answers_in_other_forms():
    class Tower(Module):
        def __init__(self, sizes):
            super().__init__()
            parts = [o for i,k in zip(sizes, sizes[1:]) for o in (Linear(i, k), ReLU())]
            self.layers = Sequential(*parts[:-1])
        def forward(self, x): return self.layers(x)
    class PReLU(Module):
        def __init__(self):
            super().__init__()
            self.slope = Parameter(torch.tensor([.25]))
        def forward(self, x): return x.clamp_min(0)+self.slope*(x-x.clamp_min(0))
    class Dropout(Module):
        def __init__(self, p):
            super().__init__()
            self.keep = 1-p
        def forward(self, x): return x*torch.bernoulli(torch.full(x.shape, self.keep))/self.keep if self.training else x*1
    def momentum_step(params, velocities, lr, momentum):
        for k,p in enumerate(params):
            if p.grad is None: continue
            velocities[k] *= momentum
            velocities[k] += p.grad
            p.data -= lr*velocities[k]
    for f in (Tower, PReLU, Dropout, momentum_step):
        v = getattr(answers(), f.__name__).judge(f)
        assert v.ok, v

def test_answers_stand_on_classes_of_their_own():
    "The learner's notebook defines its own Module and Parameter: nothing hangs on the package's"
    space = {}
    exec('''
import torch
from groundup.engine import Var
from groundup.module import _walk, _once, _leaves
class Parameter(Var):
    is_parameter = True
    def __init__(self, data, requires_grad=True): super().__init__(data, requires_grad)
class Module:
    training = True
    def __init__(self): vars(self).update(_parameters={}, _modules={}, _buffers={})
    def __setattr__(self, name, v):
        where = self._parameters if isinstance(v, Parameter) else self._modules if isinstance(v, Module) else vars(self)
        where[name] = v
    def __getattr__(self, name):
        for d in (self._parameters, self._modules):
            if name in d: return d[name]
        raise AttributeError(name)
    def named_parameters(self): return _once(_leaves(self, '_parameters'))
    def parameters(self): return [p for _,p in self.named_parameters()]
    def eval(self): self.training = False
    def train(self): self.training = True
    def __call__(self, x): return self.forward(x)
class PReLU(Module):
    def __init__(self):
        super().__init__()
        self.slope = Parameter(torch.full((1,), .25))
    def forward(self, x): return x.relu() - self.slope*(-x).relu()
class Dropout(Module):
    def __init__(self, p): super().__init__(); self.p = p
    def forward(self, x): return x*(torch.rand(x.shape)>=self.p)/(1-self.p) if self.training else x
''', space)
    for n in ('PReLU', 'Dropout'): assert getattr(answers(), n).judge(space[n]).ok

def test_answers_on_the_other_module():
    "Ours is asked for, or PyTorch's: the verdict says which"
    class PReLU(nn.Module):
        def __init__(self):
            super().__init__()
            self.slope = nn.Parameter(torch.tensor([.25]))
        def forward(self, x): return x.clamp_min(0)+self.slope*x.clamp_max(0)
    class Dropout(nn.Module):
        def __init__(self, p):
            super().__init__()
            self.p = p
        def forward(self, x): return x*(torch.rand(x.shape)>=self.p)/(1-self.p) if self.training else x
    class Tower(nn.Module):
        def __init__(self, sizes):
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(i, o) for i,o in zip(sizes, sizes[1:])])
        def forward(self, x):
            for l in self.layers[:-1]: x = l(x).relu()
            return self.layers[-1](x)
    class BiasFree(Module):
        def __init__(self, n_in, n_out):
            super().__init__()
            self.weight = Parameter(fan_uniform(n_in, n_out, n_in))
        def forward(self, x): return x@self.weight.t()
    for f,says in ((PReLU,'our own `Module`'), (Dropout,'our own `Module`'), (Tower,'our own `Module`'), (BiasFree,"`nn.Module` is asked for")):
        v = getattr(answers(), f.__name__).judge(f)
        assert v.kind == 'wrong' and says in v.text, v

def test_verdicts_that_name_the_fault():
    class BiasFree(nn.Module): # a misspelt name is no missing super().__init__()
        def __init__(self, n_in, n_out):
            nn.Module.__init__(self)
            self.weight = nn.Parameter(fan_uniform(n_in, n_out, n_in))
        def forward(self, x): return x@self.wieght.t()
    v = answers().BiasFree.judge(BiasFree)
    assert v.kind == 'wrong' and not v.mistake and 'wieght' in v.text
    class BiasFree(nn.Module): # another name is no wrong shape
        def __init__(self, n_in, n_out):
            super().__init__()
            self.w = nn.Parameter(fan_uniform(n_in, n_out, n_in))
        def forward(self, x): return x@self.w.t()
    v = answers().BiasFree.judge(BiasFree)
    assert v.kind == 'wrong' and '`w`' in v.text and 'shape' not in v.text
    class BiasFree(nn.Module):
        def __init__(self, n_in, n_out):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(n_out, n_in))
        def forward(self, x): return x@self.weight.t()
    assert 'too small' in answers().BiasFree.judge(BiasFree).text
    for keeps,says in ((lambda m,x: x if m.training else x*(torch.rand(x.shape)>=m.p)/(1-m.p), 'training and use are swapped'),
                       (lambda m,x: x*(torch.rand(x.shape)<m.p)/m.p if m.training else x, '`p` and `1-p` are swapped')):
        class Dropout(Module):
            def __init__(self, p):
                super().__init__()
                self.p = p
            def forward(self, x): return keeps(self, x)
        v = answers().Dropout.judge(Dropout)
        assert v.kind == 'wrong' and says in v.mistake
    def load_matching(module, state): # another order of the names
        left = []
        for n,t in module.state_dict().items():
            if n in state and state[n].shape==t.shape: t.copy_(state[n])
            else: left.append(n)
        return sorted(left, reverse=True)
    assert answers().load_matching.judge(load_matching).kind == 'wrong'
    class Dropout(Module): # another way to draw: the mistake has its name all the same
        def __init__(self, p):
            super().__init__()
            self.p = p
        def forward(self, x): return x*torch.bernoulli(torch.full(x.shape, 1-self.p))/(1-self.p)
    v = answers().Dropout.judge(Dropout)
    assert v.kind == 'wrong' and 'self.training' in v.mistake
    class Tower(Module):
        def __init__(self, sizes):
            super().__init__()
            self.steps = ModuleList([Linear(i, o) for i,o in zip(sizes, sizes[1:])])
        def forward(self, x):
            for l in self.steps[:-1]: x = l(x).relu()
            return self.steps[-1](x)
    v = answers().Tower.judge(Tower)
    assert v.kind == 'wrong' and 'attribute `layers`' in v.text
    def momentum_step(params, velocities, lr, momentum):
        for k,p in enumerate(params):
            if p.grad is None: continue
            velocities[k] = momentum*velocities[k]+p.grad
            p.detach().sub_(lr*velocities[k])
    v = answers().momentum_step.judge(momentum_step)
    assert v.kind == 'wrong' and 'replaced by new tensors' in v.mistake

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
