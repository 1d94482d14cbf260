"""The same tests on both editions of the course: lessons 01 to 10 on PyTorch, lesson 11 on NumPy alone.

Results are held against plain NumPy in float64, gradients against central differences; type, shape, dtype and values count.
Without PyTorch the tests of its edition are skipped."""
import importlib, math
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from groundup.support.testing import same

lessons = 'matmul broadcasting einsum init backprop engine module calculus training convolution'.split()

class NumPy:
    "Lesson 11: arrays in, arrays out"
    def __init__(self): self.modules = [importlib.import_module('groundup.numpy_edition')]
    def __getattr__(self, name):
        for m in self.modules:
            if name in vars(m): return vars(m)[name]
        raise AttributeError(name)
    def array(self, a): return np.array(a)
    def numbers(self, x): # a sum of all may be a number of NumPy's
        assert isinstance(x, (np.ndarray,np.generic)), type(x)
        return np.asarray(x)
    def named(self, f, v): return getattr(self, f)(v) if f!='T' else v.T
    def rng(self, seed): return dict(rng=np.random.default_rng(seed))
    def dtype(self, name): return np.dtype(name)
    def grads(self, net, ts, x): # of a `Model` of a `Lin`, a `Relu`, a `Lin`
        dx = net.backward()
        return [net.layers[0].dw, net.layers[0].db, net.layers[2].dw, net.layers[2].db, dx]

class Torch(NumPy):
    "Lessons 01 to 10"
    def __init__(self):
        import torch
        self.torch,self.modules = torch,[importlib.import_module(f'groundup.{o}') for o in lessons]
    def array(self, a): return self.torch.tensor(a)
    def numbers(self, x):
        assert type(x) is self.torch.Tensor, type(x)
        return x.detach().numpy()
    def named(self, f, v): return v.t() if f=='T' else getattr(v, f)()
    def rng(self, seed): self.torch.manual_seed(seed); return {}
    def dtype(self, name): return getattr(self.torch, name)
    def grads(self, net, ts, x):
        net.backward()
        return [t.g for t in (*ts,x)]

without = pytest.mark.skipif(not find_spec('torch'), reason='PyTorch is not installed')
@pytest.fixture(scope='session', params=[pytest.param(Torch, marks=without, id='torch'), pytest.param(NumPy, id='numpy')])
def e(request): return request.param()

def agree(e, got, want, **tol): same(e.numbers(got), np.asarray(want), **tol)

def central(f, x, dout=None, eps=1e-5):
    "The gradient of `f`, of arrays, at `x` by central differences"
    out = np.empty_like(x)
    for i in np.ndindex(x.shape):
        ys = []
        for h in (eps,-eps):
            moved = x.copy()
            moved[i] += h
            ys.append(f(moved))
        out[i] = np.sum((ys[0]-ys[1])*(1 if dout is None else dout))/(2*eps)
    return out

def uneven(shape, dtype='float64'): return np.linspace(-1, 2, math.prod(shape)).reshape(shape).astype(dtype)

def hold(e, f, *xs):
    "Value and gradients of `f` (of Vars, or of what this edition computes with), against central differences"
    vs = [e.Var(e.array(x), True) for x in xs]
    out = f(*vs)
    def at(*arrays): return e.numbers(f(*[e.Var(e.array(a), True) for a in arrays]).data).copy()
    want = at(*xs)
    up = uneven(want.shape)
    out.backward(e.array(up))
    for k,(v,x) in enumerate(zip(vs, xs)):
        agree(e, v.grad, central(lambda a: at(*xs[:k], a, *xs[k+1:]), x, up), rtol=1e-5, atol=1e-6)
    return want

def random(*shape, dtype='float64'): return np.random.standard_normal(shape).astype(dtype) # conftest.py seeds each test


