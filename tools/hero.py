"""Draw the picture of the course's map, nbs/images/hero.svg: one image, ten neurons, and what each says of it.

usage: python tools/hero.py
"""
from pathlib import Path
import numpy as np
from groundup.data import digits
from groundup.plotting import _bare, _plt, palette

def main():
    d,plt = digits(),_plt()
    from matplotlib.colors import LinearSegmentedColormap
    cmap = LinearSegmentedColormap.from_list('', [palette[1],'white',palette[0]])
    means = np.stack([d.x[d.y==c].mean(0) for c in range(10)]) # (j,k)
    x = d.x_valid[np.flatnonzero(d.y_valid==3)[4]] # (k,)
    said = means@x-(means**2).sum(1)/2 # (j,), lesson 00
    w = means-means.mean(0) # what sets each apart
    fig = plt.figure(figsize=(9.2,2.75))
    grid = fig.add_gridspec(3, 14, width_ratios=[1]*3+[.5]+[1]*10, height_ratios=[.4,1,1.1], wspace=.08, hspace=.12)
    ax = fig.add_subplot(grid[:,:3]); ax.imshow(x.reshape(28,28), cmap='gray_r'); _bare(ax)
    for j in range(10):
        ax = fig.add_subplot(grid[1,4+j]); _bare(ax)
        ax.imshow(w[j].reshape(28,28), cmap=cmap, vmin=-np.abs(w).max(), vmax=np.abs(w).max())
        ax.set_title(str(j), fontsize=12, fontweight='bold' if j==said.argmax() else None)
    ax = fig.add_subplot(grid[2,4:]); _bare(ax)
    height = said-said.min()+2
    ax.bar(range(10), height, width=.7, color=[palette[0] if j==said.argmax() else '#bbbbbb' for j in range(10)])
    ax.set(xlim=(-.5,9.5))
    path = Path(__file__).parent.parent/'nbs'/'images'/'hero.svg'
    path.parent.mkdir(exist_ok=True)
    fig.savefig(path, bbox_inches='tight', metadata={'Date':None})
    print(path.name, path.stat().st_size, 'bytes; label 3, largest output', said.argmax())

if __name__=='__main__': main()
