"""Make `.venv` with everything the course needs, then run a script in it: `python tools/env.py [SCRIPT ARGS...]`.

It starts on any Python 3.6+, so that an old one gets a sentence and not a syntax error. A finished environment is
used as it is; an unfinished, moved or outdated one is mended. `TORCH=cpu` takes PyTorch's own CPU build."""
import contextlib, hashlib, json, os, re, shutil, signal, subprocess, sys, threading, time
from collections import deque

import project

root = project.root
venv = root/'.venv'
note = venv/'groundup.json' # what the environment was made from; 'ready' once the install is complete
python = venv/('Scripts/python.exe' if os.name == 'nt' else 'bin/python')
choices = dict(default=[], cpu=['--extra-index-url', 'https://download.pytorch.org/whl/cpu'])
newest = 3, 14 # the last Python that every pinned package has a build for


def settings(): return project.settings(root)

def spelled(path):
    "`path` as text, the same under every locale: an ASCII one reads other letters as bytes"
    return os.fsencode(str(path)).decode('utf8', 'surrogateescape')

def version(v): return '.'.join(map(str, v))

def stop(*lines):
    "End with a message, not with a traceback"
    sys.stdout.flush()
    sys.exit('\n'+'\n'.join(lines))

def recipe():
    "A hash of everything the environment is made from"
    cfg = settings()
    parts = [(root/o).read_text(encoding='utf8') for o in ('constraints.txt', 'setup.py')]
    parts += [cfg[o] for o in ('requirements', 'dev_requirements', 'min_python')]
    return hashlib.sha256('\0'.join(parts).encode()).hexdigest()

def notes():
    "What was noted about the environment, `{}` where there is nothing or nothing readable"
    try: res = json.loads(note.read_text(encoding='utf8'))
    except (OSError, ValueError): return {}
    return res if isinstance(res, dict) else {}

def write(**kw):
    tmp = note.with_suffix('.tmp')
    tmp.write_text(json.dumps(kw, indent=1)+'\n', encoding='utf8')
    os.replace(str(tmp), str(note))

def venv_version():
    "Python version of the environment as `(3, 11)`, or None where there is none that runs"
    try: out = subprocess.check_output([str(python), '-c', 'import sys; print(*sys.version_info[:2])'],
                                       stderr=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError): return None
    return tuple(int(o) for o in out.split())

def torch_choice(old):
    "The PyTorch build asked for by `TORCH=`; without it the one the environment has"
    asked = os.environ.get('TORCH') or old.get('torch', 'default')
    if asked not in choices: stop('TORCH=%s is not known: use TORCH=cpu, or leave it out.' % asked)
    return asked


def check_python():
    "Say what is missing where this Python cannot make the environment"
    need = tuple(int(o) for o in settings()['min_python'].split('.'))
    have = sys.version_info[:3]
    if have < need: stop(
        'groundup needs Python %s or newer; %s is %s.' % (version(need), sys.executable, version(have)),
        'Install one (https://www.python.org/downloads), or name one you have: make lab PYTHON=/path/to/python3.12')
    if have[:2] > newest: print('Python %s is newer than the packages this course pins know (up to %s). '
        'If the install fails, try: make lab PYTHON=python%s' % (version(have), version(newest), version(newest)))
    try: import ensurepip, venv # noqa: F401
    except ImportError: stop(
        'This Python (%s) has no venv module. On Debian or Ubuntu: sudo apt install python%s-venv'
        % (sys.executable, version(have[:2])), 'Then run the same command again.')

def why_new(old, torch):
    "Why the environment must be made from the start, or None"
    if not venv.exists(): return ''
    have, path = venv_version(), old.get('path') or made_for()
    if have is None: return 'its Python is missing'
    if path != spelled(venv): return 'this folder was moved or copied'
    if not any((o/'RECORD').exists() for o in packages() if o.name.startswith('pip-')): return 'it has no pip'
    if have < tuple(int(o) for o in settings()['min_python'].split('.')) or os.environ.get('PYTHON') and have != sys.version_info[:2]:
        return 'it has Python %s' % version(have)
    if old.get('torch', torch) != torch: return 'it has the other build of PyTorch'

def made_for():
    "The path for which `python -m venv` made an environment that has no notes yet"
    try: cfg = (venv/'pyvenv.cfg').read_text(encoding='utf8')
    except OSError: return None
    found = re.search(r'^command = .* -m venv .*?(/.*|\w:\\.*)$', cfg, re.M)
    return found and found.group(1)