# products, broadcasting, einsum
@pytest.mark.parametrize('name', ['matmul_loops','matmul_rows','matmul_broadcast'])
@pytest.mark.parametrize('dtype', ['float32','float64','int64'])
def test_products(e, name, dtype):
    for ni,nk,nj in [(2,3,4),(4,3,2),(5,1,2),(1,6,1),(0,2,3),(2,0,3),(2,3,0)]:
        a,b = [(9*random(*s)).astype(dtype) for s in ((ni,nk),(nk,nj))]
        agree(e, getattr(e, name)(e.array(a), e.array(b)), a@b)
        agree(e, getattr(e, name)(e.array(b.T.copy()).T, e.array(b)), b@b) if nk==nj else None
    with pytest.raises(ValueError, match='inner sizes differ.*4 against 7'): getattr(e, name)(e.array(random(2, 4)), e.array(random(7, 3)))
    with pytest.raises(ValueError, match='rank 1'): getattr(e, name)(e.array(random(4)), e.array(random(4, 3)))

@settings(max_examples=60)
@given(st.lists(st.integers(0, 4), max_size=4), st.data())
def test_unbroadcast(e, shape, data):
    "The sum over all places to which a number went"
    operand = [data.draw(st.sampled_from([n,1])) for n in shape[data.draw(st.integers(0, len(shape))):]]
    g,at = random(*shape),np.arange(math.prod(operand)).reshape(operand)
    want = np.zeros(at.size)
    np.add.at(want, np.broadcast_to(at, shape).ravel(), g.ravel())
    agree(e, e.unbroadcast(e.array(g), tuple(operand)), want.reshape(operand))

def test_unbroadcast_refuses(e):
    with pytest.raises(ValueError): e.unbroadcast(e.array(random(2, 3)), (4,))
    with pytest.raises(ValueError): e.unbroadcast(e.array(random(3)), (2,3))

@pytest.mark.parametrize('eq,shapes', [('ik,kj->ij', [(2,3),(3,4)]), ('ik,kj->ji', [(2,3),(3,4)]), ('ii->i', [(3,3)]), ('ii->', [(3,3)]),
    ('ij->', [(2,5)]), ('ij->j', [(2,5)]), ('i,j,k->kji', [(2,),(3,),(4,)]), ('bik,bkj->bij', [(5,2,3),(5,3,4)]), ('iji,j->ij', [(2,3,2),(3,)]),
    ('ij,ij->j', [(4,3),(4,3)]), ('i,i->', [(6,),(6,)]), ('ik,kl,lj->ij', [(2,3),(3,4),(4,5)]), ('ij->ji', [(0,3)]), ('ik,kj->ij', [(2,0),(0,4)])])
def test_einsum(e, eq, shapes):
    for dtype in ('float32','float64'):
        ts = [random(*s, dtype=dtype) for s in shapes]
        agree(e, e.einsum(eq, *map(e.array, ts)), np.einsum(eq, *ts))

@pytest.mark.parametrize('eq,shapes', [('ik,kj->ij', [(2,3),(4,5)]), ('ik->i', [(2,3,4)]), ('ik->im', [(2,3)]), ('ik->ii', [(2,3)]), ('ik,kj->ij', [(2,3)]), ('ii->i', [(2,3)])])
def test_einsum_refuses(e, eq, shapes):
    with pytest.raises(ValueError): e.einsum(eq, *[e.array(random(*s)) for s in shapes])


# initialisation
@pytest.mark.parametrize('name,how,std', [('xavier_normal_', {}, (2/700)**.5), ('xavier_normal_', dict(gain=3.), 3*(2/700)**.5),
    ('kaiming_normal_', {}, (2/300)**.5), ('kaiming_normal_', dict(a=.5, mode='fan_out'), (2/1.25/400)**.5)])
def test_init(e, name, how, std):
    for dtype in ('float32','float64'):
        w = e.array(np.ones((300,400), dtype))
        got = getattr(e, name)(w, 300, 400, **how, **e.rng(1))
        assert got is w
        a = e.numbers(w).astype('float64')
        assert a.shape==(300,400) and str(e.numbers(w).dtype)==dtype
        assert abs(a.std()/std-1)<.01 and abs(a.mean())<4*std/a.size**.5 and abs((a**4).mean()/std**4-3)<.1
        again = getattr(e, name)(e.array(np.ones((300,400), dtype)), 300, 400, **how, **e.rng(1))
        agree(e, again, e.numbers(w))

