"""The explorers: what they compute is what the course computes, and on the site they serve everyone.

What an explorer computes is apart from what it draws, and is held against the package here, in a browser, on random inputs
and on malformed ones. The site's own tests (test_site.py) look at the pages."""
import gzip, json, math, random, re, sys
import numpy as np
import pytest
import torch
from groundup.broadcasting import bshape, explain_broadcast
from groundup.convolution import _pair, conv2d, digit_cnn
from groundup.einsum import contraction_cost, einsum
from groundup.engine import Var, graph_order
from groundup.init import activations, gradients, relu
from groundup.neuron import dense
from groundup.support.data import digits
from groundup.support.explore import explorers, layer, packed, script, unpacked
from groundup.training import digit_net, digit_tensors
import test_site
from project import cells, nbs, root, source

sys.path.insert(0, str(root/'docs'))
import explore

site, address, tab = test_site.site, test_site.address, test_site.tab

@pytest.fixture(scope='module')
def js(browser):
    "An empty page that has the explorers' functions: `js(call, cases)` gives for each case the result in a list, or the message of its error"
    page = browser.new_page()
    page.set_default_timeout(240_000)
    net = packed([layer(*explore.ten_neurons())], samples=explore.samples())
    for o in ('core',*explorers): page.add_script_tag(content=script(o, net if o=='digit' else None))
    def run(call, cases):
        return page.evaluate(f'cases => JSON.parse(cases).map(c => {{ try {{ return [({call})(...c)] }} catch (e) {{ '
                             'if (!(e instanceof groundup.core.Problem)) throw e; return e.message } })', json.dumps(cases)) # text is far faster
    yield run
    page.close()

def outcome(f, *args, errors=(ValueError,)):
    "What a function gives, in a list, or the message of its error"
    try: return [f(*args)]
    except errors as e: return str(e)

# --- broadcasting

def some_shapes(n, rng): return [[rng.choice((0,1,1,2,3)) for _ in range(rng.randrange(5))] for _ in range(n)]

def test_broadcast(js):
    "The result or the message is that of `bshape`, the columns are those of `explain_broadcast`"
    rng = random.Random(1)
    cases = [*zip(some_shapes(1500, rng), some_shapes(1500, rng)), ([],[]), ([7],[]), ([2,1,3],[4,1])]
    want = [outcome(lambda a,b: list(bshape(a, b)), tuple(a), tuple(b)) for a,b in cases]
    assert js('groundup.broadcast.bshape', cases)==want
    assert 300<sum(isinstance(w, str) for w in want)<1200
    for (a,b),(cols,) in zip(cases, js('groundup.broadcast.columns', cases)):
        rows = [r[1:] for r in explain_broadcast(tuple(a), tuple(b)).rows]
        ours = [[str(m if m in ('gap',r) or r=='clash' else f'{m} → {r}') for m in c[:2]]+[str(r)] for c in cols for r in c[2:]]
        assert [list(r) for r in zip(*ours)]==rows or not cols and not rows[0]

def test_strides(js):
    "Strides are PyTorch's, of a tensor in order and of a stretched one (along axes on which a step is taken)"
    rng = random.Random(2)
    shapes = some_shapes(400, rng)
    assert js('groundup.broadcast.strides', [[s] for s in shapes])==[[list(torch.empty(s).stride())] for s in shapes]
    pairs = [(a, list(bshape(a, b))) for a,b in zip(shapes, shapes[1:]) if isinstance(outcome(bshape, a, b), list)]
    for (a,to),(got,) in zip(pairs, js('groundup.broadcast.stretched', pairs)):
        want = torch.empty(a).expand(to).stride()
        assert [(k,s) for k,(n,s) in enumerate(zip(to, got)) if n>1]==[(k,s) for k,(n,s) in enumerate(zip(to, want)) if n>1], (a, to)

def test_shapes_are_read(js):
    texts = {'2 1 3':[2,1,3], '(2, 1, 3)':[2,1,3], ' [4] ':[4], '(5,)':[5], '':[], '()':[], '3×28×28':[3,28,28], '0':[0]}
    assert js('groundup.core.shapes', [[t, 'a'] for t in texts])==[[s] for s in texts.values()]
    bad = '2 x', '-1 3', '1.5', '2 (3)', '9999999999', '1e3'
    for t,said in zip(bad, js('groundup.core.shapes', [[t, 'a'] for t in bad])): assert isinstance(said, str) and said.startswith('a: '), t

# --- einsum

