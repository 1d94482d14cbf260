"Properties of lesson 02: the rule of broadcasting, stretched views, sums on the way back, the product"
from itertools import product
from math import prod

import pytest
import torch
from hypothesis import given, settings, strategies as st

from groundup.broadcasting import bshape, explain_broadcast, matmul_broadcast, show_broadcast, unbroadcast
from groundup.matmul import test_product as hold_product
from groundup.support.testing import same

calm = settings(max_examples=300)
sizes = st.sampled_from([0,1,1,1,2,3,3,4])
shapes = st.lists(sizes, max_size=5).map(tuple)

@st.composite
def stretched(draw):
    "A shape, and one that can be stretched to it"
    to = tuple(draw(st.lists(st.sampled_from([0,1,2,3]), max_size=4)))
    s = [draw(st.sampled_from([n,1])) for n in to]
    return to, tuple(s[draw(st.integers(0, len(s))):])

def outcome(f, *shapes):
    try: return tuple(f(*shapes))
    except (ValueError,RuntimeError): return 'no'

def every(rank, top=3): return [s for r in range(rank+1) for s in product(range(top+1), repeat=r)]

def f64(*shape): return torch.randn(shape, dtype=torch.float64)


def test_bshape_every_pair():
    "All pairs up to rank 4 with sizes 0 to 3"
    all_shapes = every(4)
    for a in all_shapes:
        for b in all_shapes:
            got, want = outcome(bshape, a, b), outcome(torch.broadcast_shapes, a, b)
            assert got == want, f'{a} and {b}: {got}, expected {want}'

@calm
@given(shapes, shapes)
def test_bshape_pairs(a, b): assert outcome(bshape, a, b) == outcome(torch.broadcast_shapes, a, b)

@calm
@given(shapes, shapes, shapes)
def test_bshape_triples(a, b, c):
    x, y, z = (torch.zeros(s) for s in (a, b, c))
    want = outcome(torch.broadcast_shapes, a, b, c)
    assert outcome(lambda *_: bshape(bshape(a, b), c)) == outcome(lambda *_: bshape(a, bshape(b, c))) == want == outcome(lambda *_: (x+y+z).shape)

@calm
@given(stretched())
def test_bshape_accepts_what_was_stretched(pair):
    to, s = pair
    assert bshape(to, s) == bshape(s, to) == to

@calm
@given(shapes, shapes)
def test_table_agrees(a, b):
    "The table's last row and note tell what bshape tells"
    t, got = explain_broadcast(a, b), outcome(bshape, a, b)
    assert [row[0] for row in t.rows] == [str(a), str(b), 'result'] and len(t.head) == 1+max(len(a), len(b))
    assert ('clash' in t.rows[-1]) == (got == 'no')
    if got == 'no':
        with pytest.raises(ValueError) as e: bshape(a, b)
        assert t.note == str(e.value)
    else:
        assert t.rows[-1][1:] == [str(n) for n in got] and t.note == f'the result has the shape {got}'
        for s,row in zip((a, b), t.rows): # each cell: what was there, and what it became
            gaps = len(got)-len(s)
            for k,cell in enumerate(row[1:]):
                was, _, now = cell.partition(' → ')
                assert was == ('gap' if k < gaps else str(s[k-gaps])) and (was == 'gap' or (now or was) == str(got[k]))

def test_table_of_a_clash():
    t = explain_broadcast((2,4,5), (3,1))
    assert t.rows == [['(2, 4, 5)','2','4','5'], ['(3, 1)','gap','3','1 → 5'], ['result','2','clash','5']]
    assert t.note == '(2, 4, 5) and (3, 1) do not broadcast: 4 against 3'

def test_shapes_of_all_kinds():
    assert bshape(torch.Size([2,1]), [3]) == (2,3) and bshape([], ()) == () and type(bshape(torch.Size([2]), [1])) is tuple
    with pytest.raises(ValueError, match=r'^\(3, 2\) and \(3,\) do not broadcast: 2 against 3$'): bshape(torch.Size([3,2]), [3])
    with pytest.raises(ValueError, match=r'^\(3,\) and \(3, 2\) do not broadcast: 3 against 2$'): bshape((3,), (3,2)) # in their order


def test_a_stretched_view_is_written_to_or_refused():
    for write in (lambda t: t.add_(1), lambda t: t[:,0].add_(1), lambda t: t[:2,:2].mul_(2)):
        v = torch.tensor([1.,2,3])
        with pytest.raises(RuntimeError, match='single memory location.*clone'): write(v.expand(2, 3))
        same(v, torch.tensor([1.,2,3]))
    own = v.expand(2, 3).clone()
    own[0,0] = 7
    same((v, own), (torch.tensor([1.,2,3]), torch.tensor([[7.,2,3],[1,2,3]])))


@calm
@given(stretched(), stretched())
def test_unbroadcast_is_autograd(p, q):
    "Gradients of x*y for two operands that may both be stretched"
    a, b = p[1], q[1]
    if outcome(bshape, a, b) == 'no': a, b = p
    x, y = f64(*a).requires_grad_(), f64(*b).requires_grad_()
    z = x*y
    g = f64(*z.shape)
    z.backward(g)
    same(unbroadcast(g*y.detach(), a), x.grad)
    same(unbroadcast(g*x.detach(), b), y.grad)
    same(unbroadcast(g, a), g.sum_to_size(a))

