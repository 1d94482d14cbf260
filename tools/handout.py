"""Write the course for a class: `python tools/handout.py [NOTEBOOK...]` fills `handout/` with the lessons, without answers and outputs.

What goes: stored outputs, the folded answers to the questions and the cells that prove them, links to the answers' pages and to Colab, where the
published lessons have answers.
What stays: the lessons as they are, with the exercises' stubs and checks, the pages to look things up, and the images.
`--nbgrader` writes nbgrader's folder `source/` instead: an assignment for each lesson, with a locked cell after each exercise
that fails unless the answer is right."""
import os, re, shutil, sys, tempfile
from importlib import import_module
from pathlib import Path

from execnb.nbio import nb2str

import project
from lab import files
from notebooks import notebooks
from project import nbs, root, source

folder = root/'handout'


def without_answers(text):
    "Markdown without folded answers, and without links to the answers' pages, to published lessons that hold them, and to the teacher's page"
    text = re.sub(r'\n*<details>\s*<summary>Answers?</summary>.*?</details>', '', text, flags=re.S)
    there = r'\((?:answers/|https://colab\.research\.google\.com/|teaching\.ipynb)[^)]*\)'
    def line(s): # links side by side
        links = s.split(' · ')
        if not all(re.fullmatch(r'\[[^\]]*\]\([^)]*\)', o) for o in links): return s
        return ' · '.join(o for o in links if not re.search(rf'\]{there}', o))
    text = '\n'.join(map(line, text.split('\n')))
    return re.sub(rf'\[([^\]]*)\]{there}', r'\1', text)

def for_class(nb):
    "Notebook `nb` as a class gets it"
    res,questions = [],False
    for c in nb['cells']:
        if c['cell_type'] == 'markdown':
            heads = re.findall(r'^## (.+)$', source(c), re.M)
            if heads: questions = heads[-1] == 'Questions'
            c['source'] = without_answers(source(c)).splitlines(True)
            if not source(c).strip(): continue
        elif questions: continue # what stands below the questions proves the answers
        if c['cell_type'] == 'code': c |= dict(outputs=[], execution_count=None)
        res.append(c)
    return nb | dict(cells=res)

def for_nbgrader(nb, lesson):
    "With a graded cell after each exercise; its points are the exercise's difficulty"
    exercises,res = import_module(f'{project.lib.name}.exercises.{lesson}').book.exercises, []
    for c in nb['cells']:
        res.append(c)
        m = re.search(r'^ex\.(\w+)\.check\((\w+)\)\s*\Z', source(c), re.M) if c['cell_type'] == 'code' else None
        if not m: continue
        graded = dict(grade=True, grade_id=m[1], locked=True, points=exercises[m[1]].difficulty, schema_version=3, solution=False, task=False)
        code = f'v = ex.{m[1]}.judge({m[2]})\nassert v.ok, v'
        res.append(dict(cell_type='code', execution_count=None, id=f'{c["id"]}-graded', metadata=dict(nbgrader=graded), outputs=[], source=code))
    return nb | dict(cells=res)

def write(names, dest=folder, nbgrader=False):
    "Fill the folder `dest`, all of it or nothing"
    if dest.exists() and not (dest/'.groundup').exists(): sys.exit(f'{dest} is not a folder of this command: rename or remove it')
    chosen = {o.relative_to(nbs) for o in notebooks(names)} if names else set(files(nbs))
    left_out = [o for o in sorted(chosen) if o.parts[0] in ('answers', 'support') or o.stem == 'teaching' or nbgrader and not o.stem[:2].isdigit()]
    if names and left_out: sys.exit(f'no lesson: {left_out[0]}')
    with tempfile.TemporaryDirectory(dir=dest.parent, prefix='.handout-') as d:
        for o in sorted(chosen - {*left_out} | {o for o in files(nbs) if o.parts[0] == 'images' and not nbgrader}):
            to = Path(d)/dest.name/(f'source/{o.stem}/{o.name}' if nbgrader else o)
            to.parent.mkdir(parents=True, exist_ok=True)
            if o.suffix != '.ipynb': shutil.copy(nbs/o, to); continue
            nb = for_class(project.read(nbs/o))
            to.write_text(nb2str(for_nbgrader(nb, project.module(nbs/o)) if nbgrader else nb), encoding='utf8')
        (Path(d)/dest.name/'.groundup').touch()
        if dest.exists(): shutil.rmtree(dest)
        os.replace(Path(d)/dest.name, dest)
    found = [*dest.rglob('*.ipynb')]
    print(f'{len(found)} notebooks in {dest.name}/: without outputs, without answers to questions')
    print('The answers to exercises are in the package, where `solution()` shows them. nbs/teaching.ipynb says what that means for a class.')


if __name__ == '__main__': write([o for o in sys.argv[1:] if o != '--nbgrader'], nbgrader='--nbgrader' in sys.argv)
