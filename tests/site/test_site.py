"""The site that `make docs` builds: what its files say, and what a browser makes of them.

The browser tests need Chromium or Chrome: conftest.py finds it."""
import functools, gzip, http.server, importlib.util, inspect, re, shutil, struct, subprocess, sys, threading, time
from html.parser import HTMLParser
from pathlib import Path
from types import FunctionType
from urllib.parse import unquote, urljoin, urlsplit
import pytest
from fastcore.docments import docments
from filelock import FileLock

import project
from project import cfg, directives, nbs as NBS, root as ROOT, source as src

OUT = ROOT/'_docs/html'
sys.path.insert(0, str(ROOT/'docs'))
LIB, BASE, SITE = cfg['lib_name'], cfg['doc_baseurl']+'/', cfg['doc_host']+cfg['doc_baseurl']+'/'
COLAB = f"https://colab.research.google.com/github/{cfg['user']}/{cfg['repo']}/blob/{cfg['branch']}/{cfg['nbs_path']}/"
LESSONS = sorted(p.stem for p in NBS.glob('[0-9][0-9]_*.ipynb'))
ANSWERS = sorted(p.stem for p in NBS.glob('answers/[0-9][0-9]_*.ipynb'))
LIMIT = 250*1024        # bytes of a page's first load, compressed, without its pictures

def cells(name): return project.cells(NBS/f'{name}.ipynb')

def modules():
    "Modules that belong in the reference: those of lessons and of shared tools"
    return [m for p in project.notebooks() if (m := project.module(p)) and not m.startswith('exercises.')]

# --- the files

def stale():
    made = OUT/'searchindex.js'
    if not made.exists(): return True
    sources = [ROOT/'settings.ini', *ROOT.glob('docs/**/*'), *NBS.glob('**/*.ipynb'), *ROOT.glob(f'{LIB}/**/*.py'), *ROOT.glob(f'{LIB}/data/**/*')]
    skip = {'__pycache__', '.ipynb_checkpoints'}
    return any(p.is_file() and not skip & set(p.parts) and p.stat().st_mtime > made.stat().st_mtime for p in sources)

@pytest.fixture(scope='session')
def site():
    "The folder of the built site, built anew when something it is made from changed"
    OUT.parent.mkdir(exist_ok=True)
    with FileLock(OUT.parent/'.lock'): # of several workers one builds it
        if stale():
            shutil.rmtree(OUT, ignore_errors=True)
            start, options = time.time(), '-W --keep-going -q -E -b html -c docs nbs'.split()
            r = subprocess.run([sys.executable, '-m', 'sphinx', *options, str(OUT)], cwd=ROOT, capture_output=True, text=True)
            if r.returncode: shutil.rmtree(OUT, ignore_errors=True)         # the next run must not take it for good
            assert r.returncode==0, r.stdout + r.stderr
            (OUT.parent/'seconds').write_text(f'{time.time()-start:.1f}') # for `make bench`
    return OUT

class Page(HTMLParser):
    "What a page holds: ids, links, pictures, what it loads, its text, and the text inside of `<details>`"
    void = set('area base br col embed hr img input link meta source track wbr'.split())
    def __init__(self, path):
        super().__init__()
        self.name = path.relative_to(OUT).as_posix()
        self.ids, self.icons, self.metas = set(), set(), {}
        self.links, self.images, self.loads, self.awaited, self.opened, self.stack = [], [], [], [], [], []
        self.text, self.folded = '', ''
        self.feed(path.read_text(encoding='utf-8'))
    def handle_starttag(self, tag, attrs):
        a = {k: v or '' for k,v in attrs}
        if tag not in self.void: self.stack.append(tag)
        if 'id' in a: self.ids.add(a['id'])
        if tag=='a' and 'href' in a: self.links.append(a)
        if tag=='img': self.images.append(a)
        if tag=='link' and a.get('rel') in ('stylesheet', 'preload', 'icon', 'preconnect'): self.loads.append(a['href'])
        if 'src' in a: self.loads.append(a['src'])
        if tag=='meta': self.metas[a.get('name') or a.get('property')] = a.get('content')
        if tag=='details' and 'open' in a: self.opened.append(a)
        if tag=='link' and a.get('rel')=='stylesheet' or tag=='script' and 'src' in a and 'defer' not in a: self.awaited.append(a.get('href') or a['src'])
        self.icons.update(c[3:] for c in a.get('class', '').split() if c.startswith('fa-'))
    def handle_endtag(self, tag):
        while tag in self.stack and self.stack.pop()!=tag: pass
    def handle_data(self, data):
        if {'script', 'style'} & set(self.stack): return
        self.text += data
        if 'details' in self.stack: self.folded += data
    def hrefs(self, **having):
        def has(a, k, v): return k in a and (v is True or v in a[k].split())
        return [a['href'] for a in self.links if all(has(a, k, v) for k,v in having.items())]

