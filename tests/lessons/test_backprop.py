"Gradients by hand on random shapes, against autograd and central differences; layers, tied weights, errors"
import pytest, torch
from hypothesis import given, settings, strategies as st
from groundup import backprop as bp
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

@given(st.lists(st.integers(0, 4), max_size=3), seeds)
@quick
def test_relu_grad(shape, s):
    torch.manual_seed(s)
    inp,dout = away(d(*shape)),d(*shape)
    relu_grad(inp, with_g(relu(inp), dout))
    same(inp.g, auto(torch.relu, inp, dout=dout)[0])
    assert check_grads(relu, dict(inp=inp), dout=dout)

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
def first(x, w1, b1, w2, b2): return Model([Lin(w1, b1),Relu(),Lin(w2, b2)], Mse())
def second(x, w1, b1, w2, b2): return LayerModel([LinLayer(w1, b1),ReluLayer(),LinLayer(w2, b2)], MseLayer())

@given(size, size, size, seeds)
@quick
def test_three_ways_agree(ni, nk, nh, s):
    "By hand, first classes, base class: the same as autograd"
    torch.manual_seed(s)
    p,y = params(ni, nk, nh),d(ni)
    want = auto(net_loss(y), *p.values())
    loss = forward_and_backward(y=y, **p)
    same(loss, net_loss(y)(**p))
    for t,g in zip(p.values(), want): same(t.g, g)
    assert check_grads(net_loss(y), p, atol=1e-6)
    for make in (first,second):
        zero_grad(*p.values())
        model = make(**p)
        same(model(p['x'], y), loss)
        model.backward()
        for t,g in zip(p.values(), want): same(t.g, g)

def test_float32_stays_float32():
    p = {n:t.float() for n,t in params(4, 3, 2).items()}
    for make in (first,second):
        zero_grad(*p.values())
        model = make(**p)
        model(p['x'], torch.tensor([1,2,3,4])) # labels may be integers
        model.backward()
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
    model = LayerModel([l for _ in range(times) for l in (LinLayer(w, b),ReluLayer())]+[LinLayer(wo, bo)], MseLayer())
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
    layer,dout = LinLayer(w, b),d(3, 4)
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

def test_numgrad_refuses():
    x = d(2)
    for bad in (0, -1e-5, float('nan')):
        with raises(ValueError, f'eps is {bad}'): numgrad(torch.sum, x, eps=bad)
    with raises(TypeError, 'f gives a NoneType'): numgrad(lambda v: None, x)
    with raises(TypeError, 'f gives a str'): numgrad(str, x)
    with raises(TypeError, 'dout is torch.float32'): numgrad(lambda v: v, x, dout=torch.ones(2))
    with raises(TypeError, 'x is torch.float32: central differences need float64'): numgrad(torch.sum, x.float())
    with raises(TypeError, 'x is not a tensor: it is a list'): numgrad(sum, [1.])
    with raises(TypeError, 'f gives torch.float32: everything in it must be float64'): numgrad(lambda v: v.float().sum(), x)
    with raises(ValueError, 'f gives (2,), not one number: pass dout'): numgrad(lambda v: v, x)
    with raises(ValueError, 'dout is (3,), its tensor is (2,)'): numgrad(lambda v: v, x, dout=d(3))
    same(numgrad(torch.sum, d(0)), d(0))

def test_check_grads_names_what_differs():
    x,w,b,dout = d(2, 3),d(3, 4),d(4),d(2, 4)
    good = dict(x=dout@w.t(), w=x.t()@dout, b=dout.sum(0))
    inputs = dict(x=x, w=w, b=b)
    assert check_grads(lin, inputs, good, dout=dout) is True
    bad = good['w'].clone()
    bad[2,1] += 1
    with raises(AssertionError, f'the gradient of w at index (2, 1) is {bad[2,1]:.4g}, central differences give {bad[2,1]-1:.4g}'):
        check_grads(lin, inputs, good | {'w':bad}, dout=dout)
    with raises(AssertionError, 'the gradient of b is (1, 4), its tensor is (4,)'):
        check_grads(lin, inputs, good | {'b':dout.sum(0, keepdim=True)}, dout=dout)
    with raises(AssertionError, 'b has no gradient'): check_grads(lin, inputs, dict(x=good['x'], w=good['w']), dout=dout)
    with raises(AssertionError, 'x has no gradient'): check_grads(lin, inputs, dout=dout)
    with raises(AssertionError, 'nan'): check_grads(lin, inputs, good | {'b':good['b']*float('nan')}, dout=dout)
    with raises(AssertionError, 'the gradient of b is torch.float32'): check_grads(lin, inputs, good | {'b':good['b'].float()}, dout=dout)
    with raises(ValueError, "grads has ['B'], inputs has ['x', 'w', 'b']"): check_grads(lin, inputs, good | {'B':good['b']}, dout=dout)
    with raises(ValueError, 'inputs is empty'): check_grads(lin, {}, {})

