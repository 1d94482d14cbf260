"`make handout`: what a class gets"
import re

import pytest

import handout
from project import cells, lessons, nbs, read, source


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp('class')/'handout'
    handout.write([], folder)
    return folder

@pytest.mark.parametrize('path', lessons(), ids=lambda o: o.stem)
def test_a_lesson_for_a_class(made, path):
    "All stubs and questions, and what leads to them; no output, no answer, no link to one"
    text = (made/path.name).read_text(encoding='utf8')
    new,old = read(made/path.name)['cells'], cells(path)
    assert '<details' not in text and '](answers/' not in text and 'colab.research' not in text
    assert not [c for c in new if c.get('outputs') or c.get('execution_count')]
    def found(cs, pattern): return [m for c in cs for m in re.findall(pattern, source(c), re.M)]
    for pattern in (r'^ex\.\w+\.check\(.*', r'^\*\*\d+\. .+\*\*$', r'^#+ .*'): assert found(new, pattern) == found(old, pattern)
    ids = [c['id'] for c in new]
    gone = [c for c in old[2:] if c['id'] not in ids] # the second cell: links to Colab and to the answers
    assert all(c['cell_type'] == 'code' for c in gone), 'only cells that prove answers go'
    asked = [c['id'] for c in old if '## Questions' in source(c)][0]
    order = [c['id'] for c in old]
    assert all(order.index(c['id']) > order.index(asked) for c in gone)

def test_what_is_handed_in_is_read(made):
    "A handout as it stands goes through grading's reader, and its cells before the first exercise need nothing that is gone"
    from groundup.support.grade import classroom, submission
    for path in lessons():
        sub = submission.read(made/path.name, classroom.known)
        assert not sub['broken'] and not sub['odd'] and [n for c in sub['cells'] for _,n in c['steps'] if n]

def test_pages_lead_nowhere_else(made):
    for path in made.glob('*.ipynb'):
        for link in re.findall(r'\]\(([\w/.-]+)(?:#[^)]*)?\)', path.read_text(encoding='utf8')): assert (made/link).exists(), (path.name, link)

def test_nothing_else(made):
    "No answers, no support; the images are there"
    names = {o.relative_to(made).as_posix() for o in made.rglob('*') if o.is_file()}
    assert not [n for n in names if n.startswith(('answers', 'support'))]
    assert {o.relative_to(nbs).as_posix() for o in (nbs/'images').rglob('*') if o.is_file()} <= names

def test_twice_and_over_what_is_not_ours(tmp_path, capsys):
    dest = tmp_path/'handout'
    handout.write([lessons()[0]], dest)
    assert [o.name for o in dest.glob('*.ipynb')] == [lessons()[0].name] and '1 notebooks' in capsys.readouterr().out
    handout.write([lessons()[1]], dest)
    assert [o.name for o in dest.glob('*.ipynb')] == [lessons()[1].name]
    (tmp_path/'theirs').mkdir()
    (tmp_path/'theirs'/'mine.txt').write_text('kept')
    for names,to in (([], tmp_path/'theirs'), ([nbs/'answers'/lessons()[0].name], dest), ([nbs/'nothing.ipynb'], dest)):
        with pytest.raises(SystemExit): handout.write(names, to)
    assert (tmp_path/'theirs'/'mine.txt').read_text() == 'kept' and sorted(o.name for o in tmp_path.iterdir()) == ['handout', 'theirs']

def test_markdown():
    text = 'See [the answer](answers/01_matmul.ipynb#x) or [Lesson 02](02_broadcasting.ipynb).\n\n<details><summary>Answer</summary>\n\nIt is `2`.\n\n</details>\n\nEnd'
    colab = '(https://colab.research.google.com/github/a/b.ipynb)'
    for had,left in ((f'[Open in Colab]{colab} · [Answers](answers/00_neuron.ipynb)', ''), (f'[Start](00_neuron.ipynb) · [Colab]{colab} · [Install](#x)', '[Start](00_neuron.ipynb) · [Install](#x)'),
                     (f'Or in [Colab]{colab}.', 'Or in Colab.'), ('You may [grade a class](teaching.ipynb).', 'You may grade a class.')):
        assert handout.without_answers(had) == left
    assert handout.without_answers(text) == 'See the answer or [Lesson 02](02_broadcasting.ipynb).\n\nEnd'

def test_for_nbgrader(tmp_path):
    "An assignment a lesson; a graded, locked cell after each exercise, which fails for the stub and passes for an answer"
    from groundup.exercises import neuron as ex
    handout.write([], tmp_path/'handout', nbgrader=True)
    assert sorted(o.relative_to(tmp_path/'handout'/'source').as_posix() for o in (tmp_path/'handout').rglob('*.ipynb')) == [f'{o.stem}/{o.name}' for o in lessons()]
    cs = cells(tmp_path/'handout'/'source'/'00_neuron'/'00_neuron.ipynb', 'code')
    graded = {c['metadata']['nbgrader']['grade_id']: source(c) for c in cs if 'nbgrader' in c['metadata']}
    assert [*graded] == [*ex.book.exercises] and len({c['id'] for c in cs}) == len(cs)
    exec(graded['entry'], dict(ex=ex, entry=ex.entry.fn))
    def entry(x, w, b, i, j): ...
    with pytest.raises(AssertionError, match='not written yet'): exec(graded['entry'], dict(ex=ex, entry=entry))
