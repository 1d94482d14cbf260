"Our convolution and pooling against PyTorch's: random shapes, both dtypes, images in disorder, bad calls, memory"
import gc, weakref
import pytest, torch
import torch.nn.functional as F
from hypothesis import assume, given, settings, strategies as st
from torch import nn
from groundup.convolution import Conv2d, Flatten, MaxPool2d, Unflatten, conv2d, digit_cnn, max_pool2d, windows
from groundup.engine import Var
from groundup.module import Module, SGD
from groundup.support.testing import same

checked = settings(max_examples=150)
tolerance = {torch.float32:dict(rtol=1e-4, atol=1e-4), torch.float64:dict(rtol=1e-9, atol=1e-10)}
orders = [(0,1,2,3),(0,2,3,1),(3,1,2,0),(1,0,3,2)] # how the axes lie in memory
pair = lambda low, high: st.one_of(st.integers(low, high), st.tuples(st.integers(low, high), st.integers(low, high)))
def two(v): return v if isinstance(v, tuple) else (v,v)

def tensor(shape, dtype, order, seed, whole=False):
    "Random numbers whose axes lie in memory in some order, and with gaps"
    g = torch.Generator().manual_seed(seed)
    lie = [shape[k] for k in order]
    lie[-1] *= 2
    t = torch.randint(-2, 3, lie, generator=g).to(dtype) if whole else torch.randn(lie, generator=g, dtype=dtype)
    return t[...,::2].permute([order.index(k) for k in range(4)])

def hold(ours, theirs, ts):
    "Same value and gradients on plain tensors, in PyTorch's graph and in ours"
    tol = tolerance[ts[0].dtype]
    before = [t.clone() for t in ts]
    want = theirs(*(a := [t.clone().requires_grad_() for t in ts]))
    same(ours(*ts), want.detach(), **tol)
    g = torch.Generator().manual_seed(9)
    up = torch.randn(want.shape, generator=g, dtype=want.dtype)
    grads = torch.autograd.grad(want, a, up)
    b = [t.detach().requires_grad_() for t in ts]
    got = ours(*b)
    same(got.detach(), want.detach(), **tol)
    same(torch.autograd.grad(got, b, up), grads, **tol)
    vs = [Var(t, requires_grad=True) for t in ts]
    out = ours(*vs)
    assert type(out) is Var
    out.backward(up)
    same(out.data, want.detach(), **tol)
    same(tuple(v.grad for v in vs), grads, **tol)
    for t,o in zip(ts, before): assert torch.equal(t, o)

# values and gradients

@checked
@given(st.integers(0, 5), st.integers(1, 4), st.integers(1, 5), st.tuples(st.integers(1, 11), st.integers(1, 11)), pair(1, 5),
       pair(1, 4), pair(0, 3), pair(1, 3), st.sampled_from([*tolerance]), st.sampled_from(orders), st.booleans())
def test_conv2d(n, c, f, size, kernel, stride, padding, dilation, dtype, order, bias):
    assume(all(s+2*p>=d*(k-1)+1 for s,p,d,k in zip(size, two(padding), two(dilation), two(kernel))))
    how = dict(stride=stride, padding=padding, dilation=dilation)
    ts = [tensor((n,c,*size), dtype, order, 0), tensor((f,c,*two(kernel)), dtype, order[::-1], 1)]
    if bias: ts.append(torch.linspace(-1, 2, f, dtype=dtype))
    hold(lambda *o: conv2d(*o, **how), lambda *o: F.conv2d(*o, **how), ts)

@pytest.mark.filterwarnings('ignore:Using padding')
@checked
@given(st.tuples(st.integers(1, 8), st.integers(1, 8)), pair(1, 5), pair(1, 3), st.sampled_from([*tolerance]), st.sampled_from(orders))
def test_padding_same(size, kernel, dilation, dtype, order):
    ts = [tensor((2,3,*size), dtype, order, 0), tensor((4,3,*two(kernel)), dtype, order, 1)]
    hold(lambda *o: conv2d(*o, padding='same', dilation=dilation), lambda *o: F.conv2d(*o, padding='same', dilation=dilation), ts)