@pytest.fixture(scope='session')
def pages(site):
    return {(p := Page(f)).name: p for f in sorted(site.rglob('*.html')) if '_static' not in f.parts}

def test_links(pages):
    "Every link within the site finds its page and its place there; the others are well-formed and https"
    def good(p, href):
        u = urlsplit(href)
        if u.scheme or u.netloc:
            host = re.fullmatch(r'[\w-]+(\.[\w-]+)+', u.netloc)
            return u.scheme=='mailto' or u.scheme=='https' and host and not re.search(r'\s', href)
        to = unquote(urljoin(BASE+p.name, u.path) if u.path else BASE+p.name).removeprefix(BASE)
        if not to or to.endswith('/'): to += 'index.html'
        return (OUT/to).is_file() and (not u.fragment or to not in pages or unquote(u.fragment) in pages[to].ids)
    bad = [(p.name, h) for p in pages.values() for h in p.hrefs() if not good(p, h)]
    assert not bad, bad

def test_nothing_from_other_hosts(pages):
    "No page and no style sheet loads anything from elsewhere"
    bad = [(p.name, u) for p in pages.values() for u in p.loads if urlsplit(u).netloc]
    foreign = re.compile(r'''(?:url\(|@import)\s*["']?((?:https?:)?//[^"')]+)''')
    bad += [(f.name, u) for f in OUT.glob('_static/**/*.css') for u in foreign.findall(f.read_text(encoding='utf-8'))]
    assert not bad, bad

@pytest.mark.parametrize('module', modules())
def test_reference(module, pages):
    "Every exported name has its entry, with a way to the notebook that builds it"
    p, exported = pages[f'reference/{module}.html'], set(importlib.import_module(f'{LIB}.{module}').__all__)
    entry = re.compile(rf'{LIB}\.{module}\.((?:\w+\.)?)(\w+)')
    found = [m for i in p.ids if (m := entry.fullmatch(i))]
    assert not (missing := exported-{m[2] for m in found}), missing         # a function may have become a method
    back = [h for h in p.hrefs() if re.match(r'\.\./(\d\d_|support/)', h)]
    assert len(back) > len([m for m in found if not m[1]])
    assert [h for h in p.hrefs() if h.startswith(f"../_modules/{LIB}/{module.replace('.', '/')}.html#")] or not found

@pytest.mark.parametrize('module', modules())
def test_parameters(module, site):
    "Each entry has the parameters of its signature, in their order, with what the notebook says of them"
    page = (site/f'reference/{module}.html').read_text(encoding='utf-8')
    m, seen = importlib.import_module(f'{LIB}.{module}'), 0
    for part in re.split(r'(?=<dt class="sig )', page)[1:]:
        full = re.search(rf'id="{LIB}\.{module}\.([\w.]+)"', part)[1]
        o = functools.reduce(getattr, full.split('.'), m)
        if not callable(o) or inspect.isclass(o): continue
        params = list(inspect.signature(o).parameters)
        *cls, name = full.split('.')
        bound = bool(cls) and isinstance(inspect.getattr_static(getattr(m, cls[0]), name), FunctionType)
        said = any(v.docment or v.anno is not inspect.Parameter.empty for v in docments(o, full=True).values())
        found = re.findall(r'<strong>(\w+)</strong>', part.split('field-list')[1]) if 'field-list' in part else []
        assert found==(params[bound:] if said else []), full
        head = re.search(r'<span class="sig-name.*?</dt>', part, re.S)[0]
        assert re.findall(r'class="n"><span class="pre">(\w+)', head)==params[bound:], full
        seen += len(found)
    assert seen or module.startswith('support.')

def test_reference_does_not_spoil(pages):
    "The answers are in no reference, no source page, and behind no name in a lesson"
    bad = [n for n,p in pages.items() if any(f'{LIB}.exercises.' in i for i in p.ids) or f'{LIB}/exercises' in n]
    bad += [(n, h) for n,p in pages.items() for h in p.hrefs() if f'{LIB}.exercises.' in h]
    assert not bad, bad

@pytest.mark.parametrize('lesson', LESSONS)
def test_no_link_in_a_link(lesson, site):
    "A browser would end the outer one before the inner, and leave it without a text"
    inside = False
    for end in re.findall(r'<(/?)a[\s>]', (site/f'{lesson}.html').read_text(encoding='utf8')):
        assert inside==bool(end)
        inside = not end

