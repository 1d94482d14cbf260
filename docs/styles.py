"""One style sheet for the site, `_static/site.css`: the theme's sheets and ours in their order, without the rules and
variables that no page can use. A rule is of use if each class, id and element of its selector stands in a page or in a
script, which may add it later."""
import posixpath, re
from hashlib import sha256
from pathlib import Path
from sphinx.util import logging
from tinycss2 import parse_blocks_contents, parse_stylesheet, serialize

log = logging.getLogger(__name__)

sheets = ['basic.css', 'styles/pydata-sphinx-theme.css', 'pygments.css', 'styles/sphinx-book-theme.css', 'mystnb.*.css',
          'copybutton.css', 'course.css']

# --- what the pages use

def names(pages, scripts):
    "`(classes, ids, elements)` that stand in a page, or as a word in a script"
    words = set(re.findall(r'[A-Za-z][\w-]*', ' '.join(scripts)))
    def values(attribute): return {w for p in pages for v in re.findall(rf'\b{attribute}="([^"]*)"', p) for w in v.split()}
    return values('class')|words, values('id')|words, {w for p in pages for w in re.findall(r'<([a-z][\w-]*)', p)}|words

def split(tokens):
    "The selectors of a list"
    res = [[]]
    for t in tokens: res.append([]) if t==',' else res[-1].append(t)
    return res

def useful(selector, known):
    "Can it match something? What `:not()` holds need not be there; of `:is()` one alternative is enough"
    classes, ids, elements = known
    before = None
    for t in selector:
        there = True
        if t.type=='hash': there = t.value in ids
        elif t.type=='ident' and before!=':': there = t.value in classes if before=='.' else t.lower_value in elements
        elif t.type=='function' and t.lower_name in ('is', 'where', 'has'): there = any(useful(o, known) for o in split(t.arguments))
        if not there: return False
        before = t
    return True

# --- a sheet is a list of (head, declarations) and of (head, rules)

def text(tokens): return re.sub(r'\s+', ' ', serialize(tokens)).strip()

def useful_rules(nodes, known):
    for r in nodes:
        if r.type=='qualified-rule':
            head = ','.join(text(s) for s in split(r.prelude) if useful(s, known))
            if head: yield head, [d for d in parse_blocks_contents(r.content, True, True) if d.type!='error']
        elif r.type=='at-rule' and r.lower_at_keyword in ('media', 'supports'):
            yield f'@{r.at_keyword} {text(r.prelude)}', tuple(useful_rules(parse_blocks_contents(r.content, True, True), known))
        elif r.type=='at-rule' and r.lower_at_keyword not in ('import', 'charset'): yield f'@{r.at_keyword} {text(r.prelude)}', text(r.content)

def write(rules, read):
    "As text, with those variables that something reads; a rule without content is left out"
    for head,body in rules:
        if isinstance(body, list): body = ';'.join(f"{d.name}:{text(d.value)}{'!important'*d.important}" for d in body if d.name[:2]!='--' or d.name in read)
        elif isinstance(body, tuple): body = '\n'.join(write(body, read))
        if body: yield f'{head}{{{body}}}'

def variables(texts): return {v for t in texts for v in re.findall(r'--[\w-]+(?![\w-]*:)', t)}

def sheet(css, pages, scripts):
    "What the pages use of the sheet `css`"
    known, elsewhere = names(pages, scripts), variables([*pages, *scripts])
    rules = tuple(useful_rules(parse_stylesheet(css, True, True), known))
    read, res = None, css
    while read!=(read := elsewhere | variables([res])): res = '\n'.join(write(rules, read))
    return res

# --- the site

def sources(static):
    "The sheets in their order, with addresses that hold from `_static`"
    for p in (p for o in sheets for p in sorted(static.glob(o))):
        def address(m): return m[0] if re.match('data:|#', m[2]) else f"url({m[1]}{posixpath.normpath(posixpath.join(p.parent.relative_to(static).as_posix(), m[2]))}"
        yield re.sub(r'url\((["\']?)([^)"\']+)', address, p.read_text(encoding='utf8'))

def make(app, exception):
    if exception or app.builder.format!='html': return
    out = Path(app.outdir)
    def texts(*patterns): return [p.read_text(encoding='utf8') for o in patterns for p in out.glob(o)]
    made = sheet('\n'.join(sources(out/'_static')), texts('**/*.html'), texts('_static/*.js', '_static/scripts/*.js', '_static/explore/*.js'))
    (out/'_static/site.css').write_text(made, encoding='utf8')

def link(app, pagename, templatename, ctx, doctree):
    "A page loads this sheet in the place of all; its address changes with what it is made from"
    asked = [posixpath.basename(str(c.filename)) for c in ctx['css_files']]
    if more := [c for c in asked if not any(Path(c).match(posixpath.basename(s)) for s in sheets)]: log.warning('not in docs/styles.py: %s', more)
    made_from = [app.config.groundup_state.encode(), *(Path(app.confdir, o).read_bytes() for o in ('_static/course.css', '../constraints.txt'))]
    ctx['site_css'] = f"_static/site.css?v={sha256(b''.join(made_from)).hexdigest()[:8]}"

def setup(app):
    app.connect('html-page-context', link, priority=900)
    app.connect('build-finished', make, priority=900)            # after the theme has written pygments.css
    return dict(parallel_read_safe=True, parallel_write_safe=True, version='1')