@pytest.mark.parametrize('shape,f', [((40,8,28,28),16), ((90,32,7,7),64), ((3,1,60,70),2)])
def test_more_images_than_a_chunk(shape, f):
    g = torch.Generator().manual_seed(0)
    ts = [torch.randn(s, generator=g, dtype=torch.float64) for s in (shape, (f,shape[1],3,3), (f,))]
    hold(lambda *o: conv2d(*o, padding=1), lambda *o: F.conv2d(*o, padding=1), ts)

@checked
@given(st.integers(0, 4), st.integers(1, 3), st.tuples(st.integers(1, 10), st.integers(1, 10)), pair(1, 4), st.one_of(st.none(), pair(1, 4)),
       pair(0, 2), st.sampled_from([*tolerance]), st.sampled_from(orders), st.booleans())
def test_max_pool2d(n, c, size, kernel, stride, padding, dtype, order, ties):
    assume(all(2*p<=k<=s+2*p for s,p,k in zip(size, two(padding), two(kernel))))
    x = tensor((n,c,*size), dtype, order, 0, whole=ties)
    hold(lambda t: max_pool2d(t, kernel, stride, padding), lambda t: F.max_pool2d(t, kernel, stride, padding), [x])

def test_pooling_of_infinities():
    x = torch.tensor([[-torch.inf,-torch.inf,1.],[-torch.inf,-torch.inf,torch.inf]]).view(1, 1, 2, 3)
    hold(lambda t: max_pool2d(t, 2, 1, 1), lambda t: F.max_pool2d(t, 2, 1, 1), [x])
    x[0,0,0,0] = torch.nan
    same(max_pool2d(x, 2, 1), F.max_pool2d(x, 2, 1))

@checked
@given(st.tuples(st.integers(1, 9), st.integers(1, 9)), pair(1, 4), pair(1, 3), pair(1, 3), st.sampled_from(orders))
def test_windows(size, kernel, stride, dilation, order):
    assume(all(s>=d*(k-1)+1 for s,d,k in zip(size, two(dilation), two(kernel))))
    x = tensor((2,3,*size), torch.float64, order, 0)
    v = windows(x, kernel, stride, dilation)
    same(v.flatten(4).flatten(1, 3), F.unfold(x, kernel, dilation, 0, stride))
    assert v.untyped_storage().data_ptr()==x.untyped_storage().data_ptr()

# bad calls

x,w,b = torch.zeros(2, 3, 6, 5),torch.zeros(4, 3, 3, 2),torch.zeros(4)
@pytest.mark.parametrize('call,error,says', [
    (lambda: conv2d(x[:,:2], w), ValueError, r'channels differ: input is \(2, 2, 6, 5\), weight is \(4, 3, 3, 2\)'),
    (lambda: conv2d(x, w[0]), ValueError, 'channels differ'), (lambda: conv2d(x[0], w), ValueError, r'expected \(b,c,h,w\)'),
    (lambda: conv2d(x, w, b[:1]), ValueError, r'bias is \(1,\)'), (lambda: conv2d(x, w, b[:,None]), ValueError, r'bias is \(4, 1\)'),
    (lambda: conv2d(x.double(), w), TypeError, 'dtypes differ: torch.float64, torch.float32'),
    (lambda: conv2d(x, w, b.double()), TypeError, 'dtypes differ'),
    (lambda: conv2d(x, w, stride=0), ValueError, 'stride is 0'), (lambda: conv2d(x, w, stride=(1,0)), ValueError, 'stride is'),
    (lambda: conv2d(x, w, stride=1.5), ValueError, 'stride is 1.5'), (lambda: conv2d(x, w, padding=-1), ValueError, 'padding is -1'),
    (lambda: conv2d(x, w, padding='valid'), ValueError, "padding is 'valid'"), (lambda: conv2d(x, w, dilation=0), ValueError, 'dilation is 0'),
    (lambda: conv2d(x, w, stride=2, padding='same'), ValueError, "padding 'same' goes with stride 1"),
    (lambda: conv2d(x, torch.zeros(4, 3, 7, 2)), ValueError, 'a window spans 7 by 2, the padded image has 6 by 5'),
    (lambda: conv2d(x, w, dilation=3), ValueError, 'a window spans 7 by 4'),
    (lambda: max_pool2d(x, 0), ValueError, 'kernel_size is 0'), (lambda: max_pool2d(x, 7), ValueError, 'a window spans 7 by 7'),
    (lambda: max_pool2d(x, 2, 0), ValueError, 'stride is 0'), (lambda: max_pool2d(x, 3, padding=2), ValueError, 'at most half'),
    (lambda: max_pool2d(x, (2,4), padding=(2,1)), ValueError, 'at most half'), (lambda: max_pool2d(x[0], 2), ValueError, 'expected')])
