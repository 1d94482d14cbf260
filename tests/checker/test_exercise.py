"The exercise engine: what its page need not show"
import asyncio, json, multiprocessing, os, random, subprocess, sys, textwrap, types
from datetime import date
from functools import partial, wraps
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from groundup import exercise as engine
from groundup.support.checker.exercise import Book, Verdict, Wrong, brief, syntax
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


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.setenv('GROUNDUP_DATA', str(tmp_path))
    engine._memory.clear()
    engine._warned.clear()
    return tmp_path

def stored(data): return json.loads((data/'progress.json').read_text(encoding='utf8'))
def sees(f, kind, text, ex=center):
    v = ex.judge(f)
    assert v.kind == kind and text in v.text, v.text
    return v


# answers of every sort
def generator(x): yield x
async def coroutine(x): return x
def endless(x): return endless(x)
def leaves(x): sys.exit(3)
def method(x): return x.mean
def dots(x): y = x; return ... # noqa: F841
def partly(x): y = x; raise NotImplementedError # noqa: F841
def number(x): return 3
def text(x): return '<b>`x`</b>'
def listed(x): return (x - x.mean(0)).tolist()
def transposed(x): return (x - x.mean(0)).t()
def half(x): return (x - x.mean(0)).half()
def complexes(x): return (x - x.mean(0)).cfloat()
def nans(x): return x*nan
def same_input(x): return x
def in_place(x): x -= x.mean(0); return x
def shrinks(x): return x.resize_(0)
def base(x): raise BaseException('base')
def lines(x): raise ValueError('one\ntwo <script>')
def helper(x): return undefined + x # noqa: F821
def asks_helper(x): return helper(x)
class Silent(Exception):
    def __str__(self): raise ValueError
def silent(x): raise Silent
async def stream(x): yield x
def sparse(x): return (x - x.mean(0)).to_sparse()
def meta(x): return x.to('meta')
def a_class(x): return nn.Linear
def a_map(x): return map(center.fn, [x])
def endless_list(x): a = [1]; a.append(a); return a
def endless_dict(x): a = {}; a[0] = a; return a
def deep_list(x):
    a = []
    for _ in range(5000): a = [a]
    return a
def objects(x): return np.array([Rude(), Rude()], dtype=object)
def one_tuple(x): return x - x.mean(0),
def cancelled(x): raise asyncio.CancelledError
def group(x): raise ExceptionGroup('several', [ValueError(1)])
def infinite(x): return (x - x.mean(0))/0
class NoCopy:
    def __deepcopy__(self, memo): raise RuntimeError
def no_copy(x): return NoCopy()
class Rude:
    def __eq__(self, o): raise SystemExit
    def __repr__(self): raise ZeroDivisionError
def rude(x): return Rude()

@pytest.mark.parametrize('f,says', [
    (generator, 'because of `yield`'), (coroutine, 'not `async def`'), (endless, 'calls itself without end'),
    (leaves, 'wants to leave Python'), (method, 'brackets of a call'), (dots, 'returns `...`'),
    (partly, 'A part is still to write'), (number, 'Wrong type: type integer, expected tensor'),
    (text, 'Wrong type: type string, expected tensor'), (listed, 'are right, but not the type: type list, expected tensor'),
    (transposed, 'right but transposed: shape (3, 2), expected (2, 3)'),
    (half, 'but not the dtype: dtype float16, expected'),
    (complexes, 'not the dtype: dtype complex64'), (nans, 'Wrong value: at index (0, 0): nan, expected -1.0'),
    (same_input, 'at index (0, 0): 1.0, expected -1.0 (6 of 6'),
    (in_place, 'The values are right.\n  It changes its input `x`'),
    (shrinks, 'changes its input `x` in place'), (base, 'BaseException: base'), (lines, 'ValueError: one two <script>'),
    (asks_helper, "NameError: name 'undefined' is not defined\n    line "), (silent, 'error     Silent\n'),
    (rude, 'type Rude, expected tensor'), (stream, 'type async_generator, expected'),
    (sparse, 'type sparse_coo, expected tensor'), (meta, "device='meta'"), (a_class, 'returns a class, not an object'),
    (a_map, 'type map, expected tensor'), (endless_list, 'got       [1, [1, [1, [1, [...]]]]]'),
    (endless_dict, 'got       {0: {0: {0: {'), (deep_list, 'type list, expected tensor'),
    (objects, 'whose repr raises ZeroDivisionError'), (one_tuple, 'are right, but not the type: type tuple'),
    (cancelled, 'raises `CancelledError`'), (group, 'ExceptionGroup: several'), (infinite, '-inf, expected -1.0'),
    (no_copy, 'type NoCopy, expected tensor')])
