"The set-up: tools/env.py on good and bad machines, and what Makefile, constraints, CI and CONTRIBUTING say of each other"
import ast, os, re, shutil, subprocess, sys
from importlib import metadata
from types import SimpleNamespace

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

import env
from processes import sh
from project import cfg, root


class Machine:
    "A project in a temporary folder whose installer only takes notes"
    def __init__(self, folder, monkeypatch):
        self.root, self.done, self.status, self.lines, self.broken = folder, [], 0, [], []
        for o in ('settings.ini', 'constraints.txt', 'setup.py'): shutil.copy(root/o, folder)
        self.venv = folder/'.venv'
        set = monkeypatch.setattr
        set(env, 'root', folder)
        set(env, 'venv', self.venv)
        set(env, 'note', self.venv/'groundup.json')
        set(env, 'python', self.venv/'bin/python')
        set(env, 'new_venv', self.new_venv)
        set(env, 'pip', self.pip)
        set(env, 'broken', lambda: self.broken)
        set(env, 'choices', dict(default=[], cpu=[]))
        set(env, 'venv_version', lambda: sys.version_info[:2] if env.python.exists() else None)
        for o in ('PYTHON', 'TORCH'): monkeypatch.delenv(o, raising=False)
    def new_venv(self):
        self.done.append('venv')
        shutil.rmtree(self.venv, ignore_errors=True)
        self.package('pip-23.2.1.dist-info', 'RECORD', 'INSTALLER')
        env.python.parent.mkdir()
        env.python.touch()
        (self.venv/'pyvenv.cfg').write_text(f'home = x\ncommand = {sys.executable} -m venv {self.venv}\n')
    def package(self, name, *files):
        for o in ('', *files): (self.venv/'lib/python3.11/site-packages'/name/o).mkdir(parents=True, exist_ok=True)
    def pip(self, torch, lock):
        self.done.append('pip '+torch)
        if isinstance(self.status, BaseException): raise self.status
        return (self.status.pop(0) if isinstance(self.status, list) else self.status), self.lines
    def setup(self):
        "What was done"
        self.done.clear()
        env.setup()
        return list(self.done)
    def fails(self):
        "What is said when the set-up ends without an environment"
        with pytest.raises(SystemExit) as e: env.setup()
        assert not env.ready()
        return e.value.code

@pytest.fixture
def machine(tmp_path, monkeypatch):
    (tmp_path/'a folder').mkdir()
    return Machine(tmp_path/'a folder', monkeypatch)

fresh,more = ['venv', 'pip default'], ['pip default']

def test_twice(machine):
    assert machine.setup() == fresh
    assert machine.setup() == []

@pytest.mark.parametrize('name,old,new', [('constraints.txt', 'six', 'seven'), ('settings.ini', 'pytest<9.2 ', 'pytest>=8,<9.2 '), ('setup.py', 'extras', ' extras')])
def test_other_packages(machine, name, old, new):
    machine.setup()
    path = machine.root/name
    text = path.read_text()
    path.write_text(text.replace(old, new))
    assert path.read_text() != text
    assert machine.setup() == more
    assert machine.setup() == []

def test_comment_in_settings_changes_nothing(machine):
    machine.setup()
    with open(machine.root/'settings.ini', 'a') as f: f.write('\n# a remark\n')
    assert machine.setup() == []

def test_interrupted(machine):
    machine.status = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt): env.setup()
    machine.status = 0
    machine.package('torch-2.13.0.dist-info', 'METADATA') # neither RECORD nor INSTALLER: unpacked, but not installed
    machine.package('~ip-23.2.1.dist-info')
    assert machine.setup() == more
    assert [o.name for o in env.packages()] == ['pip-23.2.1.dist-info']
    assert machine.setup() == []

@pytest.mark.parametrize('text', ['', '{', '[]', 'null'])
def test_damaged_note(machine, text):
    machine.setup()
    env.note.write_text(text)
    assert machine.setup() == more