def test_errors(call, error, says):
    with pytest.raises(error, match=says): call()

def test_a_change_in_place_is_noticed():
    for f in (lambda t: conv2d(t*1, k), lambda t: max_pool2d(t*1, 2)):
        k = torch.ones(1, 1, 2, 2, requires_grad=True)
        leaf = torch.ones(1, 1, 4, 4, requires_grad=True)
        y = f(leaf)
        with torch.no_grad():
            k.add_(1)
            y.add_(1)
        with pytest.raises(RuntimeError, match='changed in place'): y.sum().backward()

def test_memory():
    "No matrix of all windows is made, and what a graph held is let go"
    x = torch.zeros(200, 4, 30, 30, requires_grad=True)
    biggest = [0]
    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, f, types, args=(), kwargs=None):
            out = f(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor): biggest[0] = max(biggest[0], out.untyped_storage().nbytes())
            return out
    with Watch(): y = conv2d(x.detach(), torch.zeros(8, 4, 5, 5))
    assert biggest[0]<=y.untyped_storage().nbytes()
    seen = []
    for f in (lambda: conv2d(x, torch.zeros(1, 4, 3, 3)), lambda: max_pool2d(x, 2)):
        gc.disable()
        try:
            y = f()
            held = [o for o in y.grad_fn.rules[0].__closure__ if isinstance(o.cell_contents, torch.Tensor)]
            seen += [weakref.ref(o.cell_contents) for o in held if o.cell_contents is not x]
            del y, held
        finally: gc.enable()
    assert seen and all(r() is None for r in seen)

# modules

def test_modules_start_and_compute_as_pytorchs():
    for how in (dict(), dict(stride=2, padding=1), dict(padding='same', dilation=2), dict(bias=False)):
        torch.manual_seed(3); ours = Conv2d(2, 5, (3,1), **how)
        torch.manual_seed(3); theirs = nn.Conv2d(2, 5, (3,1), **how)
        same(ours.state_dict(), dict(theirs.state_dict()))
        x = torch.randn(3, 2, 7, 6)
        same(ours(x).detach(), theirs(x).detach())
    x = torch.randn(3, 2, 7, 6)
    same(MaxPool2d(3, 2, 1)(x), nn.MaxPool2d(3, 2, 1)(x))
    same(Flatten()(x), nn.Flatten()(x))
    same(Flatten()(x[:0]), nn.Flatten()(x[:0]))
    same(Unflatten(1, (2,1))(x), nn.Unflatten(1, (2,1))(x))

def test_a_module_of_ours_on_pytorchs_autograd():
    class Net(Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.randn(3, 1, 3, 3, dtype=torch.float64))
        def forward(self, x): return max_pool2d(conv2d(x, self.w), 2)
    net,x = Net(),torch.randn(2, 1, 6, 6, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda w: max_pool2d(conv2d(x, w), 2), (net.w,))
    opt = SGD(net.parameters(), lr=.1)
    before = net.w.detach().clone()
    net(x).pow(2).sum().backward()
    opt.step()
    assert not torch.equal(net.w, before)

def test_training_repeats_and_learns():
    from groundup.training import digit_learner, digit_tensors
    x,y,*_ = digit_tensors()
    x,y = x[:400],y[:400]
    small = lambda: digit_cnn((4,4,8))
    a,b = [digit_learner(x, y, 5, batch_size=50, net=small).fit(3) for _ in range(2)]
    same(a.model.state_dict(), b.model.state_dict())
    assert a.history[-1]['loss']<a.history[0]['loss']
    assert tuple(digit_cnn((2,3))(x[:4]).shape)==(4,10)
