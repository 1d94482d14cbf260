"""A notebook of the course, made into a page: the text that MyST-NB reads is changed, the file never is.

- Directives, hidden cells, the exercises' declarations and widgets go; `#| fig-alt:` becomes alt text.
- `index` gets the table of contents, which would show as text in JupyterLab.
- A lesson gets its number and the list of its exercises; each exercise its place, its hints and the way to its answer.
- An answers page folds what a learner should not see yet."""
import ast, json, math, re, yaml
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path
from docutils import nodes
from nbformat.v4 import new_code_cell, new_markdown_cell as md
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from sphinx import addnodes
from project import cells, directives, lessons, source

# --- reading notebooks (reference.py uses these too)

def title(cs):
    heads = (re.search(r'^# (.+)', source(c), re.M) for c in cs if c['cell_type']=='markdown')
    return next((h[1] for h in heads if h), '')

def statements(c):
    "What a code cell does, as syntax trees; nothing where it holds magics"
    try: return ast.parse(source(c)).body if c['cell_type']=='code' else []
    except SyntaxError: return []

def declares(d):
    "`(kind, call)` for each exercise or mistake that a statement declares"
    for call in getattr(d, 'decorator_list', ()):
        f = getattr(call, 'func', None)
        if isinstance(f, ast.Attribute) and f.attr in ('exercise', 'mistake'): yield f.attr, call

def declared(c): return [(kind, d, call) for d in statements(c) for kind,call in declares(d)]

def declarations(cs):
    "`{name: (definition, keywords)}` of the exercises that a notebook of answers declares, in the order in which the lesson has them"
    return {d.name: (d, {k.arg: literal(k.value) for k in call.keywords}) for c in cs for kind,d,call in declared(c) if kind=='exercise'}

# --- cells

def unquoted(s): return yaml.safe_load(s) if s[:1] in ('"', "'") else s

def code_cell(c):
    "A cell as readers see it, or None"
    ds = directives(c)
    names = {d.split()[0].rstrip(':') for d in ds}
    c['source'] = re.sub(r'^#\|.*\n?', '', source(c), flags=re.M).strip('\n')
    if names & {'hide', 'default_exp'} or not c['source']: return None
    tags = c['metadata'].setdefault('tags', [])
    if 'hide_input' in names or 'echo: false' in ds: tags.append('remove-input')
    if 'hide_output' in names or 'output: false' in ds: tags.append('remove-output')
    if 'code-fold: true' in ds: tags.append('hide-input')
    for d in ds:
        if d.startswith('fig-alt:'): c['metadata']['mystnb'] = {'image': {'alt': unquoted(d[8:].strip())}}
    c['outputs'] = [o for o in map(output, c['outputs']) if o]
    return c

_home = re.compile(r'(?:/[\w.@+~-]+)+/(?=(?:site-packages|groundup|nbs)/)')
_cell = re.compile(r'/\S*/ipykernel_\d+/\d+\.py(?=:)')

def output(o):
    "An output without the paths of the machine that ran it; None for a widget, which needs a kernel"
    data = o.get('data', {})
    if any(k.startswith('application/vnd.jupyter.widget') for k in data): return None
    for d,k in ((o, 'text'), (o, 'traceback'), (data, 'text/plain')):
        if k in d: d[k] = [_cell.sub('cell', _home.sub('', s)) for s in ([d[k]] if isinstance(d[k], str) else d[k])]
    return o

def md_cell(c):
    "A title's quote block is its promise: set it as a subtitle. A code block without a language is plain text"
    lines, inside = source(c).split('\n'), False
    for i,l in enumerate(lines):
        if l.startswith('```'):
            if l.strip()=='```' and not inside: lines[i] = '```text'
            inside = not inside
    c['source'] = '\n'.join(lines)
    promise = lambda m: m[1] + '{.subtitle}\n' + re.sub(r'^> ?', '', m[2], flags=re.M)
    c['source'] = re.sub(r'\A(# .+\n+)((?:> (?!\[!).*\n?)+)', promise, c['source'])
    return c

def set_up(cs):
    "Cells that JupyterLab folds are folded: those that set a lesson up, one after the other, as one, so that the page begins with prose"
    out = []
    for hidden,run in groupby(cs, lambda c: bool(c['metadata'].get('jupyter', {}).get('source_hidden'))):
        first = not any('<details' in source(c) for c in out)
        out += fold('What this lesson imports' if first else 'A helper', *run) if hidden else run
    return out

