"Lesson 08: its operations on random input, plain and recorded, against PyTorch"
import math, random
import pytest, torch
from hypothesis import given, settings, strategies as st
import torch.nn.functional as F

from groundup.backprop import check_grads
from groundup.calculus import (cross_entropy, cross_entropy_grad, einsum_grad, linear, linear_grad, log_softmax, normalise, normalise_grad, softmax)
from groundup.engine import Var
from groundup.support.testing import same

dtypes = st.sampled_from((torch.float32,torch.float64))
scales = st.sampled_from((1e-3,1.,30.,1e4))
seeds = st.integers(0, 10**6)

def draw(seed, *shape, dtype=torch.float64, scale=1.):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=g).mul(scale).to(dtype)

def both(f, g, *ts, rtol=None, atol=None):
    "Value and gradients of `f` on the engine and of `g` on PyTorch's autograd, with an uneven gradient coming back"
    vs,leaves = [Var(t.clone(), requires_grad=True) for t in ts],[t.clone().requires_grad_() for t in ts]
    a,b = f(*vs),g(*leaves)
    same(a.data, b.detach(), rtol=rtol, atol=atol)
    same(f(*ts), a.data) # plain tensors give plain tensors
    up = draw(1, *b.shape, dtype=b.dtype)+2
    a.backward(up)
    same([v.grad for v in vs], [*torch.autograd.grad(b, leaves, up)], rtol=rtol, atol=atol)

near = {torch.float32:dict(rtol=1e-4, atol=1e-5), torch.float64:dict(rtol=1e-9, atol=1e-11)}


@given(seeds, st.integers(1, 4), st.integers(1, 5), st.integers(1, 3), st.integers(-3, 2), dtypes, scales)
@settings(max_examples=60)
def test_softmax(seed, a, b, c, dim, dtype, scale):
    z = draw(seed, a, b, c, dtype=dtype, scale=scale)
    both(lambda z: softmax(z, dim), lambda z: F.softmax(z, dim), z, **near[dtype])
    both(lambda z: log_softmax(z, dim), lambda z: F.log_softmax(z, dim), z, **near[dtype])

@pytest.mark.parametrize('dtype', [torch.float32,torch.float64])
def test_impossible_scores(dtype):
    "-inf for some classes; PyTorch judges the values"
    z = torch.tensor([[-math.inf,1,2],[0,-math.inf,-math.inf],[1e4,-1e4,-math.inf]], dtype=dtype)
    same(softmax(z, 1), F.softmax(z, 1))
    same(log_softmax(z, 1), F.log_softmax(z, 1))
    t = torch.tensor([2,0,1])
    same(cross_entropy(z, t), F.cross_entropy(z, t))
    v = Var(z.clone(), requires_grad=True)
    cross_entropy(v, t).backward()
    assert v.grad.isfinite().all()
    same(v.grad, (F.softmax(z, 1)-F.one_hot(t, 3).to(dtype))/3)
    same(cross_entropy(z, torch.tensor([0,0,1])), torch.tensor(math.inf, dtype=dtype)) # the impossible happened


@given(seeds, st.integers(1, 6), st.integers(1, 5), dtypes, scales, st.sampled_from(('mean','sum')), st.sampled_from((0.,.1,1.)),
       st.sampled_from((-100,0,2)))
@settings(max_examples=120)
def test_cross_entropy(seed, n, c, dtype, scale, reduction, eps, ignored):
    z,rng = draw(seed, n, c, dtype=dtype, scale=scale),random.Random(seed)
    target = torch.tensor([rng.choice([*range(c),ignored]) for _ in range(n)])
    how = dict(ignore_index=ignored, reduction=reduction, label_smoothing=eps)
    want = F.cross_entropy(z, target, **how)
    if want.isnan():
        assert (target==ignored).all() and reduction=='mean'
        return same(cross_entropy(z, target, **how), want)
    both(lambda z: cross_entropy(z, target, **how), lambda z: F.cross_entropy(z, target, **how), z, **near[dtype])
    if dtype==torch.float64 and scale==1:
        got = cross_entropy_grad(log_softmax(z, 1), target, **how)
        check_grads(lambda z: cross_entropy(z, target, **how), dict(z=z), dict(z=got))

@pytest.mark.parametrize('kind', [torch.int32, torch.uint8, torch.int64])
def test_kinds_of_targets(kind):
    z,t = draw(3, 4, 5),torch.tensor([0,4,2,1])
    same(cross_entropy(z, t.to(kind)), F.cross_entropy(z, t))

def test_input_stays():
    z,t,w,b = draw(1, 4, 5),torch.tensor([0,4,-100,1]),draw(2, 3, 5),draw(3, 3)
    kept = [o.clone() for o in (z,t,w,b)]
    softmax(z, 1), log_softmax(z, 1), cross_entropy(z, t, label_smoothing=.2), cross_entropy_grad(log_softmax(z, 1), t), linear(z, w, b)
    same([z,t,w,b], kept)

