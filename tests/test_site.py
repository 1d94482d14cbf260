"""The site that `make docs` builds: what its files say, and what a reader's browser makes of them.

The browser tests need Chromium (on Debian and Ubuntu: `apt-get install chromium`). Without it they are skipped,
or fail where GROUNDUP_BROWSER=required."""
import configparser, functools, gzip, html, http.server, importlib, json, os, re, shutil, subprocess, sys, threading, time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit
import pytest

ROOT = Path(__file__).resolve().parent.parent
OUT, NBS = ROOT/'_docs/html', ROOT/'nbs'
ini = configparser.ConfigParser(); ini.read(ROOT/'settings.ini', encoding='utf-8')
cfg = ini['DEFAULT']
BASE = cfg['doc_baseurl'] + '/'
LESSONS = sorted(p.stem for p in NBS.glob('[0-9][0-9]_*.ipynb'))
ANSWERS = sorted(p.stem for p in NBS.glob('exercises/[0-9][0-9]_*.ipynb'))
LIMIT = 300*1024                                                # bytes of a lesson's first load, compressed, without its pictures

# --- the files

def stale():
    made = OUT/'searchindex.js'
    parts = [ROOT/'settings.ini', *ROOT.glob('docs/**/*'), *NBS.glob('**/*.ipynb'), *ROOT.glob(f"{cfg['lib_path']}/**/*.py")]
    return not made.exists() or any(p.is_file() and p.stat().st_mtime > made.stat().st_mtime for p in parts
                                    if '__pycache__' not in p.parts and '.ipynb_checkpoints' not in p.parts)

