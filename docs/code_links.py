"""Code on a page: the course's, PyTorch's and NumPy's names in a cell are links, tokens without a colour of their own are
no elements (on a long lesson they were the half of all), and a box says how many lines it has (`--n`), so that the browser
can leave it undrawn until it is near (course.css)."""
import ast, re
from html import unescape
from reference import names

block = re.compile(r'<div class="highlight"><pre><span></span>(.*?)</pre>', re.S)
plain = re.compile(r'<span class="(?:n|p|w)">(.*?)</span>', re.S)
dotted = re.compile(r'(?<![.\w>])((?:<span class="(?:n|nc|nf|nn)">\w+</span><span class="o">\.</span>)*)'
                    r'<span class="(n|nc|nf)">(\w+)</span>(?!<span class="o">=</span>)')

def text(html): return unescape(re.sub('<[^>]+>', '', html))

def taken(code):
    "Names that a cell gives to something of its own: variables and parameters, in any of its statements"
    code = re.sub(r'%+time(it)?\b( -\w+( \d+)?)* *', '', code)
    try: tree = ast.parse(code)
    except SyntaxError: return set()
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)} | \
           {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}

def code_links(app, pagename, templatename, ctx, doctree):
    "Link names in code: the first of a section can be reached by the keyboard, the others by a pointer only"
    body = ctx.get('body') or ''
    ns, objects = names(app.config.groundup_lib, app.srcdir), app.env.domains['py'].objects
    own = set().union(*(taken(text(m[1])) for m in block.finditer(body))) if pagename in ns.pages else set()
    def address(name):
        full, url = ns.link(name, pagename) or ('', '')
        if full in objects: url = app.builder.get_relative_uri(pagename, objects[full].docname) + '#' + objects[full].node_id
        return url
    def section(html):
        met = set()
        def link(m):
            name = text(m[1]) + m[3]
            url = '' if name.split('.')[0] in own else address(name)
            if not url: return m[0]
            reach = ' tabindex="-1"'*(name in met)
            met.add(name)
            return f'{m[1]}<a class="{m[2]}" href="{url}"{reach}>{m[3]}</a>'
        def cell(m):
            code = plain.sub(r'\1', dotted.sub(link, m[1]) if pagename in ns.pages else m[1])
            return f'<div class="highlight" style="--n:{code.count(chr(10))}"><pre>{code}</pre>'
        return block.sub(cell, html)
    if '<pre>' in body: ctx['body'] = ''.join(map(section, re.split('(?=<h2)', body)))

def setup(app):
    app.connect('html-page-context', code_links, priority=600)
    return dict(parallel_read_safe=True, parallel_write_safe=True, version='1')
