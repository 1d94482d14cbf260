"""Write the course for a class: `python tools/handout.py [NOTEBOOK...]` fills `handout/` with the lessons, without answers and outputs.

What goes: stored outputs, the folded answers to the questions and the cells that prove them, links to the answers' pages.
What stays: the lessons as they are, with the exercises' stubs and checks, the pages to look things up, and the images."""
import os, re, shutil, sys, tempfile
from pathlib import Path

from execnb.nbio import nb2str

import project
from lab import files
from notebooks import notebooks
from project import nbs, root, source

folder = root/'handout'


def without_answers(text):
    "Markdown without folded answers, and without links to the answers' pages"
    text = re.sub(r'\n*<details>\s*<summary>Answers?</summary>.*?</details>', '', text, flags=re.S)
    text = re.sub(r' *· *\[[^\]]*\]\(answers/[^)]*\)', '', text)
    return re.sub(r'\[([^\]]*)\]\(answers/[^)]*\)', r'\1', text)

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

def write(names, dest=folder):
    "Fill the folder `dest`, all of it or nothing"
    if dest.exists() and not (dest/'.groundup').exists(): sys.exit(f'{dest} is not a folder of this command: rename or remove it')
    chosen = {o.relative_to(nbs) for o in notebooks(names)} if names else set(files(nbs))
    left_out = [o for o in sorted(chosen) if o.parts[0] in ('answers', 'support')]
    if names and left_out: sys.exit(f'no lesson: {left_out[0]}')
    with tempfile.TemporaryDirectory(dir=dest.parent, prefix='.handout-') as d:
        for o in sorted(chosen - {*left_out} | {o for o in files(nbs) if o.parts[0] == 'images'}):
            to = Path(d)/dest.name/o
            to.parent.mkdir(parents=True, exist_ok=True)
            if o.suffix == '.ipynb': to.write_text(nb2str(for_class(project.read(nbs/o))), encoding='utf8')
            else: shutil.copy(nbs/o, to)
        (Path(d)/dest.name/'.groundup').touch()
        if dest.exists(): shutil.rmtree(dest)
        os.replace(Path(d)/dest.name, dest)
    found = [*dest.glob('*.ipynb')]
    print(f'{len(found)} notebooks in {dest.name}/: without outputs, without answers to questions')
    print('The answers to exercises are in the package, where `solution()` shows them. nbs/teaching.ipynb says what that means for a class.')


if __name__ == '__main__': write(sys.argv[1:])