def equation(rng):
    def term():
        t = ''.join(rng.choice('ijkK') for _ in range(rng.randrange(4)))
        if rng.random()<.2: t = t[:(k := rng.randrange(len(t)+1))]+'...'+t[k:]
        return t
    terms = [term() for _ in range(rng.choice((1,1,2,2,2,3)))]
    letters = sorted({*''.join(terms).replace('.', '')})
    out = ''.join(rng.sample(letters, rng.randrange(len(letters)+1)))
    if '...' in ''.join(terms) and rng.random()<.7: out = '...'+out
    eq = ','.join(terms)+('->'+out)*(rng.random()<.85)
    sizes = {l:rng.choice((1,2,3)) for l in 'ijkK'}
    if rng.random()<.25: # something is wrong
        k = rng.randrange(len(eq)+1)
        eq = eq[:k]+rng.choice(['i','Z','.','...','->',',',' ','ä','1',"'",'"','\\','\n','😀'])+eq[k:]
    shapes = []
    for t in terms:
        s = [[sizes[l]] if rng.random()<.97 else [rng.choice((1,4))] for l in t.replace('.', '')]
        if '...' in t: s.insert(t.index('...'), [2,3][rng.randrange(2):])
        shapes.append(sum(s, []))
    if rng.random()<.05: shapes.append([2])
    return eq, shapes

def test_einsum(js):
    "Shape, cost or message are those of the course's `einsum`; the loops, run by Python, give its numbers"
    rng = random.Random(3)
    cases = [equation(rng) for _ in range(1200)]
    def ours(eq, shapes):
        ts = [torch.zeros(s) for s in shapes]
        return [*map(int, einsum(eq, *ts).shape)], *contraction_cost(eq, *shapes)
    want = [outcome(lambda *c: list(ours(*c)), *c) for c in cases]
    call = """(eq, given) => { const r = groundup.einsum.fit(eq, given)
        return [r.shape, Number(r.multiplications), Number(r.written)] }"""
    got = js(call, cases)
    for c,g,w in zip(cases, got, want): assert g==w, c
    kinds = {re.sub(r'\d+|\'.*?\'|".*?"|letter .|axis .', '', w) for w in want if isinstance(w, str)}
    assert len(kinds)>=7 and sum(isinstance(w, list) for w in want)>500
    good = [c for c,w in zip(cases, want) if isinstance(w, list)][:250]
    for (eq,shapes),(code,) in zip(good, js('(eq, given) => groundup.einsum.loops(groundup.einsum.fit(eq, given), given)', good)):
        gen = torch.Generator().manual_seed(4)
        ts = [torch.randint(-4, 5, s, generator=gen).float() for s in shapes]
        names = dict(zip('ABC', ts), torch=torch)
        exec(code, names)
        assert torch.equal(names['r'], einsum(eq, *ts)), (eq, shapes, code)

def test_equation_without_loops_of_its_own(js):
    assert js("s => groundup.einsum.all_shapes(s)", [['2 3, 3 4'], ['(2,3), (3,)'], ['2 3, '], ['']])==[[[[2,3],[3,4]]], [[[2,3],[3]]], [[[2,3],[]]], [[[]]]]

# --- initialisation

@pytest.mark.parametrize('act', ['none','relu','tanh'])
@pytest.mark.parametrize('size,scales', [(dict(rows=7, width=5, depth=6), (.05,.44,.9,2.)), (dict(rows=32, width=100, depth=50), (.1,.1413))])
def test_signal(act, size, scales, js):
    "Std forwards and backwards, layer by layer, from the package's own functions and the same weights"
    f = dict(none=None, relu=relu, tanh=torch.tanh)[act]
    (d,), = js('s => Object.fromEntries(Object.entries(groundup.init.draws(3, s)).map(([k, v]) => [k, Array.from(v)]))', [[size]])
    rows,width,depth = size.values()
    x,back = [torch.tensor(d[k], dtype=torch.float64).view(rows, width) for k in ('x','back')]
    assert abs(np.corrcoef(d['x'], d['back'])[0,1]) < 4/(rows*width)**.5 and not {*d['x'][:9]} & {*d['back'],*d['ws']}
    ws = torch.tensor(d['ws'], dtype=torch.float64).view(depth, width, width)
    assert abs(ws.mean())<4/ws.numel()**.5 and abs(ws.std()-1)<4/(2*ws.numel())**.5
    for scale in scales:
        hs = activations(x.requires_grad_(), list(ws*scale), f)
        gs = torch.autograd.grad(hs[-1], [x,*hs[:-1]], back)
        want = [[h.std(correction=0).item() for h in o] for o in (hs, gs)]
        (got,), = js('(...o) => { const r = groundup.init.signal(...o); return [r.forward, r.backward] }', [[scale, act, 3, size]])
        for a,b in zip(got, want): np.testing.assert_allclose(a, b, rtol=1e-9)
    assert len(gradients(x, list(ws), f))==len(got[1])

def test_draws(js):
    "Each draw has other numbers, and they are normal: a thousandth lies beyond 3.29"
    draws = [np.array(v) for v, in js('seed => Array.from(groundup.init.normal(200000, seed))', [[1],[2],[1]])]
    assert (draws[0]==draws[2]).all() and abs(np.corrcoef(draws[0], draws[1])[0,1])<.01
    for v in draws: assert abs(np.corrcoef(v[::2], v[1::2])[0,1])<.01 # the two that are made together, too
    for v in draws: assert abs(v.mean())<.01 and abs(v.std()-1)<.01 and .0007<(abs(v)>3.2905).mean()<.0013

# --- graphs

NAMES = dict(a=2., b=-3., c=.75, w1=-.5)

