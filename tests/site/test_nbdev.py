"""nbdev's own site, as far as it can be checked without Quarto: `nbdev_docs` runs twice with a stand-in for Quarto that
only makes an empty page. What nbdev's processors wrote for Quarto is read as Pandoc would read it."""
import json, os, posixpath, re, shutil, subprocess, sys
import pytest, yaml
from project import cells, cfg, directives, module, nbs, notebooks, root, source

pytestmark = pytest.mark.xdist_group('nbdev')                       # one worker runs nbdev_docs
books = [p.relative_to(nbs).as_posix() for p in notebooks()]
each = pytest.mark.parametrize('name', books)

# --- the notebooks

@each
def test_directives_are_yaml(name):
    "Quarto reads `#| key: value` as YAML: a value with `: ` in it needs quotes"
    for i,c in enumerate(cells(nbs/name, 'code')):
        for d in directives(c):
            if not re.match(r'[\w-]+:', d): continue                # nbdev's own: `exports`, `hide`
            try: value, = yaml.safe_load(d).values()
            except yaml.YAMLError: pytest.fail(f'code cell {i}: quote the value of #| {d}')
            assert isinstance(value, (str,bool)), f'code cell {i}: {d}'

@each
def test_first_cell_holds_title_and_promise(name):
    "nbdev makes the page's head of them, and drops what else stands in that cell"
    first = cells(nbs/name)[0]
    assert first['cell_type']=='markdown' and re.fullmatch(r'# .+\n\n> .+', source(first)), source(first)

# --- what nbdev makes of them

@pytest.fixture(scope='session')
def made(tmp_path_factory):
    "A copy of the project in which `nbdev_docs` ran twice"
    to, bin = tmp_path_factory.mktemp('project'), tmp_path_factory.mktemp('bin')
    skip = shutil.ignore_patterns('__pycache__', '.ipynb_checkpoints', 'reference')
    for o in ('nbs', 'groundup'): shutil.copytree(root/o, to/o, ignore=skip)
    for o in ('settings.ini', 'README.md', 'setup.py'): shutil.copy(root/o, to)
    (to/'_docs/html').mkdir(parents=True)
    (to/'_docs/html/index.html').write_text('ours')
    os.utime(to/'README.md', (0, 0))                                # older than the notebook it is made from
    (bin/'quarto').write_text('#!/bin/sh\nfor a; do [ "$a" = README.md ] && mkdir -p _site && echo quarto > _site/README.md\ndone\n'
                              'mkdir -p _site && echo page > _site/index.html\n')
    (bin/'quarto').chmod(0o755)
    env = dict(os.environ, PATH=f'{bin}{os.pathsep}{os.environ["PATH"]}', PYTHONPATH=str(to))
    env.pop('IN_TEST', None)
    for _ in range(2):
        res = subprocess.run([sys.executable, '-c', 'from nbdev.quarto import nbdev_docs; nbdev_docs(n_workers=2)'], cwd=to, env=env,
                             capture_output=True, text=True, timeout=600)
        assert not res.returncode, res.stderr[-3000:]
    return to

def test_it_touches_nothing_of_ours(made):
    assert (made/'README.md').read_bytes()==(root/'README.md').read_bytes()
    assert (made/'_docs/html/index.html').read_text()=='ours' and [p.name for p in (made/'_docs').iterdir()]==['html']
    assert (made/cfg['doc_path']/'index.html').exists() and not (made/cfg['doc_path']/cfg['doc_path']).exists()
    assert (made/'groundup/_modidx.py').read_text()==(root/'groundup/_modidx.py').read_text()
    now,were = ({p.relative_to(o/'nbs').as_posix() for p in (o/'nbs').rglob('*.*') if 'reference' not in p.parts and '.ipynb_checkpoints' not in p.parts}
                for o in (made,root))
    ignored = {p.removeprefix('nbs/') for p in (root/'.gitignore').read_text().split() if p.startswith('nbs/')}
    assert now-were<=ignored and {'nbdev.yml', 'sidebar.yml'}<=ignored

