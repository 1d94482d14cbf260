"Lesson 11 where PyTorch cannot be imported: the package, its exercises, the whole notebook"
import os, subprocess, sys

import pytest

from processes import limited, sh
from project import root

blocked = """if True:
    import importlib.abc, sys
    class Blocked(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name.split('.')[0]=='torch': raise ModuleNotFoundError(f'No module named {name!r}', name=name)
    sys.meta_path.insert(0, Blocked())
"""

def test_the_block_holds():
    out = subprocess.run([sys.executable, '-c', blocked+'    import torch.nn'], capture_output=True, text=True)
    assert out.returncode and "ModuleNotFoundError: No module named 'torch" in out.stderr

def test_it_brings_no_torch(python, alone):
    "From the wheel, where PyTorch is installed: neither the module nor its exercises import it"
    code = 'import sys, groundup.numpy_edition, groundup.exercises.numpy_edition; print("torch" in sys.modules)'
    assert sh(python, '-c', code, cwd=alone)=='False\n'

def test_trains_without_torch(python, alone):
    code = blocked+"""
    import groundup.numpy_edition as g
    from groundup.support.data import digits
    from groundup.support.timing import machine, one_thread
    one_thread()
    d = digits()
    for net,sizes in ((g.digit_net, (784,20,10)), (g.digit_cnn, (4,4,4))):
        l = g.digit_learner(d.x[:1000], d.y[:1000], batch_size=50, net=lambda rng: net(sizes, rng)).fit(4)
        assert l.history[-1]['loss']<.95*l.history[0]['loss'], l.history
        assert 0<=g.accuracy(l.model(d.x_valid).data, d.y_valid)<=1
    assert 'PyTorch' not in machine() and 'torch' not in sys.modules"""
    sh(python, '-c', code, cwd=alone)

@pytest.mark.parametrize('name', ['answers/11_numpy','11_numpy'])
def test_notebook_without_torch(name, tmp_path):
    "Every cell runs, and says where it skips"
    code = blocked+f"""
    from pathlib import Path
    from nbdev.test import test_nb
    ok,_ = test_nb(Path({str(root/'nbs'/name)!r}+'.ipynb'), do_print=True)
    assert ok and 'torch' not in sys.modules
    print('all cells ran')"""
    why,out = limited([sys.executable, '-c', code], cwd=root, env=os.environ|dict(GROUNDUP_DATA=str(tmp_path)))
    assert not why and 'all cells ran' in out, f'{why}\n{out[-3000:]}'