def expression(rng, depth=0):
    kind = rng.random()
    def e(): return expression(rng, depth+1)
    if depth>3 or kind<.22: return rng.choice(list(NAMES)) if rng.random()<.75 else rng.choice(['2','0.5','3','1e1','.25'])
    if kind<.66: return f'{e()} {rng.choice("+-*/")} {e()}'
    if kind<.74: return f'({e()})'
    if kind<.80: return f'-{e()}'
    if kind<.86: return f'({e()})**{rng.choice(["2","3","-1","0","0.5","-2"])}'
    return rng.choice([f'relu({e()})', f'exp({e()})', f'log({e()})', f'({e()}).relu()', f'({e()}).exp()'])

def mutate(s, rng):
    k = rng.randrange(len(s)+1)
    if rng.random()<.5: return s[:k]+s[k+1:]
    return s[:k]+rng.choice(list('()+-*/.,^ ab2$')+['**','relu(','.exp()','é'])+s[k:]

def on_vars(s, given=NAMES):
    "Value, and the numbers and gradients of all Vars in topological order, or None where Python or the engine refuses"
    vs = {k:Var(torch.tensor(v, dtype=torch.float64), requires_grad=True, name=k) for k,v in given.items()}
    call = {f:(lambda v, f=f: getattr(v, f)()) for f in ('exp','log','relu')}
    if '^' in s or '//' in s: return
    try:
        out = eval(s, {'__builtins__':{}, **vs, **call})
        if not isinstance(out, Var) or out.is_leaf or len(graph_order(out))>40: return
        out.backward(retain_graph=True)
    except (SyntaxError,NameError,TypeError,AttributeError,ArithmeticError,RuntimeError,ValueError): return
    return [[v.name if v.is_leaf else '', v.data.item(), v.grad.item()] for v in graph_order(out)]

CALL = """(e, given) => { const order = groundup.graph.build(e, given), all = groundup.graph.steps(order), now = all.at(-1)
    return order.map(v => [v.op ? '' : v.name, v.value, now.grads.get(v)].map(o => typeof o == 'number' && !isFinite(o) ? String(o) : o)) }"""
GIVEN = ', '.join(f'{k} = {v}' for k,v in NAMES.items())

def alike(got, want):
    if len(got)!=len(want): return False
    return all(g[0]==w[0] and all(math.isclose(float(p), q, rel_tol=1e-9, abs_tol=1e-300) or math.isnan(q) and math.isnan(float(p))
               for p,q in zip(g[1:], w[1:])) for g,w in zip(got, want))

@pytest.mark.filterwarnings('ignore::SyntaxWarning')
def test_graph(js):
    "Values and gradients in topological order are those of `Var`; what Python or the engine refuses is refused"
    rng = random.Random(5)
    texts = [expression(rng) for _ in range(1500)]+['x*x', 'a*a+a', '(a*b + c)**2', '1/(1 + exp(-a))', 'relu(w1*a + c)', 'a**0', 'a - a', '2 - a', '2/a', '-a**2', '(-a)**2']
    texts += [mutate(s, rng) for s in texts if len(s)<30]
    want = [on_vars(s) for s in texts]
    good = bad = 0
    for s,w,g in zip(texts, want, js(CALL, [[s, GIVEN] for s in texts])):
        if w is None: assert isinstance(g, str) and g, s; bad += 1
        else: assert isinstance(g, list) and alike(g[0], w), (s, g, w); good += 1
    assert good>900 and bad>300, (good, bad)

@pytest.mark.parametrize('text,part', [('', 'is empty'), ('a +', 'the end'), ('a b', "ends before 'b'"), ('d*2', 'd has no value'), ('a**b', 'the exponent is a number'),
    ('2*3', 'no name in it'), ('a', 'is a leaf'), ('sin(a)', "'sin' is no function"), ('a^2', 'a power is written **'), ('(a*2', "')' is expected"), ('a $ 2', "'$' is not known"), ('a/(1-1)+1/0', 'divided by 0'),
    ('constructor*2', 'constructor has no value'), ('('*300+'a'+')'*300+'*2', 'too long')])
def test_graph_says_why(text, part, js):
    said, = js(CALL, [[text, GIVEN]])
    assert isinstance(said, str) and part in said

def test_any_name_may_be_a_key(js):
    assert js(CALL, [['constructor*__proto__', 'constructor = 2, __proto__ = 3']])==[[[['__proto__', 3, 2], ['constructor', 2, 3], ['', 6, 1]]]]

def test_steps(js):
    "A diamond: three uses of x, and each step says what it did"
    (said,), = js("(e, g) => groundup.graph.steps(groundup.graph.build(e, g)).map(o => o.say)", [['x*x + x', 'x = 3']])
    assert said[1:4]==['v1 = x × x = 3 × 3 = 9.', 'result = v1 + x = 9 + 3 = 12.', 'Now back. The gradient of the result itself is 1.']
    assert len(said)==8 and said[-1]=='v1 has g = 1 and sends x: g × x = 3. It is added to what was there: 4 + 3 = 7.'

# --- convolution