def test_check_grads_shows_two_numbers_that_differ():
    x = torch.tensor(3., dtype=f64)
    with raises(AssertionError, 'v is 6.0002, central differences give 6 '): check_grads(torch.square, dict(v=x), dict(v=2*x+2e-4))
    with raises(AssertionError, 'v is 5, central differences give 6 '): check_grads(torch.square, dict(v=x), dict(v=2*x-1))

def test_the_squeeze():
    out,y = d(200, 1),d(200)
    for bad in (y[:,None],y[:1],y[None],d(1),d()):
        with raises(ValueError, 'targ is'): mse(out, bad)
    for bad in (y,out[None],d(200, 2),d(1, 200)):
        with raises(ValueError, 'out is'): mse(bad, y)
        with raises(ValueError, 'out is'): mse_grad(bad, y)
    same(mse(out[:1], y[:1]).shape, torch.Size([]))
    with raises(TypeError, 'targ is not a tensor'): mse(out, y.tolist())
    with raises(ValueError, 'the batch is empty'): mse(out[:0], y[:0])
    for o,t in ((out.float(), y),(out.long(), y.long())):
        with raises(TypeError, 'out must be a float at least as wide as targ'): mse(o, t)

def test_out_of_order():
    x,w,b = d(2, 3),d(3, 4),d(4)
    out = lin(x, w, b)
    with raises(ValueError, 'no gradient has come back to out'): upstream(out)
    with raises(ValueError, 'no gradient has come back to out'): lin_grad(x, out, w, b)
    with raises(ValueError, 'no gradient has come back to out'): relu_grad(out, relu(out))
    out.g = d(4, 2)
    with raises(ValueError, 'out.g is (4, 2), its tensor is (2, 4)'): lin_grad(x, out, w, b)
    out.g = 1.
    with raises(TypeError, 'out.g is not a tensor: it is a float'): lin_grad(x, out, w, b)
    out.g = torch.ones(2, 4)
    with raises(TypeError, 'out.g is torch.float32, its tensor is torch.float64'): lin_grad(x, out, w, b)
    with raises(TypeError, 'g is torch.int64'): add_grad(x, torch.ones(2, 3, dtype=torch.int64))
    with raises(ValueError, 'g is (3, 2), its tensor is (2, 3)'): add_grad(x, d(3, 2))

@pytest.mark.parametrize('make', [first,second])
def test_backward_before_forward_and_twice(make):
    p = params(4, 3, 2)
    model = make(**p)
    with raises(RuntimeError, 'call it before backward()'): model.backward()
    model(p['x'], d(4))
    model.backward()
    got = {n:t.g.clone() for n,t in p.items()}
    with raises(RuntimeError, 'each call serves one backward()'): model.backward()
    same({n:t.g for n,t in p.items()}, got)

@pytest.mark.parametrize('layer', [Relu(),Lin(d(2, 3), d(3)),Mse(),ReluLayer(),LinLayer(d(2, 3), d(3)),MseLayer()])
def test_a_layer_alone_before_forward(layer):
    with raises(RuntimeError, f'{type(layer).__name__}: call it before backward()'): layer.backward()

def test_an_error_does_not_use_up_the_call():
    layer,x = ReluLayer(),d(2, 3)
    layer(x)
    with raises(ValueError, 'dout is (3, 2), its tensor is (2, 3)'): layer.backward(d(3, 2))
    with raises(ValueError, 'no gradient has come back'): layer.backward()
    with raises(TypeError, 'dout is not a tensor: it is a int'): layer.backward(1)
    layer.backward(torch.ones_like(x))
    same(x.g, (x>0).double())

class Sigmoid(Layer):
    def forward(self, inp): return torch.sigmoid(inp)
    def bwd(self, dout, inp): add_grad(inp, dout*self.out*(1-self.out))

def test_bwd_may_use_the_output():
    x,dout,layer = d(2, 3),d(2, 3),Sigmoid()
    layer(x)
    layer.backward(dout)
    same(x.g, auto(torch.sigmoid, x, dout=dout)[0])
    assert not {'args','out'} & set(vars(layer))

