"""Check everything: `python tools/check.py [generated] [notebooks] [pytest] [NOTEBOOK...]`, all three by default.

1. generated: `groundup/` and README.md agree with the notebooks, and the notebooks are clean.
2. notebooks: nbdev's test of each notebook, in a process of its own.
3. pytest: what no lesson teaches, in `tests/`. It works beside the notebooks, two things at a time.

The last line is `N passed, M failed`; the exit status is 1 when anything failed."""
import os, re, signal, subprocess, sys, tempfile, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import nbformat

import notebooks as nb

results = [] # (name, 'ok' | 'FAILED' | 'skipped', why)
limit = int(os.environ.get('GROUNDUP_LIMIT', 300)) # seconds for one notebook


def report(name, start, why='', skipped=False):
    "Print and keep one result; a `why` without `skipped` is a failure"
    status = 'skipped' if skipped else 'FAILED' if why else 'ok'
    results.append((name, status, why))
    print(f'  {status:7} {name:52} {time.time()-start:6.1f} s'.rstrip(), flush=True)
    if why: print('    '+why.strip().replace('\n', '\n    '), flush=True)

def attempt(name, f):
    "Run check `f`, which returns what is wrong"
    start = time.time()
    try: why = f()
    except Exception as e: why = f'{type(e).__name__}: {e}'
    report(name, start, why or '')


# 1. generated files and clean notebooks
def package():
    with tempfile.TemporaryDirectory() as d: made,said = nb.generate(Path(d))
    bad = [o for o,text in made.items() if not (nb.root/o).exists() or (nb.root/o).read_text(encoding='utf8') != text]
    res = [f'{o} differs from its notebook: run `make export`' for o in bad]
    return '\n'.join(res + [f'{nb.rel(o)} has no notebook any more: run `make export`' for o in nb.stale(made)] + [said]*bool(said))

def modules():
    "One notebook a module: with two, the second silently takes over"
    seen,res = {},[]
    for o in nb.notebooks():
        for c in nb.read(o)['cells']:
            name = c['cell_type'] == 'code' and re.search(r'^#\| *default_exp +(\S+)', ''.join(c['source']), re.M)
            if name and seen.setdefault(name[1], o) != o: res.append(f'{nb.rel(seen[name[1]])} and {nb.rel(o)} both make {name[1]}')
    return '\n'.join(res)

def readme():
    path = nb.root/'README.md'
    if not path.exists() or path.read_text(encoding='utf8') != nb.readme(): return 'README.md differs from the map: run `make export`'

def cleaned():
    res = []
    for o in nb.notebooks():
        old = o.read_text(encoding='utf8')
        if nb.nb2str(nb.clean(nb.json.loads(old))) != old: res.append(f'{nb.rel(o)} is not clean: run nbdev_clean')
        if 'widgets' in nb.read(o)['metadata'] or 'jupyter.widget-view' in old: res.append(f'{nb.rel(o)} stores widgets: use `make run`')
        try: nbformat.validate(nb.read(o), relax_add_props=False)
        except nbformat.ValidationError as e: res.append(f'{nb.rel(o)} is no valid notebook: {str(e).splitlines()[0]}')
        res += [f'{nb.rel(o)} shows a path of a machine in {p}: use `make run`' for p in nb.machine_paths(nb.read(o))]
    return '\n'.join(res)

def addresses():
    "Links into this repository name the owner, repository and branch of settings.ini, and a file that is there"
    cfg,res = nb.cfg, []
    home = re.compile(rf'(?:github\.com|colab\.research\.google\.com/github)/([\w.-]+)/{cfg.repo}\b(?:\.git)?((?:/blob|/tree|/raw)/([\w.-]+)/([\w./-]+))?')
    files = [*nb.notebooks(), *(o for o in nb.root.glob('*.md'))]
    for o in files:
        for m in home.finditer(o.read_text(encoding='utf8')):
            if m[1] != cfg.user or m[3] not in (None, cfg.branch): res.append(f'{nb.rel(o)}: {m[0]} is not the repository of settings.ini')
            elif m[4] and not (nb.root/m[4]).exists(): res.append(f'{nb.rel(o)}: {m[0]} leads to no file')
            elif 'colab' in m[0] and o.suffix == '.ipynb' and m[4] and o.parent == nb.nbs and m[4] != nb.rel(o) and o.stem != 'index':
                res.append(f'{nb.rel(o)}: its badge opens {m[4]}')
    return '\n'.join(res)

def generated():
    print('Generated files and notebooks')
    for name,f in [('groundup/ agrees with the notebooks', package), ('each notebook makes a module of its own', modules),
                   ('README.md agrees with the map', readme), ('notebooks are clean', cleaned),
                   ('links agree with settings.ini', addresses)]: attempt(name, f)
    print()


