"""Draw one image, ten neurons, and what each says of it: nbs/images/hero.svg for the course's map, and docs/_static/card.png
(1200 x 630) for links to the site on other sites.

usage: python tools/assets/hero.py
"""
import sys
from pathlib import Path
import numpy as np
from groundup.support.data import digits
from groundup.support.plotting import bare, pyplot, signed_colours, palette

sys.path.append(str(Path(__file__).resolve().parent.parent))
from project import cfg, root

def draw(fig, **place):
    "One handwritten 3, the ten neurons' weights, and below each how strongly it recognises the image"
    d = digits()
    x,y = d.x[:800],d.y[:800] # as in lesson 00
    means = np.stack([x[y==c].mean(0) for c in range(10)]) # (j,k)
    x = d.x_valid[np.flatnonzero(d.y_valid==3)[4]] # (k,)
    said = means@x-(means**2).sum(1)/2 # (j,)
    w = means-means.mean(0) # what sets each apart
    grid = fig.add_gridspec(3, 14, width_ratios=[1]*3+[.5]+[1]*10, height_ratios=[.4,1,1.1], wspace=.08, hspace=.12, **place)
    ax = fig.add_subplot(grid[:,:3]); ax.imshow(x.reshape(28,28), cmap='gray_r'); bare(ax)
    for j in range(10):
        ax = fig.add_subplot(grid[1,4+j]); bare(ax)
        ax.imshow(w[j].reshape(28,28), **signed_colours(np.abs(w).max()))
        ax.set_title(str(j), fontsize=12, fontweight='bold' if j==said.argmax() else None)
    ax = fig.add_subplot(grid[2,4:]); bare(ax)
    height = said-said.min()+2
    ax.bar(range(10), height, width=.7, color=[palette[0] if j==said.argmax() else '#bbbbbb' for j in range(10)])
    ax.set(xlim=(-.5,9.5))
    return said.argmax()

def save(fig, path, **kw):
    path.parent.mkdir(exist_ok=True)
    fig.savefig(path, **kw)
    print(path.relative_to(root).as_posix(), path.stat().st_size, 'bytes')

def main():
    plt = pyplot()
    fig = plt.figure(figsize=(9.2,2.75))
    print('label 3, largest output', draw(fig))
    save(fig, root/'nbs/images/hero.svg', bbox_inches='tight', metadata={'Date':None})
    fig = plt.figure(figsize=(12,6.3), facecolor='white')
    draw(fig, left=.06, right=.94, top=.53, bottom=.07)
    title,_,rest = cfg['description'].partition(': ')
    fig.text(.06, .83, cfg['title'], fontsize=54, fontweight='bold')
    fig.text(.06, .735, title, fontsize=27, color='#444444')
    fig.text(.06, .655, rest, fontsize=20, color='#444444')
    save(fig, root/'docs/_static/card.png', dpi=100)

if __name__=='__main__': main()
