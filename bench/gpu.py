"""Measure matrix products on an NVIDIA GPU: `python bench/gpu.py groundup/data/gpu.json`. It needs PyTorch,
and Numba with numba-cuda for the kernels written by hand. It prints the figures and writes them for lesson 12."""
import datetime, json, os, platform, subprocess, sys, time
from pathlib import Path
from statistics import median

import torch

SIZES = [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192]
DEVICE = 'cuda'
KINDS = dict(float32=(torch.float32,False), TF32=(torch.float32,True), float64=(torch.float64,False),
             bfloat16=(torch.bfloat16,False))


def sync():
    if DEVICE=='cuda': torch.cuda.synchronize()

def seconds(f, wait=True, budget=.15):
    "The median time of a call; without `wait` the clock stops when the call returns, done or not"
    f()
    sync()
    times,end = [],time.perf_counter()+budget
    while len(times)<5 or (time.perf_counter()<end and len(times)<500):
        start = time.perf_counter()
        f()
        if wait: sync()
        times.append(time.perf_counter()-start)
        sync()
    return median(times)

def gflops(n, t): return float(f'{2*n**3/t/1e9:.4g}')
def tf32(on): torch.set_float32_matmul_precision('high' if on else 'highest')
def pair(n, dtype=torch.float32, device=None):
    torch.manual_seed(n)
    return [torch.randn(n, n, device=device or DEVICE).to(dtype) for _ in 'ab']

def product(dtype, high=False, device=None, sizes=SIZES):
    "GFLOP/s of `a@b` for each size"
    tf32(high)
    res = []
    for n in sizes:
        a,b = pair(n, dtype, device)
        res.append(gflops(n, seconds(lambda: a@b)))
    tf32(False)
    return res

def queued(sizes=SIZES[3:]):
    "Microseconds until the call returns, and until the product is there"
    res = []
    for n in sizes:
        a,b = pair(n)
        returns,done = [round(1e6*seconds(lambda: a@b, wait), 2) for wait in (False,True)]
        res.append(dict(n=n, returns_us=returns, done_us=done))
    return res

def errors(n=1024):
    "Distance to the product in float64: the largest, and its norm in parts of the product's; pi times 1"
    a,b = pair(n)
    exact = a.double()@b.double()
    eye = torch.eye(n, device=DEVICE)
    res = {}
    for name,(dtype,high) in KINDS.items():
        if name=='float64': continue
        tf32(high)
        off = (a.to(dtype)@b.to(dtype)).double()-exact
        pi = ((eye*torch.pi).to(dtype)@eye.to(dtype))[0,0].item()
        res[name] = dict(max=off.abs().max().item(), relative=(off.norm()/exact.norm()).item(), pi=pi)
    tf32(False)
    return dict(n=n, **res)

def copies(sizes=SIZES[3:]):
    "Milliseconds to send two matrices, to multiply them, to fetch the product"
    res = []
    for n in sizes:
        a,b = pair(n, device='cpu')
        c,d = a.to(DEVICE),b.to(DEVICE)
        steps = dict(send_ms=lambda: (a.to(DEVICE),b.to(DEVICE)), multiply_ms=lambda: c@d,
                     fetch_ms=lambda: c.cpu())
        res.append(dict(n=n) | {k:float(f'{1e3*seconds(f):.4g}') for k,f in steps.items()})
    return res

def bandwidth(n=2**28):
    "GB/s of a copy within the GPU's memory, n numbers read and written"
    x = torch.ones(n, device=DEVICE)
    y = torch.ones(n, device=DEVICE)
    return float(f'{8*n/seconds(lambda: y.copy_(x))/1e9:.4g}')