def test_a_bwd_that_fails_is_not_run_again():
    "What it had added would be added twice"
    class Half(Layer):
        def forward(self, inp): return inp/2
        def bwd(self, dout, inp): add_grad(inp, dout/2); 1/0
    x,layer = d(2),Half()
    layer(x)
    with raises(ZeroDivisionError): layer.backward(d(2))
    g = x.g
    with raises(RuntimeError, 'each call serves one backward()'): layer.backward(d(2))
    assert x.g is g

def test_unimplemented():
    class NoForward(Layer): pass
    class NoBwd(Layer):
        def forward(self, x): return 2*x
    class NoReturn(Layer):
        def forward(self, x): 2*x
    with raises(NotImplementedError, 'NoForward must define forward(self, *args)'): NoForward()(d(2))
    layer = NoBwd()
    layer(d(2))
    with raises(NotImplementedError, 'NoBwd must define bwd(self, dout, *args)'): layer.backward(d(2))
    with raises(TypeError, 'NoReturn.forward gives a NoneType'): NoReturn()(d(2))

def test_graph():
    x = with_g(torch.tensor(3.), torch.tensor(-.5))
    fig = show_graph('s = ×(x,x)', 'y = +(s,x)', x=x, s=x*x)
    texts = [t.get_text() for t in fig.axes[0].texts]
    assert texts==['x','3','.g −0.5', '×','s','9', '+','y'] # the operation above the name; no value, no line
    arrows = [p for p in fig.axes[0].patches if type(p).__name__=='FancyArrowPatch']
    assert len(arrows)==4 # an operand that is used three times has three lines
    w = with_g(torch.full((20,30), 2.), torch.full((20,30), -.25))
    texts = [t.get_text() for t in show_graph('l = lin(v,w)', v=torch.ones(1,20), w=w).axes[0].texts]
    assert texts==['v','(1,20)','rms 1', 'w','(20,30)','rms 2','.g rms .25', 'lin','l']
    with raises(ValueError, "a step is written 'out = op(a,b)': 'lin(x)'"): show_graph('lin(x)')
    with raises(ValueError, 'no step uses w'): show_graph('y = f(x)', w=1.)
    with raises(ValueError, 'a is made twice'): show_graph('a = f(x)', 'a = g(a)')
    with raises(ValueError, 'run in a circle'): show_graph('a = f(b)', 'b = g(a)')
    with raises(ValueError, "'out = op(a,b)': 3"): show_graph(3)
    import matplotlib.pyplot as plt
    plt.close('all')

# --- exercises: mistakes of the four great kinds are told by name

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
def flat_sum(out, targ, c): out.g = 2*c*(out.squeeze(-1)-targ)
def halves(out, targ, c): out.g = (c*(out[:,0]-targ))[:,None]
def long_w(inp, out, w, b): inp.g,w.g,b.g = out.g@w,(out.g.t()@inp).t(),out.g.sum(1)
def first_only(a, b, out):
    a.g = out.g*b
    b.g = out.g*a + getattr(b, 'g', 0)
def same_old(a, b, out):
    if a is b: a.g = out.g*a*2
    else: add_grad(a, out.g*b), add_grad(b, out.g*a)
class Scale(Layer):
    def __init__(self, s): self.s = s
    def forward(self, inp): return self.s*inp
    def bwd(self, dout, inp): inp.g,self.s.g = self.s*dout,(inp*dout).sum(1)
def kept_moves(f, x, eps):
    up,down,g = x.clone(),x.clone(),x.clone()
    for k in range(len(x)):
        up[k],down[k] = up[k]+eps,down[k]-eps
        g[k] = (f(up)-f(down))/eps/2
    return g

@pytest.mark.parametrize('name,f,words', [
    ('deep_step', turned, 'a transpose is missing or too many'),
    ('weighted_mse_grad', flat_sum, 'the division by n is missing and the gradient is `(n,)`'),
    ('weighted_mse_grad', halves, 'the division by n is missing and the factor 2'),
    ('lin_rows_grad', long_w, '`w.g`, and `b.g` is summed over the wrong axis'),
    ('mul_grad', first_only, '`a.g` is overwritten'),
    ('mul_grad', same_old, 'for `a*a` the old gradient is overwritten'),
    ('Scale', Scale, 'the gradients are overwritten, and that of `s` is summed over the wrong axis'),
    ('central', kept_moves, 'entries that were moved stay moved')])
def test_a_mistake_is_named(name, f, words):
    from groundup.exercises import backprop as ex
    v = getattr(ex, name).judge(f)
    assert v.kind=='wrong' and words in v.text
