"Gradients by hand on random shapes, against autograd and central differences; layers, tied weights, errors"
import pytest, torch
from hypothesis import given, settings, strategies as st
from groundup.backprop import *
from groundup.init import lin, relu
from groundup.support.testing import raises, same

quick = settings(max_examples=25)
size = st.integers(1, 5)
seeds = st.integers(0, 10**6)
f64 = torch.float64

def d(*s): return torch.randn(s, dtype=f64)
def away(t): "Away from ReLU's kink"; return torch.where(t.abs()<.05, torch.full_like(t, .3), t)
def auto(f, *ts, dout=None):
    "Gradients by PyTorch"
    leaves = [t.detach().clone().requires_grad_() for t in ts]
    return torch.autograd.grad(f(*leaves), leaves, dout)
def with_g(t, g):
    t = t.clone()
    t.g = g
    return t

@given(size, seeds)
@quick
def test_mse(n, s):
    torch.manual_seed(s)
    out,targ = d(n, 1),d(n)
    same(mse(out, targ), torch.nn.functional.mse_loss(out.flatten(), targ))
    mse_grad(out, targ)
    same(out.g, auto(lambda o: mse(o, targ), out)[0])
    assert check_grads(lambda o: mse(o, targ), dict(out=out))

class Few:
    "Has a shape, a dtype, and the four operations that `mse` needs: no tensor"
    def __init__(self, t): self.t,self.shape,self.dtype = t,t.shape,t.dtype
    def squeeze(self, axis): return Few(self.t.squeeze(axis))
    def __sub__(self, o): return Few(self.t-(o.t if isinstance(o, Few) else o))
    def __rsub__(self, o): return Few(o-self.t)
    def pow(self, n): return Few(self.t.pow(n))
    def mean(self): return Few(self.t.mean())

def test_mse_asks_for_what_it_uses():
    out,targ = d(3, 1),d(3)
    same(mse(Few(out), targ).t, mse(out, targ))
    same(mse(Few(out), Few(targ)).t, mse(out, targ))
    with raises(ValueError, 'did you mean targ.squeeze(-1)?'): mse(Few(out), targ[:,None])

@given(st.lists(st.integers(0, 4), max_size=3), seeds)
@quick
def test_relu_grad(shape, s):
    torch.manual_seed(s)
    inp,dout = away(d(*shape)),d(*shape)
    relu_grad(inp, with_g(relu(inp), dout))
    same(inp.g, auto(torch.relu, inp, dout=dout)[0])
    assert check_grads(relu, dict(inp=inp), dout=dout)

inf,nan = float('inf'),float('nan')

@pytest.mark.parametrize('dtype', [torch.float64,torch.float32])
@pytest.mark.parametrize('layer', [False,True])
def test_relu_sends_nothing_through_a_closed_unit(dtype, layer):
    "As torch.relu, for any input but 0 and any gradient"
    vs,gs = [-2.,3.,inf,-inf,nan,-0.5],[1.,-4.,inf,-inf,nan,0.]
    v = torch.tensor([a for a in vs for _ in gs], dtype=dtype)
    dout = torch.tensor(gs*len(vs), dtype=dtype)
    if layer: l = Relu(); l(v); l.backward(dout)
    else: relu_grad(v, with_g(relu(v), dout))
    same(v.g, auto(torch.relu, v, dout=dout)[0])
    zero = torch.tensor([0.,-0.], dtype=dtype) # at 0 the choice is ours
    relu_grad(zero, with_g(relu(zero), torch.tensor([inf,5.], dtype=dtype)))
    same(zero.g, torch.zeros(2, dtype=dtype))

@given(st.integers(0, 5), size, size, seeds)
@quick
def test_lin_grad(ni, nk, nj, s):
    torch.manual_seed(s)
    x,w,b,dout = d(ni, nk),d(nk, nj),d(nj),d(ni, nj)
    lin_grad(x, with_g(lin(x, w, b), dout), w, b)
    for t,g in zip((x,w,b), auto(lin, x, w, b, dout=dout)): same(t.g, g)
    assert check_grads(lin, dict(x=x, w=w, b=b), dout=dout)