def test_wrong(f, says, recwarn):
    v = sees(f, 'wrong', says)
    assert 'x = tensor([[1., 2., -3.], [3., 6., -5.]])' in v.text and 'expected  tensor([[-1., -2., 1.]' in v.text
    assert '<script>' not in v._repr_html_() and '<b>' not in v._repr_html_()
    assert not [w for w in recwarn if 'never awaited' in str(w.message)]

def test_rude_repr(capsys):
    class Worse:
        def __repr__(self): raise SystemExit
    def worse(x): return Worse()
    assert center.check(worse) is None
    assert 'cannot deal with this: SystemExit' in capsys.readouterr().out
    class Leaves(Exception):
        def __str__(self): raise SystemExit
    def leaving(x): raise Leaves
    sees(leaving, 'misuse', 'cannot deal with this: SystemExit')

def test_line():
    v = sees(lines, 'wrong', "raise ValueError('one")
    n = next(k for k, _ in v.facts if k.startswith('line'))
    assert int(n.split()[1]) == lines.__code__.co_firstlineno

@pytest.mark.parametrize('f,got', [
    (None, 'None'), (3, '3'), (..., 'Ellipsis'), ('center', "'center'"), (torch.ones(2), 'tensor([1., 1.])'),
    (center, 'the exercise itself'), (book, 'Exercises of test'), (nn.Linear, 'class `Linear`: a function is asked for'),
    (lambda: 1, '<lambda>()'), (lambda x, y: x, '<lambda>(x, y)'), (lambda *, x: x, '<lambda>(*, x)')])
def test_misuse(f, got):
    v = sees(f, 'misuse', got)
    assert 'center(x)' in v.text and len(v.text.splitlines()) == 2

def test_no_argument(capsys):
    center.check()
    assert 'center: not checked\n  Expected your own `center(x)`, got None' in capsys.readouterr().out

def test_prints(capsys):
    def loud(x): print('debug'); return x - x.mean(0)
    center.check(loud)
    out = capsys.readouterr().out
    assert out.count('debug\n') == 3 and 'center: right' in out

def test_sneaky_right():
    buf = torch.zeros(1)
    def reuses(x): torch.sub(x, x.mean(0), out=buf.resize_(x.shape)); return buf
    def grads(x): return x.requires_grad_() - x.mean(0)
    def many(x, dim=0): return x - x.mean(dim)
    def star(*xs): return xs[0] - xs[0].mean(0)
    class Call:
        def __call__(self, x): return x - x.mean(0)
    def there_and_back(x): x += 1; x -= 1; return x - x.mean(0)
    def minus_zero(x): y = x - x.mean(0); return torch.where(y == 0, -torch.zeros_like(y), y)
    def turned(x): return (x.t() - x.t().mean(1, keepdim=True)).t()
    def history(x): return x - x.mean(0) + torch.zeros(3, requires_grad=True)
    def parameter(x): return nn.Parameter(x - x.mean(0))
    def inference(x):
        with torch.inference_mode(): return x - x.mean(0)
    def annotated(x: 'for i in x') -> 'a @ b': return x - x.mean(0) # noqa: F722, F821
    def keywords(x, *, dim=0, **more): return x - x.mean(dim)
    class Has:
        def method(self, x): return x - x.mean(0)
    space = {}
    exec('def made(x): return x - x.mean(0)', space)
    for f in (reuses, grads, many, star, Call(), center.fn, there_and_back, minus_zero, turned, history, parameter, inference,
              annotated, keywords, Has().method, space['made'], partial(many, dim=0), decorated(many)):
        assert center.judge(f).ok, center.judge(f)

def test_settings_stay():
    "What an answer switches off is on again for the next call, and after it"
    def greedy(x):
        assert torch.is_grad_enabled() and torch.get_default_dtype() is torch.float32
        torch.set_grad_enabled(False); torch.set_default_dtype(torch.float64)
        return x - x.mean(0)
    assert center.judge(greedy).ok
    assert torch.is_grad_enabled() and torch.get_default_dtype() is torch.float32

def test_keyboard_interrupt():
    def stop(x): raise KeyboardInterrupt
    state = random.getstate()
    with pytest.raises(KeyboardInterrupt): center.check(stop)
    assert random.getstate() == state

