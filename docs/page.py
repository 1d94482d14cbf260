"""What a page gets beside its text: a description, the sizes of its pictures, names for the theme's unnamed buttons,
and the addresses that its tools lead to. The theme's script measures less."""
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

def measure_less(app, exception):
    """The theme measures and changes each box of code in turn, which lays the whole page out as often as there are boxes, also
    what is off the screen: `reach` in course.js does that instead"""
    if exception or app.builder.format!='html': return
    script = Path(app.outdir)/'_static/scripts/pydata-sphinx-theme.js'
    text = re.sub(r'\.forEach\((\w+)=>\{\1\.tabIndex=[^{}]*scrollWidth[^{}]*\}\)', '', script.read_text(encoding='utf8'))
    if 'scrollWidth' in text: log.warning('the theme makes boxes of code reachable in another way: see measure_less in docs/page.py')
    script.write_text(text, encoding='utf8')

def setup(app):
    for f,priority in ((description, 400), (pictures, 500), (tools, 500), (names, 900)):
        app.connect('html-page-context', f, priority=priority)
    app.connect('build-finished', measure_less, priority=900)       # after the theme has copied its script
    return dict(parallel_read_safe=True, parallel_write_safe=True, version='1')
