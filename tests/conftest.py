"""What the tests share: a data folder of their own, a browser where there is one, the wheel and an environment with it.

Two workers share the tests (`make test`), for some of them wait: what is slow comes first, and all that needs a browser
goes to one of them. Each worker has one thread, and so has each process that it starts: more would stand in each other's way."""
import os, random, re, shutil, sys, sysconfig
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1') # before anything imports torch

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).resolve().parent.parent/'tools'))
import book
from processes import sh
from project import root

advice = 'no Chromium or Chrome is installed: sudo apt install chromium (macOS: brew install --cask chromium), then make test'
slow = 'test_jupyterlab', 'test_site', 'test_parallel', 'test_grade', 'test_every_notebook', 'test_solved', 'test_nbdev', 'test_wheel', 'test_generated', 'test_setup'

# random examples are the same in each run, and no verdict depends on the speed of the machine
settings.register_profile('groundup', derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('groundup')


def pytest_itemcollected(item):
    "Two browsers at once would be slower than one after the other"
    if {'browser', 'site'} & {*getattr(item, 'fixturenames', ())}: item.add_marker(pytest.mark.xdist_group('browser'))

def pytest_collection_modifyitems(items):
    "Slow tests first, so that the workers end together; of the notebooks the last lessons, which are the longest"
    def order(o):
        group = slow.index(o.path.stem) if o.path.stem in slow else len(slow)
        lesson = re.search(r'test_notebook\[nbs/(\d\d)_', o.nodeid)
        return group, -int(lesson[1]) if lesson else 0
    items.sort(key=order)

def pytest_runtest_setup(item):
    "Random numbers do not depend on which tests ran before in the same worker"
    random.seed(0)
    if np := sys.modules.get('numpy'): np.random.seed(0)
    if torch := sys.modules.get('torch'): torch.manual_seed(0)

@pytest.fixture(scope='session', autouse=True)
def own_data(tmp_path_factory):
    "Nobody's progress is read or changed"
    os.environ['GROUNDUP_DATA'] = str(tmp_path_factory.mktemp('data'))


def shared(factory, name, make):
    "The folder `name`, which `make(folder)` fills once for all workers of a run"
    folder = factory.getbasetemp()
    folder = (folder.parent if 'PYTEST_XDIST_WORKER' in os.environ else folder)/name
    with FileLock(f'{folder}.lock'):
        if not (done := folder.with_name(f'{name}.done')).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


# the browser
@pytest.fixture(scope='session')
def chromium():
    "Path of the system's Chromium; without one the test is skipped, or fails where GROUNDUP_BROWSER=required"
    if path := book.browser(): return path
    if os.environ.get('GROUNDUP_BROWSER') == 'required': pytest.fail(advice)
    pytest.skip(advice)

@pytest.fixture(scope='module')
def browser(chromium):
    "Playwright's browser, without its own download and without requests of its own; two at once would clash"
    from playwright.sync_api import sync_playwright
    args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update',
            '--disable-sync', '--no-first-run', '--disable-dev-shm-usage']
    with sync_playwright() as p:
        res = p.chromium.launch(executable_path=chromium, args=args, timeout=240_000)
        yield res
        res.close()


# what a person has who installs the package and has nothing of the checkout, as in Colab
@pytest.fixture(scope='session')
def wheel(tmp_path_factory):
    "The wheel, made from the source archive, made from a clean copy of the project"
    def make(folder):
        made = shutil.ignore_patterns('.*', '__pycache__', '_docs', '_proc', 'build', 'dist', '*.egg-info', 'work', 'jupyter_execute')
        shutil.copytree(root, folder/'src', ignore=made)
        sh(sys.executable, '-m', 'build', '--no-isolation', '--outdir', folder/'dist', folder/'src')
    res, = (shared(tmp_path_factory, 'wheel', make)/'dist').glob('*.whl')
    return res

@pytest.fixture(scope='session')
def python(wheel, tmp_path_factory):
    "A new environment with the wheel; of the present one it sees the packages, but not the editable install"
    where = 'Scripts/python.exe' if os.name == 'nt' else 'bin/python'
    def make(folder):
        sh(sys.executable, '-m', 'venv', '--without-pip', folder/'env')
        res = folder/'env'/where
        # also where PYTHONPATH names a checkout, which pip would take for this very version
        sh(sys.executable, '-m', 'pip', '--python', res, 'install', '-q', '--no-deps', '--no-index', '--ignore-installed', wheel)
        site = Path(sh(res, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))').strip())
        # a line of a .pth file is only added to the path: the .pth files of the folder it names, the editable one, are not read
        (site/'host.pth').write_text('\n'.join(dict.fromkeys(sysconfig.get_path(o) for o in ('purelib', 'platlib')))+'\n')
    return shared(tmp_path_factory, 'a new', make)/'env'/where

@pytest.fixture
def alone(tmp_path, monkeypatch):
    "An empty folder, and nothing of the checkout on the path"
    monkeypatch.delenv('PYTHONPATH', raising=False)
    monkeypatch.setenv('GROUNDUP_DATA', str(tmp_path/'data'))
    (tmp_path/'empty').mkdir()
    return tmp_path/'empty'