def params(ni, nk, nh): return dict(x=d(ni, nk), w1=d(nk, nh), b1=d(nh), w2=d(nh, 1), b2=d(1))
def net_loss(y): return lambda x,w1,b1,w2,b2: mse(lin(relu(lin(x, w1, b1)), w2, b2), y)
def net(x, w1, b1, w2, b2): return Model([Lin(w1, b1),Relu(),Lin(w2, b2)], Mse())

@given(size, size, size, seeds)
@quick
def test_functions_and_classes_agree(ni, nk, nh, s):
    "By hand and as layers: the same as autograd"
    torch.manual_seed(s)
    p,y = params(ni, nk, nh),d(ni)
    want = auto(net_loss(y), *p.values())
    loss = forward_and_backward(y=y, **p)
    same(loss, net_loss(y)(**p))
    for t,g in zip(p.values(), want): same(t.g, g)
    assert check_grads(net_loss(y), p, atol=1e-6)
    zero_grad(*p.values())
    model = net(**p)
    same(model(p['x'], y), loss)
    model.backward()
    for t,g in zip(p.values(), want): same(t.g, g)

def test_float32_stays_float32():
    p = {n:t.float() for n,t in params(4, 3, 2).items()}
    y = torch.tensor([1,2,3,4]) # labels may be integers
    for back in (lambda: forward_and_backward(y=y, **p), lambda: (m := net(**p), m(p['x'], y), m.backward())):
        zero_grad(*p.values())
        back()
        assert {t.g.dtype for t in p.values()}=={torch.float32}

@given(st.integers(1, 4), size, size, seeds)
@quick
def test_tied_weights(times, ni, nk, s):
    "A layer applied several times, with one `w` and one `b`"
    torch.manual_seed(s)
    x,w,b,wo,bo,y = d(ni, nk),d(nk, nk),d(nk),d(nk, 1),d(1),d(ni)
    def loss(x, w, b, wo, bo):
        for _ in range(times): x = relu(lin(x, w, b))
        return mse(lin(x, wo, bo), y)
    model = Model([l for _ in range(times) for l in (Lin(w, b),Relu())]+[Lin(wo, bo)], Mse())
    model(x, y)
    model.backward()
    for t,g in zip((x,w,b,wo,bo), auto(loss, x, w, b, wo, bo)): same(t.g, g)

class Add(Layer):
    def forward(self, a, b): return a+b
    def bwd(self, dout, a, b): add_grad(a, dout); add_grad(b, dout)

class Mul(Layer):
    def forward(self, a, b): return a*b
    def bwd(self, dout, a, b): add_grad(a, dout*b); add_grad(b, dout*a)

def test_diamond():
    "x*x + x, where x is used three times"
    x,mul,add = d(2, 3),Mul(),Add()
    add(s := mul(x, x), x)
    dout = d(2, 3)
    add.backward(dout)
    mul.backward() # reads what came back to s
    same(x.g, (2*x+1)*dout)
    same(s.g, dout)

def test_gradients_add_up_until_they_are_forgotten():
    x,w,b = d(3, 2),d(2, 4),d(4)
    layer,dout = Lin(w, b),d(3, 4)
    for k in (1,2,3):
        layer(x)
        layer.backward(dout)
        same(w.g, k*(x.t()@dout))
        if k==1: assert check_grads(lin, dict(x=x, w=w, b=b), dout=dout)
    zero_grad(w)
    layer(x); layer.backward(dout)
    same((w.g,b.g), (x.t()@dout,4*dout.sum(0)))

def test_a_gradient_is_not_changed_in_place():
    "Both inputs of a sum get the same tensor back; adding to one leaves the other"
    a,b,dout = d(3),d(3),d(3)
    before,add = dout.clone(),Add()
    add(a, b); add.backward(dout)
    add_grad(a, torch.ones(3, dtype=f64))
    same((a.g,b.g,dout), (before+1,before,before))

class Same(Layer):
    def forward(self, inp): return inp
    def bwd(self, dout, inp): add_grad(inp, dout)

def test_a_layer_that_returns_its_input():
    x,layer = d(3),Same()
    out = layer(x)
    out.g = torch.ones(3, dtype=f64)
    layer.backward()
    same(x.g, torch.ones(3, dtype=f64))