def fold(summary, *cs, kind=''):
    return [md(f'<details class="answer{kind}"><summary>{summary}</summary>'), *cs, md('</details>')]

# --- exercises

def literal(node):
    try: return ast.literal_eval(node)
    except ValueError: return None

def part(c, lines, outputs=()):
    return new_code_cell('\n'.join(lines).strip('\n'), metadata=c['metadata'], outputs=list(outputs))

def parts(c):
    "`(statement, lines)` for each statement, without its declarations; a comment belongs to what follows it"
    body, lines, top = statements(c), source(c).splitlines(), 0
    for d in body:
        end = len(lines) if d is body[-1] else d.end_lineno
        cut = {n for _,call in declares(d) for n in range(call.lineno, call.end_lineno+1)}
        yield d, [l for n,l in enumerate(lines[top:end], top+1) if n not in cut]
        top = max(top, end)

def is_set_up(d):
    "Imports, the book and the proofs say nothing to a reader"
    return isinstance(d, (ast.Import, ast.ImportFrom)) or re.search(r'^(\w+\.prove\(|book\b|progress\b)', ast.unparse(d))

def stub(c, d):
    "A definition as a learner gets it"
    if isinstance(d, ast.ClassDef): return f'class {d.name}: ...'
    head = source(c).splitlines()[d.lineno-1:max(d.lineno, d.body[0].lineno-1)]
    return '\n'.join(head if d.body[0].lineno>d.lineno else [ast.unparse(d).splitlines()[0]]) + '\n    ...'

def statement(c, d, kw, place):
    "What an exercise asks, then its hints, each folded"
    rules = [kw['without']] if isinstance(kw.get('without'), str) else kw.get('without') or ()
    facts = [place, f"difficulty {kw.get('difficulty')} of 3", f"about {kw.get('minutes')} minutes"]
    if rules: facts.append('without ' + ', '.join(f'`{r}`' for r in rules))
    text = [ast.get_docstring(d) or '', '{.facts}\n' + ' · '.join(facts), f'```python\n{stub(c, d)}\n```']
    return [md('\n\n'.join(text)), *hints(kw)]

def hints(kw): return sum((fold(f'Hint {i}', md(h), kind=' help hint') for i,h in enumerate(kw.get('hints') or (), 1)), [])

def mistake(c, d, call, lines):
    "A mistake alone, under the exercise's name"
    said, name = literal(call.args[0]) or f'`{ast.unparse(call.args[0])}`', call.func.value.id
    lines = [re.sub(r'^(def|class) _\b', rf'\1 {name}', l) for l in lines]
    return [md(said[0].upper()+said[1:]), part(c, lines)]

def answers(cs, lesson):
    "The page of a lesson's answers: what is asked is open; hints, solutions and mistakes are folded"
    out, wrong, asked = [], [], declarations(cs)
    def place(name): # where it stands
        return f'[Exercise {[*asked].index(name)+1} of {len(asked)}](../{lesson}.ipynb#your-turn-{name.lower()})'
    def close():
        if not wrong: return
        fns = sorted({f for w in wrong for f in re.findall(r'\b(\w+)\.fn\b', source(w))})
        said = [md('\n\n'.join(f'`{f}.fn` is the solution of `{f}`.' for f in fns))]*bool(fns)
        out.extend(fold('Mistakes it knows by name', *said, *wrong)); wrong.clear()
    def heading(name): # a place to link to, and a heading where the notebook has none
        at = next((o for o in out if re.match(rf'## `{name}`\s', o['source']+'\n')), None)
        if not at: out.append(at := md(f'## `{name}`'))
        at['source'] = f'({lesson}-{name})=\n{at["source"]}'
    def shared(c, lines): return fold('Code that the answers share', part(c, lines))
    for c in cs:
        body, held = [(d, lines, list(declares(d))) for d,lines in parts(c) if not is_set_up(d)], []
        if not any(calls for *_,calls in body):
            if statements(c) and not body: continue
            close()
            lines = [l for _,ls,_ in body for l in ls]
            helpers = body and all(hasattr(d, 'name') for d,*_ in body)
            out += shared(c, lines) if helpers else [part(c, lines, c['outputs']) if body else c]
            continue
        for d,lines,calls in body:
            if not calls: held += lines
            for kind,call in calls:
                if kind=='exercise':
                    close(); heading(d.name)
                    solution = md(f'({lesson}-{d.name}-answer)='), part(c, held+lines, c['outputs'])
                    out += statement(c, d, asked[d.name][1], place(d.name)) + fold('Answer', *solution)
                else: wrong += [md('Code that several of them share'), part(c, held)]*bool(held) + mistake(c, d, call, lines)
                held = []
        if held and wrong: wrong.append(part(c, held))
        elif held: out += shared(c, held)
    close()
    return out

