"What a learner sees of an exercise, whatever the answer does"
import asyncio, random, sys, textwrap
from functools import partial

import numpy as np
import pytest
import torch
from sample import Affine, Rude, Square, _SquareHalf, book, center, center_inputs, declare, decorated, first_row, in_place, nan, observe_row, python, sees
from torch import nn

from groundup.support.checker.exercise import Book


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
        'b.exercises["twice"].check(lambda x: own(x))', 'b.exercises["twice"].solution()', 'b.progress()',
        '%%time\ndef stub(x):\n    ...\nb.exercises["twice"].check(stub)', '%%time\n\ndef loop(x):\n    return sum(x for _ in "ab")\nb.exercises["twice"].check(loop)',
        'b.exercises["twice"].check(loop)']
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(c)) for c in cells])
    NotebookClient(nb, kernel_name='python3', timeout=600).execute()
    outs = [next(o.data for o in c.outputs if 'data' in o) for c in nb.cells[1:] if c.outputs]
    helped = outs.pop(4)['text/plain']
    assert 'comprehension), in `own` too.\n    line 2    return sum([x for _ in "ab"])' in helped
    timed = [outs.pop()['text/plain'].splitlines() for _ in range(3)]
    assert [o[0] for o in timed] == [f'twice: {o}' for o in ('right values, but a rule is broken',)*2+('not written yet',)]
    assert timed[0][-1] == timed[1][-1] == '    line 2    return sum(x for _ in "ab")'
    heads = [o['text/plain'].splitlines() for o in outs]
    verdicts = 'not written yet', 'right', 'right values, but a rule is broken', 'wrong'
    assert [h[0] for h in heads[:4]] == [f'twice: {o}' for o in verdicts]
    assert heads[1][2] == '  It does without `for`.' and heads[2][-1].split(maxsplit=2)[2] == 'return sum(x for _ in "ab")'
    assert '    line 2    return x/0' in heads[3] and heads[4][0] == 'def twice(x):' and '1 of 1 right' in heads[5][0]
    assert all('text/html' in o for o in (*outs[:4], outs[5])) and 'text/markdown' in outs[4]

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

def test_one_message_for_two_mistakes():
    e = declare(mistakes=())
    def cell():
        @e.mistake('the mean of rows')
        def _(x): return x - x.mean(1, keepdim=True)
    cell()
    cell() # is run again
    with pytest.raises(ValueError, match="center has two mistakes with the message 'the mean of rows'"):
        @e.mistake('the mean of rows')
        def _(x): return x - x.mean()
    with pytest.raises(ValueError): e.mistake('the mean of rows')(lambda x: x)
    assert len(e.mistakes) == 1
    space = {'e':e}
    exec(compile('@e.mistake("the mean of rows")\ndef _(x): return -x', '<a changed cell>', 'exec'), space)
    assert e.mistakes['the mean of rows'] is space['_']

def test_huge_outputs():
    for f in (lambda x: 'x'*10**6, lambda x: [1]*10**6, lambda x: torch.zeros(10**6), lambda x: {i:i for i in range(10**5)}):
        assert len(sees(f, 'wrong', 'expected').text) < 3000
    b = Book('b')
    @b.exercise(lambda: [(k,) for k in (3, -4, 10**5)], 'abc', 1, 1)
    def times(k): return 'ab'*abs(k)
    assert len(sees(lambda k: 'ba'*abs(k) if k > 9 else 'ab'*abs(k), 'wrong', 'Wrong value', times).text) < 1500
