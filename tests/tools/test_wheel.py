"""What a person gets who installs the package and has nothing of the checkout, as in Colab: the wheel's contents, and each
lesson copied alone into an empty folder."""
import configparser, json, os, shutil, subprocess, sys, sysconfig, zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import lessons, root

cfg = configparser.ConfigParser(delimiters=['='])
cfg.read(root/'settings.ini', encoding='utf8')
cfg = cfg['DEFAULT']
made = shutil.ignore_patterns('.*', '__pycache__', '_docs', '_proc', 'build', 'dist', '*.egg-info', 'work', 'jupyter_execute')

def sh(*cmd, **kw):
    res = subprocess.run([str(o) for o in cmd], capture_output=True, text=True, **kw)
    assert res.returncode == 0, f'{cmd}\n{res.stdout[-3000:]}\n{res.stderr[-3000:]}'
    return res.stdout

@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    "The wheel, made from the source archive, made from a clean copy of the project"
    tmp = tmp_path_factory.mktemp('wheel')
    shutil.copytree(root, tmp/'src', ignore=made)
    sh(sys.executable, '-m', 'build', '--no-isolation', '--outdir', tmp/'dist', tmp/'src')
    res, = (tmp/'dist').glob('*.whl')
    return res

@pytest.fixture(scope='module')
def python(wheel, tmp_path_factory):
    "A new environment with the wheel; of the present one it sees the packages, but not the editable install"
    env = tmp_path_factory.mktemp('a new')/'env'
    sh(sys.executable, '-m', 'venv', '--without-pip', env)
    res = env/('Scripts/python.exe' if os.name == 'nt' else 'bin/python')
    sh(sys.executable, '-m', 'pip', '--python', res, 'install', '-q', '--no-deps', '--no-index', wheel)
    site = Path(sh(res, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))').strip())
    # a line of a .pth file is only added to the path: the .pth files of the folder it names, the editable one, are not read
    (site/'host.pth').write_text('\n'.join(dict.fromkeys(sysconfig.get_path(o) for o in ('purelib', 'platlib')))+'\n')
    return res

@pytest.fixture
def alone(tmp_path, monkeypatch):
    "An empty folder, and nothing of the checkout on the path"
    monkeypatch.delenv('PYTHONPATH', raising=False)
    monkeypatch.setenv('GROUNDUP_DATA', str(tmp_path/'data'))
    (tmp_path/'empty').mkdir()
    return tmp_path/'empty'


def test_contents(wheel):
    names = {o for o in zipfile.ZipFile(wheel).namelist() if not o.endswith('/')}
    lib = root/cfg['lib_path']
    expected = {o.relative_to(root).as_posix() for o in lib.rglob('*.py') if '__pycache__' not in o.parts}
    expected |= {o.relative_to(root).as_posix() for o in (lib/'data').glob('*')}
    info = f"{cfg['lib_name']}-{cfg['version']}.dist-info/"
    assert {o for o in names if not o.startswith(info)} == expected
    assert info+'licenses/LICENSE' in names
    assert wheel.stat().st_size < 3e6

def test_description(wheel):
    "The page on PyPI: README, with addresses that work there"
    z = zipfile.ZipFile(wheel)
    meta = z.read(next(o for o in z.namelist() if o.endswith('METADATA'))).decode()
    assert f"Requires-Python: >={cfg['min_python']}" in meta
    assert 'make lab' in meta and '](nbs/' not in meta and 'src="nbs/' not in meta

def test_installed(python, alone):
    out = sh(python, '-c', 'import groundup, groundup.support.data as d; print(groundup.__file__, d.digits().x.shape)', cwd=alone)
    assert out.startswith(str(python.parent.parent)) and '784' in out

def run_alone(lesson, python, folder):
    "Run a copy of the lesson in an empty folder, with the installed package; where that lies"
    (folder/'empty').mkdir(parents=True)
    shutil.copy(root/f'nbs/{lesson}.ipynb', folder/'empty')
    code = '''if True:
        import nbformat, sys
        from nbclient import NotebookClient
        nb = nbformat.read(sys.argv[1], as_version=4)
        nb.cells.append(nbformat.v4.new_code_cell("import groundup; print(groundup.__file__)"))
        NotebookClient(nb, timeout=300, kernel_name='python3').execute()
        print(nb.cells[-1].outputs[0].text)'''
    env = {k: v for k,v in os.environ.items() if k != 'PYTHONPATH'}
    env |= dict(JUPYTER_PATH=str(folder/'none'), GROUNDUP_DATA=str(folder/'data'))
    out = sh(python, '-c', code, f'{lesson}.ipynb', cwd=folder/'empty', env=env)
    left = [o.name for o in (folder/'empty').iterdir() if o.name != f'{lesson}.ipynb']
    assert not left, f'the lesson leaves files behind: {left}'
    return out

@pytest.fixture(scope='module')
def runs(python, tmp_path_factory):
    "All lessons alone, two at a time"
    folder = tmp_path_factory.mktemp('alone')
    with ThreadPoolExecutor(2) as pool:
        yield {o.stem: pool.submit(run_alone, o.stem, python, folder/o.stem) for o in lessons}
        pool.shutdown(cancel_futures=True)

@pytest.mark.parametrize('lesson', [o.stem for o in lessons])
def test_lesson_alone(lesson, runs, python):
    "Every cell of the lesson runs against the installed package"
    assert runs[lesson].result().startswith(str(python.parent.parent))

@pytest.mark.skipif(not (root/'groundup/matmul.py').exists(), reason='there is no module matmul')
def test_import_is_light(python, alone):
    "A lesson's module brings none of the heavy packages with it; the time is printed"
    code = '''if True:
        import sys, json, time, torch
        before,start = set(sys.modules),time.perf_counter()
        import groundup.matmul
        print(json.dumps([time.perf_counter()-start, sorted(set(sys.modules)-before)]))'''
    runs = [json.loads(sh(python, '-c', code, cwd=alone)) for _ in range(3)]
    print(f'import groundup.matmul after torch: {sorted(r[0] for r in runs)[1]*1000:.0f} ms')
    heavy = {'matplotlib', 'IPython', 'sympy', 'numba', 'fastcore.test', 'pandas', 'ipywidgets', 'nbdev'}
    assert not heavy & set(runs[0][1])
