"""Draw the lessons, what each builds and what it needs: nbs/images/map.svg. The arrows are read from the lessons' imports; an
arrow that follows from others is left out.

usage: python tools/assets/map.py
"""
import ast, re, sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
from project import cells, lessons, lib, module, root, source

# where a lesson stands (column, row), and what it builds
places = {0:(0,0,'neuron, dense layer'), 1:(1,0,'the product, step by step'), 2:(2,0,'shapes that stretch'), 3:(3,0,'your own einsum'),
          4:(0,1,'weights that work'), 5:(1,1,'gradients by hand'), 6:(2,1,'a graph that records itself'), 7:(2,2,'layers, optimizer'),
          8:(3,1,'softmax, cross-entropy'), 9:(3,2,'a net that reads digits'), 10:(3,3,'windows, filters, a CNN'),
          11:(1,2,'all of it in NumPy'), 12:(0,2,'why @ is so fast'), 13:(2,3,'many machines')}

def needs():
    "For each lesson's number the numbers of those that it imports, without those that follow from others"
    found = {module(p): p for p in lessons()}
    number = {m: int(p.stem[:2]) for m,p in found.items()}
    direct = {}
    for m,p in found.items():
        trees = [ast.parse(re.sub(r'^(\s*)[%!].*', r'\1pass', source(c), flags=re.M)) for c in cells(p, 'code') if '= %' not in source(c)]
        names = {n.module.removeprefix(f'{lib.name}.') for t in trees for n in ast.walk(t)
                 if isinstance(n, ast.ImportFrom) and (n.module or '').startswith(f'{lib.name}.')}
        direct[number[m]] = {number[o] for o in names if o in number and number[o]<number[m]}
    def all_of(n): return set().union(direct[n], *map(all_of, direct[n]))
    return {n: {o for o in of if not any(o in all_of(k) for k in of)} for n,of in direct.items()}

def main():
    from groundup.support.plotting import pyplot, palette
    from matplotlib.patches import FancyBboxPatch
    plt = pyplot()
    titles = {int(p.stem[:2]): re.search(r'^# (.+)', source(cells(p)[0]), re.M)[1] for p in lessons()}
    fig,ax = plt.subplots(figsize=(9,4.6))
    fig.subplots_adjust(0, 0, 1, 1)
    ax.set(xlim=(-.52,3.52), ylim=(3.42,-.42)); ax.axis('off')
    for n,title in titles.items():
        x,y,text = places[n]
        ax.add_patch(FancyBboxPatch((x-.4,y-.23), .8, .46, boxstyle='round,pad=0,rounding_size=.05', fc='#eef4fa', ec=palette[0], lw=1.2))
        ax.text(x, y-.07, f'{n:02} {title}', ha='center', va='center', fontsize=min(9.5, 9.5*21/len(f'{n:02} {title}')), fontweight='bold')
        ax.text(x, y+.1, text, ha='center', va='center', fontsize=9, color='#444444')
    for n,of in needs().items():
        for o in of:
            (x,y,_),(p,q,_) = places[o],places[n]
            side,dx = q==y,.12*((p>x)-(p<x))
            a,b = ((x+.4,y),(p-.4,q)) if side else ((x+dx,y+.23),(p-dx,q-.23))
            bend = 0 if not side or p-x==1 else -.35
            ax.annotate('', b, a, arrowprops=dict(arrowstyle='-|>', color='#777777', lw=1.2, shrinkA=1, shrinkB=1,
                                                  connectionstyle=f'arc3,rad={bend}'))
    path = root/'nbs/images/map.svg'
    fig.savefig(path, metadata=dict(Date=None, Creator=None))
    print(path.relative_to(root).as_posix(), path.stat().st_size, 'bytes')

if __name__ == '__main__': main()