def test_windows(js):
    "Size, and the pixels of each output, are those of PyTorch's `unfold`; messages are those of `conv2d`"
    rng,cases,want = random.Random(6),[],[]
    def number(low, high): return rng.choice([rng.randint(low, high), [rng.randint(low, high), rng.randint(low, high)], [rng.randint(low, high), rng.randint(low, high)]])
    def setting(low, high): return number(low, high) if rng.random()<.93 else rng.choice([0, -1, [1,2,3], 'x', [], [0,2], [2,-3]])
    for _ in range(700):
        padding = 'same' if rng.random()<.12 else setting(0, 2)
        c = dict(image=number(3, 9), kernel=setting(1, 4), stride=setting(1, 3), padding=padding, dilation=setting(1, 2))
        def ours():
            args = {k:tuple(v) if isinstance(v, list) else v for k,v in c.items()}
            size,kernel = _pair('image', args['image'], 1),_pair('kernel_size', args['kernel'], 1)
            more = {k:args[k] for k in ('stride','padding','dilation')}
            x = torch.arange(1., math.prod(size)+1).view(1, 1, *size)
            # one filter for each pixel of the window: output i,j,p,q is the pixel there, or 0 in the padding
            eye = torch.eye(math.prod(kernel)).view(-1, 1, *kernel)
            out = conv2d(x, eye, **more)[0].int()
            if padding!='same':
                f = torch.nn.functional.unfold(x, kernel, args['dilation'], args['padding'], args['stride'])[0].int()
                assert torch.equal(out.flatten(1), f)
            return [list(out.shape[1:]), out.permute(1, 2, 0).tolist()]
        cases.append([{k:' '.join(map(str, v)) if isinstance(v, list) else str(v) for k,v in c.items()}])
        want.append(outcome(ours))
    call = """s => { const g = groundup.conv.geometry(s), [h, w] = g.size, n = ([r, c]) => groundup.conv.inside(g, [r, c]) ? r*w+c+1 : 0
        return [g.out, Array.from({length: g.out[0]}, (_, p) => Array.from({length: g.out[1]}, (_, q) => groundup.conv.pixels(g, p, q).map(n)))] }"""
    for c,g,w in zip(cases, js(call, cases), want): assert g==w, c
    assert sum(isinstance(w, list) for w in want)>350 and len({re.sub(r'[\d,()\[\] -]', '', w) for w in want if isinstance(w, str)})>=7

