"How long an import takes, each in a fresh process, against `import torch`"
import subprocess, sys
from importlib.util import find_spec

from measure import alternate, times


@times(floor=.1)
def modules():
    names = ['torch', *(f'groundup.{o}' for o in ('engine','training','numpy_edition','kernels')
                        if find_spec(f'groundup.{o}'))]
    def fresh(name): return lambda: subprocess.run([sys.executable, '-c', f'import {name}'], check=True)
    return {'import': alternate({n:fresh(n) for n in names}, rounds=4)}
