"""A notebook of the course, made into a page: the text that MyST-NB reads is changed, the file never is.

- Directives, hidden cells, the exercises' declarations and widgets go; `#| fig-alt:` becomes alt text.
- `index` gets the table of contents, which would show as text in JupyterLab.
- A `check` cell of a lesson gets a link to that exercise's hints; an answers page folds what a learner should not see yet."""
import ast, json, re
from pathlib import Path
from docutils import nodes
from nbformat.v4 import new_markdown_cell as md
from sphinx import addnodes

_dire = re.compile(r'^#\|[ \t]*(.*?)[ \t]*(?:\n|$)', re.M)
_home = re.compile(r'(?:/[\w.@+~-]+)+/(?=(?:site-packages|groundup|nbs)/)|/\S*/ipykernel_\d+/\d+\.py(?=:)')

def source(c): return ''.join(c['source'])
def directives(src): return [d for d in _dire.findall(src) if d]
def cells(path): return json.loads(Path(path).read_text(encoding='utf-8'))['cells']
def module(cs): return next((d.split()[1] for c in cs for d in directives(source(c)) if d.startswith('default_exp ')), '')
def parsed(src):
    "Syntax tree of a cell, empty where it holds magics"
    try: return ast.parse(src)
    except SyntaxError: return ast.Module([], [])

def title(path): return next((m[1] for c in cells(path) if c['cell_type']=='markdown' and (m := re.search(r'^# (.+)', source(c), re.M))), path.stem)

def toctrees(nbs):
    "What the sidebar shows; lessons and answers with their numbers"
    def entry(p):
        t, no = title(p).removeprefix('Answers: '), re.match(r'\d\d(?=_)', p.stem)
        return f"{f'{no[0]} {t[:1].upper()}{t[1:]}' if no else t} <{p.relative_to(nbs).with_suffix('').as_posix()}>"
    group = lambda pattern: [entry(p) for p in sorted(nbs.glob(pattern+'.ipynb'))]
    parts = {'Lessons': group('[0-9][0-9]_*'), 'Answers': group('exercises/[0-9][0-9]_*'), 'Reference': ['All names <reference/index>'], 'For authors': group('support/*')}
    return [md('\n'.join([f'```{{toctree}}\n:hidden:\n:caption: {k}\n', *v, '```'])) for k,v in parts.items() if v]

def fold(summary, *cs): return [md(f'<details class="answer"><summary>{summary}</summary>'), *cs, md('</details>')]

# --- cells

def code_cell(c):
    ds = directives(source(c)); names = {d.split()[0].rstrip(':') for d in ds}
    if names & {'hide', 'default_exp'}: return None
    c['source'] = _dire.sub('', source(c)).strip('\n')
    if not c['source']: return None
    if m := re.search(r'^show_doc\(([\w.]+)', c['source'], re.M): return md(f'```{{entry}} {m[1]}\n```')
    tags = c['metadata'].setdefault('tags', [])
    if names & {'hide_input'} or 'echo: false' in ds: tags.append('remove-input')
    if names & {'hide_output'} or 'output: false' in ds: tags.append('remove-output')
    if 'code-fold: true' in ds: tags.append('hide-input')
    if alt := next((d[8:].strip() for d in ds if d.startswith('fig-alt:')), ''): c['metadata']['mystnb'] = {'image': {'alt': alt}}
    c['outputs'] = [o for o in map(output, c['outputs']) if o]
    return c

def output(o):
    "An output without widgets (they need a kernel) and without the paths of the machine that ran it"
    if any(k.startswith('application/vnd.jupyter.widget') for k in o.get('data', ())): return None
    sub = lambda t: _home.sub(lambda m: 'cell' if 'ipykernel' in m[0] else '', t)
    clean = lambda s: [sub(t) for t in s] if isinstance(s, list) else sub(s)
    for k in ('text', 'traceback'):
        if k in o: o[k] = clean(o[k])
    if 'text/plain' in o.get('data', ()): o['data']['text/plain'] = clean(o['data']['text/plain'])
    return o

def md_cell(c):
    "A title's quote block is its promise: set it as a subtitle"
    promise = lambda m: m[1] + '{.subtitle}\n' + re.sub(r'^> ?', '', m[2], flags=re.M)
    c['source'] = re.sub(r'\A(# .+\n+)((?:> (?!\[!).*\n?)+)', promise, source(c))
    return c

# --- exercises

def decorated(c):
    "`(kind, definition, call)` for each exercise or mistake which a cell declares"
    for d in parsed(source(c)).body:
        for call in getattr(d, 'decorator_list', ()):
            f = getattr(call, 'func', None)
            if isinstance(f, ast.Attribute) and f.attr in ('exercise', 'mistake'): yield f.attr, d, call

def value(node):
    try: return ast.literal_eval(node)
    except ValueError: return None

def undecorate(c, d):
    "The cell without `d`'s decorators"
    ls = source(c).splitlines()
    c['source'] = '\n'.join(ls[:d.decorator_list[0].lineno-1] + ls[d.lineno-1:])
    return c

