"A declaration that does not work is told why"
import os, random

import pytest
import torch
from sample import _rows, book, declare

from groundup.support.checker import prove
from groundup.support.checker.exercise import Book


@pytest.mark.parametrize('name', ['center', 'scale', 'Square', 'Affine', 'first_row'])
def test_proves(name, data):
    book.exercises[name].prove()
    assert not (data/'progress.json').exists()

def undocumented(x): return x - x.mean(0)
def prints_only(x): "doc"
def noisy(x): "doc"; return x.add_(1)
eye = torch.eye(2)

@pytest.mark.parametrize('what,kwargs', [
    ('needs a docstring', dict(fn=undocumented)), ('hints or more, not 2', dict(hints='ab')), ('not 2', dict(hints='aab')),
    ('difficulty is 1, 2 or 3, not 0', dict(difficulty=0)), ('minutes is an integer above 0, not 0', dict(minutes=0)),
    ('two mistakes or more, not 0', dict(mistakes=())), ('three inputs or more, not 1', dict(inputs=lambda: [(eye,)])),
    ('differ from call to call', dict(inputs=lambda: [(torch.tensor(os.urandom(3)[0]),)]*3)),
    ("waive=dict(negative='...')", dict(inputs=lambda: [(torch.rand(2, 3),)]*3)),
    ("waive=dict(square='...')", dict(inputs=lambda: [(torch.randn(3, 3),)]*3)),
    ("waive=dict(square='...')", dict(inputs=lambda: [(torch.randn(3),)]*3)),
    ("waive=dict(random='...')", dict(inputs=lambda: [(-torch.ones(2, 3),)]*3)),
    ('waive takes negative, square or random', dict(waive=dict(hints='no'))),
    ('each with its reason', dict(waive=dict(random=''))),
    ('solution gives nothing', dict(fn=prints_only)), ('The values are right', dict(fn=prints_only, observe=lambda f, x: 1)),
    ('the solution does not pass', dict(without='mean')), ('_same does not fail', dict(mistakes=(_rows, undocumented))),
    ('these coincide', dict(mistakes=(_rows, lambda x: x - x.mean(1, keepdim=True)))),
    ('the body `_ = 0` passes', dict(observe=lambda f, x: f.__name__ if f.__name__[0] == '_' else 0))])
def test_prove_fails(what, kwargs):
    if what.startswith('The values'): what = 'the solution does not pass'
    if what.startswith('_same'): what = "undocumented does not fail as 'undocumented'"
    with pytest.raises(AssertionError) as e: declare(**kwargs).prove()
    assert str(e.value).startswith('draft/') and what in str(e.value), e.value

def test_waive():
    waive = dict(negative='probabilities', square='by design')
    declare(inputs=lambda: [(torch.rand(3, 3)+torch.eye(3),)]*3, waive=waive).prove()
    test = [[[1, 2], [3, 4]], [1., 2., 3.], ([1, 2], torch.ones(2, 3)), {'a': 1}, 'word', None, []]
    assert [[a.shape for a in prove._arrays(o)] for o in test] == [[(2, 2)], [(3,)], [(2,), (2, 3)], [()], [], [], []]

def test_prove_rejects_a_mistake_that_does_not_run():
    book = Book('slip')
    @book.exercise(inputs=lambda: [([1.,-2.],), ([3.],), ([random.random()],)], hints=['a','b','c'], difficulty=1, minutes=1)
    def total(a):
        "The sum"
        return sum(a)
    @total.mistake('the first is left out')
    def _total_rest(a): return sum(a[1:])
    @total.mistake('it is doubled')
    def _total_slip(a): return 2*totals(a) # noqa: F821
    with pytest.raises(AssertionError, match="mistake 'it is doubled' does not run"): total.prove()