class Second(Layer):
    def forward(self, a, b): return b
    def bwd(self, dout, a, b): add_grad(b, dout)

def test_a_layer_that_returns_its_second_input():
    "Whichever input is handed on, what comes back is not added to itself"
    a,b,layer = d(3),d(3),Second()
    out = layer(a, b)
    assert out is not b and out.data_ptr()==b.data_ptr()
    out.g = torch.ones(3, dtype=f64)
    layer.backward()
    same(b.g, torch.ones(3, dtype=f64))

def test_zero_grad_forgets():
    "No gradient is left, not even one of zeros"
    a,b = d(3),d(2)
    a.g = d(3)
    zero_grad(a, b)
    assert a.g is None and b.g is None

def test_check_grads_moves_as_far_as_it_is_told():
    "With this step the difference of a cube is 3x²+eps² and not 3x²"
    x = torch.ones(2, dtype=f64)
    with raises(AssertionError, 'the gradient of x'): check_grads(lambda x: (x**3).sum(), dict(x=x), dict(x=3*x**2), eps=.1)
    assert check_grads(lambda x: (x**3).sum(), dict(x=x), dict(x=3*x**2+.01), eps=.1)

@pytest.mark.parametrize('shape', [(1,),(1,1)])
def test_one_number_with_an_axis_is_no_loss(shape):
    layer = Relu()
    layer(d(*shape))
    with raises(ValueError, 'Relu: no gradient has come back to its output'): layer.backward()

@pytest.mark.parametrize('targ,hint', [((4,1),True),((4,2),False),((4,1,1),False),((3,),False)])
def test_mse_gives_its_hint_where_it_helps(targ, hint):
    with pytest.raises(ValueError) as e: mse(d(4, 1), d(*targ))
    assert ('did you mean targ.squeeze(-1)?' in str(e.value))==hint

@given(st.lists(st.integers(0, 3), max_size=3), seeds)
@quick
def test_numgrad(shape, s):
    torch.manual_seed(s)
    x,dout = d(*shape),d(*shape)
    before = x.clone()
    same(numgrad(lambda v: (v.sin()*dout).sum(), x), x.cos()*dout, atol=1e-8)
    same(numgrad(torch.sin, x, dout=dout), x.cos()*dout, atol=1e-8)
    same(numgrad(lambda v: v, x, dout=dout), dout, atol=1e-8)
    same(x, before)

def test_numgrad_of_a_transposed_tensor_and_of_numbers():
    x = d(2, 3).t()
    same(numgrad(lambda v: (v**2).sum(), x), 2*x, atol=1e-8)
    same(numgrad(lambda v: v.pow(2).sum().item(), x), 2*x, atol=1e-8)

@pytest.mark.filterwarnings('error')
def test_numgrad_of_what_is_tracked():
    "By PyTorch, or by anything that has `detach`"
    w,x = d(3).requires_grad_(),d(3)
    same(numgrad(lambda v: (v*w).sum(), x), w.detach(), atol=1e-8)
    same(numgrad(lambda v: v*w, w, dout=x), w.detach()*x, atol=1e-8)
    class Tracked:
        def __init__(self, t): self.t,self.dtype = t,t.dtype
        def detach(self): return self.t
    same(numgrad(lambda v: Tracked((v**2).sum()), Tracked(x)), 2*x, atol=1e-8)
    assert check_grads(lambda v: Tracked(v**2), dict(v=Tracked(x)), dict(v=2*x*w.detach()), dout=w.detach())

def test_a_nan_is_no_agreement():
    x = torch.tensor([-1.,4.], dtype=f64)
    with raises(ValueError, 'f gives nan where v is moved'): check_grads(torch.sqrt, dict(v=x), dict(v=.5/x.sqrt()), dout=d(2))