@pytest.mark.parametrize('lesson', LESSONS)
def test_lesson(lesson, pages):
    "Colab, each answer and the notebook itself are one click away; what the cells printed is there"
    p = pages[f'{lesson}.html']
    assert COLAB+f'{lesson}.ipynb' in p.hrefs() and f'answers/{lesson}.html' in p.hrefs()
    file, = set(p.hrefs(download=True))
    assert (OUT/file).read_bytes()==(NBS/f'{lesson}.ipynb').read_bytes()
    code = [c for c in cells(lesson) if c['cell_type']=='code']
    for e in {m for c in code for m in re.findall(r'^ex\.(\w+)\.check\(', src(c), re.M)}:
        assert any(h.endswith(f"-{e.lower().replace('_', '-')}-answer") for h in p.hrefs() if h.startswith(f'answers/{lesson}.html#')), e
    flat = lambda s: re.sub(r'\s+', '', re.sub(r'\x1b\[[\d;]*m', '', s))
    text = flat(p.text)
    for c in code:
        if {'hide', 'output: false', 'hide_output'} & set(directives(c)): continue
        for o in c['outputs']:
            lines = (''.join(o.get('text', '')) or o.get('evalue', '')).splitlines()
            first = next((l for l in lines if l.strip() and not re.search(r'[/\b]', l)), '')
            assert flat(first) in text, first

@pytest.mark.parametrize('lesson', ANSWERS)
def test_answers_are_folded(lesson, pages):
    "Nobody sees a solution without a click"
    p = pages[f'answers/{lesson}.html']
    assert not p.opened
    for c in cells(f'answers/{lesson}'):
        if not (of := re.findall(r'^@(\w+)\.(?:exercise|mistake)\(', src(c), re.M)): continue
        last = [l.strip() for l in src(c).splitlines() if l.strip()][-1]
        last = re.sub(r'^(def|class) _\b', rf'\1 {of[-1]}', last)
        assert last in p.folded and p.text.count(last)==p.folded.count(last), last

def test_alt_text(pages):
    "Each picture says what it shows, in words"
    def said(a): return re.search(r'\w\s+\w' if '_images/' in a.get('src', '') else r'\w', a.get('alt', ''))
    bad = [(p.name, a.get('src'), a.get('alt')) for p in pages.values() for a in p.images if not said(a)]
    assert not bad, bad

def test_size_of_pictures(pages):
    "A picture's place is kept while it loads: nothing jumps"
    bad = [(p.name, a['src']) for p in pages.values() for a in p.images if '_images/' in a['src'] and not (a.get('width') and a.get('height'))]
    assert not bad, bad

def test_no_paths_of_this_machine(pages):
    words = [str(ROOT), f'{Path.home()}/', 'ipykernel_']
    assert not (bad := [(p.name, w) for p in pages.values() for w in words if w in p.text]), bad

def test_no_directives(pages):
    "Nothing that is meant for nbdev or Sphinx shows"
    odd = re.compile(r'^#\|.*|^:::.*|\{toctree\}|nbdev_export\(\)', re.M)
    bad = [(p.name, m) for p in pages.values() if not p.name.startswith('_modules/') for m in odd.findall(p.text)]
    assert not bad, bad

def test_icons(pages):
    "The icon fonts hold what the pages use"
    held = set((ROOT/'docs/_static/fonts.txt').read_text(encoding='utf-8').split())
    missing = set().union(*(p.icons for p in pages.values())) - held - set('solid brands regular lg fw sm xs icon'.split())
    assert not missing, f'{missing}: run tools/assets/fonts.py'

def test_signs(site):
    "The font of the formulas holds their signs"
    spec = importlib.util.spec_from_file_location('fonts', ROOT/'tools/assets/fonts.py')
    spec.loader.exec_module(fonts := importlib.util.module_from_spec(spec))
    held = set((ROOT/'docs/_static/fonts.txt').read_text(encoding='utf-8').split('stix2math.woff2:')[1].split())
    used = {f'{ord(c):04X}' for c in fonts.formula_signs([f.read_text(encoding='utf-8') for f in site.rglob('*.html')])}
    assert len(used) > 50 and not used-held, f'{used-held}: run tools/assets/fonts.py'

def test_nothing_waits(pages, site):
    "Before a page is drawn it needs one small style sheet and no script; the search page has scripts of its own"
    bad = {n: p.awaited for n,p in pages.items() if n!='search.html' and [urlsplit(u).path.rsplit('/', 1)[-1] for u in p.awaited]!=['site.css']}
    assert not bad, bad
    assert len(gzip.compress((site/'_static/site.css').read_bytes())) < 25*1024

