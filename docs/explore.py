"""The explorers of a page: each page that has some loads what they share and a script for each, and no other page loads any.

The scripts are made from `groundup/data/explore` by the same function that makes the notebooks' widgets. The one that reads
digits carries the ten neurons of lesson 00, made as the lesson makes them; the trained nets
of lessons 09 and 10 come from `docs/nets` (tools/assets/nets.py) and are loaded when a reader comes near."""
import json, re
from pathlib import Path
import numpy as np
from groundup.support.data import digits
from groundup.support.explore import explorers, layer, packed, script

def ten_neurons(train=800):
    "Weights (10,784), biases (10,) of lesson 00: each digit's mean image without what all ten share, and minus half its square"
    d = digits()
    x,y = d.x[:train].astype(float),d.y[:train]
    means = np.stack([x[y==c].mean(0) for c in range(10)])
    return means-means.mean(0), -(means**2).sum(1)/2

def samples():
    "The 3 of the picture on the map, then one of each digit, (11,784)"
    d = digits()
    at = [np.flatnonzero(d.y_valid==3)[4], *(np.flatnonzero(d.y_valid==c)[7] for c in range(10))]
    return d.x_valid[at]

def make(app):
    "Write each explorer's script beside the site's own"
    if app.builder.format!='html': return
    folder = Path(app.outdir)/'_static/explore'
    folder.mkdir(parents=True, exist_ok=True)
    shown = samples()
    nets = {'digit': packed([layer(*ten_neurons())], samples=shown)}
    texts = {name: script(name, nets.get(name)) for name in ('core', *explorers)}
    texts['digit-net'] = script('digit', packed([], samples=shown)) # for a page where a trained net answers
    for name,text in texts.items(): (folder/f'{name}.js').write_text(text, encoding='utf8')
    for p in sorted(Path(app.confdir).glob('nets/*.json')):
        o = json.loads(p.read_text(encoding='utf8'))
        kinds = [' by '.join(map(str, l['shape'])) for l in o['net']['layers'] if 'weights' in l]
        about = f"Its weights are {', '.join(kinds)}. It reads {o['origin']['accuracy']:.1%} of 1,000 digits that it never saw."
        text = json.dumps(dict(net=o['net'], about=about))
        (folder/f'net-{p.stem}.js').write_text(f'(groundup.nets ??= {{}}).{p.stem} = {text}\n', encoding='utf8')

def load(app, pagename, templatename, ctx, doctree):
    "The scripts of the explorers that a page has"
    divs = re.findall(r'<div class="explore"[^>]* data-explore="(\w+)"([^>]*)>', ctx.get('body') or '')
    found = sorted({name for name,_ in divs})
    if 'digit' in found and all(re.search(r'data-state="[^"]*\bnet\b', rest) for name,rest in divs if name=='digit'):
        found[found.index('digit')] = 'digit-net'
    for name in ['core']*bool(found)+found: app.add_js_file(f'explore/{name}.js', loading_method='defer')

def setup(app):
    app.connect('builder-inited', make)
    app.connect('html-page-context', load)
    return dict(parallel_read_safe=True, parallel_write_safe=True, version='1')