def number(c, n):
    "A title with the lesson's number, as the list of lessons has it"
    c['source'] = re.sub(r'\A# (Answers)?', lambda m: f'# Answers to lesson {n}' if m[1] else f'# {n} ', source(c))

def with_exercises(cs, lesson, path):
    "Below a lesson's links the list of its exercises; below the heading of each its place, and below its check its hints and the way to its answer"
    asked = declarations(cells(path)) if path.exists() else {}
    def heading(m):
        return f'{m[0]}\n\n{{.facts}}\nExercise {[*asked].index(m[1])+1} of {len(asked)}\n' if m[1] in asked else m[0]
    for c in cs:
        if c['cell_type']=='markdown': c['source'] = re.sub(r'^#+ Your turn: `(\w+)`$', heading, source(c), flags=re.M)
        yield c
        if asked and '](https://colab.' in source(c):
            lines = [f"{n}. [`{name}`](#your-turn-{name.lower()}): {ask(d)} · difficulty {kw.get('difficulty')}, {kw.get('minutes')} minutes"
                     for n,(name,(d,kw)) in enumerate(asked.items(), 1)]
            yield from fold(f"{len(asked)} exercises, {sum(kw.get('minutes', 0) for _,kw in asked.values())} minutes", md('\n'.join(lines)), kind=' help')
        m = c['cell_type']=='code' and re.search(r'^ex\.(\w+)\.check\(', source(c), re.M)
        if m and m[1] in asked:
            yield from hints(asked[m[1]][1])
            yield md(f'{{.to-answer}}\n[Answer for `{m[1]}`](#{lesson}-{m[1]}-answer)')

def ask(d): return (ast.get_docstring(d) or '').split('\n')[0]

# --- links into lessons

question = re.compile(r'^\*\*(\d+)\. (.+?)\*\*\s*$', re.M)
term = re.compile(r'^- \*\*(.+?)\*\*(.*?): ', re.M)               # an entry of the glossary, with its other forms

@cache
def linked(nbs):
    "The cells that other pages name, as JupyterLab does: `04_init.ipynb#cell-id=3363ab26`"
    return {i for p in nbs.glob('*.ipynb') for c in cells(p, 'markdown') for i in re.findall(r'ipynb#cell-id=(\w+)', source(c))}

def with_targets(cs, nbs):
    "Places to link to: before each question, and before each cell that another page names"
    for c in cs:
        if c.get('id') in linked(nbs): yield md(f"(cell-{c['id']})=")
        if c['cell_type']=='markdown': c['source'] = question.sub(r'(question-\1)=\n\g<0>', source(c))
        yield c

def label(term): return 'term-' + re.sub(r'\W+', '-', term.lower())

def glossary(c):
    "An entry of the glossary gets a place to link to; its other forms, which only links need, are left out"
    c['source'] = term.sub(lambda m: f'- ({label(m[1])})=\n  **{m[1]}**: ', source(c))
    return c

# --- pages

def contents(nbs):
    "The sidebar: lessons and answers with their numbers, the reference, the tools"
    def entry(p):
        name = title(cells(p)).removeprefix('Answers: ')
        if p.stem[:2].isdigit(): name = f'{p.stem[:2]} {name[:1].upper()}{name[1:]}'
        return f"{name} <{p.relative_to(nbs).with_suffix('').as_posix()}>"
    lists = [f'All {o} <reference/{o}>' for o in ('exercises', 'questions')], ['All names <reference/index>']
    first = [p for n in ('glossary', 'notation', 'myths') if (p := nbs/f'{n}.ipynb').exists()]
    beside = [p for p in sorted(nbs.glob('[!0-9]*.ipynb')) if p not in first and p.stem!='index']
    look_up = lists[0] + [*map(entry, first)] + lists[1] + [*map(entry, beside)]
    for caption,pattern in (('Lessons', '[0-9][0-9]_*'), ('Look up', ''), ('Answers', 'answers/[0-9][0-9]_*'),
                            ('For authors', 'support/**/*')):
        lines = [entry(p) for p in sorted(nbs.glob(pattern+'.ipynb'))] if pattern else look_up
        if lines: yield md('\n'.join([f'```{{toctree}}\n:hidden:\n:caption: {caption}\n', *lines, '```']))