def test_fan_uniform(e):
    for dtype in ('float32','float64'):
        a = e.numbers(e.fan_uniform(16, 200, 50, dtype=e.dtype(dtype), **e.rng(2)))
        assert a.shape==(200,50) and a.dtype==dtype and -.25<=a.min()<-.249 and .249<a.max()<=.25 and abs(a.std()-.5/12**.5)<.003
    assert e.numbers(e.fan_uniform(4, 3, **e.rng(0))).dtype=='float32'

def test_signal_lives(e):
    "He's scale keeps a signal through fifty layers with ReLU, a tenth of it does not"
    for scale,low,high in ((1,.02,50), (.1,0,1e-20)):
        r,h = e.rng(3),e.array(random(100, 80, dtype='float32'))
        for _ in range(50):
            w = e.kaiming_normal_(e.array(np.zeros((80,80), 'float32')), 80, 80, **r)
            r = r and dict(rng=r['rng'])
            h = e.lin(h, w*scale, e.array(np.zeros(80, 'float32')))
            h = e.array(np.maximum(e.numbers(h), 0))
        assert low<=e.numbers(h).std()<=high

def test_lin(e):
    x,w,b = random(3, 4),random(4, 2),random(2)
    agree(e, e.lin(*map(e.array, (x,w,b))), x@w+b)
    with pytest.raises(ValueError, match='bias does not fit'): e.lin(e.array(x), e.array(w), e.array(b[:1]))


# layers with a way back
def test_layers(e):
    arrays = w1,b1,w2,b2,x = random(4, 5),random(5),random(5, 1),random(1),random(6, 4)
    y = random(6)
    def loss(w1, b1, w2, b2, x): return ((np.maximum(x@w1+b1, 0)@w2+b2)[:,0]-y)
    ts = [e.array(a) for a in arrays]
    net = e.Model([e.Lin(ts[0], ts[1]), e.Relu(), e.Lin(ts[2], ts[3])], e.Mse())
    agree(e, net(ts[4], e.array(y)), (loss(*arrays)**2).mean())
    for k,g in enumerate(e.grads(net, ts[:4], ts[4])):
        agree(e, g, central(lambda a: (loss(*arrays[:k], a, *arrays[k+1:])**2).mean(), arrays[k]), rtol=1e-5, atol=1e-7)
    with pytest.raises(ValueError, match=r'\(6, 1\)'): net.__class__([], e.Mse())(e.array(random(6, 1)), e.array(random(6, 1)))

def test_numgrad(e):
    x,up = random(2, 3),uneven((2,3))
    agree(e, e.numgrad(lambda t: t*t, e.array(x), dout=e.array(up)), 2*x*up, rtol=1e-7)
    agree(e, e.numgrad(lambda t: (t*t).sum(), e.array(x.T.copy()).T), 2*x, rtol=1e-7)
    with pytest.raises(TypeError, match='float32'): e.numgrad(lambda t: t, e.array(x.astype('float32')))


# the engine
positive = np.abs(random(2, 3))+.5
@pytest.mark.parametrize('f,shapes', [
    (lambda e, a, b: a+b, [(2,3),(3,)]), (lambda e, a, b: a-b, [(2,1),(1,4)]), (lambda e, a, b: a*b, [(2,3),(2,3)]),
    (lambda e, a, b: a*b-b/a, [(4,2,3),(2,1)]), (lambda e, a: 3-a, [(2,3)]), (lambda e, a: 2/a+a*4, [(2,3)]), (lambda e, a: (-a)**3, [(2,3)]),
    (lambda e, a: a*a+a, [(3,2)]), (lambda e, a, b: a@b, [(2,3),(3,4)]), (lambda e, a, b: a@b, [(5,2,3),(3,4)]),
    (lambda e, a, b: a@b, [(5,2,3),(5,3,4)]), (lambda e, a: e.named('exp', a), [(2,3)]), (lambda e, a: e.named('log', a), [(2,3)]),
    (lambda e, a: e.named('relu', a-1.2), [(4,3)]), (lambda e, a: a.sum(), [(2,3)]), (lambda e, a: a.sum(0), [(2,3,4)]),
    (lambda e, a: a.sum((0,2), True), [(2,3,4)]), (lambda e, a: a.reshape(3, 4), [(2,6)]), (lambda e, a: e.named('T', a)@a, [(2,3)]),
    (lambda e, a: a[e.array(np.array([0,2,2]))], [(3,4)]), (lambda e, a: a[1:,::2], [(3,4)]), (lambda e, a: a[e.array(np.array([1,1,0])), e.array(np.array([2,2,0]))], [(2,3)])])
