"The kernels against `@`: random shapes, strides and special values, both dtypes; threads, bad calls, and how they are compiled"
import os, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
import numpy as np
import pytest, torch
from hypothesis import given, settings, strategies as st
from numba import njit
from groundup import kernels
from groundup.kernels import ROW, jam, loops_ijk, loops_ikj, loops_jki, matmul_packed, multiply, packed, simd, tiles
from groundup.support.testing import same

rungs = [loops_jki, loops_ijk, loops_ikj, tiles, jam, simd, packed]
tolerance = {torch.float32:dict(rtol=2e-4, atol=2e-4), torch.float64:dict(rtol=1e-11, atol=1e-11)}
special = [torch.nan,torch.inf,-torch.inf,0.,-0.,1e-42,3e38]

def matrix(m, n, dtype, how, seed):
    "Random numbers: in order, turned, with gaps, backwards, or one row for all"
    g = torch.Generator().manual_seed(seed)
    if how=='turned': return torch.randn(n, m, generator=g, dtype=dtype).t()
    if how=='gaps': return torch.randn(2*m, 3*n, generator=g, dtype=dtype)[::2,::3]
    if how=='part': return torch.randn(m+2, n+3, generator=g, dtype=dtype)[1:m+1,2:n+2]
    if how=='one row': return torch.randn(1, n, generator=g, dtype=dtype).expand(m, n)
    return torch.randn(m, n, generator=g, dtype=dtype)

def hold(f, a, b):
    "Same as `@`, into room where no old number may stay; the arguments are as they were"
    a0,b0 = a.clone(),b.clone()
    want = a@b
    same(f(a, b), want, **tolerance[a.dtype])
    out = torch.full(want.shape, 77., dtype=a.dtype)
    assert f(a, b, out=out) is out
    same(out, want, **tolerance[a.dtype])
    assert torch.equal(a.nan_to_num(9.), a0.nan_to_num(9.)) and torch.equal(b.nan_to_num(9.), b0.nan_to_num(9.))

size = st.one_of(st.integers(0, 8), st.integers(0, 70), st.sampled_from([6,12,16,17,31,32,33,64,65]))
hows = st.sampled_from(['in order','turned','gaps','part','one row'])
dtypes = st.sampled_from([*tolerance])

@settings(max_examples=400)
@given(st.sampled_from(rungs), size, size, size, dtypes, hows, hows)
def test_rungs(kernel, i, k, j, dtype, how_a, how_b):
    hold(partial(multiply, kernel), matrix(i, k, dtype, how_a, 0), matrix(k, j, dtype, how_b, 1))

@settings(max_examples=300)
@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 200), dtypes, hows, hows, st.integers(1, 5))
def test_matmul_packed(i, k, j, dtype, how_a, how_b, threads):
    hold(partial(matmul_packed, threads=threads), matrix(i, k, dtype, how_a, 0), matrix(k, j, dtype, how_b, 1))

@settings(max_examples=300)
@given(st.sampled_from(rungs), st.integers(1, 40), st.integers(1, 20), st.integers(1, 70), dtypes, st.data())
def test_special_values(kernel, i, k, j, dtype, data):
    "NaN and infinity go through, one of them in each place where `@` has one"
    a,b = matrix(i, k, dtype, '', 0),matrix(k, j, dtype, '', 1)
    for t in (a,b):
        for _ in range(data.draw(st.integers(1, 4))):
            t[data.draw(st.integers(0, t.shape[0]-1)),data.draw(st.integers(0, t.shape[1]-1))] = data.draw(st.sampled_from(special))
    got,want = multiply(kernel, a, b),a.double()@b.double() # in float32, sums near the largest number depend on their order
    big = want.abs()>1e37
    same(got.isnan() & ~big, want.isnan() & ~big)
    fine = ~big & want.isfinite() & (a.double().abs()@b.double().abs()<1e30)
    same(got.double()[fine], want[fine], **tolerance[dtype])
    exact = a.abs().nan_to_num(0., posinf=0.).max()<1e30 and b.abs().nan_to_num(0., posinf=0.).max()<1e30
    if exact: same(got.isinf(), want.isinf())