def stub(src, d):
    "The first lines of a definition, as a learner gets it"
    if isinstance(d, ast.ClassDef): return f'class {d.name}: ...'
    return '\n'.join(src.splitlines()[d.lineno-1:d.body[0].lineno-1] if d.body[0].lineno>d.lineno
                     else [ast.unparse(d).splitlines()[0]]) + '\n    ...'

def statement(c, d, call, lesson):
    "What an exercise asks, and its hints one behind the other"
    kw = {k.arg: value(k.value) for k in call.keywords}
    facts = [f"Difficulty {kw['difficulty']} of 3" if kw.get('difficulty') else '', f"about {kw['minutes']} minutes" if kw.get('minutes') else '',
             'without ' + ', '.join(f'`{w}`' for w in kw['without']) if kw.get('without') else '']
    text = [ast.get_docstring(d) or '', '{.facts}\n' + ' · '.join(filter(None, facts)) if any(facts) else '',
            f'```python\n{stub(source(c), d)}\n```']
    return [md('\n\n'.join(filter(None, text)))] + [x for i,h in enumerate(kw.get('hints') or (), 1) for x in fold(f'Hint {i}', md(h))]

def answers(cs, lesson):
    "The page of a lesson's answers: each exercise with its hints, its solution and the mistakes it knows, all folded"
    out, wrong = [], []
    def flush():
        if wrong: out.extend(fold('Mistakes it knows by name', *wrong)); wrong.clear()
    def heading(name):
        if not (out and re.match(rf'## `{name}`\s*', out[-1]['source'])): out.append(md(f'## `{name}`'))
        out[-1]['source'] = f'({lesson}-{name})=\n{out[-1]["source"]}'
    for c in cs:
        found, src = list(decorated(c)) if c['cell_type']=='code' else [], source(c)
        for kind, d, call in found:
            if kind=='exercise': flush(); heading(d.name); out += statement(c, d, call, lesson); out += fold('Solution', undecorate(c, d))
            else:
                said = value(call.args[0]) or d.name
                wrong += [md(said[0].upper()+said[1:]), undecorate(c, d)]
        if found or c['cell_type']=='code' and re.search(r'\.prove\(|\bBook\(|^(from|import) ', src, re.M): continue
        flush()
        defs = c['cell_type']=='code' and all(isinstance(d, (ast.FunctionDef, ast.ClassDef)) for d in parsed(src).body)
        out += fold('Code that the answers share', c) if defs else [c]
    flush()
    return out

def with_hints(cs, lesson, nbs):
    "After a lesson's `ex.name.check(...)`, a link to that exercise's hints and answer"
    path = nbs/f'exercises/{lesson}.ipynb'
    known = {d.name for c in cells(path) for k,d,_ in decorated(c) if k=='exercise'} if path.exists() else set()
    for c in cs:
        yield c
        m = c['cell_type']=='code' and re.search(r'^ex\.(\w+)\.check\(', source(c), re.M)
        if m and m[1] in known: yield md(f'{{.to-answer}}\n[Hints and answer for `{m[1]}`](#{lesson}-{m[1]})')

# --- pages

def read(app, docname, text):
    "Sphinx calls this with each file's text before it parses it"
    if app.env.doc2path(docname).suffix!='.ipynb': return
    nb, nbs = json.loads(text[0]), Path(app.srcdir)
    name = docname.split('/')[-1]
    cs = nb['cells']
    cs = [x for c in cs if (x := code_cell(c) if c['cell_type']=='code' else md_cell(c))]
    if docname.startswith('exercises/'): cs = answers(cs, name)
    elif re.match(r'\d\d_', docname):
        cs = with_hints(cs, name, nbs)
        app.env.note_dependency(nbs/f'exercises/{name}.ipynb')
    elif docname=='index':
        cs += toctrees(nbs)
        for p in nbs.rglob('*.ipynb'): app.env.note_dependency(p)
    nb['cells'], nb['metadata'] = list(cs), {**nb['metadata'], 'language_info': {'name': 'python', 'pygments_lexer': 'ipython3'}}
    nb['metadata'].pop('widgets', None)
    text[0] = json.dumps(nb)

def badges(app, doctree):
    "The line with the link to Colab gets a link that downloads the notebook"
    for p in doctree.findall(nodes.paragraph):
        if not any(r.get('refuri', '').startswith('https://colab.') for r in p.findall(nodes.reference)): continue
        doc = app.env.current_document.docname
        p['classes'].append('badges')
        p += [nodes.Text(' · '), addnodes.download_reference('', '', nodes.inline('', 'Download'), refuri='../'*doc.count('/')+f'_sources/{doc}.ipynb')]
        return

def setup(app):
    for k in ('lib', 'state'): app.add_config_value(f'groundup_{k}', '', 'env')
    app.connect('source-read', read)
    app.connect('doctree-read', badges)
    return dict(parallel_read_safe=True, parallel_write_safe=True, version='1')
