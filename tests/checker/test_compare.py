"Outcomes, and what is said about them"
import torch
from sample import _rows, _scale_repeat, _scale_silent, center, center_inputs, declare, in_place, inf, nan, sees, scale

from groundup.support.checker.exercise import Book


def test_special_values():
    b = Book('b')
    @b.exercise(lambda: [(1,), (-1,), (0,)], 'abc', 1, 1)
    def special(k): return torch.tensor([nan, inf, -inf, k])
    assert special.judge(lambda k: torch.tensor([nan, inf, -inf, k])).ok
    sees(lambda k: torch.tensor([nan, inf, inf, k]), 'wrong', 'at index 2: inf, expected -inf', special)
    sees(lambda k: torch.tensor([0., inf, -inf, k]), 'wrong', 'at index 0: 0.0, expected nan', special)

def test_expected_errors():
    assert scale.judge(scale.fn).ok
    sees(_scale_silent, 'wrong', 'It must raise `ValueError` here, but returns a value.', scale)
    def other(xs, k):
        if k < 0: raise TypeError
        return scale.fn(xs, k)
    sees(other, 'wrong', 'It must raise `ValueError` here, but raises `TypeError`.', scale)
    class Mine(ValueError): pass
    def finer(xs, k):
        if k < 0: raise Mine
        return scale.fn(xs, k)
    assert scale.judge(finer).ok
    def appends(xs, k): r = scale.fn(xs, k); xs.append(1); return r
    sees(appends, 'wrong', 'It changes its input `xs` in place.', scale)
    def floats(xs, k): return [float(o) for o in scale.fn(xs, k)]
    sees(floats, 'wrong', 'but not the type: at [0]: type float, expected integer', scale)
    assert 'xs = [1, 2, -3]\n' in scale.judge(_scale_repeat).text and 'k = 2' in scale.judge(_scale_repeat).text

def test_mistake_on_every_input():
    assert sees(_rows, 'wrong', 'It looks as if rows').mistake == 'rows'
    assert center.judge(lambda x: x - x.mean(1, keepdim=True) + (len(x) > 3)).mistake is None
    def raises_too(x): raise KeyError('wrong on purpose')
    def raises_other(x): raise KeyError('another text')
    assert sees(raises_other, 'wrong', 'another text').mistake is None
    assert sees(raises_too, 'wrong', 'It looks as if it raises').mistake == 'it raises'
    def raises_late(x): return center.fn(x) if len(x) == 2 else {}[0]
    v = sees(raises_late, 'wrong', 'KeyError')
    assert v.mistake is None and 'x = tensor([[1., 2., -3.]])' in v.text

def test_mistake_in_place():
    def rows_in_place(x): x -= x.mean(1, keepdim=True); return x
    v = sees(rows_in_place, 'wrong', 'It changes its input `x` in place')
    assert v.mistake == 'rows'
    e = declare(mistakes=(_rows, in_place))
    e.prove()
    assert e.judge(in_place).mistake == 'in_place' and e.judge(center.fn).ok
    def sometimes(x): return in_place(x) if len(x) == 2 else center.fn(x)
    assert sees(sometimes, 'wrong', 'in place', e).mistake is None

def test_inputs_stay():
    shared = torch.tensor([[-1., 2.]])
    b = Book('b')
    @b.exercise(lambda: [(shared,), (shared,), (shared,)], 'abc', 1, 1)
    def double(x): return 2*x
    def spoils(x): x *= 2; return x
    sees(spoils, 'wrong', 'The values are right.', double)
    assert shared.tolist() == [[-1, 2]]
    w = torch.ones(2, requires_grad=True)
    @b.exercise(lambda: [(w*3, w), (w, w), (w, w)], 'abc', 1, 1)
    def leaves(x, y): return x.is_leaf and x.requires_grad and y.requires_grad
    assert leaves.judge(lambda x, y: True).ok and w.grad is None

def test_only_what_differs_is_shown():
    b = Book('b')
    def look(f, x): return {'size': len(x), 'of': {'long': torch.arange(29.), 'x': f(x)}}
    @b.exercise(center_inputs, 'abc', 1, 1, observe=look)
    def double(x): return 2*x
    v = sees(lambda x: x+1, 'wrong', "Wrong value in `of, x`: at index (0, 1): 3.0, expected 4.0", double)
    assert dict(v.facts[1:]) == dict(got="of, x: tensor([[2., 3., -2.], [4., 7., -4.]])",
                                     expected="of, x: tensor([[2., 4., -6.], [6., 12., -10.]])")

def test_errors_alike():
    "PyTorch's errors are told apart by their words, not by their numbers"
    def product(x): return x@x
    def sizes(x): return x - torch.zeros(x.shape[0]+3)
    e = declare(mistakes=(product, sizes))
    e.prove()
    assert e.judge(lambda x: x[:,:2]@x.t()).mistake == 'product' and e.judge(lambda x: x + torch.zeros(7)).mistake == 'sizes'
    assert e.judge(lambda x: x.view(5)).mistake is None

def test_rtol_lets_two_precisions_pass_and_nothing_coarser():
    import torch
    def declare(rtol):
        book = Book('tolerance')
        @book.exercise(inputs=lambda: [(torch.tensor([1.,2.,-4.]),), (torch.randn(7),)], hints=['a','b','c'], difficulty=1, minutes=1, rtol=rtol)
        def mean(a): return a.mean().item()
        return mean
    def in_double(a): return a.double().mean().item()
    def coarse(a): return a.mean().item()*(1+1e-4)
    assert declare(1e-5).judge(in_double).kind=='right'
    assert declare(1e-5).judge(coarse).kind=='wrong'
    assert declare(None).judge(in_double).kind=='wrong'