@pytest.mark.parametrize('i,k,j', [(7,5000,300), (13,3,2000), (600,1,40), (33,9000,33), (100,784,50), (1,300,300), (300,300,1)])
def test_long_and_wide(i, k, j):
    "More panels than are packed at a time, and fewer rows or columns than a tile has"
    for dtype in tolerance:
        a,b = matrix(i, k, dtype, '', 2),matrix(k, j, dtype, 'turned', 3)
        got,x,y = matmul_packed(a, b).double(),a.double(),b.double()
        assert ((got-x@y).abs()<=.51*torch.finfo(dtype).eps*k*(x.abs()@y.abs())).all() # what k roundings may add up to

@pytest.mark.parametrize('make', [lambda x: x[::-1,::-1], lambda x: x.T.copy().T, lambda x: np.broadcast_to(x[:1], x.shape),
    lambda x: np.frombuffer(x.tobytes(), x.dtype).reshape(x.shape), lambda x: x[:,:0], lambda x: x[:0]])
def test_arrays(make):
    "Backwards, in Fortran's order, read-only and empty; the result is an array"
    x = np.random.default_rng(0).normal(size=(40, 37)).astype(np.float32)
    a = make(x)
    got,want = matmul_packed(a, np.ascontiguousarray(a.T)),a@a.T
    assert type(got) is np.ndarray and got.flags.c_contiguous
    same(got, want, rtol=1e-4, atol=1e-4)

def test_a_place_that_is_no_multiple():
    "Numbers that begin at an odd byte"
    raw = np.zeros(4*50*50+1, np.uint8)
    a = raw[1:].view(np.float32).reshape(50, 50)
    a[:] = np.random.default_rng(0).normal(size=a.shape)
    same(matmul_packed(a, a), np.array(a)@np.array(a), rtol=1e-4, atol=1e-4)

# from compiled code, from threads, from a child

@njit
def twice(a, b, c):
    packed(a, b, c)
    packed(c, b, c.copy())
    return c[0,0]

def test_from_compiled_code():
    for dtype in (np.float32,np.float64):
        a = np.random.default_rng(0).normal(size=(33, 33)).astype(dtype)
        c = np.full_like(a, 5)
        twice(a, a, c)
        same(c, a@a, rtol=1e-3, atol=1e-3)

def test_many_threads_at_once():
    g = np.random.default_rng(0)
    pairs = [(g.normal(size=(50+k,90)),g.normal(size=(90,60-k))) for k in range(12)]
    with ThreadPoolExecutor(4) as pool: got = list(pool.map(lambda p: matmul_packed(*p, threads=2), pairs))
    for c,(a,b) in zip(got, pairs): same(c, a@b)

@pytest.mark.skipif(not hasattr(os, 'fork'), reason='there is no fork')
def test_in_a_forked_child():
    code = '''if True:
        import os, numpy as np
        from groundup.kernels import matmul_packed
        a = np.eye(64)
        matmul_packed(a, a, threads=2)
        if not (child := os.fork()):
            os._exit(int(not np.array_equal(matmul_packed(a, a, threads=2), a)))
        raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))'''
    assert subprocess.run([sys.executable, '-W', 'ignore', '-c', code], timeout=120).returncode==0

# bad calls