@pytest.mark.parametrize('g,shape', [((2,3), (2,)), ((3,), (2,3)), ((1,3), (2,3)), ((2,3), (5,2,3)), ((0,), (3,)),
                                     ((), (1,))])
def test_unbroadcast_refuses(g, shape):
    with pytest.raises(ValueError, match='not stretched to this|do not broadcast'): unbroadcast(torch.zeros(g), shape)

def test_unbroadcast_asks_what_bshape_asks():
    g = torch.ones(2, 3)
    assert unbroadcast(g, g.shape) is g and unbroadcast(g, [2,3]).tolist() == g.tolist()
    with pytest.raises(ValueError, match='3 against 2$'): unbroadcast(g, (2,2))

@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.int32])
def test_unbroadcast_keeps_the_dtype(dtype): assert unbroadcast(torch.ones(4, 3, dtype=dtype), (3,)).dtype == dtype


def test_product_by_broadcasting(): hold_product(matmul_broadcast)

@calm
@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5))
def test_product_of_any_size(ni, nk, nj):
    a, b = f64(ni, nk), f64(nk, nj)
    same(matmul_broadcast(a, b), a@b)
    same(matmul_broadcast(b.t(), a.t()), b.t()@a.t())


@pytest.fixture
def plt():
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    yield plt
    plt.close('all')

def blocks(fig): # of each operand: the number of solid and of pale entries
    alphas = [ax.images[0].get_array()[...,3] for ax in fig.axes]
    return [(int((a == 1).sum()), int(((a > 0) & (a < 1)).sum())) for a in alphas]

@pytest.mark.parametrize('a,b', [((2,1),(1,3)), ((),(4,)), ((),()), ((3,),(3,)), ((5,1,3),(4,1)), ((2,1,2,1),(3,1,2)),
                                 ((2,1,1,2,1),(3,1,2))])
def test_picture_counts(plt, a, b):
    to = bshape(a, b)
    assert blocks(show_broadcast(a, b)) == [(prod(s), prod(to)-prod(s)) for s in (a, b)]

def test_picture_of_tensors(plt):
    t, u = torch.tensor([[1.5],[-2]], requires_grad=True), torch.tensor([True,False,True])
    ta, tb = [[o.get_text() for o in ax.texts] for ax in show_broadcast(t, u, names='t u').axes]
    assert ta == ['1.5']*3+['−2']*3 and tb == ['T','F','T']*2
    assert [ax.get_title() for ax in show_broadcast(t, torch.zeros(2, 3)).axes] == ['a (2, 1) → (2, 3)','b (2, 3)']

def test_picture_leaves_out_the_middle(plt):
    fig = show_broadcast((200,1), (200,))
    assert blocks(fig) == [(4,12), (4,12)] and any(o.get_text() == '⋯' for o in fig.axes[0].texts)
    show_broadcast((64,3,256,256), (3,1,1))

def test_picture_of_strides(plt):
    from groundup.support.diagrams import show_strides
    m, c, r = torch.arange(6.).view(2, 3), torch.tensor([1,2,3]), torch.tensor([[True],[False]])
    fig = show_strides(m, c.expand(2, 3), r.expand(2, 3), m[:,1], m.numpy()[:,::2])
    texts = [[o.get_text() for o in ax.texts] for ax in fig.axes]
    assert [[s for s in ts if 'axis' in s] for ts in texts] == [['axis 0: +3','axis 1: +1'], ['axis 0: +0','axis 1: +1'],
        ['axis 0: +1','axis 1: +0'], ['axis 0: +3'], ['axis 0: +3','axis 1: +2']]
    assert [ts.count('') for ts in texts] == [7,5,3,1,4] # arrows, each once
    assert [ax.images[0].get_array().shape[1] for ax in fig.axes] == [6,3,2,4,6]

def test_picture_of_a_number(plt):
    m = torch.arange(6.).view(2, 3)
    for b in (10, 2.5, torch.tensor(7)):
        fig = show_broadcast(m, b, names='m b')
        assert blocks(fig) == [(6,0), (1,5)] and [o.get_text() for o in fig.axes[1].texts] == [f'{float(b):g}']*6
        assert blocks(show_broadcast(b, m)) == [(1,5), (6,0)]

def test_limits_of_drawing(plt):
    from groundup.support.diagrams import show_strides
    show_strides(torch.arange(14))
    with pytest.raises(ValueError, match='draws up to 14 places, and shape \\(15,\\) reaches over 15'): show_strides(torch.arange(15))
    show_strides(torch.arange(14).view(2, 7), torch.arange(14)[::13])
    for t in (torch.tensor(1.), torch.ones(1, 2, 2)):
        with pytest.raises(ValueError, match='draws tensors of rank 1 or 2'): show_strides(t)

def test_picture_refuses(plt):
    with pytest.raises(ValueError, match='2 against 3'): show_broadcast((2,), (3,))
    with pytest.raises(ValueError, match='nothing to draw'): show_broadcast((0,1), (3,))
    with pytest.raises(ValueError, match='1 words for 2 tensors'): show_broadcast((2,1), (3,), names='t')