def test_operations(e, f, shapes): hold(e, lambda *vs: f(e, *vs), *[np.abs(random(*s))+.5 for s in shapes])

def test_an_array_on_the_left(e):
    a,x = random(3),random(2, 3)
    for f in (lambda l, v: l+v, lambda l, v: l-v, lambda l, v: l*v, lambda l, v: l/v):
        v = e.Var(e.array(x), True)
        out = f(e.array(a), v)
        assert type(out) is e.Var
        agree(e, out.data, f(a, x))
        out.backward(e.array(uneven((2,3))))
        agree(e, v.grad, central(lambda x: f(a, x), x, uneven((2,3))), rtol=1e-5, atol=1e-6)

def test_leaves_add_up(e):
    v,w = e.Var(e.array(np.array([3.,-2])), True),e.Var(e.array(np.array([1.,5])))
    for k in (1,2):
        (v*v*w).backward(e.array(np.array([1.,10])))
        agree(e, v.grad, k*np.array([6.,-200]))
    assert w.grad is None

def test_gradients_of_two_leaves_are_two(e):
    "`a+b` hands the same gradient to both: one may be changed without the other"
    a,b = [e.Var(e.array(np.ones(2)), True) for _ in range(2)]
    (a+b).backward(e.array(np.ones(2)))
    a.grad *= 5
    agree(e, b.grad, np.ones(2))

def test_engine_refuses(e):
    v = e.Var(e.array(np.ones((2,3))), True)
    out = v*2
    with pytest.raises(ValueError): out.backward()
    with pytest.raises(ValueError): out.backward(e.array(np.ones(3)))
    out.backward(e.array(np.ones((2,3))))
    with pytest.raises(RuntimeError, match='let go'): out.backward(e.array(np.ones((2,3))))
    with pytest.raises(RuntimeError): v.backward(e.array(np.ones((2,3))))
    with pytest.raises(TypeError, match='gradients need floats'): e.Var(e.array(np.arange(3)), True)
    with pytest.raises(TypeError): e.Var([1.,2], True)
    with pytest.raises(TypeError, match='float32'): e.Var(e.array(np.ones(2, 'float32')), True)*e.array(np.ones(2))

def test_a_long_chain(e):
    v = e.Var(e.array(np.ones(1)), True)
    out = v
    for _ in range(20_000): out = out+1e-6
    out.backward()
    agree(e, v.grad, np.ones(1))


# scores and surprise
def log_softmax(z, axis):
    z = z.astype('float64')
    z = z-z.max(axis, keepdims=True)
    return z-np.log(np.exp(z).sum(axis, keepdims=True))

@pytest.mark.parametrize('axis', [0,1])
def test_softmax(e, axis):
    x = random(4, 3)
    hold(e, lambda v: e.softmax(v, axis), x)
    hold(e, lambda v: e.log_softmax(v, axis), x)
    agree(e, e.softmax(e.array(x), axis), np.exp(log_softmax(x, axis)))
    agree(e, e.log_softmax(e.array(x), axis), log_softmax(x, axis))

def test_softmax_stands_large_scores(e):
    x = np.array([[1e4,-1e4,9999],[-1e4,-1e4,-1e4],[0,-np.inf,3]], 'float32')
    agree(e, e.softmax(e.array(x), 1), np.exp(log_softmax(x, 1)).astype('float32'))
    agree(e, e.log_softmax(e.array(x), 1), log_softmax(x, 1).astype('float32'))
    finite,y = e.Var(e.array(x[:2]), True),np.array([1,2])
    loss = e.cross_entropy(finite, e.array(y))
    agree(e, loss.data, np.float32(-log_softmax(x[:2], 1)[[0,1],y].mean()))
    loss.backward()
    want = np.exp(log_softmax(x[:2], 1))
    want[[0,1],y] -= 1
    agree(e, finite.grad, (want/2).astype('float32'))