def handmade(sizes=SIZES[3:10]):
    "Kernels in numba.cuda: a thread for each number, neighbours down a column or along a row; tiles"
    global cuda, float32
    import math, numba
    from numba import cuda, float32
    tf32(False)

    @cuda.jit
    def down(a, b, c):
        i,j = cuda.grid(2) # threads that run together have neighbouring i: their numbers lie far apart
        if i<c.shape[0] and j<c.shape[1]:
            s = float32(0)
            for k in range(a.shape[1]): s += a[i,k]*b[k,j]
            c[i,j] = s

    @cuda.jit
    def along(a, b, c):
        j,i = cuda.grid(2) # threads that run together have neighbouring j: their numbers lie side by side
        if i<c.shape[0] and j<c.shape[1]:
            s = float32(0)
            for k in range(a.shape[1]): s += a[i,k]*b[k,j]
            c[i,j] = s

    @cuda.jit
    def tiles(a, b, c):
        j,i = cuda.grid(2)
        x,y = cuda.threadIdx.x,cuda.threadIdx.y
        ta = cuda.shared.array((16,16), float32)
        tb = cuda.shared.array((16,16), float32)
        s = float32(0)
        for k in range(0, a.shape[1], 16):
            ta[y,x] = a[i,k+x] if i<a.shape[0] and k+x<a.shape[1] else float32(0)
            tb[y,x] = b[k+y,j] if k+y<b.shape[0] and j<b.shape[1] else float32(0)
            cuda.syncthreads()
            for m in range(16): s += ta[y,m]*tb[m,x]
            cuda.syncthreads()
        if i<c.shape[0] and j<c.shape[1]: c[i,j] = s

    def call(kernel, a, b, c):
        rows,cols = [math.ceil(t/16) for t in c.shape]
        views = [cuda.as_cuda_array(t) if DEVICE=='cuda' else t.numpy() for t in (a,b,c)]
        grid = (rows,cols) if kernel is down else (cols,rows)
        return lambda: kernel[grid,(16,16)](*views)

    res = dict(numba=numba.__version__, sizes=list(sizes))
    for kernel in (down, along, tiles):
        for m,k,n in [(37,53,21), (16,16,16), (1,5,33), (40,1,18)]: # first: is it right?
            a,b,c = [torch.randn(s, device=DEVICE) for s in ((m,k),(k,n),(m,n))]
            call(kernel, a, b, c)()
            sync()
            torch.testing.assert_close(c, a@b, rtol=1e-4, atol=1e-4)
        res[kernel.__name__] = []
        for n in sizes:
            a,b = pair(n)
            res[kernel.__name__].append(gflops(n, seconds(call(kernel, a, b, torch.empty_like(a)))))
    return res

def guarded(f):
    try: return f()
    except Exception as e: return dict(unavailable=f'{type(e).__name__}: {e}'[:300])

def processor():
    try: lines = Path('/proc/cpuinfo').read_text().splitlines()
    except OSError: return platform.processor()
    return next((o.split(': ', 1)[1] for o in lines if o.startswith('model name')), platform.processor())

def driver():
    cmd = ['nvidia-smi', '--query-gpu=driver_version', '--format=csv,noheader']
    try: return subprocess.run(cmd, capture_output=True, text=True, timeout=20).stdout.split()[0]
    except (OSError, IndexError, subprocess.TimeoutExpired): return 'unknown'

def main(path=None):
    if DEVICE=='cuda' and not torch.cuda.is_available(): sys.exit('no NVIDIA GPU here')
    torch.set_num_threads(1)
    start = time.perf_counter()
    gpu = torch.cuda.get_device_name() if DEVICE=='cuda' else 'none'
    res = dict(machine=dict(gpu=gpu, driver=driver(), cuda=torch.version.cuda, torch=torch.__version__,
                            processor=processor(), python=platform.python_version(),
                            day=datetime.date.today().isoformat(),
                            command='python bench/gpu.py groundup/data/gpu.json'))
    def keep(name, f):
        res[name] = f()
        print(f'{time.perf_counter()-start:5.1f} s  {name}: {json.dumps(res[name])}', flush=True)
    keep('sizes', lambda: SIZES)
    keep('cpu', lambda: product(torch.float32, device='cpu', sizes=[n for n in SIZES if n<=2048]))
    for name,kind in KINDS.items(): keep(name, lambda: product(*kind))
    keep('queued', queued)
    keep('errors', errors)
    keep('copies', copies)
    keep('bandwidth', bandwidth)
    keep('handmade', lambda: guarded(handmade))
    print(json.dumps(res['machine']))
    if path is None: return
    part = Path(path).with_suffix('.part')
    part.write_text(json.dumps(res, indent=1)+'\n', encoding='utf8')
    os.replace(part, path)

if __name__ == '__main__': main(*sys.argv[1:2])