def test_useful_rules():
    "A rule stays if all that its selector names is there; a variable, if something reads it"
    sheet = importlib.import_module('styles').sheet
    css = """@charset "UTF-8"; /* a note */ .a,.gone{--x:1;--y:2;--z:var(--w);--w:3;width:calc(var(--x)*2)} #top p:hover>.a::before{content:";}"}
        .gone .a{left:0} .a:not(.gone){left:0} :is(.gone,b).a{top:0} :is(.gone,i){top:0} video{top:0} html[data-theme=dark] .later{top:0!important}
        @media print{.gone{top:0} .a{top:1px}} @media screen{.gone{top:0}} .a{--w:1}"""
    out = sheet(css, ['<html id="top"><p class="a c" style="top:var(--y)"><b>'], ['x.classList.add("later")'])
    assert out.splitlines()==['.a{--x:1;--y:2;width:calc(var(--x)*2)}', '#top p:hover>.a::before{content:";}"}', '.a:not(.gone){left:0}',
                              ':is(.gone,b).a{top:0}', 'html[data-theme=dark] .later{top:0!important}', '@media print{.a{top:1px}}']

def test_for_other_sites(pages):
    "Descriptions and a picture for links from elsewhere, a site map, a page for wrong addresses"
    card = (OUT/'_static/card.png').read_bytes()
    assert card[1:4]==b'PNG' and struct.unpack('>II', card[16:24])==(1200, 630) and len(card) < 300_000
    for n in ['index', *LESSONS]:
        m = pages[f'{n}.html'].metas
        assert m['description'] and m['og:description'] and m['og:title'] and m['og:url']==f'{SITE}{n}.html'
        assert m['og:image']==f'{SITE}_static/card.png' and m['og:image:alt'] and m['twitter:card']=='summary_large_image'
        assert 'Colab' not in m['description']
    listed = re.findall(r'<loc>(.*?)</loc>', (OUT/'sitemap.xml').read_text(encoding='utf-8'))
    assert {f'{SITE}{n}.html' for n in LESSONS} <= set(listed) and all(u.startswith(SITE) for u in listed)
    assert all(h.startswith((BASE, 'https://', '#')) for h in pages['404.html'].hrefs())

def test_order(pages):
    "Previous and next go through the lessons in order, and not on into the answers"
    def step(name, way): return pages[f'{name}.html'].hrefs(**{'class': way})
    for a,b in zip(['index', *LESSONS], LESSONS):
        assert step(a, 'right-next')==[f'{b}.html'] and step(b, 'left-prev')==[f'{a}.html']
    assert not step(LESSONS[-1], 'right-next')

def test_lists(pages):
    "All questions and all exercises of the lessons, each with its links"
    asked = [int(n) for l in LESSONS for n in re.findall(r'^\*\*(\d+)\. ', '\n'.join(map(src, cells(l))), re.M)]
    hrefs = pages['reference/questions.html'].hrefs()
    assert [int(h.split('#question-')[1]) for h in hrefs if '#question-' in h]==asked
    hrefs = pages['reference/exercises.html'].hrefs()
    for l in LESSONS:
        names = set(re.findall(r'^ex\.(\w+)\.check\(', '\n'.join(map(src, cells(l))), re.M))
        assert sorted(h.split('#your-turn-')[1] for h in hrefs if h.startswith(f'../{l}.html#'))==sorted(n.lower().replace('_', '-').strip('-') for n in names)
        assert len([h for h in hrefs if h.startswith(f'../answers/{l}.html#')])==len(names)

def test_glossary(pages, site):
    "Terms stand in order, each once; a lesson leads to each at most once, and to many"
    heads = re.findall(r'^- \*\*(.+?)\*\*', '\n'.join(map(src, cells('glossary'))), re.M)
    assert heads==sorted(heads, key=str.lower) and len(heads)==len(set(heads))
    for l in LESSONS:
        to = [h for h in pages[f'{l}.html'].hrefs() if h.startswith('glossary.html#')]
        assert len(to)==len(set(to)) > 5, l

def test_names_in_code(site):
    "The course's and PyTorch's names lead on, a variable of the same name does not; what has no colour is no element"
    code = lambda name: ''.join(re.findall(r'<div class="highlight"[^>]*><pre>(.*?)</pre>', (site/name).read_text(encoding='utf-8'), re.S))
    links = dict((m[2], m[1]) for m in re.finditer(r'<a class="n[cf]?" href="([^"]+)"[^>]*>(\w+)</a>', code('07_module.html')))
    assert links['Var']=='reference/engine.html#groundup.engine.Var' and links['SGD'].endswith('#groundup.module.SGD')
    assert links['one_hot'].endswith('#torch.nn.functional.one_hot') and not {'x','y','w','loss','median'} & set(links)
    assert not [n for n in LESSONS if re.search(r'<span class="(n|p|w)">', code(f'{n}.html'))]
    taken = importlib.import_module('code_links').taken
    assert taken('%timeit -o -n 5 f(a)\nb = [c for c in d]\ndef g(e, *h): i = 1')==set('bcehi') and taken('1 +')==set()