def test_random_state():
    def greedy(x): random.seed(1); np.random.seed(1); torch.manual_seed(1); torch.set_grad_enabled(False); return x
    def state(): return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    random.seed(99); np.random.seed(99); torch.manual_seed(99)
    old = state()
    for act in (lambda: center.judge(greedy), lambda: center.judge(center.fn), center.prove, lambda: center.check(text)):
        act()
        assert state() == old and torch.is_grad_enabled()
    b = Book('b')
    @b.exercise(center_inputs, 'abc', 1, 1)
    def noise(x): return x + torch.randn(x.shape) + random.random() + np.random.rand()
    assert noise.judge(noise.fn).ok # the same seed for each call


# comparing
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
    def raises_too(x): raise KeyError('another text')
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


# reading the source
def decorated(f):
    @wraps(f)
    def g(*args): return f(*args)
    return g

def test_stubs():
    def doc(x): "doc"
    def error(x): raise NotImplementedError
    def message(x): raise NotImplementedError('later')
    @decorated
    def wrapped(x): ...
    for f in (doc, error, message, wrapped, lambda x: ..., partial(doc), center._variant('pass')):
        sees(f, 'unwritten', 'Write `center(x)`')
    space = {}
    exec('def blind(x): ...\ndef blind_right(x): return x - x.mean(0)', space)
    sees(space['blind'], 'unwritten', 'not written yet')
    sees(space['blind_right'], 'right', 'was not checked: the source cannot be read')
    def forgot(x): y = x - x.mean(0) # noqa: F841
    sees(forgot, 'wrong', 'is `return` missing?')
    sees(lambda x: None, 'wrong', 'is `return` missing?')

def r_for(x):
    for _ in x: pass
    return x - x.mean(0)
def r_while(x):
    while False: pass
    return x - x.mean(0)
def r_list(x): return [x - x.mean(0) for _ in 'a'][0]
def r_gen(x): return next(x - x.mean(0) for _ in 'a')
def r_dict(x): return {0: x - x.mean(0) for _ in 'a'}[0]
def r_at(x): return torch.eye(len(x)) @ (x - x.mean(0))
def r_iat(x): e = torch.eye(len(x)); e @= e; return x - x.mean(0)
def r_mm(x): return torch.eye(len(x)).mm(x - x.mean(0))
def r_einsum(x): return torch.einsum('ij->ij', x - x.mean(0))
def r_alias(x):
    from torch import matmul as product
    return product(torch.eye(len(x)), x - x.mean(0))
def r_kept(x): m = torch.matmul; return x - x.mean(0) # noqa: F841
def r_dunder(x): return torch.eye(len(x)).__matmul__(x - x.mean(0))

@pytest.mark.parametrize('f,rule', [(f, 'for') for f in (r_for, r_while, r_list, r_gen, r_dict)] +
                         [(f, '@') for f in (r_at, r_iat, r_mm, r_einsum, r_alias, r_kept, r_dunder)])
def test_rule_broken(f, rule):
    v = sees(f, 'rule', f'Now do it without `{rule}` (no ')
    (line, code), = v.facts
    lines = Path(__file__).read_text(encoding='utf8').splitlines()
    assert not v.ok and lines[int(line.split()[1])-1].strip() == code

def test_rule_kept():
    def free(x):
        "for @ einsum"
        # for i in x: x @ x
        dot = 'for i in x: a.matmul(b)'
        def inner(y): return y - y.mean(0)
        return inner(x) if dot else x
    sees(free, 'right', 'It does without `for` and `@`.')
    sees(lambda x: x - x.mean(0), 'right', 'It does without')
    two = (lambda x: x - x.mean(0)), (lambda x: [x - x.mean(0) for _ in 'a'][0])
    assert [center.judge(f).kind for f in two] == ['right', 'rule']
    many = ('é', lambda x: (
        x -
        x.mean(0)))[1]
    sees(many, 'right', 'It does without')
    for f in (partial(free), partial(r_for)): sees(f, 'right', 'was not checked')

@pytest.mark.parametrize('deep,lines', [
    (0, ['x = 1']), (1, ['for i in a: i']), (1, ['while a: b']), (1, ['[i for i in a]']), (2, ['{i:j for i in a for j in i}']),
    (2, ['for i in a:', '  if i: x = {j for j in i}']), (1, ['for i in [j for j in a]: i']), (1, ['[i for i in [j for j in a]]']),
    (2, ['[i for i in a for j in [k for k in b]]']), (2, ['[i for i in a if any(j for j in i)]']), (3, ['[[[k for k in j] for j in i] for i in a]']),
    (1, ['for i in a: i', 'else:', '  for j in a: j']), (2, ['while any(i for i in a): b']), (1, ['def f():', '  for i in a: i', 'def g():', '  for i in a: i']),
    (3, ['for i in a:', '  while i:', '    def f(): return (j for j in i)'])])
