"What a person gets who installs the package and has nothing of the checkout, as in Colab"
import json, zipfile

import pytest

from processes import sh
from project import cfg, root


def test_contents(wheel):
    names = {o for o in zipfile.ZipFile(wheel).namelist() if not o.endswith('/')}
    lib = root/cfg['lib_path']
    expected = {o.relative_to(root).as_posix() for o in lib.rglob('*.py') if '__pycache__' not in o.parts}
    expected |= {o.relative_to(root).as_posix() for o in (lib/'data').rglob('*') if o.is_file()}
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