def test_outputs_of_a_pixel(js):
    "A pixel goes into the outputs whose windows hold it"
    s = dict(image='6 7', kernel='3 2', stride='2 1', padding='1', dilation='1 2')
    call = """s => { const g = groundup.conv.geometry(s), all = []
        for (let r = 0; r < g.size[0]; r++) for (let c = 0; c < g.size[1]; c++) all.push(groundup.conv.outputs(g, r, c))
        return [g.out, all] }"""
    ((out,all_),), = js(call, [[s]])
    x = torch.zeros(42, 1, 6, 7)
    for k in range(42): x[k,0,k//7,k%7] = 1
    hit = conv2d(x, torch.ones(1, 1, 3, 2), stride=(2,1), padding=1, dilation=(1,2))[:,0]>0
    assert list(hit.shape[1:])==out and [o.nonzero().tolist() for o in hit]==all_

# --- digits

@pytest.fixture(scope='module')
def lesson():
    "What lesson 00 computes, by its own cells: `mean_image`, means, biases, what sets each apart"
    names = dict(digits=digits)
    for c in cells(nbs/'00_neuron.ipynb', 'code'):
        if source(c).startswith(('d = digits()','def mean_image','means = ','common = ')):
            exec('\n'.join(l for l in source(c).splitlines() if not l.startswith('test_eq')), names)
    return names

def test_ten_neurons(lesson):
    "The build's ten neurons are those that lesson 00 makes"
    w,b = explore.ten_neurons()
    np.testing.assert_allclose(w, lesson['apart'], atol=1e-9)
    np.testing.assert_allclose(b, lesson['biases'], atol=1e-9)

def test_answers(js, lesson):
    "On all validation digits the page says what the lesson's layer says, within the rounding of the weights; and it reads the same digit"
    d = digits()
    net = packed([layer(*explore.ten_neurons())])
    step = np.array(net['layers'][0]['steps'])
    (got,), = js(f'x => {{ const n = groundup.digit.unpack({json.dumps(net)}); return x.map(o => groundup.digit.answer(n, o)) }}', [[d.x_valid.astype(float).tolist()]])
    want = np.array(dense(d.x_valid.astype(float).tolist(), lesson['apart'], lesson['biases']))
    assert (abs(np.array(got)-want) <= step/2*d.x_valid.sum(1, keepdims=True, dtype=float)+1e-9).all()
    assert np.mean(np.argmax(got, 1)==want.argmax(1))>.995
    np.testing.assert_allclose(got, d.x_valid@unpacked(net['layers'][0]).T+net['layers'][0]['bias'], rtol=1e-6, atol=1e-5)

NETS = dict(dense=lambda: digit_net((784,7,10)), conv=lambda: digit_cnn((2,3,4)))

@pytest.mark.parametrize('name', NETS)
def test_nets(name, js):
    "A net of lesson 09 or 10 says the same on a page as in the package, with the weights that the page has"
    torch.manual_seed(8)
    model,(*_,x,_) = NETS[name](),digit_tensors()
    for p in model.parameters(): p.detach().add_(torch.randn(p.shape)*.01) # biases too
    d = digits()
    net = packed(model, d.x.mean(), d.x.std())
    (got,), = js(f'x => {{ const n = groundup.digit.unpack({json.dumps(net)}); return x.map(o => groundup.digit.answer(n, o)) }}', [[d.x_valid[:40].astype(float).tolist()]])
    before = model(x[:40]).detach()
    for m,l in zip(model, net['layers']):
        if 'weights' in l: m.weight.data = torch.tensor(unpacked(l), dtype=torch.float32)
    want = model(x[:40]).detach()
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
    assert (want-before).abs().max() < .05*before.std() # a byte for a weight is enough
    (p,), = js('s => groundup.digit.shares(s)', [[got[0]]])
    np.testing.assert_allclose(p, torch.tensor(got[0]).softmax(0), rtol=1e-6)

@pytest.mark.parametrize('name', NETS)
def test_trained_nets(name, js):
    "The stored nets read as many digits as they say, and are small enough"
    o = json.loads((root/f'docs/nets/{name}.json').read_text())
    d = digits()
    (got,), = js(f'x => {{ const n = groundup.digit.unpack({json.dumps(o["net"])}); return x.map(o => groundup.digit.answer(n, o)) }}', [[d.x_valid.astype(float).tolist()]])
    assert abs(np.mean(np.argmax(got, 1)==d.y_valid)-o['origin']['accuracy'])<.002 and o['origin']['accuracy']>.97
    assert len(gzip.compress(json.dumps(o).encode(), 9)) < 90*1024

def test_a_real_digit_stays_as_it_is(js):
    "Enlarged to the page and prepared again, a digit of MNIST comes back byte for byte, wherever it was put"
    d = digits(raw=True)
    x = [im for im in d.x_valid[:60] if max(np.ptp(np.flatnonzero(im.any(k))) for k in (0,1))==19]
    assert len(x)>=59
    call = """(image, n, dy, dx) => { const W = 36*n, big = new Uint8Array(W*W)
        for (let y = 0; y < W; y++) for (let x = 0; x < W; x++) {
            const [r, c] = [Math.floor(y/n)-4-dy, Math.floor(x/n)-4-dx]
            big[y*W+x] = r >= 0 && c >= 0 && r < 28 && c < 28 ? image[r*28+c] : 0 }
        return Array.from(groundup.digit.normalise(big, W, W), v => v*255) }"""
    cases = [(im.flatten().tolist(), n, dy, dx) for k,im in enumerate(x) for n,dy,dx in [[(10,0,0), (7,-2,3), (1,2,-1)][k%3]]]
    for c,(got,) in zip(cases, js(call, cases)): np.testing.assert_allclose(got, c[0], atol=1e-6)

def test_what_is_drawn_is_prepared(js):
    "Any ink: at most 20 wide and high with its aspect kept, its ink in the middle, as much ink as its area has; none: no answer"
    rng = np.random.default_rng(7)
    cases = []
    for h,w in rng.integers(3, 200, (30, 2)).tolist():
        page = np.zeros((240,280), int)
        top,left = rng.integers(0, 240-h),rng.integers(0, 280-w)
        page[top:top+h,left:left+w] = rng.integers(1, 256, (h,w))
        cases.append((page, h, w))
    call = '(ink, w, h) => { const r = groundup.digit.normalise(ink, w, h); return r && Array.from(r) }'
    for (page,h,w),(got,) in zip(cases, js(call, [[p.flatten().tolist(), 280, 240] for p,*_ in cases])):
        x = np.array(got).reshape(28, 28)
        high,wide = [np.ptp(np.flatnonzero(x.any(k)))+1 for k in (1,0)]
        scale = 20/max(h, w)
        assert max(high, wide)==20 and min(high, wide)==math.ceil(min(h, w)*scale-1e-9), (h, w)
        np.testing.assert_allclose(x.sum(), page.sum()/255*scale**2, rtol=1e-9)
        centre = [(x.sum(k)@np.arange(28))/x.sum() for k in (1,0)]
        assert all(13.5-1e-9<=c<14.5 for c in centre)
    assert js(call, [[[0]*100, 10, 10]])==[[None]]

# --- on the site

PAGES = dict(broadcast='02_broadcasting', einsum='03_einsum', init='04_init', graph='06_engine', conv='10_convolution', digit='00_neuron')

def test_light_and_only_where_used(site):
    "All scripts together stay under 40 KB compressed; a page loads those of its own explorers and no other; they name no other host"
    texts = {p.stem:p.read_text(encoding='utf8') for p in site.glob('_static/explore/*.js') if '-' not in p.stem}
    assert {*texts}=={'core',*explorers}
    assert sum(len(gzip.compress(t.encode(), 9)) for t in texts.values()) < 40*1024
    for t in texts.values(): assert not re.search(r'https?://(?!www\.w3\.org/2000/svg)', t)
    found = {}
    for p in site.rglob('*.html'):
        page = p.read_text(encoding='utf8')
        loads = re.findall(r'src="[^"]*_static/explore/([\w-]+)\.js', page)
        wants = sorted({*re.findall(r'<div class="explore"[^>]* data-explore="(\w+)"', page)})
        assert [o.removesuffix('-net') for o in loads]==['core']*bool(wants)+wants, p
        assert ('digit-net' in loads)==(p.relative_to(site).as_posix() in ('09_training.html','10_convolution.html')), p
        for w in wants: found.setdefault(w, []).append(p.stem)
    assert {o:f for o,f in PAGES.items() if f not in found[o]}=={} and 'index' in found['digit']

def open_explorer(tab, name, query='', scheme='light', width=1280):
    tab.open(f'{PAGES[name]}.html?explore={name}{query}#explore-{name}', scheme, width)
    box = tab.page.locator(f'#explore-{name}')
    box.locator('.explore-live').wait_for()
    return box

@pytest.mark.parametrize('name', explorers)
def test_for_everyone(name, tab):
    "No finding of axe in light and dark, on a phone nothing sticks out, no complaint, no other host; each field has a name"
    for width,scheme in ((1280,'light'), (390,'dark')):
        box = open_explorer(tab, name, scheme=scheme, width=width)
        if width==1280: # as a part of its page, too
            assert not (bad := [b for b in test_site.axe(tab.page, code=0) if 'x-' in b or 'explore' in b]), '\n'.join(bad)
        for s in (scheme, {'light':'dark','dark':'light'}[scheme]):
            tab.scheme(s)
            bad = test_site.axe(tab.page, code=0, within=f'#explore-{name}')
            assert not bad, f'{width} {s}:\n' + '\n'.join(bad)
        assert tab.page.evaluate('document.documentElement.scrollWidth') <= width
        assert not tab.foreign() and not tab.errors, (tab.foreign(), tab.errors)
        assert box.locator('[role=status]').inner_text()
        for e in box.locator('input, select').all(): assert e.evaluate('e => e.labels.length==1 && e.labels[0].textContent.length > 2')

@pytest.mark.parametrize('name', explorers)
def test_every_example_works(name, tab):
    "Each button of an example gives a picture, or a mistake in words"
    box = open_explorer(tab, name)
    for b in box.locator('.x-tries button').all():
        b.click()
        assert box.locator('[role=status]').inner_text()
        assert box.locator('.x-out > *').count() or box.locator('.x-wrong').count() or name=='digit'
    assert not tab.errors

@pytest.mark.parametrize('name,query,say', [
    ('broadcast', '&a=5+1+3&b=4+3', 'The result has the shape (5, 4, 3).'), ('broadcast', '&a=3+2&b=3', '(3, 2) and (3,) do not broadcast: 2 against 3'),
    ('broadcast', '&a=<img+src=x>&b=%22', "a: '<img' is no size, which is a whole number from 0 up"),
    ('einsum', '&eq=ik,kj->ij&sizes=2+3,+4+5', 'letter k has size 3 in operand 0, but size 4 in operand 1'), ('einsum', '&eq=ii->i&sizes=3+3', 'The result has the shape (3,).'),
    ('init', '&scale=0&act=none', 'In float32, the numbers end at layer'), ('graph', '&expression=a*b&given=a=2,b=5&step=1', 'result = a × b = 2 × 5 = 10.'),
    ('init', '&scale=1e9&act=toString&draw=-5', 'In float32, the numbers end at layer'), ('init', '&scale=&act=none', 'With weights of std 0.1 the signal'),
    ('graph', '&expression=x*x&given=x=3&step=abc', 'The leaves have their values.'), ('graph', '&expression=x*x&given=x=3&step=1e9', 'result has g = 1 and sends x: g × x = 3. It is added'),
    ('conv', '&image=5&kernel=3&stride=1&padding=0&dilation=1&look=nothing&row=-4&column=1e9', 'The output is 3 by 3. Output 0,2 is made of 9 pixels.'),
    ('conv', '&image=7&kernel=3&stride=2&padding=1&dilation=1&row=0&column=0', 'The output is 4 by 4. Output 0,0 is made of 4 pixels and 5 of the padding.')])
def test_address(name, query, say, tab):
    "A teacher's link opens its example; what the reader changes goes into the address and into the link"
    box = open_explorer(tab, name, query)
    assert box.locator('[role=status]').inner_text().startswith(say)
    assert not tab.errors and box.locator('img').count()==0
    link = box.get_by_text('Link to this example')
    href = link.get_attribute('href')
    tab.page.goto(tab.page.url.split('?')[0]+href)
    assert tab.page.locator(f'#explore-{name} [role=status]').inner_text().startswith(say)

def test_the_address_follows(tab):
    box = open_explorer(tab, 'broadcast')
    box.get_by_label('Shape of a').fill('7 1')
    tab.page.wait_for_function("location.search.includes('a=7+1')")
    tab.page.reload()
    assert tab.page.locator('#explore-broadcast').get_by_label('Shape of a').input_value()=='7 1'
    box.get_by_label('Shape of b').fill('2 x')
    assert box.get_by_label('Shape of b').get_attribute('aria-invalid')=='true' and 'x-wrong' in box.locator('[role=status]').get_attribute('class')

def test_half_written(tab):
    "While a field is being changed and says nothing yet, the others keep what they show"
    box = open_explorer(tab, 'conv', '&image=5+6&kernel=3+2&stride=1&padding=0&dilation=1&row=2&column=4')
    for text,say in (('', 'kernel_size is'), ('3 2', 'The output is 3 by 5. Output 2,4 is made')):
        box.get_by_label('Kernel').fill(text)
        assert box.locator('[role=status]').inner_text().startswith(say)

def test_by_keyboard(tab):
    "Step through a graph, and move a window, with the keyboard alone"
    box = open_explorer(tab, 'graph', '&expression=x*x&given=x=3')
    box.get_by_label('Expression').focus()
    for _ in range(3): tab.page.keyboard.press('Tab') # values, Back, the slider
    seen = []
    for _ in range(4):
        tab.page.keyboard.press('ArrowRight')
        seen.append(box.locator('[role=status]').inner_text())
    assert seen[0]=='result = x × x = 3 × 3 = 9.' and seen[3].endswith('It is added to what was there: 3 + 3 = 6.')
    tab.page.keyboard.press('Tab')
    assert tab.page.evaluate('getComputedStyle(document.activeElement).outlineWidth')=='3px'
    box.get_by_role('button', name='Back').click()
    assert box.locator('output').inner_text()=='3 of 4'

def test_alive_only_when_near(tab):
    tab.open('02_broadcasting.html')
    assert tab.page.locator('.explore .explore-hint').count()==1 and not tab.page.locator('.explore-live').count()
    tab.page.locator('.explore').scroll_into_view_if_needed()
    tab.page.locator('.explore-live').wait_for()

def test_without_javascript(browser, address):
    "The picture stays, and a sentence says what is missing"
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f'{address}{test_site.BASE}index.html')
    assert page.locator('.explore[data-explore=digit] img[alt^="One handwritten 3"]').is_visible()
    for name in PAGES.values():
        page.goto(f'{address}{test_site.BASE}{name}.html')
        page.locator('.explore').first.scroll_into_view_if_needed()
        page.locator('.explore').first.get_by_text('open this page with JavaScript').wait_for()
    context.close()