def test_numgrad_refuses():
    x = d(2)
    with raises(TypeError, 'x is torch.float32: central differences need float64'): numgrad(torch.sum, x.float())
    with raises(TypeError, 'the result of f is torch.float32'): numgrad(lambda v: v.float().sum(), x)
    with raises(TypeError, 'the result of f is torch.float32'): numgrad(lambda v: v.float(), x, dout=x)
    for dout in (d(3),d(1),d(1, 2),d()):
        with raises(ValueError, f'f gives (2,), dout is {tuple(dout.shape)}'): numgrad(torch.square, x, dout=dout)
    with raises((ValueError,RuntimeError)): numgrad(torch.square, x) # PyTorch's own: it is not one number
    with raises(TypeError): numgrad(lambda v: None, x)
    with raises(ZeroDivisionError): numgrad(torch.sum, x, eps=0)
    same(numgrad(torch.sum, d(0)), d(0))

def test_check_grads_names_what_differs():
    x,w,b,dout = d(2, 3),d(3, 4),d(4),d(2, 4)
    good = dict(x=dout@w.t(), w=x.t()@dout, b=dout.sum(0))
    inputs = dict(x=x, w=w, b=b)
    assert check_grads(lin, inputs, good, dout=dout) is True
    bad = good['w'].clone()
    bad[2,1] += 1
    with raises(AssertionError, 'the gradient of w: at index (2, 1): '): check_grads(lin, inputs, good | {'w':bad}, dout=dout)
    with raises(AssertionError, '(1 of 12 values differ)'): check_grads(lin, inputs, good | {'w':bad}, dout=dout)
    with raises(AssertionError, 'the gradient of b: shape (1, 4), expected (4,)'):
        check_grads(lin, inputs, good | {'b':dout.sum(0, keepdim=True)}, dout=dout)
    with raises(AssertionError, 'the gradient of b: type None'): check_grads(lin, inputs, dict(x=good['x'], w=good['w']), dout=dout)
    with raises(AssertionError, 'the gradient of x: type None'): check_grads(lin, inputs, dout=dout)
    with raises(AssertionError, 'the gradient of b: at index 0: nan'): check_grads(lin, inputs, good | {'b':good['b']*nan}, dout=dout)
    with raises(AssertionError, 'the gradient of b: dtype float32, expected float64'):
        check_grads(lin, inputs, good | {'b':good['b'].float()}, dout=dout)
    with raises(ValueError, "grads has ['B'], inputs has ['x', 'w', 'b']"): check_grads(lin, inputs, good | {'B':good['b']}, dout=dout)
    with raises(ValueError, 'inputs is empty'): check_grads(lin, {}, {})
    with raises(TypeError, 'w is torch.float32: central differences need float64'):
        check_grads(lin, inputs | {'w':w.float()}, good, dout=dout) # the argument by its name in `inputs`

def test_check_grads_shows_got_then_expected():
    x = torch.tensor(3., dtype=f64)
    with raises(AssertionError, 'the gradient of v: 6.0002, expected 6.0000'): check_grads(torch.square, dict(v=x), dict(v=2*x+2e-4))
    with raises(AssertionError, 'the gradient of v: 5.0, expected '): check_grads(torch.square, dict(v=x), dict(v=2*x-1))

def test_check_grads_takes_what_the_tensors_carry_and_a_nan_fails():
    x = torch.tensor([1.,2.], dtype=f64)
    x.g = 2*x
    assert check_grads(lambda v: (v**2).sum(), dict(v=x))
    with raises(AssertionError, 'the gradient of v'): check_grads(lambda v: (v**2).sum(), dict(v=x), dict(v=x*nan))

def test_the_squeeze():
    out,y = d(200, 1),d(200)
    for a,b in [(out, y[:,None]), (out, y[:1]), (out, y[None]), (out, d(1)), (out, d()),
                (y, y), (out[None], y), (d(200, 2), y), (d(1, 200), y), (d(2, 2), d(2)), (out[:,0], out)]:
        for f in (mse,mse_grad):
            with raises(ValueError, f'out is {tuple(a.shape)}, targ is {tuple(b.shape)}, not (n,1) and (n,)'): f(a, b)
    same(mse(out[:1], y[:1]).shape, torch.Size([]))
    with raises(ValueError, 'the batch is empty'): mse(out[:0], y[:0])
    with raises(TypeError, 'targ is torch.float64, out is torch.float32'): mse_grad(out.float(), y)
    with raises(TypeError, 'targ is torch.float32, out is torch.int64'): mse(out.long(), y.float())