def test_builds_take_turns(tmp_path):
    "They share a folder: a second build waits for the first"
    fcntl = pytest.importorskip('fcntl')
    code = 'import sys; sys.path[:0] = ["docs", "tools"]; import reference, types; reference.turn(types.SimpleNamespace()); print("mine")'
    with open(ROOT/'docs/reference.py') as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        p = subprocess.Popen([sys.executable, '-c', code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert 'waiting' in p.stdout.readline() and p.poll() is None
    assert p.communicate()[0]=='mine\n'

# --- the browser

RULES = 'wcag2a wcag2aa wcag21a wcag21aa wcag22aa best-practice'.split()
WHOLE = """async () => { // all folds open, and all that is off the screen laid out and measured
    document.querySelectorAll('article details').forEach(d => d.open = true)
    document.head.insertAdjacentHTML('beforeend', '<style>* { content-visibility: visible !important }</style>')
    for (let i = 0; i < 3; i++) await new Promise(f => requestAnimationFrame(() => setTimeout(f))) }"""
STICKS_OUT = """() => [...document.querySelectorAll('main *')].filter(e => {
    const r = e.getBoundingClientRect()
    if (!r.width || !r.height || r.right <= innerWidth+1) return false
    if (e.closest('.headerlink, .bd-sidebar-secondary, math, .visually-hidden')) return false
    for (let a = e.parentElement; a; a = a.parentElement)
        if (/auto|scroll|hidden/.test(getComputedStyle(a).overflowX)) return false
    return true }).map(e => e.outerHTML.slice(0, 120))"""
LIGHTNESS = """() => getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g)
    .slice(0, 3).reduce((a, b) => a + Number(b), 0) / 765"""
MATHS = """() => [...document.querySelectorAll('article math')].filter(m => !m.closest('details'))
    .map(m => m.getBoundingClientRect()).map(r => [r.width, r.height])"""
PICTURES = """() => [...document.querySelectorAll('.cell_output img')]
    .map(i => [!!i.closest('.tag_photo'), getComputedStyle(i).filter])"""

FITS = """() => { const p = document.querySelector('article :not(details) > .cell .cell_input pre'), s = getComputedStyle(p)
    const c = document.createElement('canvas').getContext('2d'); c.font = s.font
    return (p.clientWidth - parseFloat(s.paddingLeft) - parseFloat(s.paddingRight)) / c.measureText('0'.repeat(100)).width * 100 }"""
BOXES = """() => [...document.querySelectorAll('.cell_output .picture')].filter(e => e.clientWidth).map(e => {
    const i = e.querySelector('img')
    return [Number(i.getAttribute('width')), i.clientWidth, e.clientWidth, e.tabIndex==0, i.clientWidth/i.clientHeight*i.getAttribute('height')/i.getAttribute('width')] })"""
CUT_OFF = """() => [...document.querySelectorAll('.bd-article :is(pre, .picture)')]
    .filter(e => e.clientWidth && e.scrollWidth > e.clientWidth+1).map(e => e.innerText.slice(0, 200))"""

@pytest.fixture(scope='session')
def address(site):
    "The site served as GitHub Pages does: below its folder, with 404.html for what is not there"
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *a): pass
        def translate_path(self, path): return super().translate_path('/'+path.removeprefix(BASE))
        def send_error(self, code, *a):
            body = (site/'404.html').read_bytes()
            self.send_response(code)
            self.send_header('Content-Type', 'text/html'); self.send_header('Content-Length', str(len(body)))
            self.end_headers(); self.wfile.write(body)
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Handler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown(); server.server_close()

class Tab:
    "A browser page that remembers what it asked for and what it complained about"
    def __init__(self, browser, address):
        self.address, self.asked, self.errors = address, [], []
        self.context = browser.new_context(permissions=['clipboard-read', 'clipboard-write'])
        self.page = self.context.new_page()
        self.page.set_default_timeout(240_000) # a busy machine is slow, not wrong
        self.page.on('request', lambda r: self.asked.append(r.url))
        self.page.on('pageerror', lambda e: self.errors.append(str(e)))
        self.page.on('console', self.heard)
    def heard(self, m):
        if m.type in ('error', 'warning'): self.errors.append(f"{m.text} {m.location.get('url', '')}")
    def open(self, path, scheme='light', width=1280):
        self.page.set_viewport_size(dict(width=width, height=900))
        self.page.emulate_media(color_scheme=scheme, reduced_motion='reduce')
        self.asked.clear(); self.errors.clear()
        self.page.goto(self.address+BASE+path, wait_until='load')
        self.scheme(scheme)
    def scheme(self, scheme):
        self.page.emulate_media(color_scheme=scheme, reduced_motion='reduce')
        self.page.wait_for_function(f"document.documentElement.dataset.theme=='{scheme}'")
    def foreign(self): return [u for u in self.asked if not u.startswith((self.address+'/', 'data:', 'blob:'))]

@pytest.fixture(scope='module')
def tab(browser, address):
    t = Tab(browser, address)
    yield t
    t.context.close()

def axe(page, code=20, rules=None, within='html'):
    "What axe finds in the page or a part of it; it looks into the first `code` boxes of code, for their colours are the same everywhere"
    import axe_playwright_python
    script = Path(axe_playwright_python.__file__).parent/'axe.min.js'
    if not page.evaluate('!!window.axe'): page.evaluate(script.read_text(encoding='utf-8'))
    page.evaluate("n => document.querySelectorAll('.highlight pre').forEach((e, i) => e.toggleAttribute('data-far', i>=n))", code)
    where = dict(include=[[within]], exclude=[['[data-far]']])
    only = dict(type='rule', values=rules) if rules else dict(type='tag', values=RULES)
    options = dict(runOnly=only, resultTypes=['violations'], preload=False)
    found = page.evaluate('([where, options]) => axe.run(where, options)', [where, options])['violations']
    return [f"{v['id']}: {n['html'][:160]} | {n.get('failureSummary', '')[:300]}" for v in found for n in v['nodes']]

KINDS = ['index.html', f'{LESSONS[0]}.html', f'answers/{ANSWERS[0]}.html', 'reference/index.html',
         f'reference/{LESSONS[0][3:]}.html', 'search.html?q=product', 'no/such/page']
VIEWS = [(p, w, 'light dark') for p in KINDS for w in (1280, 390)] + [(p, 320, 'light') for p in KINDS]
VIEWS += [(f'{n}.html', 390, 'light dark') for n in ('glossary', 'notation', 'myths', 'reference/questions', 'reference/exercises')]
VIEWS += [(f'{n}.html', 390, 'dark') if i%2 else (f'{n}.html', 1280, 'light') for i,n in enumerate(LESSONS[1:], 1)]

@pytest.mark.parametrize('path,width,schemes', VIEWS)
def test_view(path, width, schemes, tab):
    "No complaint, no other host, nothing that sticks out, readable for everyone"
    first, *second = schemes.split()
    tab.open(path, first, width)
    page = tab.page
    if path.startswith('search'): page.wait_for_selector('#search-results li')
    page.evaluate(WHOLE)
    for s in (first, *second):
        tab.scheme(s)
        assert page.evaluate(LIGHTNESS) < .25 if s=='dark' else page.evaluate(LIGHTNESS) > .85
        bad = axe(page, code=20*(path in KINDS and width==1280), rules=['color-contrast'] if s in second else None)
        assert not bad, f'{s}:\n' + '\n'.join(bad)
    assert page.evaluate('document.documentElement.scrollWidth') <= width
    assert not (out := page.evaluate(STICKS_OUT)), out
    assert not tab.foreign(), tab.foreign()
    assert not (bad := [e for e in tab.errors if not ('404' in e and path in e)]), bad
    if 'search' not in path: assert not [u for u in tab.asked if 'searchindex' in u], 'the index is for the search page'

SEEN = {p.split('?')[0] for p,_,_ in VIEWS}

@pytest.mark.parametrize('part', ['', 'answers', 'support', 'reference', '_modules'])
def test_every_other_page(part, pages, tab):
    "axe has no finding on any page of the site, and nothing sticks out: on a phone, in light and dark by turns"
    bad = []
    for i,name in enumerate(n for n in pages if n not in SEEN and n.rpartition('/')[0].split('/')[0]==part):
        tab.open(name, 'dark' if i%2 else 'light', 390)
        tab.page.evaluate(WHOLE)
        bad += [(name, o) for o in axe(tab.page, code=int(part=='_modules' and i<2))+tab.page.evaluate(STICKS_OUT)+tab.errors+tab.foreign()]
    assert not bad, '\n'.join(map(str, bad))

def test_far_sections(tab):
    """What is off the screen is not laid out: a page keeps its length, to a tenth, while it is scrolled, then the keyboard
    reaches each box whose lines are longer than the screen, and no other; a link to a section finds it"""
    tab.open(f'{LESSONS[3]}.html', width=390)
    heights = tab.page.evaluate("""async () => {
        const root = document.documentElement, heights = []
        for (let y = 0; y < root.scrollHeight; y += 500) {
            scrollTo({top: y, behavior: 'instant'})
            await new Promise(f => requestAnimationFrame(() => setTimeout(f)))
            heights.push(root.scrollHeight) }
        return heights }""")
    boxes = tab.page.evaluate("[...document.querySelectorAll('article .cell pre')].filter(e => e.checkVisibility()).map(e => [e.scrollWidth > e.clientWidth, e.tabIndex])")
    assert {*map(tuple, boxes)}=={(True, 0), (False, -1)} and len(boxes)>9
    assert max(heights)/min(heights)<1.1 and len(heights)>9, heights
    tab.open(f'{LESSONS[4]}.html#what-to-remember', width=390)
    tab.page.wait_for_function("Math.abs(document.querySelector('#what-to-remember').getBoundingClientRect().top-60) < 90")

@pytest.mark.parametrize('width', [1366-15, 1440-15, 1920-15])
def test_code_fits(width, tab):
    "On a laptop, a scrollbar beside the page, a line of code as long as lines may be is seen in full"
    tab.open(f'{LESSONS[1]}.html', width=width)
    assert tab.page.evaluate(FITS) >= 110

@pytest.mark.parametrize('lesson', LESSONS)
def test_pictures_on_a_phone(lesson, tab):
    "A small picture fits; a wide one keeps 4/5 of its size and scrolls in its box, by keyboard too; the page does not"
    tab.open(f'{lesson}.html', width=390)
    tab.page.evaluate(WHOLE)
    tab.page.wait_for_function("[...document.querySelectorAll('.picture')].every(e => e.scrollWidth<=e.clientWidth || e.tabIndex==0)")
    boxes = tab.page.evaluate(BOXES)
    assert boxes
    for natural,shown,room,focusable,shape in boxes:
        assert abs(shown-min(natural, max(room, .8*natural))) < 1.5 and abs(shape-1) < .05
        assert focusable==(shown > room+1)
    assert tab.page.evaluate('document.documentElement.scrollWidth') <= 390

def test_on_paper(tab):
    "Printed, nothing is cut off at the right, and the paper is white"
    tab.open(f'{LESSONS[1]}.html', 'dark', width=718)
    tab.page.emulate_media(media='print')
    tab.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.page.evaluate(LIGHTNESS) > .95
    cut = tab.page.evaluate(CUT_OFF)
    tab.page.evaluate("dispatchEvent(new Event('afterprint'))")
    dark = tab.page.evaluate('document.documentElement.dataset.theme')
    tab.page.emulate_media(media='screen')
    assert not cut and dark=='dark'

def test_tools(tab):
    "Each tool above a lesson says in words what it does; Colab, the notebook and its source are one click away"
    tab.open(f'{LESSONS[0]}.html')
    tools = tab.page.locator('.bd-header-article :is(a, button, summary):visible')
    names = [t.inner_text().strip() or t.get_attribute('aria-label') for t in tools.all()]
    assert names==['Lessons', 'Colab', 'Download', 'GitHub', 'Light or dark']
    hrefs = [h for t in tools.all() if (h := t.get_attribute('href'))]
    assert hrefs==[COLAB+f'{LESSONS[0]}.ipynb', f'_sources/{LESSONS[0]}.ipynb',
                   f"{cfg['git_url']}/blob/{cfg['branch']}/{cfg['nbs_path']}/{LESSONS[0]}.ipynb"]

def test_menu_of_colours(tab):
    "It opens and closes with a pointer and by keyboard, and the choice holds on the next page"
    tab.open(f'{LESSONS[1]}.html')
    page, menu = tab.page, tab.page.locator('.theme-switch-container')
    def is_open(): return menu.evaluate('e => e.open')
    menu.locator('summary').click(); menu.get_by_text('Dark').click()
    page.wait_for_function("document.documentElement.dataset.theme=='dark'")
    assert not is_open() and page.evaluate("document.activeElement.matches('summary')")
    page.keyboard.press('Enter'); assert is_open()
    page.keyboard.press('Escape'); assert not is_open()
    menu.locator('summary').click(); page.locator('article h1').click(); assert not is_open()
    page.goto(page.url.replace(LESSONS[1], LESSONS[2]))
    page.wait_for_function("document.documentElement.dataset.theme=='dark'")
    page.evaluate('localStorage.clear()')

def test_back_to_the_top(tab):
    "Below the width at which a page's contents stand beside it, a button is there on the way up"
    tab.open(f'{LESSONS[1]}.html', width=800)
    def go(y):
        tab.page.evaluate("""y => new Promise(f => { addEventListener('scroll', () => requestAnimationFrame(f), {once: true})
            scrollTo({top: y, behavior: 'instant'}) })""", y)
    button = tab.page.locator('#pst-back-to-top')
    go(5000); assert not button.is_visible()
    go(4800); assert button.is_visible()
    button.evaluate('e => e.click()')
    tab.page.wait_for_function('scrollY==0')

@pytest.mark.parametrize('lesson', ['index', *LESSONS])
def test_first_load(lesson, browser, address):
    "What a first visit fetches, compressed and without the lesson's pictures; and maths has a size"
    t = Tab(browser, address)
    t.open(f'{lesson}.html'); t.page.evaluate('document.fonts.ready')
    files = {unquote(urlsplit(u).path).removeprefix(BASE) for u in t.asked}
    boxes = t.page.evaluate(MATHS)
    t.context.close()
    raw = {f: (OUT/f).read_bytes() for f in files if not f.startswith('_images/')}
    sizes = {f: min(len(b), len(gzip.compress(b, 6))) for f,b in raw.items()}
    print(f'{lesson}: {sum(sizes.values())/1024:.0f} KB')
    assert sum(sizes.values()) <= LIMIT, sorted(sizes.items(), key=lambda o: -o[1])[:8]
    assert all(w>2 and h>4 for w,h in boxes), boxes
    if boxes: assert '_static/stix2math.woff2' in sizes

SAME = """async sheets => {
    const elements = [...document.querySelectorAll('html, body, body *')].filter(e => !e.closest('script, dialog:not([open])'))
    async function styles(names) {
        document.querySelectorAll('link[rel=stylesheet]').forEach(l => l.remove())
        for (const n of names) await new Promise(done => {
            const l = Object.assign(document.createElement('link'), {rel: 'stylesheet', href: '_static/'+n, onload: done})
            document.head.append(l) })
        return elements.flatMap(e => [null, '::before', '::after'].map(p => { const s = getComputedStyle(e, p)
            return p && s.content=='none' ? '' : [...s].filter(k => !k.startsWith('--')).map(k => k+': '+s.getPropertyValue(k)) })) }
    document.head.insertAdjacentHTML('beforeend', '<style>*, ::before, ::after { transition: none !important; content-visibility: visible !important }</style>')
    for (const d of document.querySelectorAll('details')) d.open = true
    document.querySelector('#pst-search-dialog').showModal()
    document.querySelector('.theme-switch-container .dropdown-menu').classList.add('show')
    const whole = await styles(sheets), ours = await styles(['site.css'])
    return [elements.length, whole.flatMap((a, i) => String(a)==String(ours[i]) ? [] :
        [elements[Math.floor(i/3)].outerHTML.slice(0, 99) + [...a].filter((o, j) => o!=ours[i][j]).slice(0, 3)]).slice(0, 9)] }"""

@pytest.mark.parametrize('width,scheme,media', [(1280, 'light', 'screen'), (390, 'dark', 'screen'), (718, 'light', 'print')])
def test_style_sheet(width, scheme, media, tab):
    "What is left out of it changes nothing: each element looks as it does with the theme's own sheets"
    whole = ['styles/theme.css'] + [p.relative_to(OUT/'_static').as_posix() for o in importlib.import_module('styles').sheets[1:] for p in (OUT/'_static').glob(o)]
    tab.open('index.html', scheme, width)
    tab.page.emulate_media(media=media)
    count, differ = tab.page.evaluate(SAME, whole)
    tab.page.emulate_media(media='screen')
    assert count > 300 and not differ, '\n'.join(differ)

def test_search(tab):
    "A reader finds a lesson by a word, and sees where it stands"
    tab.open('index.html')
    tab.page.locator('.search-button__button:visible').first.click()
    tab.page.keyboard.type('neuron'); tab.page.keyboard.press('Enter')
    tab.page.wait_for_url('**/search.html?q=neuron*')
    tab.page.wait_for_selector(f'#search-results a[href*="{LESSONS[0]}.html"]')
    quotes = tab.page.locator('#search-results p.context')
    quotes.first.wait_for()
    texts = quotes.all_inner_texts()
    assert 'neuron' in texts[0].lower() and not [q for q in texts if 'System Settings' in q or 'On this page' in q]
    assert not tab.errors and not tab.foreign()
    tab.open('search.html?q=product')
    first = tab.page.locator('#search-results li a').first
    first.wait_for()
    assert re.match(r'\d\d_', first.get_attribute('href')), 'lessons come before all else'

@pytest.mark.parametrize('path', [f'{LESSONS[0]}.html', f'answers/{ANSWERS[0]}.html'])
def test_keyboard_opens_answers(path, tab):
    "A fold opens and closes with the keyboard alone"
    tab.open(path)
    s = tab.page.locator('article details > summary').first
    def is_open(): return s.evaluate('e => e.parentElement.open')
    assert not is_open()
    s.focus()
    for now in (True, False):
        tab.page.keyboard.press('Enter')
        assert is_open()==now

def test_copy(tab):
    "The copy button copies a cell's code, and only that"
    tab.open(f'{LESSONS[-1]}.html')
    cell = tab.page.locator('.cell_input div.highlight:visible').first
    cell.hover(); cell.locator('button.copybtn').click()
    cell.locator('button.copybtn.success').wait_for()
    assert tab.page.evaluate('navigator.clipboard.readText()').strip()==cell.locator('pre').inner_text().strip()

def test_dark_pictures(tab):
    "In the dark, drawn pictures are inverted, and photos keep their colours"
    drawn = 0
    for n in LESSONS[:2]:
        tab.open(f'{n}.html', 'dark')
        for photo,change in tab.page.evaluate(PICTURES):
            assert change=='none' if photo else 'invert' in change
            drawn += not photo
    assert drawn