def test_half_built(machine):
    machine.setup()
    env.python.unlink()
    assert machine.setup() == fresh
    shutil.rmtree(machine.venv/'lib')
    assert machine.setup() == fresh

def test_somebody_elses_environment(machine):
    "One made by hand with `python -m venv .venv` is used"
    machine.new_venv()
    assert machine.setup() == more

def test_moved(machine, monkeypatch):
    machine.setup()
    shutil.move(machine.root, machine.root.parent/'b folder')
    moved = Machine.__new__(Machine)
    moved.__dict__ |= machine.__dict__
    moved.root = machine.root.parent/'b folder'
    moved.venv = moved.root/'.venv'
    for k,v in dict(root=moved.root, venv=moved.venv, note=moved.venv/'groundup.json', python=moved.venv/'bin/python',
                    new_venv=moved.new_venv).items(): monkeypatch.setattr(env, k, v)
    assert moved.setup() == fresh

def test_other_torch(machine, monkeypatch):
    machine.setup()
    monkeypatch.setenv('TORCH', 'cpu')
    assert machine.setup() == ['venv', 'pip cpu']
    monkeypatch.delenv('TORCH')
    assert machine.setup() == [], 'without TORCH= the choice made before stays'
    monkeypatch.setenv('TORCH', 'gpu')
    with pytest.raises(SystemExit, match='TORCH=gpu is not known'): env.setup()

def test_other_python(machine, monkeypatch):
    machine.setup()
    monkeypatch.setattr(env, 'venv_version', lambda: (3, 12))
    monkeypatch.setattr(env, 'sys', SimpleNamespace(version_info=(3, 13, 1), executable='python3.13', stdout=sys.stdout, exit=sys.exit))
    assert machine.setup() == [], 'another Python on the path does not matter'
    monkeypatch.setenv('PYTHON', 'python3.13')
    assert machine.setup() == fresh

def test_old_python(machine, monkeypatch):
    monkeypatch.setattr(env, 'sys', SimpleNamespace(version_info=(3, 9, 2), executable='/usr/bin/python3', stdout=sys.stdout, exit=sys.exit))
    said = machine.fails()
    assert f"needs Python {cfg['min_python']} or newer; /usr/bin/python3 is 3.9.2" in said and 'PYTHON=' in said
    assert not machine.venv.exists()