# --- drawing

def answers(page): return page.evaluate("JSON.parse(document.querySelector('#explore-digit').dataset.answers || 'null')")

def settled(page): page.evaluate('() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))')

@pytest.fixture
def drawing(tab):
    tab.open('index.html')
    tab.page.locator('#explore-digit .explore-live').wait_for()
    settled(tab.page)
    return tab.page

def pad(page): return page.get_by_role('application', name='Page to draw on')

def test_the_map_begins_as_its_picture(drawing, lesson):
    "The image of the picture on the map, and what the ten neurons of lesson 00 say of it"
    d = digits()
    three = d.x_valid[np.flatnonzero(d.y_valid==3)[4]]
    np.testing.assert_allclose(answers(drawing), dense([three.astype(float).tolist()], lesson['apart'], lesson['biases'])[0], atol=.3)
    assert drawing.locator('#explore-digit [role=status]').inner_text()=='The ten neurons read 3; next comes 8.'
    assert drawing.locator('.x-ten li').count()==10 and drawing.locator('.x-ten li.on').inner_text().startswith('3')

def test_painted_digits(drawing, lesson):
    "Real digits, painted into the page with a brush of the browser, get the package's answers within the rounding"
    d = digits(raw=True)
    step = max(layer(*explore.ten_neurons())['steps'])
    x = [im for im in d.x_valid[60:90] if max(np.ptp(np.flatnonzero(im.any(k))) for k in (0,1))==19]
    for im in x:
        drawing.get_by_role('button', name='Clear').click()
        drawing.evaluate("""image => { const c = document.querySelector('.x-pad canvas'), x = c.getContext('2d'), n = c.width/28
            image.forEach((v, k) => { x.fillStyle = `rgba(0, 0, 0, ${v/255})`; x.fillRect(n*(k%28), n*Math.floor(k/28), n, n) }) }""", im.flatten().tolist())
        drawing.locator('.x-pad').dispatch_event('paint')
        settled(drawing)
        want = dense([(im.flatten()/255).tolist()], lesson['apart'], lesson['biases'])[0]
        np.testing.assert_allclose(answers(drawing), want, atol=(step/2+1/255)*im.sum()/255, rtol=0)