def test_loops_in_loops(deep, lines):
    node = engine.ast.parse('\n'.join(lines))
    assert [bool(engine._broken(node, ' '.join(['for']*n))) for n in (1, 2, 3, 4)] == [deep >= n for n in (1, 2, 3, 4)]

def test_three_loops():
    b = Book('b')
    @b.exercise(center_inputs, 'abc', 1, 1, without='for for for')
    def total(x): return [sum(r) for r in x.tolist()]
    def three(x):
        out = []
        for r in x.tolist():
            out.append(0)
            for c in r: out[-1] += [c for _ in 'a'][0]
        return out
    assert total.judge(total.fn).says[-1] == 'It does without `for` in `for` in `for`.'
    v = sees(three, 'rule', 'Now do it without `for` in `for` in `for` (no loops or comprehensions three deep).', total)
    assert v.facts[0][1] == "for c in r: out[-1] += [c for _ in 'a'][0]"
    sees(lambda x: [sum(c for c in r) for r in x.tolist()], 'right', 'It does without', total)

def h_means(x): return torch.stack([c.mean() for c in x.t()])
def h_over(x): return h_under(x)
def h_under(x): return h_over(x) if len(x) < 0 else h_means(x)
def h_plain(x): return x.mean(0)
def h_product(x): return torch.ones(1, len(x))@x/len(x)
named = decorated(h_means)

def test_helpers():
    "What an answer calls is read too, if it is the learner's own"
    def calls(x): return x - h_means(x)
    def calls_far(x): return x - h_over(x)
    def calls_inside(x):
        def inner(y): return h_means(y)
        return x - inner(x)
    for f in (calls, calls_far, calls_inside, lambda x: x - h_means(x)):
        v = sees(f, 'rule', 'Now do it without `for` (no loop and no comprehension), in `h_means` too.')
        assert v.facts[0][1] == 'def h_means(x): return torch.stack([c.mean() for c in x.t()])'
    sees(lambda x: x - named(x), 'rule', 'in `h_means` too')
    both = sees(lambda x: x - h_product(x) + 0*h_means(x), 'rule', 'and `@` (no other matrix product either), in `h_')
    assert '`h_means` and `h_product` too' in both.text and len(both.facts) == 2
    def own_loop(x): return [x - h_means(x) for _ in 'a'][0]
    assert 'too' not in sees(own_loop, 'rule', 'Now do it without `for`').text

def test_helpers_that_are_free(monkeypatch):
    def plain(x): return x - h_plain(x)
    def by_parameter(x, h_means=h_plain): return x - h_means(x)
    def by_local(x): h_means = h_plain; return x - h_means(x)
    def not_called(x): return x - (x.mean(0), h_means)[0]
    def imported(x): return x - x.mean(0) if difference(x, x) is None else x # it has a loop, in another module
    def by_built_in(x): return x - sum([x[:1]*0, x.mean(0)])
    @decorated
    def under_decorator(x): return x - x.mean(0)
    @(lambda f: [f for _ in 'a'][0])
    def beside_loop(x): return x - x.mean(0)
    for f in (plain, by_parameter, by_local, not_called, imported, by_built_in, under_decorator, beside_loop):
        sees(f, 'right', 'It does without')
    lesson = types.ModuleType('groundup.lesson')
    lesson.h_means = h_means
    monkeypatch.setitem(sys.modules, 'groundup.lesson', lesson)
    monkeypatch.setattr(center, '__module__', 'groundup.exercises.lesson')
    sees(lambda x: x - h_means(x), 'right', 'It does without')
    monkeypatch.setattr(center, '__module__', 'groundup.exercises.no_lesson')
    sees(lambda x: x - h_means(x), 'rule', 'in `h_means` too')

def test_named_rule():
    b = Book('b')
    @b.exercise(center_inputs, 'abc', 1, 1, without='mean')
    def summed(x): return x - x.sum(0)/len(x)
    assert summed.without == ('mean',)
    sees(center.fn, 'rule', 'without `mean`', summed)
    sees(lambda x: x - torch.sum(x, 0)/len(x), 'right', 'without `mean`', summed)

def test_odd_object(capsys):
    class Odd:
        def __init__(self, e): self.e = e
        def __getattr__(self, name): raise self.e
        def __call__(self, x): raise ValueError('odd')
    for e in (ValueError('no'), AttributeError('no')): center.check(Odd(e))
    assert capsys.readouterr().out.count('ValueError: odd') == 2

