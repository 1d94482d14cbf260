"What holds for every lesson: its form, its exercises, its links, what it may import"
import ast, importlib, inspect, re
import pytest
import project
from project import cfg, module, root, source

lessons,books = project.lessons(),project.notebooks()

def cells(path, kind=None):
    "The cells of a notebook: (kind, source, cell)"
    return [(c['cell_type'], source(c), c) for c in project.cells(path, kind)]

def parse(src):
    "The syntax tree of a cell, without its magics"
    return ast.parse('\n'.join(re.sub(r'^(\s*)(\w+ = )?%.*', r'\1pass', l) for l in src.splitlines() if not l.startswith('#|')))
def each(paths): return pytest.mark.parametrize('path', paths, ids=[p.stem for p in paths])
def the_map(): return '\n\n'.join(s for _,s,_ in cells(root/'nbs'/'index.ipynb', 'markdown'))
def exercises(path): return importlib.import_module(f'groundup.exercises.{module(path)}').book.exercises

def test_there_are_lessons(): assert len(lessons)>=2

def test_a_lesson_and_its_answers_make_modules_of_one_name():
    for p in lessons:
        assert module(p)==p.stem[3:] or p.stem=='11_numpy'
        assert module(root/'nbs'/'answers'/p.name)==f'exercises.{module(p)}'

@each(lessons)
def test_head(path):
    "Title, promise, links, and the cell that installs the package, all as settings.ini says"
    (_,head,_),(_,links,_) = cells(path)[:2]
    assert re.fullmatch(r'# .+\n\n> .+', head), head # all that survives of the first cell on nbdev's own site
    where = f'https://colab.research.google.com/github/{cfg["user"]}/{cfg["repo"]}/blob/{cfg["branch"]}/nbs/{path.name}'
    assert links==f'[Open in Colab]({where}) · [Answers](answers/{path.name})'
    install = cells(path, 'code')[1][1]
    extra = r'(?:"groundup\[\w+\] @ )?' # lesson 12 needs more
    assert install.startswith('#| hide\ntry: import groundup')
    assert re.search(rf'%pip install -q {extra}git\+{re.escape(cfg["git_url"])}"?$', install, re.M)
    for kind,s,c in cells(path)[2:]: # the cells that set up are folded in JupyterLab: the lesson begins with prose
        if kind=='markdown': break
        assert c['metadata'].get('jupyter')=={'source_hidden':True}, s

@each(lessons)
def test_ends(path):
    text = [s for _,s,_ in cells(path, 'markdown')]
    heads = re.findall(r'^## (.*)', '\n'.join(text), re.M)
    assert heads[-3:]==['What to remember','Questions','Where next'] and 'ex.progress()' in [s for _,s,_ in cells(path, 'code')]

def test_questions():
    """Each question stands once in the course, in order within its lesson, and has an answer to open: the syllabus's forty
    in lessons 00 to 07, further ones counted on from 41"""
    seen = []
    for p in lessons:
        text = '\n'.join(s for _,s,_ in cells(p, 'markdown'))
        asked = [int(n) for n in re.findall(r'^\*\*(\d+)\. ', text, re.M)]
        assert asked==sorted(asked), p
        answers = re.findall(r'^\*\*\d+\. [^\n]*\*\*\n\n<details><summary>Answer</summary>\n\n.+?\n\n</details>$', text, re.M|re.S)
        assert len(answers)==len(asked), p
        seen += asked
        if p.stem[:2]=='07': assert sorted(q for q in seen if q<=40)==list(range(1, 41))
    assert sorted(seen)==list(range(1, len(seen)+1))

@each(lessons)
def test_exercises(path):
    "Heading, difficulty, stub and check of each exercise agree with its declaration, in the same order"
    code,declared = [s for _,s,_ in cells(path, 'code')],exercises(path)
    assert len(declared)>=6
    text = '\n'.join(s for _,s,_ in cells(path, 'markdown'))
    assert re.findall(r'^### Your turn: `(\w+)`', text, re.M)==list(declared)
    said = re.findall(r'\*Difficulty (\d) of 3, about (\d+) minutes\.\*', text)
    assert [(int(a),int(b)) for a,b in said]==[(e.difficulty,e.minutes) for e in declared.values()]
    for name in declared:
        stub,check = parse(next(s for s in code if s.endswith(f'\n\nex.{name}.check({name})'))).body
        assert stub.name==name and (isinstance(stub, ast.ClassDef) or ast.unparse(stub.body[-1]) in ('...','pass'))
        if isinstance(stub, ast.FunctionDef):
            assert [a.arg for a in stub.args.args]==list(inspect.signature(declared[name].fn).parameters)