@pytest.mark.parametrize('smoothing', [0.,.3])
def test_cross_entropy(e, smoothing):
    x,y = random(5, 3),np.array([2,0,1,2,2])
    logp = log_softmax(x, 1)
    want = -((1-smoothing)*logp[np.arange(5),y]+smoothing*logp.mean(1)).mean()
    got = hold(e, lambda v: e.cross_entropy(v, e.array(y), label_smoothing=smoothing), x)
    same(got, np.asarray(want))

def test_classes_that_are_none(e):
    x = e.array(random(3, 4))
    for y in (np.array([0,-1,2]), np.array([0,4,2]), np.array([0,1]), np.array([[0],[1],[2]])):
        with pytest.raises(ValueError): e.cross_entropy(x, e.array(y))


# modules and steps
def net(e, dtype='float64', **r): return e.Sequential(e.Linear(4, 5, dtype=e.dtype(dtype), **r), e.ReLU(), e.Linear(5, 3, dtype=e.dtype(dtype), **r))

def test_modules(e):
    n = net(e, **e.rng(0))
    shapes = {k:tuple(p.shape) for k,p in n.named_parameters()}
    assert shapes=={'0.weight':(5,4),'0.bias':(5,),'2.weight':(3,5),'2.bias':(3,)} and list(shapes)==list(n.state_dict())
    state = {k:e.numbers(a) for k,a in n.state_dict().items()}
    assert all(np.abs(a).max()<=1/math.sqrt(4 if k[0]=='0' else 5) for k,a in state.items())
    x = random(6, 4)
    want = np.maximum(x@state['0.weight'].T+state['0.bias'], 0)@state['2.weight'].T+state['2.bias']
    agree(e, n(e.array(x)).data, want)
    other = net(e, **e.rng(1))
    before = other.state_dict()['2.bias']
    other.load_state_dict(n.state_dict())
    assert other.state_dict()['2.bias'] is before or e.numbers(before).ctypes.data==e.numbers(other.state_dict()['2.bias']).ctypes.data
    agree(e, other(e.array(x)).data, want)

def test_parts_keep_their_order_and_count_once(e):
    class Twice(e.Module):
        def __init__(self):
            super().__init__()
            self.first = e.Linear(2, 3)
            self.scale = e.Parameter(e.array(np.ones(3)))
            self.again = self.first
    n = Twice()
    assert len(list(n.parameters()))==3 and next(iter(n.named_parameters()))[0]=='scale'

def test_a_state_that_does_not_fit(e):
    n = net(e)
    before = {k:e.numbers(a).copy() for k,a in n.state_dict().items()}
    good = {k:e.array(a+1) for k,a in before.items()}
    for bad in ({k:good[k] for k in list(good)[:-1]}, good|dict(more=e.array(np.ones(2))), good|{'2.bias':e.array(np.ones(2))}):
        with pytest.raises(ValueError): n.load_state_dict(bad)
        for k,a in n.state_dict().items(): agree(e, a, before[k])

@pytest.mark.parametrize('momentum,decay', [(0.,0.),(.9,0.),(0.,.1),(.8,.05)])
@pytest.mark.parametrize('dtype', ['float32','float64'])
def test_sgd(e, momentum, decay, dtype):
    start,gs = random(3, 2, dtype=dtype),[random(3, 2, dtype=dtype) for _ in range(4)]
    p = e.Parameter(e.array(start))
    held,opt = p.data,e.SGD([p], lr=.1, momentum=momentum, weight_decay=decay)
    want,v = start.astype('float64'),None
    for g in gs:
        d = g+decay*want
        v = d if v is None else momentum*v+d
        want = want-.1*(v if momentum else d)
        p.grad = e.array(g)
        opt.step(); opt.zero_grad()
        assert p.grad is None
    agree(e, held, want.astype(dtype)) # in the array that was there
    opt.step() # without gradients nothing moves
    agree(e, held, want.astype(dtype))
    with pytest.raises(ValueError, match='params is empty'): e.SGD([], lr=.1)