def test_syntax():
    assert syntax(len) is syntax(partial(len)) is syntax(3) is syntax(nn.Linear(1, 1)) is None
    class Loop:
        def __getattr__(self, name): return self
    assert syntax(Loop()) is None
    assert syntax(r_for).name == 'r_for' and syntax(Rude).name == 'Rude'


# classes
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

def test_classes():
    class Stub(torch.autograd.Function):
        "doc"
        @staticmethod
        def forward(ctx, x): ...
        @staticmethod
        def backward(ctx, dout): raise NotImplementedError
    class Empty(nn.Module): pass
    class Super(nn.Module):
        def __init__(self, n): super().__init__()
        def forward(self, x): ...
    class Half(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x): return x*x
    class Typo(nn.Module):
        def __init__(self, n): super().__init__(); self.g = nn.Parameter(torch.ones(n))
        def forward(self, x): return x*self.gain
    class WithAt(Square.fn):
        @staticmethod
        def backward(ctx, dout): torch.eye(2) @ torch.eye(2); return 2*ctx.saved_tensors[0]*dout
    sees(Stub, 'unwritten', 'Write `class Square`', Square)
    for cls in (Empty, Super): sees(cls, 'unwritten', 'Write `class Affine`', Affine)
    sees(Half, 'wrong', 'NotImplementedError', Square)
    sees(Typo, 'wrong', "has no attribute 'gain'\n    line ", Affine)
    sees(WithAt, 'rule', 'without `@`', Square)
    sees(Affine.fn(2), 'misuse', 'class Affine', Affine)
    sees(lambda n: Affine.fn(n), 'misuse', 'a class is asked for', Affine)
    assert Square.judge(_SquareHalf).mistake == 'no 2' and 'x = tensor([[1., -2., 3.]])' in Square.judge(_SquareHalf).text

# observers
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

def test_observer_speaks():
    v = sees(lambda x: x[0]+0, 'wrong', 'It was copied.\n  It looks as if a list makes a copy.', first_row)
    assert v.says[0] == 'It was copied.' and [k for k,_ in v.facts] == ['input'] and 'Wrong' not in v.text
    assert sees(lambda x: x[None,0], 'wrong', 'It has the shape (1, 3).', first_row).mistake == 'the axis is kept'
    assert sees(lambda x: x, 'wrong', 'It has the shape (2, 3).', first_row).mistake is None
    assert sees(lambda x: x[1%len(x)], 'wrong', 'Wrong value: at index 0', first_row).mistake is None

def test_observer_fails():
    "An error that no line of the answer raised"
    space,b = {},Book('b')
    exec('def observe(f, x): return f(x).sum(0)', space) # in a file of its own, as the observers of the lessons are
    @b.exercise(center_inputs, 'abc', 1, 3, observe=space['observe'])
    def same(x): return x
    v = sees(lambda x: 3, 'wrong', 'Using it raises `AttributeError`.', same)
    assert 'line' not in v.text
    sees(lambda x: x.nothing, 'wrong', 'It raises `AttributeError`.', same)
    def copied(x):
        "The first row"
        return x[0]+0
    with pytest.raises(AssertionError, match=r'the observer finds the solution wrong for \(tensor.*: It was copied\.'):
        declare(fn=copied, observe=observe_row).prove()

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

@pytest.mark.parametrize('name', ['center', 'scale', 'Square', 'Affine', 'first_row'])
def test_proves(name, data):
    book.exercises[name].prove()
    assert not (data/'progress.json').exists()


# proof
def declare(fn=center.fn, mistakes=(_rows, _raises), **kwargs):
    e = Book('draft').exercise(**dict(inputs=center_inputs, hints='abc', difficulty=1, minutes=5) | kwargs)(fn)
    for m in mistakes: e.mistake(m.__name__)(m)
    return e

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
    assert [[a.shape for a in engine._arrays(o)] for o in test] == [[(2, 2)], [(3,)], [(2,), (2, 3)], [()], [], [], []]


# progress
def test_progress_file(data):
    center.check(lambda x: ...)
    center.check(3)
    assert not (data/'progress.json').exists()
    center.check(_rows)
    center.hint()
    assert stored(data) == {'test': {'center': dict(tries=1, hints=1)}}
    center.check(center.fn)
    center.check(_rows)
    center.solution()
    assert stored(data) == {'test': {'center': dict(tries=3, hints=1, right=date.today().isoformat(), solution=True)}}
    assert [o.name for o in data.iterdir()] == ['progress.json']

