"""What a page gets beside its text: a description, the sizes of its pictures, names for the theme's unnamed buttons,
and the addresses that its tools lead to. The theme's scripts do less."""
import os, re
from pathlib import Path
from urllib.parse import quote
from docutils import nodes
from sphinx.util import logging
from sphinx.util.images import get_image_size

log = logging.getLogger(__name__)

def description(app, pagename, templatename, ctx, doctree):
    "The first paragraph, for search engines and for links on other sites"
    if not doctree or not (p := next(doctree.findall(nodes.paragraph), None)): return
    s = ' '.join(p.astext().split())[:200].replace('"', '&quot;')
    ctx['meta'] = {**(ctx.get('meta') or {}), 'og:description': s}
    ctx['metatags'] += f'<meta name="description" content="{s}" />\n'

def pictures(app, pagename, templatename, ctx, doctree):
    "The size of each picture, so that text does not jump while it loads and a wide one stays readable on a phone"
    files = {name: Path(app.srcdir)/path for path,name in app.builder.images.items()}
    def sized(m):
        size = get_image_size(files[m[2]]) if m[2] in files else None
        if not size: return m[0]
        img = f'{m[1]} width="{size[0]}" height="{size[1]}" style="--w:{size[0]}px" loading="lazy" />'
        return f'<span class="picture">{img}</span>'
    ctx['body'] = re.sub(r'(<img [^>]*src="(?:\.\./)*_images/([^"/]+)"[^>]*?) */?>', sized, ctx.get('body') or '')

leaf = re.compile(r'<section id="([^"]+)">((?:(?!</?section\b).)*)</section>', re.S)

def room(app, pagename, templatename, ctx, doctree):
    """How high a section without subsections is, about: `--h` pixels and `--c` characters of text. So the browser can leave it out
    until it is near (course.css) and the page keeps its length. The factors are those that fit the lessons best, to 7 %"""
    def sized(m):
        lines = sum(map(int, re.findall(r'style="--n:(\d+)"', m[2])))
        seen = re.sub(r'<pre>.*?</pre>|<details.*?</details>', '', m[2], flags=re.S)
        text = ' '.join(re.sub('<[^>]+>', '', re.sub(r'<(table|math).*?</\1>', '', seen, flags=re.S)).split())
        height = 18.72*lines + 42*m[2].count('--n:') + 10*len(re.findall(r'<(?:p|li|h\d|div class="math)\b', seen)) + \
                 40*seen.count('<tr') + 58*m[2].count('<details') + sum(map(int, re.findall(r'<img[^>]* height="(\d+)"', seen)))
        return f'<section id="{m[1]}" style="--h:{height:.0f};--c:{len(text)}">{m[2]}</section>'
    ctx['body'] = leaf.sub(sized, ctx.get('body') or '')

def names(app, pagename, templatename, ctx, doctree):
    "Names for the theme's unnamed buttons; no step from a lesson into the answers"
    if toc := ctx.get('generate_toctree_html'):
        named = '<summary aria-label="Pages below">'
        ctx['generate_toctree_html'] = lambda *a,**k: str(toc(*a, **k)).replace('<summary>', named)
    here = os.path.dirname(pagename)
    for k in ('prev', 'next'):
        if ctx.get(k) and os.path.normpath(os.path.join(here, os.path.dirname(ctx[k]['link'])))!=(here or '.'): ctx[k] = None
    ctx['has_math'] = '<math' in (ctx.get('body') or '')

def tools(app, pagename, templatename, ctx, doctree):
    "Where the tools of a page lead: Colab and the notebook itself for a lesson, its source, a report of a mistake"
    theme = app.config.html_theme_options
    repo, at = theme['repository_url'], f"blob/{theme['repository_branch']}/{theme['path_to_docs']}/{pagename}.ipynb"
    made = pagename.startswith('reference/') or pagename not in app.env.found_docs
    ctx['source_url'] = repo if made else f'{repo}/{at}'
    ctx['issue_url'] = f'{repo}/issues/new?title=' + quote(f'Mistake on the page {pagename}')
    ctx['colab_url'] = '' if made or not pagename[0].isdigit() else f'https://colab.research.google.com/{repo[8:].replace(".com", "", 1)}/{at}'

def less(app, exception):
    """The theme's script measures and changes each box of code in turn, which lays the whole page out as often as there are boxes,
    also what is off the screen: `reach` in course.js does that instead. Scripts that no page loads are not in the site"""
    if exception or app.builder.format!='html': return
    scripts = Path(app.outdir)/'_static/scripts'
    for o in ('bootstrap', 'fontawesome'):
        for p in scripts.glob(f'{o}.js*'): p.unlink()
    theme = scripts/'pydata-sphinx-theme.js'
    text = re.sub(r'\.forEach\((\w+)=>\{\1\.tabIndex=[^{}]*scrollWidth[^{}]*\}\)', '', theme.read_text(encoding='utf8'))
    if 'scrollWidth' in text: log.warning('the theme makes boxes of code reachable in another way: see `less` in docs/page.py')
    theme.write_text(text, encoding='utf8')

def setup(app):
    for f,priority in ((description, 400), (pictures, 500), (tools, 500), (room, 700), (names, 900)):
        app.connect('html-page-context', f, priority=priority)
    app.connect('build-finished', less, priority=800)               # before styles.py reads the scripts
    return dict(parallel_read_safe=True, parallel_write_safe=True, version='1')
