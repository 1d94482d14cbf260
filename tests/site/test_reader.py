"A page of answers loses nothing that a reader needs, and shows nothing twice"
import ast, importlib.util, json, re, sys
from collections import Counter
import pytest
from project import cells, lessons, nbs, root, source
sys.path.insert(0, str(root/'docs'))
import lists, reader

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
    want = ["## `f`", "Twice x", "Answer", "def f(x):", "class f2", "Mistakes it knows by name", "`f.fn` is the solution of `f`.",
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

def test_folded_cells_stay_apart():
    "A lesson's first cells fold as one; a cell that is folded further down takes nothing with it"
    hidden = dict(jupyter=dict(source_hidden=True))
    cs = [reader.md('# T'), *(code(o)|dict(metadata=hidden) for o in ('import a', 'import b')), reader.md('Prose'), code('x'), code('def _f(): ...')|dict(metadata=hidden), reader.md('End')]
    heads,depth = [],0
    for s in shown(reader.set_up(cs)):
        depth += s.startswith('<details')
        if not s.startswith('<'): heads.append((s, depth))
        depth -= s=='</details>'
    assert heads==[('# T', 0), ('import a', 1), ('import b', 1), ('Prose', 0), ('x', 0), ('def _f(): ...', 1), ('End', 0)]

def exercise(name, **kw): return code(f"@book.exercise({', '.join(f'{k}={v!r}' for k,v in kw.items())})\ndef {name}(x):\n    'Twice `x`'\n    return x")

def test_exercises_of_a_lesson(tmp_path):
    "Their list stands below the links of a lesson, and each has its place, its hints folded, and a way to its answer"
    path = tmp_path/'04_x.ipynb'
    path.write_text(json.dumps(dict(cells=[exercise('f', minutes=5, difficulty=1), exercise('g', hints=('one', 'two'), minutes=10, difficulty=2)])))
    cs = [reader.md('# T'), reader.md('[Open in Colab](https://colab.research.google.com/x)'), reader.md('### Your turn: `g`\n\nDo it.'), code('def g(x): ...\n\nex.g.check(g)'), reader.md('End')]
    out = shown(reader.with_exercises(cs, '04_x', path))
    assert out[2:5]==['<details class="answer help"><summary>2 exercises, 15 minutes</summary>',
        '1. [`f`](#your-turn-f): Twice `x` · difficulty 1, 5 minutes\n2. [`g`](#your-turn-g): Twice `x` · difficulty 2, 10 minutes', '</details>']
    assert out[5]=='### Your turn: `g`\n\n{.facts}\nExercise 2 of 2\n\n\nDo it.' and out[6].endswith('ex.g.check(g)')
    assert [o for o in out[7:] if not o.startswith('</')]==['<details class="answer help hint"><summary>Hint 1</summary>', 'one',
        '<details class="answer help hint"><summary>Hint 2</summary>', 'two', '{.to-answer}\n[Answer for `g`](#04_x-g-answer)', 'End']

@pytest.mark.parametrize('path', lessons(), ids=lambda p: p.stem)
def test_nothing_is_hidden_in_a_fold(path):
    "All headings of a lesson are open, and each exercise has its place"
    seen = [reader.code_cell(c) if c['cell_type']=='code' else reader.md_cell(c) for c in cells(path)]
    out = shown(reader.with_exercises(reader.set_up([c for c in seen if c]), path.stem, nbs/f'answers/{path.name}'))
    depth = 0
    for s in out:
        depth += s.startswith('<details')-(s=='</details>')
        assert not (depth and re.search(r'^##+ ', s, re.M)), s[:80]
    text = '\n'.join(out)
    turns = re.findall(r'^#+ Your turn', text, re.M)
    assert turns and re.findall(r'^Exercise (\d+) of (\d+)$', text, re.M)==[(str(n), str(len(turns))) for n in range(1, len(turns)+1)]

def test_the_map():
    "It shows what the lessons say and need today, and each box leads to its lesson"
    spec = importlib.util.spec_from_file_location('course_map', root/'tools/assets/map.py')
    module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
    for name,drawn in module.maps().items():
        assert (nbs/f'images/{name}.svg').read_text(encoding='utf8')==drawn, 'draw it again: python tools/assets/map.py'
        assert re.findall(r'<a href="(.+?)">', drawn)==[p.name for p in lessons()] and '\n\n' not in drawn
    page = reader.drawn_map(nbs, re.match('(.*)', 'Boxes "and" arrows'))
    assert page.count('aria-label="Boxes &quot;and&quot; arrows"')==2 and page.count('href="04_init.html"')==2 and '.ipynb' not in page

def test_words_that_only_look_like_terms():
    text = 'In place of a loop it changes the mini-batch in place, leaves nothing, and takes batch and batches'
    assert [m[0] for m in lists.any_of(lists.terms(nbs/'glossary.ipynb')).finditer(text)]==['mini-batch','in place','batch','batches']