def test_right_stays_right(data):
    old = {'test': {'center': {'right': '2026-01-31', 'tries': 1}}, 'other': {'é': {'hints': 1}}}
    (data/'progress.json').write_text(json.dumps(old))
    center.check(center.fn)
    assert stored(data) == old | {'test': {'center': {'right': '2026-01-31', 'tries': 2}}}

@pytest.mark.parametrize('content', [b'', b'{', b'[]', b'{"test": 3}', b'{"test": {"center": 3}}', b'\xff\xfe', b'['*100000,
                                     b'{"test": {"center": {"tries": "x"}}}', b'{"test": {"center": {"hints": -9}}}', b'{"test": {"center": {"right": 1}}}'])
def test_damaged(content, data, capsys):
    (data/'progress.json').write_bytes(content)
    center.check(center.fn)
    center.hint()
    out = capsys.readouterr().out
    assert out.count('was damaged') == 1 and 'center: right' in out
    assert stored(data)['test']['center'] == dict(tries=1, right=date.today().isoformat(), hints=1)
    aside, = data.glob('progress-damaged-*.json')
    assert aside.read_bytes() == content

@pytest.mark.parametrize('spoil', ['folder is a file', 'file is a folder'])
def test_unwritable(spoil, data, capsys, monkeypatch):
    if spoil == 'folder is a file': (data/'x').write_text(''); monkeypatch.setenv('GROUNDUP_DATA', str(data/'x'))
    else: (data/'progress.json').mkdir()
    for _ in range(2): center.check(center.fn)
    for _ in range(4): center.hint()
    book.progress()
    out = capsys.readouterr().out
    assert out.count('Progress cannot be kept') == 1 and out.count('center: right') == 2
    assert 'Hint 3 of 3: c' in out and 'No more hints' in out and 'tries: 2, hints: 3' in out

def test_odd_text(data):
    "Half of a pair of surrogates in somebody's file"
    (data/'progress.json').write_text('{"\\ud800": {}}')
    center.check(center.fn)
    assert stored(data)['test']['center']['tries'] == 1

def test_a_moment_without_disk(data, capsys, monkeypatch):
    "What could not be written is kept, and written when it can be"
    for _ in range(5): center.check(_rows)
    def full(*args): raise OSError(28, 'No space left on device')
    with monkeypatch.context() as m:
        m.setattr(os, 'replace', full)
        center.check(center.fn)
        assert stored(data)['test']['center'] == dict(tries=5)
        assert 'Progress cannot be kept' in capsys.readouterr().out and [o.name for o in data.iterdir()] == ['progress.json']
        book.progress()
        assert f'right ({date.today()}), tries: 6' in capsys.readouterr().out
    center.hint()
    assert stored(data)['test']['center'] == dict(tries=6, right=date.today().isoformat(), hints=1) and not engine._memory

def test_read_only(data, capsys, monkeypatch):
    "What is known stays known where nothing can be written"
    for _ in range(5): center.check(_rows)
    def denied(*args, **kwargs): raise PermissionError(13, 'Permission denied')
    monkeypatch.setattr(os, 'open', denied)
    center.check(_rows)
    book.progress()
    assert 'open, tries: 6' in capsys.readouterr().out and stored(data)['test']['center'] == dict(tries=5)

def run_all(n):
    context = multiprocessing.get_context('fork' if 'fork' in multiprocessing.get_all_start_methods() else 'spawn')
    ps = [context.Process(target=work, args=(i,)) for i in range(n)]
    for p in ps: p.start()
    for p in ps: p.join()
    assert [p.exitcode for p in ps] == [0]*n

def work(i):
    e = Book('test').exercise(center_inputs, ['a', 'b', 'c'], 1, 5)(center.fn)
    e.__name__ = f'e{i}'
    with open(os.devnull, 'w') as sys.stdout:
        for _ in range(10): engine._entry('test', 'center', lambda o: o.update(tries=o.get('tries', 0) + 1)); e.check(_rows)

def test_concurrent(data):
    run_all(3)
    assert stored(data)['test'] == {'center': dict(tries=30)} | {f'e{i}': dict(tries=10) for i in range(3)}
    assert [o.name for o in data.iterdir()] == ['progress.json']

def test_concurrent_and_damaged(data):
    "The damaged file is put aside once; what is counted afterwards is not"
    (data/'progress.json').write_text('{')
    run_all(3)
    assert stored(data)['test'] == {'center': dict(tries=30)} | {f'e{i}': dict(tries=10) for i in range(3)}
    aside, = data.glob('progress-damaged-*.json')
    assert aside.read_text() == '{' and len([*data.iterdir()]) == 2