x,y = torch.zeros(5, 7),torch.zeros(7, 4)
whole = torch.zeros(40, 7)
frozen = np.zeros((5,4), np.float32)
frozen.flags.writeable = False
@pytest.mark.parametrize('call,error,says', [
    (lambda: matmul_packed(x, x), ValueError, r'inner sizes differ: a is \(5, 7\), b is \(5, 7\): 7 against 5; did you mean b.t\(\)'),
    (lambda: matmul_packed(x, y[:,0]), ValueError, r'b has rank 1, not 2: its shape is \(7,\)'),
    (lambda: matmul_packed(x[None], y), ValueError, 'a has rank 3'),
    (lambda: matmul_packed(x, y.double()), TypeError, 'dtypes differ: a is torch.float32, b is torch.float64'),
    (lambda: matmul_packed(x.int(), y.int()), TypeError, 'a and b are torch.int32: a kernel takes float32 or float64'),
    (lambda: matmul_packed(x.half(), y.half()), TypeError, 'float16'), (lambda: matmul_packed(x.bfloat16(), y.bfloat16()), TypeError, 'bfloat16'),
    (lambda: matmul_packed(x.cfloat(), y.cfloat()), TypeError, 'complex64'),
    (lambda: matmul_packed(x.numpy().astype('>f4'), y.numpy().astype('>f4')), TypeError, '>f4'),
    (lambda: matmul_packed(x.tolist(), y), TypeError, 'a is a list: expected a tensor or an array'),
    (lambda: matmul_packed(x, None), TypeError, 'b is a NoneType'),
    (lambda: matmul_packed(np.ma.zeros((2,2)), np.zeros((2,2))), TypeError, 'a is a MaskedArray'),
    (lambda: matmul_packed(x, y.numpy()), TypeError, 'a is a Tensor, b a ndarray'),
    (lambda: matmul_packed(x, y, out=frozen), TypeError, 'a is a Tensor, out a ndarray'),
    (lambda: matmul_packed(x, y, out=torch.zeros(4, 5)), ValueError, r'out is \(4, 5\) of torch.float32, the product is \(5, 4\)'),
    (lambda: matmul_packed(x, y, out=torch.zeros(5, 4).double()), ValueError, 'out is .* of torch.float64'),
    (lambda: matmul_packed(x, y, out=torch.zeros(4, 5).t()), ValueError, 'out must lie in order in memory'),
    (lambda: matmul_packed(x, y, out=torch.zeros(1, 4).expand(5, 4)), ValueError, 'out must lie in order in memory'),
    (lambda: matmul_packed(x.numpy(), y.numpy(), out=frozen), ValueError, "out is read-only"),
    (lambda: matmul_packed(whole[:7], whole[10:17], out=whole[:7]), ValueError, 'out shares memory with a'),
    (lambda: matmul_packed(whole[10:17], whole[:7], out=whole[6:13]), ValueError, 'out shares memory with a'),
    (lambda: matmul_packed(whole[20:27], whole[:7], out=whole[6:13]), ValueError, 'out shares memory with b'),
    (lambda: matmul_packed(whole[20:27].t(), whole[:7].t(), out=whole[26:33]), ValueError, 'out shares memory with a'),
    (lambda: matmul_packed(x, y, threads=0), ValueError, 'threads is 0'), (lambda: matmul_packed(x, y, threads=1.5), ValueError, 'threads is 1.5'),
    (lambda: matmul_packed(x.clone().requires_grad_(), y), RuntimeError, 'detach')])
def test_errors(call, error, says):
    with pytest.raises(error, match=says): call()

def test_out_beside_the_arguments():
    "Neighbours in one storage share no number"
    a,b,out = torch.randn(27, 9).split(9)
    assert matmul_packed(a, b, out=out) is out
    same(out, a@b, **tolerance[torch.float32])

# how it is compiled

def run(code, **env): return subprocess.run([sys.executable, '-c', code], env=os.environ|env, capture_output=True, text=True, timeout=120)

def test_without_numba():
    res = run('import importlib.util as u; u.find_spec = lambda n: None; import groundup.kernels')
    assert "ModuleNotFoundError: groundup.kernels needs Numba, which is missing: pip install 'groundup[fast]'" in res.stderr

def test_compiled_at_the_first_call_and_kept(tmp_path):
    code = '''if True:
        import numpy as np
        from groundup import kernels as k
        rungs = [o for o in vars(k).values() if hasattr(o, 'py_func')]
        assert len(rungs)==9 and not any(o.signatures for o in rungs), 'the import compiles'
        k.multiply(k.loops_ikj, np.ones((2,3)), np.ones((3,4)))
        print(sum(k.loops_ikj.stats.cache_hits.values()))'''
    runs = [run(code, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    assert [r.stdout for r in runs]==['0\n','1\n'], [r.stderr[-2000:] for r in runs]
    assert [*tmp_path.rglob('*loops_ikj*.nbc')]

def test_where_nothing_can_be_written(monkeypatch):
    from numba.core import caching
    owner = next(o for o in vars(caching).values() if '_locator_classes' in getattr(o, '__dict__', {}))
    monkeypatch.setattr(owner, '_locator_classes', [])
    with pytest.raises(RuntimeError, match='no locator'): njit(cache=True)(tiles.py_func)
    f = kernels.compiled(tiles.py_func)
    same(multiply(f, x, y), x@y)

def test_a_row_is_two_registers(): assert ROW in (32,64,128)