@pytest.fixture(scope='session')
def site():
    "The folder of the built site, built anew when something it is made from changed"
    if stale():
        shutil.rmtree(OUT, ignore_errors=True); start = time.time()
        r = subprocess.run([sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-q', '-E', '-b', 'html', '-c', 'docs', 'nbs', str(OUT)], cwd=ROOT, capture_output=True, text=True)
        print(f'site built in {time.time()-start:.1f} s')
        assert r.returncode==0, r.stdout + r.stderr
    return OUT

class Page(HTMLParser):
    "What a page holds: ids, links, pictures, what it loads, its text; `folded` is the code inside `<details>`"
    void = set('area base br col embed hr img input link meta source track wbr'.split())
    def __init__(self, path):
        super().__init__()
        self.path, self.name = path, path.relative_to(OUT).as_posix()
        self.ids, self.links, self.images, self.loads, self.metas, self.icons = set(), [], [], [], {}, set()
        self.stack, self.text, self.folded, self.inputs, self.open = [], [], [], [], []
        self.feed(path.read_text(encoding='utf-8'))
        self.text, self.folded = ''.join(self.text), ''.join(self.folded)
    def handle_starttag(self, tag, attrs):
        a = {k: v or '' for k,v in attrs}; cls = a.get('class', '').split()
        if tag not in self.void: self.stack.append(tag)
        if 'id' in a: self.ids.add(a['id'])
        if tag=='a' and 'href' in a: self.links.append((a['href'], cls, 'download' in a))
        if tag=='img': self.images.append(a)
        if tag=='link' and a.get('rel') not in ('canonical', 'next', 'prev', 'search', 'index', 'author', 'copyright'): self.loads.append(a['href'])
        if tag in ('img', 'script', 'iframe', 'source', 'video', 'audio', 'embed') and 'src' in a: self.loads.append(a['src'])
        if tag=='meta': self.metas[a.get('name') or a.get('property')] = a.get('content')
        if tag=='details' and 'open' in a: self.open.append(cls)
        self.icons.update(c[3:] for c in cls if c.startswith('fa-'))
    def handle_endtag(self, tag):
        while tag in self.stack and self.stack.pop()!=tag: pass
    def handle_data(self, data):
        if {'script', 'style'} & set(self.stack): return
        self.text.append(data)
        if 'details' in self.stack: self.folded.append(data)

@pytest.fixture(scope='session')
def pages(site): return {p.relative_to(site).as_posix(): Page(p) for p in sorted(site.rglob('*.html')) if '_static' not in p.parts}

def cells(name): return json.loads((NBS/f'{name}.ipynb').read_text(encoding='utf-8'))['cells']
def src(c): return ''.join(c['source'])

def test_links(pages):
    "Every link within the site finds its page and its place there; the others are well-formed and https"
    bad = []
    for p in pages.values():
        for href,_,_ in p.links:
            u = urlsplit(href)
            if u.scheme or u.netloc:
                if u.scheme!='mailto' and (u.scheme!='https' or not re.fullmatch(r'[\w-]+(\.[\w-]+)+', u.netloc) or re.search(r'\s', href)): bad.append((p.name, href))
                continue
            to = unquote(urljoin(BASE+p.name, u.path) if u.path else BASE+p.name).removeprefix(BASE) or 'index.html'
            if to.endswith('/'): to += 'index.html'
            ok = (OUT/to).is_file() and (not u.fragment or to not in pages or unquote(u.fragment) in pages[to].ids)
            if not ok and not (p.name=='search.html' and href=='#'): bad.append((p.name, href))
    assert not bad, bad

def test_nothing_from_other_hosts(pages):
    "No page or style sheet loads anything from elsewhere"
    bad = [(p.name, u) for p in pages.values() for u in p.loads if urlsplit(u).netloc or u.startswith('//')]
    for f in OUT.glob('_static/**/*.css'):
        bad += [(f.name, u) for u in re.findall(r'''(?:url\(|@import)\s*["']?((?:https?:)?//[^"')]+)''', f.read_text(encoding='utf-8'))]
    assert not bad, bad

def modules():
    names = {d.split()[1] for n in [*LESSONS, *(f'support/{p.stem}' for p in NBS.glob('support/*.ipynb'))]
             for c in cells(n) for d in re.findall(r'^#\|\s*(default_exp .+)', src(c), re.M)}
    return sorted(names)

def test_reference(pages):
    "Every exported name has its entry, with a way to the section that builds it"
    assert modules()
    for m in modules():
        p, names = pages[f'reference/{m}.html'], importlib.import_module(f"{cfg['lib_name']}.{m}").__all__
        known = re.compile(rf"{cfg['lib_name']}\.{m}\.(?:\w+\.)?(\w+)")                # a function may have become a method
        missing = set(names) - {k[1] for i in p.ids if (k := known.fullmatch(i))}
        assert not missing, f'{p.name}: {missing}'
        back = [h for h,_,_ in p.links if re.match(r'\.\./(\d\d_|support/)', h)]
        shown = [i for i in p.ids if re.fullmatch(rf"{cfg['lib_name']}\.{m}\.\w+", i)]
        assert len(back) > len(shown), f'{p.name}: {len(shown)} names, {len(back)} links to notebooks'

def test_reference_does_not_spoil(pages):
    assert not (spoils := [n for n,p in pages.items() if any('.exercises.' in i for i in p.ids) or '/exercises/' in n]), spoils
    links = [(p.name, h) for p in pages.values() if re.match(r'\d\d_', p.name) for h,c,_ in p.links if 'exercises/' in h and '#' in h and 'groundup.' in h]
    assert not links, links

@pytest.mark.parametrize('lesson', LESSONS)
def test_lesson(lesson, pages):
    "Colab, the answers and the notebook itself are one click away; what the cells printed is there"
    p = pages[f'{lesson}.html']
    colab = f"https://colab.research.google.com/github/{cfg['user']}/{cfg['repo']}/blob/{cfg['branch']}/{cfg['nbs_path']}/{lesson}.ipynb"
    hrefs = [h for h,_,_ in p.links]
    assert colab in hrefs and f'exercises/{lesson}.html' in hrefs
    down = [h for h,_,d in p.links if d]
    assert len(down)==1 and (OUT/down[0]).read_bytes()==(NBS/f'{lesson}.ipynb').read_bytes()
    flat = lambda s: re.sub(r'\s+', '', re.sub(r'\x1b\[[\d;]*m', '', s))
    text = flat(p.text)
    for c in cells(lesson):
        ds = re.findall(r'^#\|\s*(\w+)', src(c), re.M)
        if c['cell_type']!='code' or {'hide', 'default_exp'} & set(ds) or re.search(r'^#\|\s*output: false', src(c), re.M): continue
        for o in c['outputs']:
            said = ''.join(o.get('text', '')) if o['output_type']=='stream' else o.get('evalue', '')
            if line := next((l for l in said.splitlines() if l.strip() and '/' not in l and '\b' not in l), ''): assert flat(line) in text, f'{p.name} does not show {line!r}'
    checks = {m for c in cells(lesson) if c['cell_type']=='code' for m in re.findall(r'^ex\.(\w+)\.check\(', src(c), re.M)}
    for e in checks: assert any(h.startswith(f'exercises/{lesson}.html#') and h.lower().replace('_', '-').endswith(e.lower().replace('_', '-')) for h in hrefs), f'{p.name}: no way from {e} to its hints'

@pytest.mark.parametrize('lesson', ANSWERS)
def test_answers_are_folded(lesson, pages):
    p = pages[f'exercises/{lesson}.html']
    assert not p.open
    for c in cells(f'exercises/{lesson}'):
        if not re.search(r'^@\w+\.(exercise|mistake)\(', src(c), re.M): continue
        body = [l.strip() for l in src(c).splitlines() if l.strip()][-1]
        assert body in p.folded, f'{p.name}: {body!r} is not in a fold'
        assert p.text.count(body)==p.folded.count(body), f'{p.name} shows {body!r}'

def test_alt_text(pages):
    "Each picture says what it shows, in words"
    bad = [(p.name, a.get('src'), a.get('alt')) for p in pages.values() for a in p.images
           if not re.search(r'\w\s+\w' if '_images/' in a.get('src', '') else r'\w', a.get('alt', ''))]
    assert not bad, bad

def test_no_paths_of_this_machine(pages):
    bad = [(p.name, w) for p in pages.values() for w in (str(ROOT), str(Path.home())+'/', 'ipykernel_', 'site-packages/../') if w in p.text and len(w)>3]
    assert not bad, bad

def test_no_directives(pages):
    bad = [(p.name, m) for p in pages.values() if not p.name.startswith('_modules/') for m in re.findall(r'^#\|.*|^:::.*|\{toctree\}|nbdev_export\(\)', p.text, re.M)]
    assert not bad, bad

def test_icons(pages):
    "The icon fonts have what the pages use (tools/fonts.py makes them again)"
    styles = {'solid', 'brands', 'regular', 'lg', 'fw', 'sm', 'xs', 'icon'}
    missing = set().union(*(p.icons for p in pages.values())) - styles - set((ROOT/'docs/_static/fonts.txt').read_text(encoding='utf-8').split())
    assert not missing, f'{missing}: run tools/fonts.py'

def test_for_other_sites(pages):
    "Descriptions, site map, page for wrong addresses"
    host = cfg['doc_host'] + cfg['doc_baseurl'] + '/'
    for n in ['index', *LESSONS]:
        m = pages[f'{n}.html'].metas
        assert m['description'] and m['og:description'] and m['og:url']==f'{host}{n}.html' and m['og:title']
        assert 'Colab' not in m['description']
    listed = re.findall(r'<loc>(.*?)</loc>', (OUT/'sitemap.xml').read_text(encoding='utf-8'))
    assert {f'{host}{n}.html' for n in LESSONS} <= set(listed) and all(u.startswith(host) for u in listed)
    assert all(h.startswith((BASE, 'https://', '#')) for h,_,_ in pages['404.html'].links)

def test_order(pages):
    "Previous and next go through the lessons in order, and not into the answers"
    step = lambda n, cls: [h for h,c,_ in pages[n].links if cls in c]
    for a,b in zip(LESSONS, LESSONS[1:]):
        assert step(f'{a}.html', 'right-next')==[f'{b}.html'] and step(f'{b}.html', 'left-prev')==[f'{a}.html']
    assert step('index.html', 'right-next')==[f'{LESSONS[0]}.html'] and not step(f'{LESSONS[-1]}.html', 'right-next')

# --- the browser

AXE = dict(preload=False, runOnly=dict(type='tag', values=['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']), resultTypes=['violations'])
STICKS_OUT = """() => [...document.querySelectorAll('main *')].filter(e => {
    const r = e.getBoundingClientRect(); if (!r.width || !r.height || r.right <= innerWidth+1) return false
    for (let a = e.parentElement; a; a = a.parentElement) if (/auto|scroll|hidden/.test(getComputedStyle(a).overflowX)) return false
    return !e.closest('.headerlink, .bd-sidebar-secondary, .bd-sidebar-primary, math, .visually-hidden') }).map(e => e.outerHTML.slice(0, 120))"""
LIGHTNESS = "() => getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).slice(0, 3).reduce((a, b) => a + +b, 0) / 765"

@pytest.fixture(scope='session')
def address(site):
    "The site served as GitHub Pages does: below its folder, with 404.html for what is not there"
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *a): pass
        def translate_path(self, path): return super().translate_path('/'+path.removeprefix(BASE))
        def send_error(self, code, *a):
            body = (site/'404.html').read_bytes() if code==404 else b''
            self.send_response(code); self.send_header('Content-Type', 'text/html'); self.send_header('Content-Length', str(len(body))); self.end_headers()
            if self.command!='HEAD': self.wfile.write(body)
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Handler, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown(); server.server_close()

@pytest.fixture(scope='session')
def browser():
    exe = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome', 'chrome'))), None)
    if not exe:
        why = 'Chromium is not installed: apt-get install chromium'
        pytest.fail(why) if os.environ.get('GROUNDUP_BROWSER')=='required' else pytest.skip(why)
    sync = pytest.importorskip('playwright.sync_api')
    flags = '--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync --no-first-run'.split()
    with sync.sync_playwright() as p:
        b = p.chromium.launch(executable_path=exe, args=flags)
        yield b
        b.close()

class Tab:
    "A browser page that remembers what it asked for and what it complained about"
    def __init__(self, browser, address, width=1280):
        self.address, self.asked, self.errors = address, [], []
        self.context = browser.new_context(viewport=dict(width=width, height=900), reduced_motion='reduce', permissions=['clipboard-read', 'clipboard-write'])
        self.page = self.context.new_page()
        self.page.on('request', lambda r: self.asked.append(r.url))
        self.page.on('pageerror', lambda e: self.errors.append(str(e)))
        self.page.on('console', lambda m: m.type in ('error', 'warning') and self.errors.append(f"{m.text} {m.location.get('url', '')}"))
    def open(self, path, scheme='light'):
        self.page.emulate_media(color_scheme=scheme, reduced_motion='reduce')
        self.asked.clear(); self.errors.clear()
        self.page.goto(self.address+BASE+path, wait_until='load')
    def scheme(self, scheme):
        self.page.emulate_media(color_scheme=scheme, reduced_motion='reduce')
        self.page.wait_for_function(f"document.documentElement.dataset.theme=='{scheme}'")
    def width(self, w): self.page.set_viewport_size(dict(width=w, height=900))
    def foreign(self): return [u for u in self.asked if not u.startswith((self.address+'/', 'data:', 'blob:'))]

@pytest.fixture(scope='session')
def tab(browser, address):
    t = Tab(browser, address)
    yield t
    t.context.close()

def axe(page, whole=True, rules=None):
    "What axe finds, in the whole page or in all of it but the code, whose colours are the same everywhere"
    import axe_playwright_python
    if not page.evaluate('!!window.axe'): page.evaluate((Path(axe_playwright_python.__file__).parent/'axe.min.js').read_text(encoding='utf-8'))
    where = [['html']] if whole else dict(include=[['html']], exclude=[['.highlight pre']])
    found = page.evaluate('([where, o]) => axe.run(where, o)', [where, {**AXE, 'runOnly': rules} if rules else AXE])['violations']
    return [f"{v['id']}: {n['html'][:160]} | {n.get('failureSummary', '')[:300]}" for v in found for n in v['nodes']]

KINDS = ['index.html', LESSONS[0]+'.html', f'exercises/{ANSWERS[0]}.html', 'reference/index.html', f'reference/{modules()[0]}.html', 'search.html?q=product', 'no/such/page']
VIEWS = [(p, w, ('light', 'dark')) for p in KINDS for w in (1280, 390)]
VIEWS += [(f'{n}.html', *((390, ('dark',)) if i%2 else (1280, ('light',)))) for i,n in enumerate(LESSONS[1:], 1)]   # the other lessons: one view each

@pytest.mark.parametrize('path,width,schemes', VIEWS, ids=lambda v: '+'.join(v) if isinstance(v, tuple) else str(v))
def test_view(path, width, schemes, tab):
    "No complaint, no other host, nothing that sticks out, readable for everyone"
    tab.width(width); tab.open(path, schemes[0])
    page = tab.page
    if path.startswith('search'): page.wait_for_selector('#search-results li')
    page.evaluate("document.querySelectorAll('article details').forEach(d => d.open = true)")
    for i,s in enumerate(schemes):
        tab.scheme(s)
        light = page.evaluate(LIGHTNESS)
        assert light<.25 if s=='dark' else light>.85
        assert not (bad := axe(page, whole=path in KINDS and width>1000, rules=['color-contrast'] if i else None)), f'{s}:\n' + '\n'.join(bad)
    assert page.evaluate('document.documentElement.scrollWidth') <= width and not (out := page.evaluate(STICKS_OUT)), out
    assert not tab.foreign(), tab.foreign()
    assert not (bad := [e for e in tab.errors if not ('404' in e and path in e)]), bad
    assert 'search' in path or not [u for u in tab.asked if 'searchindex' in u], 'the search index is for the search page'

@pytest.mark.parametrize('lesson', LESSONS)
def test_first_load(lesson, browser, address):
    "What a first visit fetches, compressed and without the lesson's pictures; maths has a size"
    t = Tab(browser, address); t.open(f'{lesson}.html')
    t.page.evaluate('document.fonts.ready')
    sizes = {}
    for u in set(t.asked):
        path = unquote(urlsplit(u).path).removeprefix(BASE)
        if path.startswith('_images/'): continue
        raw = (OUT/path).read_bytes(); sizes[path] = min(len(raw), len(gzip.compress(raw, 6)))
    boxes = t.page.evaluate("[...document.querySelectorAll('article math')].filter(m => !m.closest('details')).map(m => m.getBoundingClientRect()).map(r => [r.width, r.height])")
    t.context.close()
    print(f'{lesson}: {sum(sizes.values())/1024:.0f} KB')
    assert sum(sizes.values()) <= LIMIT, sorted(sizes.items(), key=lambda o: -o[1])[:8]
    assert all(w>2 and h>4 for w,h in boxes), boxes
    if '<math' in (OUT/f'{lesson}.html').read_text(encoding='utf-8'): assert boxes and '_static/stix2math.woff2' in sizes

def test_search(tab):
    "A reader finds a lesson by a word, and sees where it stands"
    tab.width(1280); tab.open('index.html')
    tab.page.locator('.search-button__button:visible').first.click()
    tab.page.keyboard.type('neuron'); tab.page.keyboard.press('Enter')
    tab.page.wait_for_url('**/search.html?q=neuron*')
    tab.page.wait_for_selector(f'#search-results a[href*="{LESSONS[0]}.html"]', timeout=5000)
    quotes = tab.page.locator('#search-results p.context')
    quotes.first.wait_for()
    assert 'neuron' in quotes.all_inner_texts()[0] and not [q for q in quotes.all_inner_texts() if 'System Settings' in q or 'On this page' in q]
    assert not tab.errors and not tab.foreign()

def test_keyboard_opens_answers(tab):
    "The fold of an answer opens with the keyboard alone"
    for path in (f'{LESSONS[0]}.html', f'exercises/{ANSWERS[0]}.html'):
        tab.open(path)
        s = tab.page.locator('article details > summary').first
        is_open = lambda: s.evaluate('e => e.parentElement.open')
        assert not is_open()
        s.focus(); tab.page.keyboard.press('Enter')
        assert is_open()
        tab.page.keyboard.press('Enter')
        assert not is_open()

def test_copy(tab):
    "The copy button copies a cell's code, and only that"
    tab.width(1280); tab.open(f'{LESSONS[-1]}.html')
    cell = tab.page.locator('.cell_input div.highlight').first
    cell.hover(); cell.locator('button.copybtn').click()
    tab.page.wait_for_timeout(100)
    assert tab.page.evaluate('navigator.clipboard.readText()').strip()==cell.locator('pre').inner_text().strip()

def test_dark_pictures(tab):
    "Drawn pictures follow the dark theme, photos keep their colours"
    seen = {True: 0, False: 0}
    for n in LESSONS:
        tab.open(f'{n}.html', 'dark'); tab.scheme('dark')
        for photo,filt in tab.page.evaluate("[...document.querySelectorAll('.cell_output img')].map(i => [!!i.closest('.tag_photo'), getComputedStyle(i).filter])"):
            assert filt=='none' if photo else 'invert' in filt
            seen[photo] += 1
    assert seen[False]