def test_stale_lock(data):
    "A lock that a dead process left behind; the clock says how old it is"
    (data/'progress.lock').touch()
    os.utime(data/'progress.lock', (1e9, 1e9))
    center.check(center.fn)
    assert stored(data)['test']['center']['tries'] == 1 and not (data/'progress.lock').exists()

def test_lock_that_stays(data, capsys):
    (data/'progress.lock').mkdir()
    os.utime(data/'progress.lock', (1e9, 1e9))
    center.check(center.fn)
    assert 'Progress cannot be kept' in capsys.readouterr().out

def test_hints_and_table(data, capsys):
    for _ in range(5): center.hint()
    scale.check(scale.fn)
    book.progress()
    out = capsys.readouterr().out
    assert [out.count(f'Hint {i} of 3') for i in (1, 2, 3)] == [1, 1, 1] and out.count('Next is `ex.center.solution()`') == 2
    assert 'Exercises of test: 1 of 5 right, about 28 minutes to go\n' in out
    assert 'center     1 of 3      5 min   open, hints: 3\n' in out and f'right ({date.today()}), tries: 1' in out


# showing
def test_call_and_repr():
    with pytest.raises(TypeError, match=r'center is an exercise: write your own `center\(x\)`, then `ex.center.check'):
        center(torch.ones(2))
    assert repr(center) == textwrap.dedent('''\
        center: Each column minus its mean (difficulty 1 of 3, 5 min)
          without `for` (no loop and no comprehension) and `@` (no other matrix product either)
          write center(x), then ex.center.check(center); ex.center.hint() and ex.center.solution() help''')
    assert 'write class Square' in repr(Square) and repr(book).count('\n') == 5

def test_source(capsys):
    center.solution()
    assert capsys.readouterr().out == 'def center(x):\n    "Each column minus its mean"\n    return x - x.mean(0)\n'
    assert Square.source().startswith('class Square(torch.autograd.Function):\n    "The square')

def test_brief():
    assert brief(torch.tensor([[1, -2], [3, 4]])) == 'tensor([[1, -2], [3, 4]])'
    assert brief(torch.zeros(5, 784)) == 'tensor of shape (5, 784), float32'
    assert brief(np.zeros((5, 7))) == 'array of shape (5, 7), float64'
    assert brief((1,)) == '(1,)' and brief(([], torch.ones(1))) == '([], tensor([1.]))'
    assert brief({'a': [1], 2: np.ones(1)}) == "{'a': [1], 2: array([1.])}" and brief({}) == '{}'
    assert len(brief([[['x'*190]*12]*12]*12)) < 1010 and len(brief(torch.ones(30).double()/3)) < 400
    assert brief(list(range(1000))).endswith(' …') and len(brief('x'*1000)) < 210
    assert brief(torch.ones(1, requires_grad=True)*2) == 'tensor([2.])'
    assert brief(object()) == '<object object>' and brief(Rude()) == 'a Rude whose repr raises ZeroDivisionError'
    assert brief(torch.relu) == 'relu' and brief(nn.Linear) == 'Linear' and '\n' not in brief(nn.Sequential(nn.ReLU()))

def test_html():
    v = Verdict('a<b>', 'wrong', ['`<i>` & ü'], [('input', '<script>')])
    h = v._repr_html_()
    assert all(o not in h for o in ('<b>', '<i>', '<script>')) and '<code>&lt;i&gt;</code> &amp; ü' in h and ': wrong' in h
    assert 'background:none' in h and 'color:inherit' in h

def python(code, **env):
    return subprocess.run([sys.executable, '-c', textwrap.dedent(code)], capture_output=True, timeout=600,
                          env=os.environ | env, cwd=Path(__file__).parent)

def test_without_torch():
    p = python('''\
        import sys
        class Blocked:
            def find_spec(self, name, *args):
                if name in ('torch', 'matplotlib', 'IPython'): raise ModuleNotFoundError(name)
        sys.meta_path.insert(0, Blocked())
        import numpy as np, random
        from groundup.support.checker.exercise import Book
        b = Book('plain')
        @b.exercise(lambda: [([1., -2.], 3), (np.array([1., 2., 3.]), 2), ([random.gauss(0, 1)], -1)], 'abc', 1, 1)
        def scaled(xs, k):
            "k times xs"
            return k*np.array(xs)
        print(scaled.judge(lambda xs, k: np.array(xs)*k).kind, scaled.judge(lambda xs, k: [k*x for x in xs]))
        scaled.check(lambda xs, k: k)
        b.progress()''')
    assert p.returncode == 0, p.stderr.decode()
    out = p.stdout.decode()
    assert 'right scaled: wrong' in out and 'type list, expected NumPy array' in out
    assert 'open, tries: 1' in out

