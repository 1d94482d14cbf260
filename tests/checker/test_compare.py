"Outcomes, and what is said about them"
import pytest
import torch
from sample import _rows, _scale_repeat, _scale_silent, center, center_inputs, declare, in_place, inf, nan, sees, scale

from groundup.support.checker import compare
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

@pytest.mark.parametrize('a,b,alike', [
    (lambda x: x.saved_tensor, lambda x: x.slope, False), (lambda x: x.slope, lambda x: x[0].slope, True),
    (lambda x: {}['w1'], lambda x: {}['w2'], False), (lambda x: {}['w1'], lambda x: {'w2':1}['w1'], True),
    (lambda x: {}[0], lambda x: {}[1], False), (lambda x: [][len(x)], lambda x: [][7], True), (lambda x: ()[0], lambda x: [][0], False),
    (lambda x: w1, lambda x: w2, False), (lambda x: int('a1'), lambda x: int('b1'), False), # noqa: F821
    (lambda x: x.view(5), lambda x: x.view(4,4), True), (lambda x: x@x, lambda x: x[:,:2]@x.t()[:1], True),
    (lambda x: x+torch.zeros(9), lambda x: x.view(5), False), (lambda x: x.size(5), lambda x: x.size(-7), True),
    (lambda x: open('/no/one'), lambda x: open('/no/two'), False), (lambda x: 1/0, lambda x: 1%0, False),
    (lambda x: h0(), lambda x: h0(1, 2), False), (lambda x: h0(), lambda x: h1(), False), (lambda x: h0(1, 2), lambda x: h0(1, 2, 3), False)])
def test_what_identifies_an_error(a, b, alike):
    def outcome(f):
        try: return compare.Outcome(f(torch.ones(2, 3)))
        except Exception as e: return compare.caught(f, e)
    a,b = outcome(a),outcome(b)
    assert a.error and b.error and a.like(b) == b.like(a) == alike, (a.words, b.words)

def h0(x): ...
def h1(x): ...

def test_the_own_name_is_aside():
    def named(x): return named()
    def other(x): return other()
    class Way(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x): return x*1
        @staticmethod
        def backward(ctx, dout): return ctx.kept
    class _(Way): pass
    def outcome(f):
        try: (f(torch.ones(1)) if f in (named, other) else f.apply(torch.ones(1, requires_grad=True)).backward())
        except Exception as e: return compare.caught(f, e)
    assert outcome(named).like(outcome(other)) and outcome(Way).like(outcome(_)) and "'kept'" in outcome(_).words

def test_still_to_write():
    "Only the answer's own `raise NotImplementedError` says so"
    def later(x): y = x; raise NotImplementedError('not yet') # noqa: F841
    def power(x): return x^2
    def module(x): return torch.nn.Module()(x)
    assert 'still to write' in sees(later, 'wrong', 'NotImplementedError').text
    for f in (power, module): assert 'still to write' not in sees(f, 'wrong', 'NotImplementedError').text
    calls, calls_later = lambda x: helper(x), lambda x: helper_later(x)
    assert 'still to write' not in center.judge(calls).text
    assert 'still to write' in center.judge(calls_later).text

def helper(x): return x^2
def helper_later(x): x = x+1; raise NotImplementedError


class Value:
    "A variable as a lesson might write it; the engine knows no class"
    def __init__(self, data, requires_grad=False, name=''):
        self.data,self.requires_grad,self.name,self.grad,self.links = data,requires_grad,name,None,()
    def __mul__(self, k):
        v = type(self)(self.data*k, self.requires_grad)
        v.links = (self,)
        return v
    def backward(self): ...
class Weight(Value):
    def __init__(self, data, requires_grad=True): super().__init__(data, requires_grad)

def values():
    w = Weight(torch.tensor([1., -2., 3.]))
    w.grad = torch.tensor([0., 1., -1.])
    return [(w,), (Value(torch.randn(2, 3)),), (w*2,)]

value_book = Book('values')
@value_book.exercise(values, 'abc', 1, 1)
def triple(v):
    "Three times"
    return v*3
@triple.mistake('the data are changed')
def _(v): v.data *= 3; return v
@triple.mistake('it is a plain tensor')
def _(v): return v.data*3

def test_variables():
    triple.prove()
    class Value3:
        "The learner's own class, of another name"
        def __init__(self, data, requires_grad): self.data,self.requires_grad,self.grad = data,requires_grad,None
        def backward(self): ...
    assert triple.judge(lambda v: Value3(v.data*3, v.requires_grad)).ok
    v = sees(lambda v: Value3(v.data*2, v.requires_grad), 'wrong', 'Wrong value: at .data: at index 0: 2.0, expected 3.0', triple)
    assert dict(v.facts)['input'] == 'v = Weight(tensor([1., -2., 3.]), grad=tensor([0., 1., -1.]), requires_grad=True)'
    sees(lambda v: Value3(v.data*3, False), 'wrong', 'at .requires_grad: False, expected True', triple)
    sees(lambda v: Value3(v.data[None]*3, v.requires_grad), 'wrong', 'but not the shape: at .data: shape (1, 3), expected (3,)', triple)
    def graded(v): r = v*3; r.grad = r.data; return r
    sees(graded, 'wrong', 'at .grad: type tensor, expected None', triple)
    def spoils(v): r = v*3; v.data[0] = 9; return r
    sees(spoils, 'wrong', 'The values are right.\n  It changes its input `v` in place', triple)
    for (v,) in values():
        c = compare.clone(v)
        assert type(c) is type(v) and not c.links and not compare.differ(c, v) and c.data.data_ptr() != v.data.data_ptr()
    class Stubborn(Value):
        def __init__(self): super().__init__(torch.ones(2))
    s = Stubborn()
    s.data += 1
    assert not compare.differ(compare.clone(s), s) and compare.clone(s) is not s

def test_names_that_differ():
    b = Book('b')
    @b.exercise(center_inputs, 'abc', 1, 1, observe=lambda f, x: {'sizes':f(x)})
    def named(x): return {'weight':len(x)}
    v = sees(lambda x: {'weights':len(x)}, 'wrong', "Wrong keys in `sizes`: ['weights'], expected ['weight'].", named)
    assert dict(v.facts)['got'] == "sizes: {'weights': 2}"

def test_calls_are_counted():
    def columns(a, b):
        c = torch.zeros(len(a), b.shape[1])
        for j in range(b.shape[1]):
            for k in range(a.shape[1]): c[:,j] += a[:,k]*b[k,j]
        return c
    def cells(a, b):
        c = torch.zeros(len(a), b.shape[1])
        for i in range(len(a)):
            for k in range(a.shape[1]): c[i] += a[i,k]*b[k]
        return c
    def more(f): return compare.count_calls(f, torch.ones(20, 3), torch.ones(3, 4)) - compare.count_calls(f, torch.ones(2, 3), torch.ones(3, 4))
    assert more(columns) == 0 and more(cells) > 18 and more(lambda a, b: torch.stack([r@b for r in a])) == 18
    with pytest.raises(ValueError): compare.count_calls(int, 'a')