@pytest.mark.parametrize('target,error,said', [
    (torch.tensor([0,5,1,1]), ValueError, 'class 5: there are classes 0 to 4'), (torch.tensor([0,-1,1,1]), ValueError, 'class -1'),
    (torch.zeros(4), TypeError, 'whole numbers'), (torch.zeros(4, 1).long(), ValueError, 'one class for each row'),
    (torch.zeros(3).long(), ValueError, 'one class for each row'), (torch.zeros(4, 5), ValueError, 'one class for each row')])
def test_bad_targets(target, error, said):
    for z in (draw(0, 4, 5), Var(draw(0, 4, 5), requires_grad=True)):
        with pytest.raises(error, match=said): cross_entropy(z, target)


def test_tied():
    "One `Var` used twice: its gradients add up"
    w,x,t = draw(1, 3, 3),draw(2, 5, 3),torch.tensor([0,2,1,1,0])
    def ours(w, b): return cross_entropy(linear(linear(x, w, b).relu(), w, b), t)
    def theirs(w, b): return F.cross_entropy(F.linear(F.linear(x, w, b).relu(), w, b), t)
    both(ours, theirs, w, draw(3, 3), **near[torch.float64])
    both(lambda z: softmax(z, 1)*log_softmax(z, 1)+z, lambda z: F.softmax(z, 1)*F.log_softmax(z, 1)+z, x, **near[torch.float64])

@given(seeds, st.integers(1, 5), st.integers(1, 5), st.integers(1, 5), dtypes)
@settings(max_examples=40)
def test_linear(seed, i, k, j, dtype):
    ts = draw(seed, i, k, dtype=dtype),draw(seed+1, j, k, dtype=dtype),draw(seed+2, j, dtype=dtype)
    both(linear, F.linear, *ts, **near[dtype])
    x,w,dout = ts[0],ts[1].t().contiguous(),draw(seed+3, i, j, dtype=dtype)
    leaves = [o.clone().requires_grad_() for o in (x,w,ts[2])]
    same([*linear_grad(dout, x, w)], [*torch.autograd.grad(leaves[0]@leaves[1]+leaves[2], leaves, dout)], **near[dtype])

def test_what_wants_no_gradient():
    "Of a mixture only the `Var` is differentiated; without one nothing is recorded"
    x,w,b = draw(1, 4, 3),Var(draw(2, 2, 3), requires_grad=True),draw(3, 2)
    linear(x, w, b).sum().backward()
    same(w.grad, x.sum(0).expand(2, 3))
    assert isinstance(softmax(x, 1), torch.Tensor) and not softmax(x, 1).requires_grad


def equations(rng):
    terms = [''.join(rng.choices('abcd', k=rng.randint(0, 4))) for _ in range(rng.randint(1, 4))]
    found = sorted({*''.join(terms)})
    return terms,''.join(rng.sample(found, rng.randint(0, len(found))))

@pytest.mark.parametrize('seed', range(4))
def test_einsum(seed):
    "Random equations, with letters twice and three times, letters alone, operands without any, sizes 1 and 0"
    rng = random.Random(seed)
    for k in range(120):
        terms,out = equations(rng)
        size = {c:rng.choice((1,2,3,4) if k%10 else (0,1,2)) for c in 'abcd'}
        ts = [draw(k+n, *[size[c] for c in t]).requires_grad_() for n,t in enumerate(terms)]
        eq = f'{",".join(terms)}->{out}'
        y = torch.einsum(eq, *ts)
        g = draw(k+9, *y.shape)
        want = torch.autograd.grad(y, ts, g)
        got = einsum_grad(eq, g, *[t.detach() for t in ts])
        try: same(got, want, rtol=1e-9, atol=1e-10)
        except AssertionError as e: raise AssertionError(f'{eq} with {size}: {e}') from None

@given(seeds, st.integers(2, 6), st.integers(1, 4), st.sampled_from((0.,1e-5,.5)))
@settings(max_examples=40)
def test_normalise(seed, i, k, eps):
    if i==2 and eps==0: eps = 1e-5 # two numbers always become -1 and 1: gradients of 0, lost in rounding
    x,dout = draw(seed, i, k)*3+5,draw(seed+1, i, k)
    leaf = x.clone().requires_grad_()
    xhat,s = normalise(x, eps)
    if eps: same(xhat, F.batch_norm(x, None, None, training=True, eps=eps), rtol=1e-8, atol=1e-10)
    want, = torch.autograd.grad(normalise(leaf, eps)[0], leaf, dout)
    same(normalise_grad(dout, xhat, s), want, rtol=1e-7, atol=1e-8)