@each(lessons)
def test_stubs_take_no_name_that_the_lesson_uses(path):
    names,used = set(exercises(path)),{}
    for i,(_,s,_) in enumerate(cells(path, 'code')):
        if re.search(r'^ex\.\w+\.check\(', s, re.M): continue
        tree = parse(s)
        for n in ast.walk(tree):
            if isinstance(n, ast.Name) and n.id in names: used[n.id] = i
            if isinstance(n, (ast.FunctionDef,ast.ClassDef)) and n.name in names: used[n.name] = i
    assert not used

@each(books)
def test_pictures_have_alt_text(path):
    for i,(_,s,c) in enumerate(cells(path, 'code')):
        if any(k.startswith('image/') for o in c['outputs'] for k in o.get('data', {})):
            assert re.search(r'^#\| fig-alt: \S.{15,}', s, re.M), f'cell {i}: {s[:80]}'
        elif path in lessons: assert '#| fig-alt' not in s, f'cell {i} stores no picture: use make run'
    for _,s,_ in cells(path, 'markdown'): assert not re.search(r'!\[\s*\]\(', s)

@each(books)
def test_outputs_are_stored_without_errors(path):
    for i,(_,s,c) in enumerate(cells(path, 'code')):
        for o in c['outputs']:
            assert o['output_type']!='error' or 'raises-exception' in c['metadata'].get('tags', []), f'cell {i}'
            assert o.get('name')!='stderr', f'cell {i} stores a warning or a message: {"".join(o["text"])[:200]}'
            assert not any('widget' in k for k in o.get('data', {})), f'cell {i}'

def imports(name):
    "The modules that a generated module imports at its top, in full"
    for n in ast.parse((root/'groundup'/f'{name.replace(".", "/")}.py').read_text(encoding='utf8')).body:
        if isinstance(n, ast.Import): yield from (a.name for a in n.names)
        if isinstance(n, ast.ImportFrom): yield '.'.join([*f'groundup.{name}'.split('.')[:-n.level], n.module or '']) if n.level else n.module

def own(names): return {m.removeprefix('groundup.') for m in names if m.startswith('groundup.')}

support = {module(p) for p in books if 'support' in p.relative_to(project.nbs).parts}

@each(lessons)
def test_a_lesson_imports_lower_lessons_and_support(path):
    found = own(imports(module(path)))
    assert found<={module(p) for p in lessons if p<path}|support


@pytest.mark.parametrize('name', sorted(support))
def test_support_is_light(name):
    "No support module imports torch, pyplot or a lesson at its top"
    found = {*imports(name)}
    assert not {m for m in found if m.split('.')[0]=='torch' or 'pyplot' in m}
    assert own(found)<=support

def test_the_map_names_every_lesson():
    text = the_map()
    for p in lessons: assert f']({p.name})' in text, p.name
    for p in re.findall(r'\]\((\d\d_\w+\.ipynb)\)', text): assert (root/'nbs'/p).exists(), p
    assert f'git clone {cfg["git_url"]}' in text and f'{cfg["doc_host"]}{cfg["doc_baseurl"]}' in text

def test_the_map_shows_a_true_verdict(capsys):
    text = the_map()
    code,said = re.search(r'```python\n(.*?)```.*?```\n(.*?)```', text[text.index('*Your turn*'):], re.S).groups()
    exec('from groundup.exercises import neuron as ex\n'+code, {})
    assert capsys.readouterr().out.strip()==said.strip()

def test_the_map_gives_time_enough():
    "The exercises' minutes and some for reading, but not beyond all measure"
    text = the_map()
    for p in lessons:
        whole,half = re.search(rf'\]\({p.name}\) \|.*\| (\d+)(½?) h \|', text).groups()
        minutes = sum(e.minutes for e in exercises(p).values())
        assert minutes+30 <= 60*int(whole)+30*bool(half) <= 3*minutes, p.name