def drawn_map(nbs, m):
    "The map as part of the page, with links and the page's colours: one for a wide screen, one for a phone"
    def one(name): return re.sub(r'\.ipynb"', '.html"', (nbs/f'images/{name}.svg').read_text(encoding='utf8')).strip()
    return '\n'.join(f'<div class="{name}" role="group" aria-label="{escape(m[1])}">\n{one(name)}\n</div>' for name in ('map', 'map-narrow'))

def figures():
    "How much there is, counted in the lessons"
    found = [c for p in lessons() for c in cells(p)]
    text, code = ('\n'.join(source(c) for c in found if c['cell_type']==k) for k in ('markdown', 'code'))
    def count(pattern): return len(re.findall(pattern, code, re.M))
    counts = {'[lessons](#the-lessons)': len(lessons()), '[exercises](reference/exercises.md)': count(r'^ex\.\w+\.check\('),
              '[questions](reference/questions.md)': len(question.findall(text)),
              "tests in the lessons' own cells": count(r'^\s*(?:with raises|assert|same|test_\w+)\b')}
    return '{.figures}\n' + ' · '.join(f'**{n:,}** {name}' for name,n in counts.items())

def read(app, docname, text):
    "Sphinx calls this with each file's text before it parses it"
    if app.env.doc2path(docname).suffix!='.ipynb': return
    nb, nbs, name = json.loads(text[0]), Path(app.srcdir), docname.split('/')[-1]
    seen = (code_cell(c) if c['cell_type']=='code' else md_cell(c) for c in nb['cells'])
    cs = [c for c in seen if c]
    if docname=='index':
        cs[1]['source'] = source(cs[1]).replace('\n\n## ', f'\n\n{figures()}\n\n## ', 1)
        for c in cs: c['source'] = re.sub(r'!\[(.*)\]\(images/map\.svg\)', lambda m: drawn_map(nbs, m), source(c))
        cs += contents(nbs)
        for p in nbs.rglob('*.ipynb'): app.env.note_dependency(p)
    elif docname.startswith('answers/'):
        number(cs[0], name[:2])
        cs = answers(cs, name)
    elif docname[:2].isdigit():
        number(cs[0], name[:2])
        cs = with_targets(with_exercises(set_up(cs), name, nbs/f'answers/{name}.ipynb'), nbs)
        app.env.note_dependency(nbs/f'answers/{name}.ipynb')
    elif docname=='glossary': cs = map(glossary, cs)
    else:
        for c in cs: c['source'] = re.sub(r'\d\d_\w+\.ipynb#cell-id=(\w+)', r'#cell-\1', source(c))
    nb['cells'] = list(cs)
    nb['metadata'] = {'language_info': {'name': 'python', 'pygments_lexer': 'course'}}
    text[0] = json.dumps(nb)

def reading_time(doctree):
    "Minutes, to the next five: 200 words of prose or 20 lines of code are one"
    words = sum(len(p.astext().split()) for p in doctree.findall(nodes.paragraph))
    lines = sum(len(c.astext().splitlines()) for c in doctree.findall(nodes.literal_block) if c.get('language')=='course')
    return 5*math.ceil((words/200+lines/20)/5)

def badges(app, doctree):
    "The line with the link to Colab gets one that downloads the notebook, and a lesson the time that it takes to read"
    doc = app.env.current_document.docname
    for p in doctree.findall(nodes.paragraph):
        if any(r.get('refuri', '').startswith('https://colab.') for r in p.findall(nodes.reference)):
            p['classes'].append('badges')
            if doc=='index': return
            file = '../'*doc.count('/') + f'_sources/{doc}.ipynb'
            p += [nodes.Text(' · '), addnodes.download_reference('', '', nodes.inline('', 'Download'), refuri=file)]
            if doc[:2].isdigit(): p += nodes.inline('', f'{reading_time(doctree)} min to read', classes=['reading'])
            return

class Course(Lexer):
    "Colours a cell as IPython only where it has magics: elsewhere `t[n%3:]` would be taken for one"
    def get_tokens_unprocessed(self, text):
        name = 'ipython3' if re.search(r'^\s*[%!]|=\s*[%!]', text, re.M) else 'python'
        return get_lexer_by_name(name).get_tokens_unprocessed(text)

def setup(app):
    app.add_lexer('course', Course)
    for k in ('lib', 'state'): app.add_config_value(f'groundup_{k}', '', 'env')
    app.connect('source-read', read)
    app.connect('doctree-read', badges)
    return dict(parallel_read_safe=True, parallel_write_safe=True, version='1')
