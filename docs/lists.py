"""Pages that collect what the lessons hold, written when a build starts: all questions, all exercises. And links to the
glossary from a term's first use in a lesson."""
import os, re
from functools import cache
from pathlib import Path
from docutils import nodes
from sphinx import addnodes
from project import cells, lessons, source
from reader import ask, declarations, label, question, term, title
from reference import in_link, save

# --- the pages

def questions():
    yield '# All questions\n\nWhat the lessons ask at their end. Each line leads to the question, with its answer folded below it.'
    for p in lessons():
        asked = question.findall('\n'.join(source(c) for c in cells(p, 'markdown')))
        if asked: yield f'\n## {p.stem[:2]} {title(cells(p))}\n\n| No. | Question |\n|---|---|'
        for n,text in asked: yield f'| {n} | [{text}](#question-{n}) |'

def exercises():
    yield '# All exercises\n\nA name leads to the exercise in its lesson, where its hints are. Difficulty goes from 1 to 3.'
    for p in lessons():
        if not (path := p.parent/f'answers/{p.name}').exists(): continue
        yield f'\n## {p.stem[:2]} {title(cells(p))}\n\n| No. | Exercise | Difficulty | Minutes | Answer |\n|---|---|---|---|---|'
        for n,(name,(d,kw)) in enumerate(declarations(cells(path)).items(), 1):
            what = f"[`{name}`](../{p.name}#your-turn-{name.lower()}): {ask(d)}".replace('|', '\\|')
            yield f"| {n} | {what} | {kw.get('difficulty')} | {kw.get('minutes')} | [Answer](#{p.stem}-{name}-answer) |"

def write_lists(app):
    newest = max(os.path.getmtime(p) for o in lessons() for p in (o, o.parent/f'answers/{o.name}') if p.exists())
    for name,lines in dict(questions=questions(), exercises=exercises()).items():
        save(Path(app.srcdir)/f'reference/{name}.md', '\n'.join(lines)+'\n', newest)

# --- terms

@cache
def terms(path):
    "Each form of a term that the glossary names, and the label of its entry"
    found = {}
    for head,forms in term.findall('\n'.join(source(c) for c in cells(path))):
        for form in [head, *filter(None, (o.strip() for o in forms.split(',')))]: found[form.lower()] = label(head)
    return found

def any_of(terms):
    "Finds the terms as whole words, the longest first; *in place of* is no *in place*"
    return re.compile(r'(?<![\w-])(' + '|'.join(map(re.escape, sorted(terms, key=len, reverse=True))) + r')(?![\w-])(?!(?<=in place)\s+of\b)', re.I)

def link_terms(app, doctree):
    "The first use of each term in a lesson leads to the glossary"
    page, path = app.env.current_document.docname, Path(app.srcdir)/'glossary.ipynb'
    if not re.match(r'\d\d_', page) or not path.exists(): return
    known, seen = terms(path), set()
    pattern = any_of(known)
    folded = False # what helps with an exercise is out of sight: no term's first use
    for t in list(doctree.findall(lambda n: isinstance(n, (nodes.Text, nodes.raw)))):
        if isinstance(t, nodes.raw):
            folded = 'class="answer help' in t.astext() or folded and '</details>' not in t.astext()
            continue
        if folded: continue
        p = t.parent
        if not isinstance(p, (nodes.paragraph, nodes.emphasis)) or isinstance(p.parent, nodes.entry) or in_link(p) or 'subtitle' in p['classes']: continue
        s, new, end = t.astext(), [], 0
        for m in pattern.finditer(s):
            to = known[m[0].lower()]
            if to in seen: continue
            seen.add(to)
            x = addnodes.pending_xref('', refdomain='std', reftype='ref', reftarget=to, refexplicit=True, refwarn=True, refdoc=page)
            x += nodes.inline('', m[0], classes=['term'])
            new += [nodes.Text(s[end:m.start()]), x]
            end = m.end()
        if new: p.replace(t, [n for n in [*new, nodes.Text(s[end:])] if n.astext()])

def setup(app):
    app.connect('builder-inited', write_lists, priority=600)
    app.connect('doctree-read', link_terms, priority=600)
    return dict(parallel_read_safe=True, parallel_write_safe=True, version='1')
