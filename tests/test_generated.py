"Generated files agree with the notebooks, and what people write is clean: notebooks, links, Python"
import json, re, subprocess, sys

import nbformat

import notebooks as nb
import project
from project import cfg, rel, root


def test_package(tmp_path):
    "`groundup/` is what nbdev makes of the notebooks: no file differs, and none is left over"
    made,said = nb.generate(tmp_path)
    there = {rel(o) for o in project.lib.rglob('*.py')}
    bad = [f'{o} differs from its notebook: run `make export`' for o,text in made.items()
           if o not in there or (root/o).read_text(encoding='utf8') != text]
    bad += [f'{o} has no notebook: run `make export`' for o in sorted(there-made.keys())]
    bad += [f'{rel(o)} is generated, and has no notebook any more: run `make export`' for o in nb.stale(made)]
    assert not bad and not said

def test_every_notebook_makes_a_module_of_its_own():
    "With two of a name, the second silently takes over"
    seen,bad = {}, []
    for o in project.notebooks():
        name = project.module(o)
        if name is None: assert o.name == 'index.ipynb' or not project.cells(o, 'code'), f'{rel(o)} makes no module'
        elif seen.setdefault(name, o) != o: bad.append(f'{rel(seen[name])} and {rel(o)} both make {name}')
    assert not bad

def test_readme():
    assert (root/'README.md').read_text(encoding='utf8') == nb.readme(), 'README.md differs from the map: run `make export`'

def test_notebooks_are_clean():
    bad = []
    for o in project.notebooks():
        old = o.read_text(encoding='utf8')
        if nb.nb2str(nb.clean(json.loads(old))) != old: bad.append(f'{rel(o)} is not clean: run nbdev_clean')
        if 'widgets' in json.loads(old)['metadata'] or 'jupyter.widget-view' in old: bad.append(f'{rel(o)} stores widgets: use `make run`')
        try: nbformat.validate(json.loads(old), relax_add_props=False)
        except nbformat.ValidationError as e: bad.append(f'{rel(o)} is no valid notebook: {str(e).splitlines()[0]}')
        bad += [f'{rel(o)} shows a path of a machine in {p}: use `make run`' for p in nb.machine_paths(json.loads(old))]
    assert not bad

def strays(path, text):
    "Links of a text into this repository that do not name what settings.ini names, or lead to no file"
    home = rf'(?:github\.com|colab\.research\.google\.com/github)/([\w.-]+)/{cfg["repo"]}\b(?:\.git)?((?:/blob|/tree|/raw)/([\w.-]+)/([\w./-]+))?'
    for m in re.finditer(home, text):
        if m[1] != cfg['user'] or m[3] not in (None, cfg['branch']): yield f'{path}: {m[0]} is not the repository of settings.ini'
        elif m[4] and not (root/m[4]).exists(): yield f'{path}: {m[0]} leads to no file'
        elif m[0].startswith('colab') and re.fullmatch(r'nbs/\d\d_\w+\.ipynb', path) and m[4] and m[4] != path:
            yield f'{path}: its badge opens {m[4]}'

def test_links():
    "Links into this repository name the owner, repository and branch of settings.ini, and a file that is there"
    files = [*project.notebooks(), *root.glob('*.md')]
    assert not [s for o in files for s in strays(rel(o), o.read_text(encoding='utf8'))]

def test_bad_links_are_seen():
    here = f'https://github.com/{cfg["user"]}/{cfg["repo"]}'
    colab = here.replace('github.com', 'colab.research.google.com/github')
    good = f'{here} {here}.git {here}/blob/{cfg["branch"]}/setup.py {colab}/blob/{cfg["branch"]}/nbs/01_matmul.ipynb'
    assert not [*strays('nbs/01_matmul.ipynb', good)]
    for bad in (here.replace(cfg['user'], 'somebody'), f'{here}/blob/old/setup.py', f'{here}/blob/{cfg["branch"]}/nowhere.py',
                f'{colab}/blob/{cfg["branch"]}/nbs/02_broadcasting.ipynb'):
        assert len([*strays('nbs/01_matmul.ipynb', bad)]) == 1, bad

def test_one_place_reads_settings_and_one_reads_notebooks():
    "tools/project.py; setup.py stands alone in a source archive"
    hand = [root/'setup.py', *(o for d in ('tools', 'docs', 'tests', 'bench') for o in (root/d).rglob('*.py'))]
    readers = {rel(o) for o in hand if re.search(r'^\s*(?:import|from)\b.*\bconfigparser\b', o.read_text(encoding='utf8'), re.M)}
    assert readers == {'setup.py', 'tools/project.py'}
    readers = {rel(o) for o in hand if re.search(r"json\.loads\(.*\)\[.cells", o.read_text(encoding='utf8'))}
    assert not readers

def test_python_has_no_loose_ends():
    "Names that are not defined, imports and variables that are not used; star imports of tests aside"
    cmd = [sys.executable, '-m', 'ruff', 'check', '--isolated', '--no-cache', '--quiet', '--output-format=concise', '--select=F',
           '--per-file-ignores=tests/**:F403', '--per-file-ignores=tests/**:F405', 'tools', 'docs', 'tests', 'bench', 'setup.py']
    res = subprocess.run(cmd, cwd=root, capture_output=True, text=True)
    assert not res.returncode, res.stdout+res.stderr