def new_venv():
    if venv.exists() and not (venv/'pyvenv.cfg').exists() and not note.exists() and any(venv.iterdir()):
        stop('%s is there, but it is no Python environment. Move it away, then run again.' % venv)
    cmd = [sys.executable, '-m', 'venv', '--clear', '--prompt', 'groundup', str(venv)]
    res = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, errors='replace')
    if res.returncode: stop(*said(res.stdout.splitlines()) + ['', 'Python could not make %s.' % venv,
        advice(res.stdout, 'Remove it and run the same command again.')])


def packages():
    "The entries of site-packages"
    for site in venv.glob('Lib/site-packages' if os.name == 'nt' else 'lib/python3*/site-packages'):
        for o in os.listdir(str(site)): yield site/o

class Progress:
    "One line that says what pip is at: redrawn on a terminal, else printed now and then"
    def __init__(self):
        self.start, self.text, self.stop, self.shown = time.time(), 'starting pip', threading.Event(), 0
        self.total, self.tty = 0, sys.stdout.isatty()
        self.before, self.seen = self.installed(), 0
        self.thread = threading.Thread(target=self.draw, daemon=True)
        self.thread.start()

    def installed(self): return sum(o.name.endswith('.dist-info') for o in packages())

    def read(self, line):
        "Take in a line of pip's output"
        word, _, rest = line.strip().partition(' ')
        if word == 'Collecting':
            self.seen += 1
            self.text = 'looking up package %d: %s' % (self.seen, re.split(r'[<>=!~;\[ (]', rest)[0])
        elif word == 'Downloading' and '.metadata' not in rest: self.text = 'downloading '+rest.rpartition('/')[2]
        elif line.startswith('Installing collected'): self.total = line.count(',')+1

    def now(self):
        if not self.total: return self.text
        return 'installing: %d of %d packages' % (min(self.installed()-self.before, self.total), self.total)

    def draw(self):
        while not self.stop.wait(.5 if self.tty else 10):
            line = '  %4d s  %s' % (time.time()-self.start, self.now())
            if self.tty: line = '\r'+line[:shutil.get_terminal_size().columns-1]+'\033[K'
            print(line, end='' if self.tty else '\n', flush=True)

    def close(self):
        self.stop.set()
        self.thread.join()
        if self.tty: print('\r\033[K', end='', flush=True)


causes = [
    (r'No space left|Errno 28|Disk quota', 'The disk is full: the environment needs about 2 GB, 8 GB with the GPU build '
        'of PyTorch (TORCH=cpu is smaller). If only the temporary folder is small, set TMPDIR to a bigger one.'),
    (r'Permission denied|Errno 13|Read-only file system', 'A file or folder cannot be written: does this folder belong to you?'),
    (r'CERTIFICATE_VERIFY|SSLError|SSL:', "The index's certificate is not trusted: is the clock right, is there a proxy (PIP_CERT)?"),
    (r'NewConnectionError|ConnectionError|Connection (refused|reset|broken)|ConnectTimeout|Read ?[Tt]imed? ?out|'
     r'name resolution|nodename nor servname|Network is unreachable|ProxyError|IncompleteRead|ProtocolError',
     'pip cannot reach the package index: check the connection and run the same command again.'),
    (r'No matching distribution|Could not find a version|ResolutionImpossible', 'A package has no build for this Python and system, or the index '
        'cannot be reached. Try another Python (make lab PYTHON=python3.12), or open the lessons in Colab.'),
    (r'No module named pip', 'The environment has no pip. Remove the folder .venv and run the same command again.'),
    (r'Killed|MemoryError', 'pip was ended from outside, perhaps because the memory was full. Run the same command again: it goes on.')]

hiccup = r'Read ?[Tt]imed? ?out|IncompleteRead|ProtocolError|Connection (?:reset|broken)|incomplete-download|50[234] (?:Server|Service|Bad)'

def advice(out, other='Run the same command again; what is done is kept.'):
    "One sentence on what to do about the output `out`"
    return next((o for pat, o in causes if re.search(pat, out)), other)

def said(lines, n=5):
    "The last lines that name an error, or else the last ones: no traceback, no boxes"
    lines = [re.sub(r'^[\s│╰×─>]+', '', o).rstrip()[:200] for o in lines if not re.match(r'[\s│]+File "|.*Traceback', o)]
    telling = [o for o in lines if re.search(r'error|warning|fatal|no space|killed|denied', o, re.I)
               and 'subprocess' not in o and 'is ignored' not in o]
    return ['  '+o for o in list(dict.fromkeys(filter(None, telling or lines)))[-n:]]

def mend():
    "Remove what an interrupted pip leaves behind: packages without a record and folders named `~...`"
    for o in packages():
        half = o.name.endswith('.dist-info') and not ((o/'RECORD').exists() and (o/'INSTALLER').exists())
        if half or o.name.startswith('~'): shutil.rmtree(str(o), ignore_errors=True)