def test_out_of_order():
    x,w,b = d(2, 3),d(3, 4),d(4)
    out = lin(x, w, b)
    with raises(AttributeError, "no attribute 'g'"): lin_grad(x, out, w, b)
    with raises(AttributeError, "no attribute 'g'"): relu_grad(out, relu(out))
    for g in (d(3, 2),d(1, 3),d(3),d()):
        with raises(ValueError, f'g is {tuple(g.shape)}, its tensor is (2, 3)'): add_grad(x, g)
    assert not hasattr(x, 'g')

def test_backward_before_forward_and_twice():
    p = params(4, 3, 2)
    model = net(**p)
    with raises(RuntimeError, 'Model: call it before backward()'): model.backward()
    model(p['x'], d(4))
    model.backward()
    got = {n:t.g.clone() for n,t in p.items()}
    with raises(RuntimeError, 'Model: call it before backward()'): model.backward()
    same({n:t.g for n,t in p.items()}, got)

def layers(): # with what goes in
    x = d(2, 3)
    return [(Relu(), x), (Lin(d(3, 4), d(4)), x), (Mse(), d(2, 1), d(2)), (net(*params(2, 3, 4).values()), x, d(2)),
            (Add(), x, x), (Sigmoid(), x), (Same(), x), (Total(), x)]

@pytest.mark.parametrize('k', range(8))
def test_each_call_serves_one_backward(k):
    "Of every kind of layer: else gradients would be added twice"
    layer,*args = layers()[k]
    for _ in range(2): # a new call, a new way back
        with raises(RuntimeError, f'{type(layer).__name__}: call it before backward()', quiet=True): layer.backward()
        dout = torch.ones_like(layer(*args))
        layer.backward(dout)
        g = args[0].g
        with raises(RuntimeError, f'{type(layer).__name__}: call it before backward()', quiet=True): layer.backward(dout)
        assert args[0].g is g

def test_one_layer_used_twice_in_a_net_is_no_silent_error():
    w,b,x,y = d(3, 3),d(3),d(2, 3),d(2)
    layer = Lin(w, b)
    model = Model([layer,Relu(),layer,Lin(d(3, 1), d(1))], Mse())
    model(x, y)
    with raises(RuntimeError, 'Lin: call it before backward()'): model.backward()

def test_a_gradient_that_has_not_come_back_does_not_use_up_the_call():
    layer,x = Relu(),d(2, 3)
    layer(x)
    with raises(ValueError, 'Relu: no gradient has come back to its output'): layer.backward()
    layer.backward(torch.ones_like(x))
    same(x.g, (x>0).double())

class Total(Layer):
    def forward(self, inp): return inp.sum()
    def bwd(self, dout, inp): add_grad(inp, dout.expand_as(inp))

class Square(Layer):
    def forward(self, inp): return inp**2
    def bwd(self, dout, inp): add_grad(inp, 2*inp*dout)

@pytest.mark.parametrize('dout', [None,torch.tensor(-3., dtype=f64)])
def test_a_number_in_the_middle_keeps_what_comes_back(dout):
    "Only the last number begins with 1, and only if it is given nothing"
    x,way = d(2, 3),[Total(),Square(),Square()]
    v = x
    for l in way: v = l(v)
    way[-1].backward(dout)
    for l in way[-2::-1]: l.backward()
    same(x.g, auto(lambda t: t.sum()**4, x, dout=dout)[0])

def test_a_model_takes_what_comes_back_to_its_loss():
    p,y = params(4, 3, 2),d(4)
    model,twice = net(**p),Square()
    twice(model(p['x'], y))
    twice.backward()
    model.backward()
    for t,g in zip(p.values(), auto(lambda *ts: net_loss(y)(*ts)**2, *p.values())): same(t.g, g)

class Sigmoid(Layer):
    def forward(self, inp): return torch.sigmoid(inp)
    def bwd(self, dout, inp): add_grad(inp, dout*self.out*(1-self.out))

def test_bwd_may_use_the_output():
    x,dout,layer = d(2, 3),d(2, 3),Sigmoid()
    layer(x)
    layer.backward(dout)
    same(x.g, auto(torch.sigmoid, x, dout=dout)[0])
    assert layer.args is None # what went in is let go