def test_drawing_with_the_mouse(drawing):
    "A 1 is read as one; the empty page says nothing; the first stroke takes the sample away; a cancelled pointer ends its stroke"
    box = pad(drawing).bounding_box()
    def at(x, y): return box['x']+x*box['width'], box['y']+y*box['height']
    mouse = drawing.mouse
    mouse.move(*at(.55, .15)); mouse.down()
    for k in range(1, 9): mouse.move(*at(.55-.012*k, .15+.09*k))
    mouse.up(); settled(drawing)
    ys = answers(drawing)
    assert int(np.argmax(ys))==1 and 'read 1;' in drawing.locator('#explore-digit [role=status]').inner_text()
    mouse.move(*at(.1, .5)); settled(drawing)
    assert answers(drawing)==ys, 'the pen is up'
    drawing.evaluate("""() => { const e = document.querySelector('.x-pad'), r = e.getBoundingClientRect(), p = (type, x) => e.dispatchEvent(new PointerEvent(type,
        {isPrimary: true, pointerId: 1, clientX: r.left+x*r.width, clientY: r.top+r.height/2, bubbles: true})); e.setPointerCapture = () => {}
        p('pointerdown', .2); p('pointermove', .4); p('pointercancel', .4) }""")
    settled(drawing); ys = answers(drawing)
    drawing.evaluate("""() => { const e = document.querySelector('.x-pad'), r = e.getBoundingClientRect()
        e.dispatchEvent(new PointerEvent('pointermove', {isPrimary: true, pointerId: 1, clientX: r.left+r.width*.9, clientY: r.top+9, bubbles: true})) }""")
    settled(drawing)
    assert answers(drawing)==ys
    drawing.get_by_role('button', name='Clear').click(); settled(drawing)
    assert answers(drawing) is None and drawing.locator('#explore-digit [role=status]').inner_text()=='The page is empty. Draw a digit.'

