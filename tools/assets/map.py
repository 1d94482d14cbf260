"""Draw the lessons, what each builds and what it needs: nbs/images/map.svg, and map-narrow.svg for a phone. The arrows are read
from the lessons' imports; an arrow that follows from others is left out. On the site each box leads to its lesson.

usage: python tools/assets/map.py
"""
import ast, re, sys
from html import escape
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))
from project import cells, lessons, lib, module, root, source

builds = {0:'neuron, dense layer', 1:'the product, step by step', 2:'shapes that stretch', 3:'your own einsum', 4:'weights that work',
          5:'gradients by hand', 6:'a graph that records', 7:'layers, optimizer', 8:'softmax, cross-entropy', 9:'a net that reads digits',
          10:'windows, filters, a CNN', 11:'all of it in NumPy', 12:'why @ is so fast', 13:'many machines'}
# where a lesson stands: column, row
wide = {0:(0,0), 1:(1,0), 2:(2,0), 3:(3,0), 4:(0,1), 5:(1,1), 6:(2,1), 8:(3,1), 11:(0,2), 12:(1,2), 7:(2,2), 9:(3,2), 13:(2,3), 10:(3,3)}
narrow = {0:(0,0), 4:(1,0), 1:(0,1), 5:(1,1), 2:(0,2), 6:(1,2), 3:(0,3), 7:(1,3), 8:(0,4), 9:(1,4), 13:(0,5), 10:(1,5), 12:(0,6), 11:(1,6)}

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

W,H = 156,52 # a box

def arrow(a, b, pitch):
    "From below or beside box `a` to box `b`; past other boxes it runs between the columns"
    (p,q),(x,y) = ([o*n for o,n in zip(c, pitch)] for c in (a, b))
    if q==y: return f'M{p+W/2:g} {q:g}H{x-W/2-2:g}'
    top,bottom = q+H/2,y-H/2-2
    side = (x>p)-(x<p)
    if b[1]-a[1]==1: return f'M{p+side*.15*W:g} {top:g}L{x-side*.15*W:g} {bottom:g}'
    lane = (p+x)/2 if side else p-pitch[0]/2 # between the two columns, or left of both
    start,end = (p+side*.32*W,x-side*.32*W) if side else (p-.4*W,)*2
    return (f'M{start:g} {top:g}C{start:g} {top+24:g} {lane:g} {top+10:g} {lane:g} {top+44:g}V{bottom-44:g}'
            f'C{lane:g} {bottom-10:g} {end:g} {bottom-24:g} {end:g} {bottom:g}')

def draw(places, pitch, size, name):
    "The map as SVG; a style sheet of the page may colour it"
    low = min(x for x,_ in places.values())*pitch[0]-W/2-16
    width = max(x for x,_ in places.values())*pitch[0]+W/2+2-low
    height = max(y for _,y in places.values())*pitch[1]+H+4
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{low:g} {-H/2-2:g} {width:g} {height:g}" width="{width:g}" height="{height:g}" '
           f'font-family="system-ui, sans-serif" text-anchor="middle">',
           f'<marker id="{name}" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0L6 3L0 6z" fill="#777"/></marker>',
           f'<rect class="paper" x="{low:g}" y="{-H/2-2:g}" width="{width:g}" height="{height:g}" fill="#fff"/>']
    out += [f'<path class="needs" d="{arrow(places[o], places[n], pitch)}" fill="none" stroke="#777" stroke-width="1.3" marker-end="url(#{name})"/>'
            for n,of in needs().items() for o in sorted(of)]
    for p in lessons():
        n = int(p.stem[:2])
        title = f"{n:02} {re.search(r'^# (.+)', source(cells(p)[0]), re.M)[1]}"
        x,y = (o*k for o,k in zip(places[n], pitch))
        cut = title.rfind(' ', 0, 18) if len(title)>20 else len(title) # a long title takes two lines
        heads = [title[:cut], *filter(None, [title[cut+1:]])]
        lines = [(s, 'bold', '#111', size) for s in heads] + [(builds[n], 'normal', '#444', size-1.5)]
        text = [f'<text x="{x:g}" y="{y+4+(k-(len(lines)-1)/2)*15.5:g}" font-size="{s:g}" font-weight="{bold}" fill="{colour}">{escape(t)}</text>'
                for k,(t,bold,colour,s) in enumerate(lines)]
        out += [f'<a href="{p.name}"><rect x="{x-W/2:g}" y="{y-H/2:g}" width="{W}" height="{H}" rx="5" fill="#eef4fa" stroke="#0072b2" stroke-width="1.2"/>{"".join(text)}</a>']
    return '\n'.join([*out, '</svg>\n'])

def maps(): return {'map': draw(wide, (180,88), 12.5, 'tip'), 'map-narrow': draw(narrow, (172,78), 12, 'tip-narrow')}

def main():
    for name,drawn in maps().items():
        path = root/f'nbs/images/{name}.svg'
        path.write_text(drawn, encoding='utf8')
        print(path.relative_to(root).as_posix(), path.stat().st_size, 'bytes')

if __name__ == '__main__': main()
