"Exercises of every sort, and what the tests of the checker share"
import os, random, subprocess, sys, textwrap
from functools import wraps
from pathlib import Path

import torch
from torch import nn

from groundup.support.checker.exercise import Book, Wrong
from groundup.support.testing import difference


book = Book('test')
inf, nan = float('inf'), float('nan')

def center_inputs():
    x = torch.tensor([[1., 2, -3], [3, 6, -5]])
    return [(x,), (x[:1],), (torch.randn(4, 3),)]

@book.exercise(center_inputs, ['a', 'b', 'c'], 1, 5, without=('for', '@'))
def center(x):
    "Each column minus its mean"
    return x - x.mean(0)

@center.mistake('rows')
def _rows(x): return x - x.mean(1, keepdim=True)

@center.mistake('it raises')
def _raises(x): raise KeyError('wrong on purpose')

@book.exercise(lambda: [([1, 2, -3], 2), ([], 1), ([1], -1), ([random.randint(-9, 9)], 3)], ['a', 'b', 'c'], 2, 5)
def scale(xs, k):
    "Multiples, for k from 0"
    if k < 0: raise ValueError('k is negative')
    return [x*k for x in xs]

@scale.mistake('no error')
def _scale_silent(xs, k): return [x*k for x in xs]

@scale.mistake('the list is repeated')
def _scale_repeat(xs, k):
    if k < 0: raise ValueError
    return xs*k

def sees(f, kind, text, ex=center):
    v = ex.judge(f)
    assert v.kind == kind and text in v.text, v.text
    return v

class Rude:
    def __eq__(self, o): raise SystemExit
    def __repr__(self): raise ZeroDivisionError

def decorated(f):
    @wraps(f)
    def g(*args): return f(*args)
    return g

def observe_square(cls, x):
    y = cls.apply(x.requires_grad_())
    return y.detach(), torch.autograd.grad((y*torch.arange(y.numel()).view_as(y)).sum(), x)[0]

@book.exercise(lambda: [(x,) for x in (torch.tensor([[1., -2, 3]]), torch.tensor([[.5]]), torch.randn(3, 2))],
               ['a', 'b', 'c'], 2, 10, without='@', observe=observe_square)
class Square(torch.autograd.Function):
    "The square, with its gradient"
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x*x
    @staticmethod
    def backward(ctx, dout): return 2*ctx.saved_tensors[0]*dout

@Square.mistake('no dout')
class _SquareLocal(Square.fn):
    @staticmethod
    def backward(ctx, dout): return 2*ctx.saved_tensors[0]

@Square.mistake('no 2')
class _SquareHalf(Square.fn):
    @staticmethod
    def backward(ctx, dout): return ctx.saved_tensors[0]*dout

def observe_affine(cls, n, x):
    m = cls(n)
    with torch.no_grad(): [p.fill_(i+1) for i, p in enumerate(m.parameters())]
    return m(x), [tuple(p.shape) for p in m.parameters()]

@book.exercise(lambda: [(2, torch.ones(3, 2)), (1, -torch.ones(1, 1)), (4, torch.randn(2, 4))], ['a', 'b', 'c'], 3, 10,
               observe=observe_affine)
class Affine(nn.Module):
    "A factor and an offset for each feature"
    def __init__(self, n):
        super().__init__()
        self.g, self.b = nn.Parameter(torch.ones(n)), nn.Parameter(torch.zeros(n))
    def forward(self, x): return x*self.g + self.b

@Affine.mistake('one offset')
class _AffineOne(Affine.fn):
    def __init__(self, n):
        super().__init__(n)
        self.b = nn.Parameter(torch.zeros(1))

@Affine.mistake('not registered')
class _AffineLost(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.g, self.b = torch.ones(n), torch.zeros(n)
    def forward(self, x): return x*self.g + self.b

def observe_row(f, x):
    y = f(x)
    if y.shape != x[0].shape: raise Wrong(f'It has\n the shape {tuple(y.shape)}')
    if not difference(y, x[0]) and y.data_ptr() != x.data_ptr(): raise Wrong('It was copied.')
    return y

@book.exercise(center_inputs, ['a', 'b', 'c'], 1, 3, observe=observe_row)
def first_row(x):
    "The first row, as a view"
    return x[0]

@first_row.mistake('a list makes a copy')
def _row_copied(x): return x[[0]][0]

@first_row.mistake('the axis is kept')
def _row_kept(x): return x[:1]

def declare(fn=center.fn, mistakes=(_rows, _raises), **kwargs):
    e = Book('draft').exercise(**dict(inputs=center_inputs, hints='abc', difficulty=1, minutes=5) | kwargs)(fn)
    for m in mistakes: e.mistake(m.__name__)(m)
    return e

def python(code, **env):
    return subprocess.run([sys.executable, '-c', textwrap.dedent(code)], capture_output=True, timeout=600,
                          env=os.environ | env, cwd=Path(__file__).parent)

def in_place(x): x -= x.mean(0); return x