def test_drawing_by_keyboard_and_touch(browser, address):
    "Arrows and Space draw; a finger draws where it is, and does not scroll the page"
    t = test_site.Tab(browser, address)
    t.open('index.html', width=390)
    page = t.page
    page.locator('#explore-digit .explore-live').wait_for()
    pad(page).focus()
    page.keyboard.press('Delete')
    for _ in range(5): page.keyboard.press('ArrowUp')
    page.keyboard.press('Space')
    for _ in range(11): page.keyboard.press('ArrowDown')
    page.keyboard.press('Space'); settled(page)
    assert int(np.argmax(answers(page)))==1
    ys = answers(page)
    page.keyboard.press('ArrowLeft'); settled(page)
    assert answers(page)==ys and page.locator('.x-pen').is_visible()
    assert page.locator('.x-pad').evaluate("e => getComputedStyle(e).touchAction")=='none'
    # coordinates: the ink lies where the pointer was, though the page is shown smaller than it is
    page.get_by_role('button', name='Clear').click()
    box = pad(page).bounding_box()
    page.mouse.move(box['x']+box['width']*.25, box['y']+box['height']*.75); page.mouse.down(); page.mouse.up(); settled(page)
    ink = page.evaluate("""() => { const c = document.querySelector('.x-pad canvas'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data
        let n = 0, x = 0, y = 0; for (let k = 3; k < d.length; k += 4) if (d[k]) { n++; x += (k>>2)%c.width; y += Math.floor((k>>2)/c.width) } return [x/n/c.width, y/n/c.height] }""")
    np.testing.assert_allclose(ink, [.25,.75], atol=.02)
    t.context.close()

@pytest.mark.parametrize('name,lesson', [('dense','09_training'),('conv','10_convolution')])
def test_a_trained_net_on_its_page(name, lesson, tab):
    "It is fetched only when a reader comes near, reads a real 3, and says how good it is"
    o = json.loads((root/f'docs/nets/{name}.json').read_text())
    tab.open(f'{lesson}.html')
    assert not [u for u in tab.asked if '/net-' in u]
    box = tab.page.locator('#explore-digit')
    box.scroll_into_view_if_needed()
    box.locator('.explore-live').wait_for()
    settled(tab.page)
    assert box.locator('[role=status]').inner_text().startswith('The net reads 3;')
    assert box.locator('.x-ten .on').inner_text().split()[0]=='3' and sum(int(t.rstrip('%')) for t in box.locator('.x-value').all_inner_texts()) in range(95, 106)
    assert f"{o['origin']['accuracy']:.1%} of 1,000 digits" in box.locator('.x-note').inner_text()
    assert not tab.foreign() and not tab.errors and len([u for u in tab.asked if '/net-' in u])==1
    assert not [b for b in test_site.axe(tab.page, code=0) if 'x-' in b or 'explore' in b]

@pytest.mark.parametrize('width', [1280, 768, 390, 320])
def test_nothing_jumps(width, browser, address):
    "When the page to draw on takes the place of the picture, the text below stays where it is"
    t = test_site.Tab(browser, address)
    t.page.add_init_script("window.jumps = []; new PerformanceObserver(l => l.getEntries().forEach(e => jumps.push(e.value))).observe({type: 'layout-shift', buffered: true})")
    t.open('index.html', width=width)
    t.page.locator('#explore-digit .explore-live').wait_for()
    settled(t.page)
    assert sum(t.page.evaluate('jumps')) < .02, t.page.evaluate('jumps')
    t.context.close()
