"Reading an answer: stubs, rules, helpers"
import ast, sys, types
from functools import partial
from pathlib import Path

import pytest
import torch
from sample import Rude, center, center_inputs, decorated, sees
from torch import nn

from groundup.support.checker import prove, source
from groundup.support.checker.exercise import Book, syntax
from groundup.support.testing import difference


def test_stubs():
    def doc(x): "doc"
    def error(x): raise NotImplementedError
    def message(x): raise NotImplementedError('later')
    @decorated
    def wrapped(x): ...
    for f in (doc, error, message, wrapped, lambda x: ..., partial(doc), prove._variant(center, 'pass')):
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
    sees(partial(free), 'right', 'It does without')
    sees(partial(r_for), 'rule', 'Now do it without `for`')

@pytest.mark.parametrize('deep,lines', [
    (0, ['x = 1']), (1, ['for i in a: i']), (1, ['while a: b']), (1, ['[i for i in a]']), (2, ['{i:j for i in a for j in i}']),
    (2, ['for i in a:', '  if i: x = {j for j in i}']), (1, ['for i in [j for j in a]: i']), (1, ['[i for i in [j for j in a]]']),
    (2, ['[i for i in a for j in [k for k in b]]']), (2, ['[i for i in a if any(j for j in i)]']), (3, ['[[[k for k in j] for j in i] for i in a]']),
    (1, ['for i in a: i', 'else:', '  for j in a: j']), (2, ['while any(i for i in a): b']), (1, ['def f():', '  for i in a: i', 'def g():', '  for i in a: i']),
    (3, ['for i in a:', '  while i:', '    def f(): return (j for j in i)'])])
def test_loops_in_loops(deep, lines):
    node = ast.parse('\n'.join(lines))
    assert [bool(source.broken(node, ' '.join(['for']*n))) for n in (1, 2, 3, 4)] == [deep >= n for n in (1, 2, 3, 4)]

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

def plainly(f):
    def wrapper(*args): return f(*args)
    return wrapper

class Plainly:
    def __init__(self, f): self.f = f
    def __call__(self, *args): return self.f(*args)

class Tools:
    @staticmethod
    def means(x): return torch.stack([c.mean() for c in x.t()])
    @classmethod
    def far(cls, x): return h_means(x)
    def own(self, x): return Tools.means(x)
    class Inner:
        @staticmethod
        def means(x): return torch.stack([c.mean() for c in x.t()])
tools = Tools()

@pytest.mark.parametrize('deco', [plainly, Plainly, lambda f: plainly(plainly(f)), lambda f: partial(plainly(f))])
def test_decorators_without_wraps(deco):
    @deco
    def stub(x): ...
    @deco
    def loop(x): return x - h_means(x)
    @deco
    def good(x): return x - x.mean(0)
    @deco
    def none(x): y = x - x.mean(0) # noqa: F841
    sees(stub, 'unwritten', 'Write `center(x)`')
    sees(loop, 'rule', 'in `')
    sees(good, 'right', 'It does without')
    sees(none, 'wrong', 'is `return` missing?')
    sees(deco(r_for), 'rule', 'Now do it without `for`')

@pytest.mark.parametrize('f', [lambda x: x - Tools.means(x), lambda x: x - Tools().own(x), lambda x: x - Tools.far(x),
                               lambda x: x - tools.own(x), lambda x: x - Tools.Inner.means(x)])
def test_static_helpers(f): sees(f, 'rule', 'Now do it without `for`')

def dot(x): return x.mean(0)
def matmul_of_mine(x): return torch.ones(1, len(x))@x/len(x)

def test_own_helpers_with_the_names_of_tools():
    sees(lambda x: x - dot(x), 'right', 'It does without')
    v = sees(lambda x: x - matmul_of_mine(x), 'rule', 'in `matmul_of_mine` too')
    assert '@x/len(x)' in v.facts[0][1]

@pytest.mark.parametrize('rule,good,bad', [
    ('@', ['a*b', 'nn.ReLU()(a)', '(a[:,:,None]*b).sum(1)', 'torch.outer(a,b)', 'a.dots', 'Linearly(a)'],
     ['a@b', 'a.mm(b)', 'F.linear(a,b)', 'nn.Linear(2,3)(a)', 'nn.Bilinear(2,3,4)(a,b)', 'F.bilinear(a,b,c)', 'np.inner(a,b)',
      'torch.linalg.multi_dot([a,b])', 'a.addmm_(a,b)', 'operator.imatmul(a,b)', 'a.__rmatmul__(b)', 'a.T.cov()', 'np.corrcoef(a)', 'np.vecdot(a,b)']),
    ('t', ['a+t', 'T', 'a.reshape(3,2)', 'torch.einsum("ij->ji",a)', 'a.title()'],
     ['a.t()', 'a.T', 'a.mT', 'a.mH', 'a.H', 'a.t_()', 'torch.transpose(a,0,1)', 'np.transpose(a)', 'a.permute(1,0)', 'a.swapaxes(0,1)',
      'a.swapdims_(0,1)', 'torch.moveaxis(a,0,1)', 'a.movedim(0,1)', 'a.adjoint()', 'a.transpose_(0,1)']),
    ('bilinear', ['linear(a)'], ['F.bilinear(a,b,c)', 'nn.Bilinear(1,2,3)']), ('T', ['a.t()', 'a.mT'], ['a.T']),
    ('one_hot', ['hot'], ['F.one_hot(a)', 'OneHot(a)'])])
def test_families(rule, good, bad):
    assert [s for s in good if source.broken(ast.parse(s), rule)] == [s for s in bad if not source.broken(ast.parse(s), rule)] == []