def test_imports_little():
    p = python('import sys, groundup.support.checker.exercise; print([o for o in ("torch", "matplotlib", "IPython") if o in sys.modules])')
    assert p.stdout.decode().strip() == '[]', p.stderr.decode()

def test_ascii_terminal():
    p = python('''\
        from groundup.support.checker.exercise import Verdict, _show
        _show('größe', 'wrong', ['naïve …'])''', PYTHONIOENCODING='ascii', PYTHONUTF8='0')
    assert p.returncode == 0 and p.stdout.decode().splitlines() == ['gr\\xf6\\xdfe: wrong', '  na\\xefve \\u2026']

def test_jupyter(data):
    "The kernel of JupyterLab: sources are read, verdicts are shown as HTML and text"
    import nbformat
    from nbclient import NotebookClient
    cells = ['''\
        from groundup.support.checker.exercise import Book
        b = Book('lab')
        @b.exercise(lambda: [(1,), (-2,), (5,)], 'abc', 1, 1, without='for')
        def twice(x):
            "Two times x"
            return 2*x''', 'def stub(x):\n    # later\n    ...\nb.exercises["twice"].check(stub)',
        'b.exercises["twice"].check(lambda x: x+x)',
        '%time None\ndef loop(x):\n    return sum(x for _ in "ab")\nb.exercises["twice"].check(loop)',
        'def wrong(x):\n    return x/0\nb.exercises["twice"].check(wrong)', 'def own(x):\n    return sum([x for _ in "ab"])',
        'b.exercises["twice"].check(lambda x: own(x))', 'b.exercises["twice"].solution()', 'b.progress()']
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(c)) for c in cells])
    NotebookClient(nb, kernel_name='python3', timeout=600).execute()
    outs = [next(o.data for o in c.outputs if 'data' in o) for c in nb.cells[1:] if c.outputs]
    helped = outs.pop(4)['text/plain']
    assert 'comprehension), in `own` too.\n    line 2    return sum([x for _ in "ab"])' in helped
    heads = [o['text/plain'].splitlines() for o in outs]
    verdicts = 'not written yet', 'right', 'right values, but a rule is broken', 'wrong'
    assert [h[0] for h in heads[:4]] == [f'twice: {o}' for o in verdicts]
    assert heads[1][2] == '  It does without `for`.' and heads[2][-1].split(maxsplit=2)[2] == 'return sum(x for _ in "ab")'
    assert '    line 2    return x/0' in heads[3] and heads[4][0] == 'def twice(x):' and '1 of 1 right' in heads[5][0]
    assert all('text/html' in o for o in (*outs[:4], outs[5])) and 'text/markdown' in outs[4]


# a tolerance of its own, and mistakes that do not run
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
    with pytest.raises(AssertionError, match='_total_slip does not run'): total.prove()


# classes
def test_a_class_that_only_calls_its_superclass_is_an_answer():
    book = Book('classes')
    def observe(cls, n): return tuple(cls(n).weight.shape), cls(n).bias is None
    @book.exercise(inputs=lambda: [(2,), (3,), (random.randint(4, 9),)], hints=['a','b','c'], difficulty=1, minutes=1, observe=observe)
    class Wide(nn.Linear):
        "A linear layer of one output"
        def __init__(self, n): super().__init__(n, 1)
    class WideOwn(nn.Linear):
        def __init__(self, n): super().__init__(n, 1)
    class WideStub(nn.Linear):
        def __init__(self, n):
            super().__init__()
            ...
    assert Wide.judge(WideOwn).kind=='right'
    assert Wide.judge(WideStub).kind=='unwritten'

def test_a_class_with_a_metaclass_is_judged():
    class Meta(type):
        def __call__(cls, *args): return type.__call__(cls)
    book = Book('meta')
    @book.exercise(inputs=lambda: [(2,), (3,)], hints=['a','b','c'], difficulty=1, minutes=1, observe=lambda cls, n: cls(n).n)
    class Seven(metaclass=Meta):
        def __init__(self): self.n = 7
    class Eight(metaclass=Meta):
        def __init__(self): self.n = 8
    assert Seven.judge(Eight).kind=='wrong'