def test_a_bwd_that_fails_is_not_run_again():
    "What it had added would be added twice"
    class Half(Layer):
        def forward(self, inp): return inp/2
        def bwd(self, dout, inp): add_grad(inp, dout/2); 1/0
    x,layer = d(2),Half()
    layer(x)
    with raises(ZeroDivisionError): layer.backward(d(2))
    g = x.g
    with raises(RuntimeError, 'Half: call it before backward()'): layer.backward(d(2))
    assert x.g is g

def test_unimplemented():
    class NoForward(Layer): pass
    class NoBwd(Layer):
        def forward(self, x): return 2*x
    with raises(NotImplementedError, 'NoForward must define forward(self, *args)'): NoForward()(d(2))
    layer = NoBwd()
    layer(d(2))
    with raises(NotImplementedError, 'NoBwd must define bwd(self, dout, *args)'): layer.backward(d(2))

# --- exercises: what is named, what must not pass, what must

from groundup.exercises import backprop as ex # noqa: E402

def turned(x, y, layers):
    out,way = x,[]
    for w,b in layers:
        way.append((out, w, b))
        out = relu(out@w+b)
    l = way[-1][0]@layers[-1][0]+layers[-1][1]
    mse_grad(l, y)
    g = l.g
    for k in range(len(way)-1, -1, -1):
        inp,w,b = way[k]
        w.g,b.g = g.t()@inp,g.sum(0)
        g = g@w.t()*(inp>0) if k else g@w.t()
    x.g = g
def forwards(x, layers):
    way = []
    for w,b in layers:
        way.append((x, lin(x, w, b)))
        x = relu(way[-1][1])
    return way
def too_early(x, y, layers):
    "`lin_grad` of a layer before the `relu_grad` that writes what it reads"
    way = forwards(x, layers)
    mse_grad(way[-1][1], y)
    for k in reversed(range(len(way))):
        lin_grad(*way[k], *layers[k])
        if k+1<len(way): relu_grad(way[k][1], way[k+1][0])
def no_start(x, y, layers):
    way = forwards(x, layers)
    for k in reversed(range(len(way))):
        lin_grad(*way[k], *layers[k])
        if k: relu_grad(way[k-1][1], way[k][0])
def first_first(x, y, layers):
    way = forwards(x, layers)
    mse_grad(way[-1][1], y)
    for (inp,out),(w,b) in zip(way, layers): lin_grad(inp, out, w, b)
def own_key(x, y, layers):
    gs,way = {},forwards(x, layers)
    for k in reversed(range(len(way))): gs[k] = gs[k+1]
def flat_sum(out, targ, c): out.g = 2*c*(out.squeeze(-1)-targ)
def halves(out, targ, c): out.g = (c*(out[:,0]-targ))[:,None]
def divides(out, targ, c):
    d = out.squeeze(-1)-targ
    out.g = (2*c*d**2/d/len(targ))[:,None]
def first_only(a, b, out):
    a.g = out.g*b
    b.g = out.g*a + (0 if getattr(b, 'g', None) is None else b.g)
def by_hasattr(a, b, out):
    for p,q in (a,b),(b,a): p.g = p.g+out.g*q if hasattr(p, 'g') else out.g*q
def by_quotient(a, b, out): add_grad(a, out.g*out/a), add_grad(b, out.g*out/b)
def only_once(a, b, out):
    add_grad(a, out.g*b)
    if a is not b: add_grad(b, out.g*a)
def again(inp, out):
    s = 1/(1+(-inp).exp())
    inp.g = out.g*s*(1-s)
def again_expit(inp, out): inp.g = out.g*torch.special.expit(inp)*(1-out)
def sigmoid_quotient(inp, out): inp.g = out.g*out**2*(1/out-1)
def long_b(inp, out, w, b): inp.g,w.g,b.g = out.g@w,out.g.t()@inp,out.g.sum(1)
class NoReturn(Layer):
    def __init__(self, s): self.s = s
    def forward(self, inp): self.s*inp
    def bwd(self, dout, inp): add_grad(inp, dout*self.s)
class NoLayer:
    def __init__(self, s): self.s = s
    def forward(self, inp): return self.s*inp