def test_settings_of_quarto(made):
    "nbdev's standard would ask for a style sheet that is not there, and write each page three times"
    own,site = (yaml.safe_load((made/'_proc'/o).read_text()) for o in ('_quarto.yml', 'nbdev.yml'))
    assert not re.search(r'css|keep-md|commonmark', json.dumps(own)) and own['metadata-files']==['nbdev.yml', 'sidebar.yml']
    assert site['project']['output-dir']==cfg['doc_path']
    side = (made/'_proc/sidebar.yml').read_text()
    assert all(p in side for p in books)

def test_index_names_every_module(made):
    "nbdev leaves a notebook out of its index if its name holds `auto`"
    space = {}
    exec((made/'groundup/_modidx.py').read_text(), space)
    for p in books:
        if (m := module(nbs/p)) and not m.endswith('__main__'): assert space['d']['syms'][f'groundup.{m}'], p

def slug(s):
    "The id that Pandoc gives a heading"
    s = re.sub(r'\[([^\]]*)\]\([^)]*\)|[`*$]', lambda m: m[1] or '', s).strip()
    return re.sub(r'^[^a-z]+', '', re.sub(r'\s+', '-', re.sub(r'[^\w\s.-]', '', s.lower()))) or 'section'

def text(path):
    "The Markdown of a page: its text, and what its `show_doc`s wrote"
    for c in cells(path):
        if c['cell_type']=='markdown': yield source(c)
        else: yield from (''.join(o['data']['text/markdown']) for o in c.get('outputs', ()) if 'text/markdown' in o.get('data', {}))

fence = re.compile(r'^```.*?^```[ \t]*$', re.M|re.S)
def ids(path): return {slug(h) for t in text(path) for h in re.findall(r'^#+ (.+)', fence.sub('', t), re.M)}

@each
def test_page(name, made):
    "A head and a text; all outputs and magics; no link in a signature; each link within the site finds its page and its place"
    path,were = made/'_proc'/name,cells(nbs/name)
    raw,*rest = cells(path)
    head = yaml.safe_load(source(raw).strip().strip('-'))
    assert raw['cell_type']=='raw' and source(were[0])==f'# {head["title"]}\n\n> {head["description"]}'
    assert len(''.join(map(source, rest)).split())>30
    for t in text(path):
        assert not [f for f in fence.findall(t) if re.search(r'\]\(\w+:', f)], t
    whole = fence.sub('', '\n\n'.join([head['description'], *text(path)]))
    for to in re.findall(r'\]\(([^)\s]+)\)', re.sub(r'`[^`\n]*`', '', whole)):
        if re.match(r'\w+:', to): assert not to.startswith(cfg['doc_host']+cfg['doc_baseurl']+'/answers'), f'{to} gives the answer away'; continue
        file,_,anchor = to.partition('#')
        there = made/'_proc'/posixpath.normpath(posixpath.join(posixpath.dirname(name), file)) if file else path
        assert there.exists(), to
        if anchor.startswith('cell-id='): # JupyterLab's way to name a cell
            assert anchor[8:] in [c['id'] for c in cells(nbs/file)], to
        else: assert not anchor or anchor in ids(there), to
    def seen(cs): return [c for c in cs if c['cell_type']=='code' and not {'hide', 'export', 'default_exp'}&{d.split()[0] for d in directives(c)}]
    def magics(cs): return [l for c in seen(cs) for l in source(c).splitlines() if re.match(r'\s*(\w+ = )?%', l)]
    assert magics(rest)==magics(were)
    kinds = [o['output_type'] for c in seen(rest) for o in c.get('outputs', ())]
    assert len(kinds)>=sum(len(c['outputs']) for c in seen(were))
    assert kinds.count('error')==sum(o['output_type']=='error' for c in seen(were) for o in c['outputs'])