def test_no_venv_module(machine, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ensurepip', None)
    assert 'apt install python3' in machine.fails()

def test_damaged_packages(machine):
    machine.broken = ['Traceback (most recent call last):', '  File "x.py", line 3', 'ImportError: libtorch.so: file too short']
    said = machine.fails()
    assert 'file too short' in said and 'Remove the folder .venv' in said and 'Traceback' not in said

@pytest.mark.parametrize('line,advice', [
    ("WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...)': /simple/torch/", 'check the connection'),
    ('ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device', 'disk is full'),
    ('ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: x', 'cannot be written'),
    ('ERROR: No matching distribution found for torch==2.13.0', 'no build for this Python'),
    ('Killed by signal 9', 'ended from outside'),
    ('ERROR: something nobody thought of', 'Run the same command again')])
def test_pip_fails(machine, line, advice):
    trace = ['Traceback (most recent call last):\n', '  File "/x/pip/_internal/cli/base_command.py", line 180, in exc_logging_wrapper\n', '    status = run_func(*args)\n']
    machine.status,machine.lines = 1, ['Collecting torch\n', *trace, line+'\n']
    said = machine.fails()
    assert line in said and advice in said and 'Traceback' not in said and 'base_command' not in said
    machine.status = 0
    assert machine.setup() == more

@pytest.mark.parametrize('line', ['ReadTimeoutError: HTTPSConnectionPool(host=x): Read timed out.', 'Connection broken: IncompleteRead(3 bytes read)'])
def test_connection_that_breaks(machine, monkeypatch, capsys, line):
    "In the midst of a download pip gives up: two more tries"
    waited = []
    monkeypatch.setattr(env.time, 'sleep', waited.append)
    machine.lines, machine.status = ['ERROR: '+line], [1, 1, 0]
    assert machine.setup() == fresh+2*more and len(waited) == 2
    assert 'Trying again' in capsys.readouterr().out
    env.note.unlink()
    machine.status = [1, 1, 1]
    assert 'check the connection' in machine.fails()

def test_not_an_environment(tmp_path, monkeypatch):
    (tmp_path/'.venv').mkdir()
    (tmp_path/'.venv/thesis.txt').write_text('mine')
    for k,v in dict(root=tmp_path, venv=tmp_path/'.venv', note=tmp_path/'.venv/groundup.json').items(): monkeypatch.setattr(env, k, v)
    with pytest.raises(SystemExit, match='no Python environment'): env.new_venv()
    assert (tmp_path/'.venv/thesis.txt').read_text() == 'mine'

def test_lock(tmp_path):
    "A second command waits for the first; the lock ends with its holder, however that ends"
    pytest.importorskip('fcntl')
    (tmp_path/'file').touch()
    code = 'import sys, env\nwith env.locked(sys.argv[1]): print("got it", flush=True); sys.stdin.read()'
    def start(): return subprocess.Popen([sys.executable, '-c', code, str(tmp_path/'file')], cwd=root/'tools', text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with start() as one, start() as two:
        first,second = (one,two) if 'got it' in (said := one.stdout.readline()) else (two,one)
        if first is one: assert 'waiting' in two.stdout.readline()
        else: assert 'waiting' in said and two.stdout.readline() == 'got it\n'
        first.kill()
        assert second.stdout.readline() == 'got it\n'
        second.stdin.close()

def test_offline_for_real(tmp_path):
    "A real environment in a folder with a space, and an index that does not answer"
    home = tmp_path/'my course'
    (home/'tools').mkdir(parents=True)
    for o in ('settings.ini', 'constraints.txt', 'setup.py', 'tools/env.py', 'tools/project.py'): shutil.copy(root/o, home/o)
    keep = {k: v for k,v in os.environ.items() if not k.startswith('PIP_') and k not in ('PYTHON', 'TORCH')}
    offline = dict(PIP_CONFIG_FILE=os.devnull, PIP_INDEX_URL='http://127.0.0.1:9/simple', PIP_RETRIES='0')
    res = subprocess.run([sys.executable, str(home/'tools/env.py')], env=keep | offline, capture_output=True, text=True)
    assert res.returncode == 1
    assert 'Setting up .venv' in res.stdout and 'the index cannot be reached' in ' '.join(res.stderr.split())
    assert 'Traceback' not in res.stdout + res.stderr

def test_letters_outside_ascii(tmp_path):
    "An environment made under one locale works under every other, in a folder whose name needs more than ASCII"
    home = tmp_path/'мой курс'
    (home/'tools').mkdir(parents=True)
    for o in ('settings.ini', 'constraints.txt', 'setup.py', 'tools/env.py', 'tools/project.py'): shutil.copy(root/o, home/o)
    code = """if True:
        import env, pathlib, sys
        real = env.subprocess.run
        env.subprocess.run = lambda cmd, **kw: real(cmd[:3]+['--without-pip']+cmd[3:] if 'venv' in cmd else cmd, **kw) # it takes long
        env.pip = lambda torch, lock: (0, [])
        env.packages = lambda: [pathlib.Path(sys.argv[1])]
        env.broken = lambda: []
        print(env.why_new(env.notes(), 'default'), flush=True)
        env.main(['-c', 'import os; print(ascii(os.getcwd()), ascii(os.fsencode(os.getcwd())))'])"""
    pip = tmp_path/'pip-23.dist-info'
    pip.mkdir()
    for o in ('RECORD', 'INSTALLER'): (pip/o).touch()
    keep = {k: v for k,v in os.environ.items() if not k.startswith(('LC_', 'LANG', 'PYTHON')) and k != 'TORCH'}
    def run(**env): return sh(sys.executable, '-c', code, pip, cwd=home/'tools', env=keep | dict(PYTHONPATH='.') | env).splitlines()
    made = run(LC_ALL='C', PYTHONUTF8='0')
    assert 'Setting up .venv' in made[1] and '.venv is ready' in made[-2]
    for o in ('1', '0'): assert run(LC_ALL='C', PYTHONUTF8=o) == ['None', made[-1]], 'the environment that works looks broken'
    note = home/'.venv/groundup.json'
    note.write_text(note.read_text().replace('"ready": true', '"ready": false').replace('"path"', '"was"')) # as one made by hand
    assert run(LC_ALL='C', PYTHONUTF8='0')[0] == 'None'

@pytest.mark.parametrize('name', ['env', 'project'])
def test_old_python_can_read_it(name):
    ast.parse((root/f'tools/{name}.py').read_text(encoding='utf8'), feature_version=(3, 6))


# what the files say of each other
def name(s): return re.sub('[-_.]+', '-', re.match(r'[\w.-]+', s)[0]).lower()

pinned = dict(o.split('==') for o in (root/'constraints.txt').read_text().split())

def here(o):
    try: return metadata.version(o).split('+')[0]
    except metadata.PackageNotFoundError: return '' # only for other systems

drift = [o for o,v in pinned.items() if here(o) not in ('', v)]

@pytest.mark.skipif(drift, reason=f'this environment was made without constraints.txt: {drift[:3]}')
def test_every_package_is_pinned():
    "Everything that `.[dev]` brings into this environment has a line in constraints.txt"
    pins = {name(o) for o in pinned}
    todo,seen = [name(o) for o in cfg['requirements'].split() + cfg['dev_requirements'].split()], set()
    while todo:
        o = todo.pop()
        try: needs = metadata.requires(o) or []
        except metadata.PackageNotFoundError: continue # only for other systems
        if o in seen: continue
        seen.add(o)
        todo += [name(r) for r in needs if 'extra ==' not in r]
    unpinned = {o for o in seen - pins - {'pip'} if not re.match('nvidia|triton|cuda', o)} # torch names those by itself
    assert len(seen) > 100 and not unpinned

def test_constraints_are_sorted_pins():
    lines = (root/'constraints.txt').read_text().splitlines()
    assert all(re.fullmatch(r'[\w.-]+==[\w.]+', o) for o in lines)
    assert lines == sorted(lines, key=lambda o: o.split('==')[0].lower().replace('_', '-'))

targets = set(re.search(r'^\.PHONY: (.*)', (root/'Makefile').read_text(), re.M)[1].split())

@pytest.mark.skipif(not shutil.which('make'), reason='make is not installed')
def test_help_names_every_command():
    out = subprocess.run(['make', '-C', str(root)], capture_output=True, text=True).stdout
    assert set(re.findall(r'^ +make (\w+) +\w', out, re.M)) == targets

@pytest.mark.parametrize('file', ['README.md', 'CONTRIBUTING.md', 'RELEASING.md', '.ci/run', '.github/workflows/test.yaml', '.github/workflows/docs.yaml'])
def test_commands_exist(file):
    "Each `make ...` in a text is a command of the Makefile"
    text = (root/file).read_text(encoding='utf8')
    found = set(re.findall(r'(?:`|^\s*|run: )make ([a-z]+)', text, re.M))
    assert found and found <= targets

@pytest.fixture(scope='module')
def workflow(): return {o: yaml.safe_load((root/f'.github/workflows/{o}.yaml').read_text()) for o in ('test', 'docs')}

def test_workflows(workflow):
    minimum = tuple(int(o) for o in cfg['min_python'].split('.'))
    for w in workflow.values():
        assert w['name'] and (True in w or 'on' in w) and w['jobs'] # YAML 1.1 reads the key `on` as True
        for job in w['jobs'].values():
            assert job['timeout-minutes'] <= 60
            for step in job['steps']:
                if 'checkout' in step.get('uses', ''): assert step['with']['persist-credentials'] is False
                if 'uses' in step: assert re.fullmatch(r'actions/[\w-]+@v\d+', step['uses'])
    pythons = [str(o) for o in workflow['test']['jobs']['test']['strategy']['matrix']['python']]
    assert tuple(int(o) for o in pythons[0].split('.')) == minimum
    assert pythons == sorted(pythons, key=lambda o: int(o.split('.')[1])) and len(pythons) >= 3
    assert all(tuple(int(n) for n in o.split('.')) <= env.newest for o in pythons)

def test_citation():
    "What others cite is what settings.ini says"
    c = yaml.safe_load((root/'CITATION.cff').read_text(encoding='utf8'))
    assert c['version'] == cfg['version'] and c['authors'] == [dict(name=cfg['author'])] and c['license'] == 'Apache-2.0'
    assert c['repository-code'] == cfg['git_url'] and c['url'] == cfg['doc_host']+cfg['doc_baseurl'] and c['title'].startswith(cfg['title'])

@pytest.mark.parametrize('path', sorted(root.glob('.github/ISSUE_TEMPLATE/[!c]*.yml')), ids=lambda o: o.stem)
def test_issue_forms(path):
    "GitHub ignores a form without these keys, or with an id that stands twice"
    form = yaml.safe_load(path.read_text(encoding='utf8'))
    assert form['name'] and form['description'] and form['labels']
    assert all(o['type'] in ('input', 'textarea') and o['attributes']['label'] for o in form['body'])
    assert len({o['id'] for o in form['body']}) == len(form['body'])

def test_oldest_is_the_oldest_we_claim():
    "The pins of the oldest job are the lower bounds of settings.ini"
    lines = (root/'.github/oldest.txt').read_text().splitlines()
    pins = dict(o.split('==') for o in lines if '==' in o and not o.startswith('#'))
    for o in cfg['requirements'].split()+cfg['fast_requirements'].split():
        low = re.match(r'([\w-]+)>=([\d.]+)', o)
        assert pins[low[1]].split('.')[:low[2].count('.')+1] == low[2].split('.'), f'{o} against {low[1]}=={pins[low[1]]}'

colab = { # from the lists of Colab's packages (github.com/googlecolab/backend-info), by their date
    '2025-11-24': dict(python='3.12', ipython='7.34.0', numpy='2.0.2', matplotlib='3.10.0', torch='2.9.0', platformdirs='4.5.0', fastcore='1.8.16', tqdm='4.67.1'),
    '2026-08-19': dict(python='3.13', ipython='7.34.0', numpy='2.1.3', matplotlib='3.10.0', torch='2.11.0', platformdirs='4.11.3', fastcore='2.2.12', tqdm='4.67.3')}

@pytest.mark.parametrize('date', colab)
def test_colab_keeps_what_it_has(date):
    "A lesson's first cell installs the package there, and replaces nothing"
    assert Version(colab[date]['python']) in SpecifierSet('>='+cfg['min_python'])
    needs = [Requirement(o) for o in cfg['requirements'].split()]
    assert not [f'{o}: Colab has {colab[date][o.name]}' for o in needs if colab[date][o.name] not in o.specifier]

def test_no_registry_is_named():
    "Addresses of package indexes stay out; the one exception is PyTorch's own, for TORCH=cpu"
    for o in ('Makefile', 'constraints.txt', 'settings.ini', 'setup.py', '.ci/run', '.github/workflows/test.yaml', '.github/oldest.txt'):
        assert not re.search(r'index-url|pypi\.org/simple|find-links', (root/o).read_text(encoding='utf8')), o
    assert len(re.findall('index-url', (root/'tools/env.py').read_text())) == 1
