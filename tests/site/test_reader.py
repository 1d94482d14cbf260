"A page of answers loses nothing that a reader needs, and shows nothing twice"
import ast, re, sys
from collections import Counter
import pytest
from project import cells, root, source
sys.path.insert(0, str(root/'docs'))
import reader

def page(cs):
    seen = (reader.code_cell(c) if c['cell_type']=='code' else reader.md_cell(c) for c in cs)
    return reader.answers([c for c in seen if c], '00_x')

def code(text): return dict(cell_type='code', source=text, metadata={}, outputs=[])
def shown(out): return [source(c) for c in out]

def test_mistakes_of_a_cell():
    "Comments stay with what they stand above, helpers where they stand; a name that is used is kept"
    out = page([code("""@book.exercise(difficulty=1, minutes=5)
def f(x):
    'Twice x'
    return 2*x

class f2: pass"""), code("""# about the first
@f.mistake('squared',
           fair=True)
def _(x):
    # a note
    return x*x

half = .5
def helper(x): return x*half # both use it
@f.mistake('halved')
def _(x): return helper(x)
for n in (3,4): f.mistake(f'times {n}')(lambda x: n*x)
@f.mistake('called by another')
def thrice(x): return 3*x
@f.mistake('a class')
class _(f.fn): pass
# the end"""), code("f.prove()")])
    want = ["## `f`", "Twice x", "Solution", "def f(x):", "class f2", "Mistakes it knows by name", "`f.fn` is the solution of `f`.",
            "Squared", "# about the first\ndef f(x):\n    # a note\n    return x*x",
            "Code that several of them share", "half = .5\ndef helper(x): return x*half # both use it",
            "Halved", "def f(x): return helper(x)",
            "Code that several of them share", "for n in (3,4): f.mistake(f'times {n}')(lambda x: n*x)",
            "Called by another", "def thrice(x): return 3*x", "A class", "class f(f.fn): pass\n# the end"]
    text, at = '\n'.join(shown(out)), 0
    for w in want:
        at = text.find(w, at)
        assert at>=0, w
        at += len(w)
    assert 'mistake(\'' not in text and 'prove' not in text and text.count('helper(x): return')==1

def test_heading_stands_once():
    "Code between an exercise's heading and its declaration does not give it a second heading"
    head = dict(cell_type='markdown', source='## `g`\n\nA word.', metadata={})
    text = '\n'.join(shown(page([head, code('def _inputs(): return 1'), code('@book.exercise()\ndef g(x): return x')])))
    assert text.count('## `g`')==1 and text.startswith('(00_x-g)=\n## `g`') and '_inputs' in text

@pytest.mark.parametrize('path', sorted((root/'nbs/answers').glob('*.ipynb')), ids=lambda p: p.stem)
def test_every_line_once(path):
    "All code but imports, the book, proofs and the declarations themselves is on the page, each line as often as in the notebook"
    def lines(text): return [re.sub(r'^(def|class) \w+', r'\1', l).strip() for l in text.splitlines() if l.strip()]
    want = []
    for c in cells(path, 'code'):
        if re.search(r'^#\| *(hide|default_exp)', source(c), re.M): continue
        text = re.sub(r'^#\|.*\n?', '', source(c), flags=re.M).split('\n')
        for d in ast.parse('\n'.join(text)).body:
            away = [d] if isinstance(d, (ast.Import, ast.ImportFrom)) or re.match(r'(book|progress) = |\w+\.prove\(', ast.unparse(d)) else \
                   [o for o in getattr(d, 'decorator_list', []) if re.match(r'\w+\.(exercise|mistake)\(', ast.unparse(o))]
            for o in away: text[o.lineno-1:o.end_lineno] = ['']*(o.end_lineno-o.lineno+1)
        want += lines('\n'.join(text))
    have = [l for c in page(cells(path)) if c['cell_type']=='code' for l in lines(source(c))]
    assert Counter(have)==Counter(want)