class ByQuotient(NoReturn):
    def forward(self, inp): return self.s*inp
    def bwd(self, dout, inp): add_grad(inp, dout*self.s), add_grad(self.s, (dout*self.out).sum(0)/self.s)
def kept_moves(f, x, eps):
    up,down,g = x.clone(),x.clone(),x.clone()
    for k in range(len(x)):
        up[k],down[k] = up[k]+eps,down[k]-eps
        g[k] = (f(up)-f(down))/eps/2
    return g
def no_eps(f, x, eps): return numgrad(f, x, 1e-6)

@pytest.mark.parametrize('name,f,words', [
    ('deep_step', turned, 'a transpose is missing or too many'),
    ('deep_step', too_early, 'before `lin_grad` of a layer comes the `relu_grad`'),
    ('deep_step', no_start, '`mse_grad` writes the first one'),
    ('deep_step', first_first, 'the way back begins at the first layer'),
    ('weighted_mse_grad', flat_sum, 'the division by n is missing, and the gradient is `(n,)`'),
    ('weighted_mse_grad', halves, 'the factor 2 of the square and the division by n are missing'),
    ('sigmoid_grad', again, 'the sigmoid is computed again from `inp`'),
    ('lin_rows_grad', long_b, 'the gradient of `b` is summed over the wrong axis'),
    ('mul_grad', first_only, '`a.g` is overwritten'),
    ('mul_grad', by_hasattr, 'after `zero_grad` there is a `.g`, but it is `None`'),
    ('mul_grad', only_once, 'or there is only one addition'),
    ('Scale', NoLayer, '`Scale` is no `Layer`'),
    ('central', no_eps, '`eps` is not used'),
    ('central', kept_moves, 'entries that were moved stay moved')])
def test_a_mistake_is_named(name, f, words):
    v = getattr(ex, name).judge(f)
    assert v.kind=='wrong' and v.mistake and words in v.mistake, v

@pytest.mark.parametrize('name,f,words', [
    ('deep_step', own_key, 'KeyError'), ('weighted_mse_grad', divides, 'nan'), ('mul_grad', by_quotient, 'nan'),
    ('sigmoid_grad', again_expit, 'Wrong value'), ('sigmoid_grad', sigmoid_quotient, 'nan'),
    ('Scale', NoReturn, 'is `return` missing?'), ('Scale', ByQuotient, 'nan')])
def test_a_wrong_answer_without_a_name(name, f, words):
    v = getattr(ex, name).judge(f)
    assert v.kind=='wrong' and not v.mistake and words in v.text, v

def test_the_lessons_own_function_breaks_the_rule():
    def central(f, x, eps): return numgrad(f, x, eps)
    v = ex.central.judge(central)
    assert v.kind=='rule' and '`numgrad`' in v.text

def test_a_layer_of_the_notebook_is_a_layer():
    "The lesson defines its own `Layer`: nothing hangs on the package's"
    class Own:
        args = None
        def __call__(self, *args):
            self.args,self.out = args,self.forward(*args)
            return self.out
        def backward(self, dout=None): self.bwd(self.out.g if dout is None else dout, *self.args)
    class Scale(Own):
        def __init__(self, s): self.s = s
        def forward(self, inp): return self.s*inp
        def bwd(self, dout, inp): add_grad(self.s, torch.einsum('ik,ik->k', dout, inp)), add_grad(inp, self.s*dout)
    assert ex.Scale.judge(Scale).ok

def test_read_in_a_loop():
    "A list of whole numbers makes a tensor of int64"
    def read(out): return torch.tensor([min(9, max(0, round(o.item()))) for o in out])
    assert ex.read.judge(read).kind=='right'

def test_scale_goes_back_as_in_a_model():
    "A layer is called without the gradient: it stands in `.g` of the output"
    class Scale(Layer):
        def __init__(self, s): self.s = s
        def forward(self, inp): return inp*self.s
        def backward(self, dout):
            add_grad(self.args[0], dout*self.s)
            add_grad(self.s, (dout*self.args[0]).sum(0))
    v = ex.Scale.judge(Scale)
    assert v.kind=='wrong' and 'write `bwd(self, dout, inp)`' in v.text