# 2. notebooks
def test_one(path):
    "In a process of its own: nbdev's test of the notebook at `path`; exit status 3 when nbdev skips it"
    from nbdev.test import test_nb
    from nbdev.process import NBProcessor
    from nbdev.frontmatter import FrontmatterProc
    path = Path(path)
    if getattr(NBProcessor(path, procs=FrontmatterProc, process=True).nb, 'frontmatter_', {}).get('skip_exec'): sys.exit(3)
    ok,_ = test_nb(path, skip_flags=nb.cfg.tst_flags.split(), basepath=nb.root)
    sys.exit(not ok)

def test_notebook(path):
    if stopped.is_set(): return
    start = time.time()
    cmd = [sys.executable, __file__, '--one', str(path)]
    proc = subprocess.Popen(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', start_new_session=True)
    running.add(proc)
    try: out,why = proc.communicate(timeout=limit)[0],''
    except subprocess.TimeoutExpired:
        kill(proc)
        out,why = proc.communicate()[0],f'stopped after {limit} s'
    running.discard(proc)
    if stopped.is_set(): return
    if proc.returncode == 3: return report(nb.rel(path), start, 'its front matter says skip_exec', skipped=True)
    if proc.returncode and not why: why = re.sub(r'\x1b\[[\d;]*m', '', out).strip()[-6000:] or f'exit status {proc.returncode}'
    report(nb.rel(path), start, why)

running,stopped = set(),threading.Event() # Ctrl-C sets it
def kill(proc):
    try: os.killpg(proc.pid, signal.SIGKILL)
    except ProcessLookupError: pass

def notebooks(names):
    print('Notebooks (nbdev)')
    files = nb.notebooks(names)
    if not files: return report('notebooks', time.time(), 'there is not one')
    def one(path):
        with slots: test_notebook(path)
    pool = ThreadPoolExecutor(2)
    try:
        list(pool.map(one, files))
        print()
    except BaseException:
        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)
        for o in list(running): kill(o)
        raise


# 3. tests/
slots = threading.Semaphore(2) # two things at a time: notebooks, or a notebook and pytest

class Pytest:
    "pytest, at work beside the notebooks; what it prints is kept until it is its turn"
    def __init__(self, folder):
        slots.acquire()
        self.start, self.xml, self.kept, self.live = time.time(), Path(folder)/'pytest.xml', b'', False
        cmd = [sys.executable, '-m', 'pytest', '--no-header', '--durations=10', '--durations-min=2', f'--junitxml={self.xml}', 'tests']
        self.proc = subprocess.Popen(cmd, cwd=nb.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lock, self.thread = threading.Lock(), threading.Thread(target=self.pump, daemon=True)
        self.thread.start()

    def pump(self):
        while chunk := self.proc.stdout.read1():
            with self.lock:
                self.kept += chunk
                if self.live: self.flush()
        slots.release()

    def flush(self):
        sys.stdout.buffer.write(self.kept)
        sys.stdout.flush()
        self.kept = b''

    def finish(self):
        "Show what it printed and prints, and count its tests"
        print('Tests (pytest)', flush=True)
        with self.lock:
            self.live = True
            self.flush()
        self.thread.join()
        code = self.proc.wait()
        bad = 0
        for c in ElementTree.parse(self.xml).iter('testcase') if self.xml.exists() else []:
            state = {o.tag: o.get('message', '') for o in c}
            status = 'FAILED' if {'failure', 'error'} & set(state) else 'skipped' if 'skipped' in state else 'ok'
            bad += status == 'FAILED'
            results.append((f"{c.get('classname', '').replace('.', '/')}.py::{c.get('name')}", status, state.get('skipped', '')))
        if code < 0: report('pytest', self.start, f'ended by signal {-code}')
        elif code and not bad: report('pytest', self.start, f'exit status {code}: no test ran, or pytest itself failed')


def main(args):
    parts = 'generated', 'notebooks', 'pytest'
    names = [o for o in args if o not in parts]
    chosen = [o for o in args if o in parts] or (['notebooks'] if names else parts)
    start,tests = time.time(),None
    with nb.own_data() as data:
        try:
            if 'generated' in chosen: generated()
            if 'pytest' in chosen: tests = Pytest(data)
            if 'notebooks' in chosen: notebooks(names)
            if tests: tests.finish()
        finally:
            if tests and tests.proc.poll() is None: tests.proc.kill()
    print()
    count = {s: [r for r in results if r[1] == s] for s in ('ok', 'FAILED', 'skipped')}
    for name,_,_ in count['FAILED']: print(f'failed: {name}')
    for why in dict.fromkeys(r[2] for r in count['skipped']): print(f'skipped ({sum(r[2] == why for r in count["skipped"])}): {why}')
    print(f'{time.time()-start:.0f} s')
    print(f"{len(count['ok'])} passed, {len(count['FAILED'])} failed" + (f", {len(count['skipped'])} skipped" if count['skipped'] else ''))
    return bool(count['FAILED']) or not count['ok']


if __name__ == '__main__':
    if sys.argv[1:2] == ['--one']: test_one(sys.argv[2])
    try: sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print('\ninterrupted')
        sys.exit(130)