def pip(torch, lock):
    "`pip install` with a line of progress, its exit status and last lines of output"
    cmd = [str(python), '-m', 'pip', 'install', '--no-input', '--disable-pip-version-check', '--progress-bar', 'off',
           '-c', 'constraints.txt', '-e', '.[dev]'] + choices[torch]
    # the pins hold in the isolated build too; a relative path, for pip splits these at spaces
    env = dict(os.environ, PIP_CONSTRAINT='constraints.txt', PIP_BUILD_CONSTRAINT='constraints.txt', PIP_USER='0',
               PYTHONUNBUFFERED='1')
    lines, bar = deque(maxlen=2000), Progress()
    proc = subprocess.Popen(cmd, cwd=str(root), env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            universal_newlines=True, errors='replace', close_fds=True, pass_fds=lock)
    try:
        for line in proc.stdout:
            lines.append(line)
            bar.read(line)
        return proc.wait(), list(lines)
    except BaseException:
        proc.terminate()
        proc.wait()
        raise
    finally: bar.close()

def broken():
    "What Python says where the big packages cannot be imported"
    res = subprocess.run([str(python), '-c', 'import torch, nbdev, jupyterlab, groundup'], cwd=str(root),
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, errors='replace')
    return res.stdout.splitlines() if res.returncode else []

@contextlib.contextmanager
def locked(path):
    "Wait until no other command holds the lock on `path`. It is the kernel's: it ends with its holders, pip included"
    try: import fcntl
    except ImportError: fcntl = None
    fd = os.open(str(path), os.O_RDONLY)
    try:
        if fcntl:
            try: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print('Another command is setting up this folder: waiting for it.', flush=True)
                fcntl.flock(fd, fcntl.LOCK_EX)
            except OSError: pass # a file system without locks
        yield (fd,) if fcntl else ()
    finally: os.close(fd)


def ready(torch=None):
    "Is the environment complete, and made from what is here now?"
    old = notes()
    return (old.get('ready') and old.get('recipe') == recipe() and old.get('path') == spelled(venv)
            and why_new(old, torch or torch_choice(old)) is None)

def setup():
    "Make or mend the environment"
    if ready(): return
    with locked(root/'settings.ini') as lock:
        if not ready(): make(lock) # else the other command made it

def make(lock):
    old, start = notes(), time.time()
    torch = torch_choice(old)
    why = why_new(old, torch)
    if why is not None:
        check_python()
        print('Setting up .venv with Python %s%s. This happens once and takes some minutes.'
              % (version(sys.version_info[:3]), why and ': the old one is replaced, '+why), flush=True)
        if shutil.disk_usage(str(root)).free < 3e9: print('  less than 3 GB are free on this disk: that may not be enough')
        new_venv()
    elif old.get('ready'): print('The list of packages has changed: updating .venv.', flush=True)
    else: print('Going on with the setup of .venv.', flush=True)
    kw = dict(path=spelled(venv), torch=torch, recipe=recipe())
    write(ready=False, **kw)
    mend()
    for wait in 5, 20, 0:
        status, lines = pip(torch, lock)
        if not status or not wait or not re.search(hiccup, ''.join(lines[-50:])): break
        print('  The connection broke. Trying again in %d s.' % wait, flush=True)
        time.sleep(wait)
    if status < 0: lines.append('Killed by signal %d' % -status)
    if status: stop(*["pip's last lines:"] + said(lines) + ['', advice(''.join(lines))])
    wrong = broken()
    if wrong: stop(*said(wrong, 3) + [
        '', 'The packages are installed but do not start. Remove the folder .venv and run the same command again.'])
    write(ready=True, **kw)
    print('.venv is ready after %d s.' % (time.time()-start), flush=True)

def interrupt(*_): raise KeyboardInterrupt

def main(args):
    if sys.getfilesystemencoding() != 'utf-8': os.environ['PYTHONUTF8'] = '1' # venv, pip and the script read paths all the same
    for o in ('SIGTERM', 'SIGHUP'):
        if hasattr(signal, o): signal.signal(getattr(signal, o), interrupt)
    try: setup()
    except KeyboardInterrupt:
        print('\nInterrupted. Run the same command again to go on where it stopped.')
        sys.exit(130)
    except OSError as e: stop('The environment could not be set up: %s' % e, advice(str(e)))
    if not args: return
    cmd = [str(python)]+args
    if os.name == 'nt': sys.exit(subprocess.call(cmd))
    for o in ('SIGTERM', 'SIGHUP'): signal.signal(getattr(signal, o), signal.SIG_DFL)
    os.execv(cmd[0], cmd)


if __name__ == '__main__': main(sys.argv[1:])