# convolution
def correlate(x, w, b, stride, padding):
    "In plain loops"
    (s,t),(p,q) = stride,padding
    x = np.pad(x, ((0,0),(0,0),(p,p),(q,q)))
    (n,_,h,wide),(f,_,i,j) = x.shape,w.shape
    out = np.zeros((n,f,(h-i)//s+1,(wide-j)//t+1))
    for k in np.ndindex(*out.shape[2:]):
        out[:,:,k[0],k[1]] = np.einsum('bcij,fcij->bf', x[:,:,k[0]*s:k[0]*s+i,k[1]*t:k[1]*t+j], w)
    return out+b[:,None,None]

conv_cases = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.tuples(st.integers(1, 8), st.integers(1, 8)),
                       st.tuples(st.integers(1, 4), st.integers(1, 4)), st.tuples(st.integers(1, 3), st.integers(1, 3)),
                       st.tuples(st.integers(0, 2), st.integers(0, 2)))

@settings(max_examples=80)
@given(conv_cases, st.sampled_from(['float32','float64']), st.booleans())
def test_conv2d(e, case, dtype, turned):
    n,c,f,size,kernel,stride,padding = case
    assume(all(s+2*p>=k for s,p,k in zip(size, padding, kernel)))
    x,w,b = random(n, c, *size, dtype=dtype),random(f, c, *kernel, dtype=dtype),random(f, dtype=dtype)
    images = e.array(x.swapaxes(1, 3).copy()).swapaxes(1, 3) if turned else e.array(x)
    agree(e, e.conv2d(images, e.array(w), e.array(b), stride, padding), correlate(x, w, b, stride, padding).astype(dtype), rtol=1e-4, atol=1e-4)

@settings(max_examples=15)
@given(conv_cases)
def test_conv2d_gradients(e, case):
    n,c,f,size,kernel,stride,padding = case
    assume(all(s+2*p>=k for s,p,k in zip(size, padding, kernel)) and n*c*f<20 and size[0]*size[1]<30)
    hold(e, lambda x, w, b: e.conv2d(x, w, b, stride, padding), random(n, c, *size), random(f, c, *kernel), random(f))

@pytest.mark.parametrize('shape,f', [((40,8,28,28),16), ((70,32,7,7),64), ((3,1,60,70),2), ((0,2,5,4),3)])
def test_more_images_than_fit(e, shape, f):
    "Forward and back, by the rule of the product: <out, g> changes with each operand as its gradient says"
    x,w,b = random(*shape),random(f, shape[1], 3, 3),random(f)
    vs = [e.Var(e.array(a), True) for a in (x,w,b)]
    out = e.conv2d(*vs, 1, 1)
    agree(e, out.data, correlate(x, w, b, (1,1), (1,1)))
    g = random(*out.shape)
    out.backward(e.array(g))
    agree(e, vs[2].grad, g.sum((0,2,3)))
    total = (correlate(x, w, 0*b, (1,1), (1,1))*g).sum() # linear in x, and in w
    for v,a in zip(vs, (x,w)): same((e.numbers(v.grad)*a).sum(), np.float64(total), rtol=1e-9, atol=1e-9)
    d = random(*shape)
    same((e.numbers(vs[0].grad)*d).sum(), np.float64((correlate(d, w, 0*b, (1,1), (1,1))*g).sum()), rtol=1e-9, atol=1e-9)

@settings(max_examples=60)
@given(st.integers(0, 3), st.integers(1, 3), st.tuples(st.integers(1, 8), st.integers(1, 8)), st.tuples(st.integers(1, 4), st.integers(1, 4)),
       st.one_of(st.none(), st.tuples(st.integers(1, 4), st.integers(1, 4))), st.tuples(st.integers(0, 2), st.integers(0, 2)), st.booleans(), st.sampled_from(['float32','float64']))
def test_max_pool2d(e, n, c, size, kernel, stride, padding, ties, dtype):
    assume(all(2*p<=k<=s+2*p for s,p,k in zip(size, padding, kernel)))
    x = random(n, c, *size, dtype=dtype)
    if ties: x = np.round(x)
    x[...,:1] = -np.inf
    (s,t),(p,q) = stride or kernel,padding
    edge = np.pad(x, ((0,0),(0,0),(p,p),(q,q)), constant_values=np.nan)
    high,wide = (edge.shape[2]-kernel[0])//s+1,(edge.shape[3]-kernel[1])//t+1
    want,grad,g = np.empty((n,c,high,wide), dtype),np.zeros(edge.shape),uneven((n,c,high,wide), dtype)
    for b,k,i,j in np.ndindex(want.shape):
        part = edge[b,k,i*s:i*s+kernel[0],j*t:j*t+kernel[1]]
        want[b,k,i,j] = np.nanmax(part)
        di,dj = np.unravel_index(np.nanargmax(np.where(np.isnan(part), np.nan, np.nan_to_num(part, neginf=-1e9))), part.shape) # the first one
        grad[b,k,i*s+di,j*t+dj] += g[b,k,i,j]
    v = e.Var(e.array(x), True)
    out = e.max_pool2d(v, kernel, stride, padding)
    agree(e, out.data, want)
    agree(e, e.max_pool2d(e.array(x), kernel, stride, padding), want)
    out.backward(e.array(g))
    agree(e, v.grad, grad[:,:,p:edge.shape[2]-p,q:edge.shape[3]-q].astype(dtype))

x,w,b = np.zeros((2,3,6,5)),np.zeros((4,3,3,2)),np.zeros(4)
@pytest.mark.parametrize('name,args,error', [('conv2d', (x[:,:2],w,b), ValueError), ('conv2d', (x,w[0],b), ValueError), ('conv2d', (x[0],w,b), ValueError),
    ('conv2d', (x,w,b[:1]), ValueError), ('conv2d', (x,w,b,0), ValueError), ('conv2d', (x,w,b,1.5), ValueError), ('conv2d', (x,w,b,1,-1), ValueError),
    ('conv2d', (x,np.zeros((4,3,7,2)),b), ValueError), ('conv2d', (x.astype('float32'),w,b), TypeError), ('max_pool2d', (x,0), ValueError),
    ('max_pool2d', (x,7), ValueError), ('max_pool2d', (x,2,0), ValueError), ('max_pool2d', (x,3,None,2), ValueError), ('max_pool2d', (x[0],2), ValueError)])
def test_images_that_do_not_fit(e, name, args, error):
    with pytest.raises(error): getattr(e, name)(*[e.array(a) if isinstance(a, np.ndarray) else a for a in args])

def test_layers_of_images(e):
    x = random(3, 2, 6, 4, dtype='float32')
    conv = e.Conv2d(2, 5, (3,1), stride=2, padding=1, **e.rng(0))
    state = {k:e.numbers(a) for k,a in conv.state_dict().items()}
    assert state['weight'].shape==(5,2,3,1) and state['weight'].dtype=='float32' and np.abs(state['weight']).max()<=1/math.sqrt(6)
    agree(e, conv(e.array(x)).data, correlate(x, state['weight'], state['bias'], (2,2), (1,1)).astype('float32'), rtol=1e-4)
    agree(e, e.Flatten()(e.array(x)), x.reshape(3, -1))
    agree(e, e.Unflatten(1, (2,1))(e.array(x)), x.reshape(3, 2, 1, 6, 4))
    agree(e, e.MaxPool2d(2)(e.array(x)), x.reshape(3, 2, 3, 2, 2, 2).max((3,5)))


# data and training
def test_data(e):
    x,y = random(20, 6),np.arange(20)
    data = e.Dataset(e.array(x), e.array(y))
    agree(e, data[3][0], x[3])
    loader = e.DataLoader(data, 8)
    assert len(loader)==3
    got = list(loader)
    agree(e, got[2][0], x[16:])
    for _,yb in got: assert e.numbers(yb).dtype=='int64'
    mixed = e.DataLoader(data, 7, shuffle=True)
    first,second = [np.concatenate([e.numbers(yb) for _,yb in mixed]) for _ in range(2)]
    assert sorted(first)==sorted(second)==list(range(20)) and list(first)!=list(second)!=list(range(20))
    for xb,yb in mixed: agree(e, xb, x[e.numbers(yb)])
    for n in (0,21):
        with pytest.raises(ValueError, match=f'batch_size is {n}'): e.DataLoader(data, n)
    with pytest.raises(ValueError, match='x has 20 rows, y has 19'): e.Dataset(e.array(x), e.array(y[:19]))

def test_shifted(e):
    x = random(2, 9, dtype='float32')
    moving = e.Shifted(e.array(x), e.array(np.array([0,1])), 1)
    for i in (0,1):
        corner = np.full((3,3), x.min())
        corner[1:,1:] = x[i].reshape(3, 3)[:2,:2]
        agree(e, moving.windows[i,1,1], x[i].reshape(3, 3))
        agree(e, moving.windows[i,0,0], corner) # down and to the right
    seen = {tuple(np.round(e.numbers(moving[e.array(np.array([1]))][0])[0], 5)) for _ in range(200)}
    assert len(seen)==9
    xs,ys = moving[e.array(np.array([1,0,1]))]
    assert tuple(xs.shape)==(3,9) and e.numbers(ys).tolist()==[1,0,1] and tuple(moving[1][0].shape)==(9,)

def test_accuracy(e):
    scores = np.array([[1.,2,0],[3,0,1],[np.nan,5,0],[0,1,9]])
    assert e.accuracy(e.array(scores), e.array(np.array([1,0,1,2])))==.75
    with pytest.raises(ValueError): e.accuracy(e.array(scores), e.array(np.zeros((4,1), 'int64')))

def test_one_cycle(e):
    at = e.one_cycle(.2)
    same([at(t) for t in (0,.15,.3,.65,1)], [.008,.104,.2,.1,0.], atol=1e-12)
    assert max(at(t/100) for t in range(101))==at(.3) and type(at(.5)) is float

@pytest.mark.parametrize('name,sizes,first', [('digit_net', (784,20,10), '0.weight'), ('digit_cnn', (3,4,5), '1.weight')])
def test_training(e, name, sizes, first):
    "It learns, a seed gives the same weights to the last digit, and another seed others"
    from groundup.support.data import digits
    d = digits()
    x,y = e.array(d.x[:300]),e.array(d.y[:300])
    def net(**rng): return getattr(e, name)(sizes, **rng)
    runs = [e.digit_learner(x, y, seed, batch_size=50, net=net).fit(3) for seed in (5,5,6)]
    states = [{k:e.numbers(a) for k,a in l.model.state_dict().items()} for l in runs]
    same(states[0], states[1], rtol=0, atol=0)
    assert not np.array_equal(states[0][first], states[2][first])
    assert all(a.dtype=='float32' for a in states[0].values())
    assert runs[0].history[-1]['loss']<runs[0].history[0]['loss']

def test_a_loss_that_is_none(e):
    from groundup.support.data import digits
    d = digits()
    l = e.digit_learner(e.array(d.x[:200]), e.array(d.y[:200]), lr=1e18, net=lambda **rng: e.digit_net((784,8,10), **rng))
    with np.errstate(all='ignore'), pytest.raises(FloatingPointError, match='learning rate too large'): l.fit(20)

@without
def test_both_take_the_same_steps():
    "The same start, the same batches, float64: the same losses and weights, and the state goes from one to the other"
    ours,theirs = NumPy(),Torch()
    a,b = net(ours, **ours.rng(0)),net(theirs)
    b.load_state_dict({k:theirs.array(t) for k,t in a.state_dict().items()})
    how,losses = dict(lr=.1, momentum=.9, weight_decay=.01),[]
    for e,n in ((ours,a),(theirs,b)):
        opt,seen,r = e.SGD(n.parameters(), **how),[],np.random.default_rng(4)
        for _ in range(15):
            loss = e.cross_entropy(n(e.array(r.standard_normal((8,4)))), e.array(r.integers(0, 3, 8)), label_smoothing=.1)
            loss.backward(); opt.step(); opt.zero_grad()
            seen.append(e.numbers(loss.data).item())
        losses.append(seen)
    same(*losses, rtol=1e-11)
    same({k:theirs.numbers(t) for k,t in b.state_dict().items()}, a.state_dict(), rtol=1e-11)
