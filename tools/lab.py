"""Open JupyterLab on the learner's own copy of the lessons: `python tools/lab.py [--edit] [JupyterLab's options]`.

The copy in `work/` is brought up to date first. What a learner changed there is never overwritten: an updated lesson
replaces an unchanged copy and comes beside a changed one. Only what cells say counts as a change, not their outputs.
`--edit` opens the sources `nbs/` instead."""
import getpass, hashlib, json, os, sys, tempfile
from pathlib import Path

from project import cells, nbs, root, source

state = '.groundup.json' # in work/: for each file, the versions the learner has been given


def files(nbs):
    "What learners get: the map, lessons, pages to look things up, answers and images, as paths below `nbs`"
    pats = '*.ipynb', 'answers/*.ipynb', 'images/**/*'
    return [o.relative_to(nbs) for pat in pats for o in sorted(nbs.glob(pat)) if o.is_file() and not o.name.startswith('.')]

def content(path):
    "A hash of what a person wrote: a notebook's cells without outputs and empty cells, another file's bytes"
    raw = path.read_bytes()
    if path.suffix == '.ipynb':
        try: raw = json.dumps([(c['cell_type'], source(c)) for c in cells(path) if source(c).strip()]).encode()
        except (ValueError, KeyError, TypeError): pass # not a notebook any more: then every byte counts
    return hashlib.sha256(raw).hexdigest()[:16]

def read_state(work):
    try: old = json.loads((work/state).read_text(encoding='utf8'))
    except (OSError, ValueError): old = {}
    good = isinstance(old, dict) and all(isinstance(o, list) for o in old.values())
    return old if good else {} # damaged: every copy then counts as changed

def put(path, raw):
    "Write a file in one step"
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(f'.{path.name}.tmp')
    tmp.write_bytes(raw)
    os.replace(tmp, path)

def beside(path, given):
    "A free name for an update beside the changed file `path`; an earlier update that was not changed makes room"
    n = 1
    while True:
        res = path.with_name(f"{path.stem}-updated{'' if n == 1 else f'-{n}'}{path.suffix}")
        if not res.exists() or content(res) in given: return res
        n += 1

def update(nbs, work):
    "Bring the copy `work` up to date with `nbs`; what was done as (word, name) pairs"
    given,done = read_state(work),[]
    for name in files(nbs):
        src,dest,had = nbs/name, work/name, given.setdefault(name.as_posix(), [])
        new = content(src)
        old = content(dest) if dest.exists() else None
        if old is None: word = 'new'
        elif old == new: word = None
        elif old in had: word = 'updated'
        elif new in had: word = None # changed by the learner, who has been given this version
        else: word,dest = 'beside', beside(dest, had+[new])
        if word: put(dest, src.read_bytes())
        if new not in had: had.append(new)
        if word: done.append((word, dest.relative_to(work).as_posix()))
    done += withdraw(given, files(nbs), work)
    raw = (json.dumps(given, indent=1)+'\n').encode()
    if not (work/state).exists() or (work/state).read_bytes() != raw: put(work/state, raw)
    return done

def withdraw(given, names, work):
    "What is no part of the course any more: a copy that the learner did not change goes, a changed one is the learner's own"
    done = []
    for name in sorted(given.keys()-{o.as_posix() for o in names}):
        had,path = given.pop(name), work/name
        if not path.is_file(): continue
        gone = content(path) in had
        if gone: path.unlink()
        if gone and path.parent != work and not any(path.parent.iterdir()): path.parent.rmdir()
        done.append(('removed' if gone else 'kept', name))
    return done

def tell(done, work):
    "Say in a few lines what `update` did"
    def names(word): return [n for w,n in done if w == word]
    new,updated,removed = names('new'),names('updated'),names('removed')
    if new: print(f'{len(new)} new files in {work.name}/' + (': '+', '.join(new) if len(new) < 6 else ''))
    if updated: print(f"updated, you had not changed them: {', '.join(updated)}")
    if removed: print(f"removed, no longer part of the course: {', '.join(removed)}")
    for n in names('kept'): print(f'{n} is no longer part of the course: you changed it, so it is kept')
    for n in names('beside'): print(f'{n} is a newer version of a lesson that you changed: yours is kept, the new one lies beside it')
    if not done: print(f'{work.name}/ is up to date')

def home(own):
    "Jupyter and the lessons keep settings and progress in the home folder; where there is none to write to, in `own`"
    try: getpass.getuser()
    except (OSError, KeyError, ImportError): os.environ['USER'] = 'learner' # a user without a name, as in some containers
    if home_works(): return
    try: own.mkdir(parents=True, exist_ok=True)
    except OSError: own = None
    if not own or not os.access(own, os.W_OK): own = Path(tempfile.mkdtemp(prefix='groundup-'))
    os.environ |= dict(HOME=str(own), USERPROFILE=str(own))
    for o in [o for o in os.environ if o.startswith('XDG_')]: del os.environ[o]
    print(f'The home folder cannot be written: settings and progress are kept in {own}')

def home_works():
    "Can Jupyter's folders be written?"
    from jupyter_core.paths import jupyter_config_dir, jupyter_data_dir, jupyter_runtime_dir
    if not os.path.isabs(os.path.expanduser('~')): return False # there is no home: `~` would become a folder's name
    try:
        for o in (jupyter_config_dir(), jupyter_data_dir(), jupyter_runtime_dir()):
            os.makedirs(o, exist_ok=True)
            if not os.access(o, os.W_OK): return False
    except (OSError, RuntimeError): return False
    return True

def trust(paths):
    "Sign notebooks as trusted, or JupyterLab does not show the pictures stored in them"
    paths = list(paths)
    if not paths: return
    try:
        from nbformat import read, sign
        notary = sign.NotebookNotary()
        for o in paths: notary.sign(read(o, as_version=4))
    except Exception as e: print(f'The notebooks could not be marked as trusted, pictures show once a cell is run: {e}')

def options(folder):
    "JupyterLab on the map in `folder`, with this environment's kernel, without news from elsewhere and without asking for it"
    res = ['--LabApp.default_url=/lab/tree/index.ipynb', f'--ServerApp.root_dir={folder}', '--Application.log_level=WARN',
           '--ServerApp.kernel_spec_manager_class=kernel.OwnKernel', f'--LabApp.app_settings_dir={root}/tools/jupyterlab',
           '--LabApp.news_url=None', '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate']
    return res + ['--allow-root']*(hasattr(os, 'geteuid') and os.geteuid() == 0)

def main(args):
    folder = nbs
    home(root/'work/.home')
    if '--edit' in args:
        args.remove('--edit')
        trust(folder.rglob('*.ipynb'))
    else:
        folder = root/'work'
        try: done = update(nbs, folder)
        except OSError as e:
            said,done = f'The copy of the lessons in {folder} could not be written: {e}', []
            if not (folder/'index.ipynb').exists(): sys.exit(said)
            print(said+'\nIt opens as it is.')
        else: tell(done, folder)
        trust(folder/o for word,o in done if o.endswith('.ipynb') and word not in ('removed', 'kept'))
    print('JupyterLab starts. To stop it, press Ctrl-C here twice.', flush=True)
    os.chdir(folder)
    from jupyterlab.labapp import main
    main(options(folder)+args)


if __name__ == '__main__':
    try: main(sys.argv[1:])
    except KeyboardInterrupt: print('\nstopped')
