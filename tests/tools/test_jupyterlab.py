"""A learner's first hour, end to end: `make lab`'s own server, lesson 01 in a real browser, every cell run, one exercise
written wrongly and then rightly."""
import json, os, shutil, socket, subprocess, sys, time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

root = Path(__file__).resolve().parent.parent.parent
lesson = '01_matmul'
stub = 'def matvec(a, v)'
ask = '\n\nex.matvec.check(matvec)'
wrong = stub + ':\n    return a*v' + ask
right = stub + ''':
    res = torch.zeros(len(a), dtype=a.dtype)
    for i,row in enumerate(a):
        for k,o in enumerate(row): res[i] += o*v[k]
    return res''' + ask
limit = 240 # seconds for anything that is waited for: a busy machine is slow, not wrong

pytestmark = pytest.mark.skipif(not (root/f'nbs/{lesson}.ipynb').exists(), reason=f'there is no lesson {lesson}')


def written(path, proc):
    "What the file at `path` says once it is there and complete; None if `proc` ends or takes too long"
    end = time.time()+limit
    while proc.poll() is None and time.time() < end:
        try: return json.loads(path.read_text())
        except (OSError, ValueError): time.sleep(.2)

@pytest.fixture(scope='module')
def server(tmp_path_factory, chromium):
    """JupyterLab as `make lab` starts it, on a course and with settings in a temporary folder: its address and token. Elsewhere
    lie kernels of the same name that do not start"""
    tmp = tmp_path_factory.mktemp('my course')
    shutil.copytree(root/'nbs', tmp/'nbs', ignore=shutil.ignore_patterns('.ipynb_checkpoints'))
    shutil.copytree(root/'tools', tmp/'tools', ignore=shutil.ignore_patterns('__pycache__', 'assets'))
    shutil.copy(root/'settings.ini', tmp)
    dirs = {k: str(tmp/k.lower()) for k in ('JUPYTER_CONFIG_DIR', 'JUPYTER_DATA_DIR', 'JUPYTER_RUNTIME_DIR', 'IPYTHONDIR',
                                            'JUPYTERLAB_SETTINGS_DIR', 'JUPYTERLAB_WORKSPACES_DIR', 'GROUNDUP_DATA')}
    dirs['JUPYTER_PATH'],dirs['JUPYTER_PREFER_ENV_PATH'] = str(tmp/'others'),'0'
    for o in (tmp/'others', tmp/'jupyter_data_dir'):
        (o/'kernels/python3').mkdir(parents=True)
        (o/'kernels/python3/kernel.json').write_text('{"argv": ["/bin/false", "{connection_file}"], "display_name": "no", "language": "python"}')
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        port = s.getsockname()[1]
    log = open(tmp/'server.log', 'w+')
    cmd = [sys.executable, str(tmp/'tools/lab.py'), '--no-browser', '--ServerApp.ip=127.0.0.1', f'--ServerApp.port={port}',
           '--LabApp.expose_app_in_browser=True']
    proc = subprocess.Popen(cmd, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=os.environ | dirs)
    try:
        info = Path(dirs['JUPYTER_RUNTIME_DIR'])/f'jpserver-{proc.pid}.json'
        yield written(info, proc) or pytest.fail('the server did not start\n'+(tmp/'server.log').read_text()), tmp
    finally:
        proc.terminate()
        try: proc.wait(60)
        except subprocess.TimeoutExpired: proc.kill()
        log.seek(0)
        print(log.read()) # pytest shows it when a test failed


class Notebook:
    "The notebook that is open in `page`, through JupyterLab's own application object"
    def __init__(self, browser):
        self.page = browser.new_page(viewport=dict(width=1400, height=1000))
        self.page.set_default_timeout(limit*1000)
    js = 'jupyterapp.shell.currentWidget'
    def eval(self, code, *arg): return self.page.evaluate(code.replace('NB', self.js), *arg)
    def wait(self, code): self.page.wait_for_function(code.replace('NB', self.js))
    def cells(self): return self.eval('NB.content.model.sharedModel.toJSON().cells')
    def idle(self): self.wait("NB?.sessionContext?.session?.kernel?.status === 'idle'")
    def run_all(self):
        self.eval("() => { window.done = false; jupyterapp.commands.execute('notebook:run-all-cells').then(() => window.done = true) }")
        self.wait('window.done')
        self.idle()
    def index(self, text): return next(i for i,c in enumerate(self.cells()) if c['cell_type'] == 'code' and ''.join(c['source']).startswith(text))
    def write(self, i, src):
        "Put the cursor into cell `i` and type `src` as the learner would paste it"
        self.eval('i => { NB.content.activeCellIndex = i; NB.content.scrollToItem(i, "center") }', i)
        editor = self.page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{i}"] .cm-content')
        editor.click()
        self.page.keyboard.press('ControlOrMeta+a')
        self.page.keyboard.insert_text(src)
        self.eval_until(f'NB.content.model.sharedModel.cells[{i}].getSource()', src)
    def run(self, i):
        self.eval("i => { NB.content.activeCellIndex = i; NB.content.deselectAll(); window.done = false;"
                  "jupyterapp.commands.execute('notebook:run-cell').then(() => window.done = true) }", i)
        self.wait('window.done')
        self.idle()
    def eval_until(self, code, value):
        self.page.wait_for_function(f'v => ({code}) === v'.replace('NB', self.js), arg=value)
    def shows(self, i, *words, without=None):
        "Wait until cell `i` shows all `words` below it, and not the word `without`"
        self.eval('i => NB.content.scrollToItem(i, "center")', i)
        out,said = self.page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{i}"] .jp-OutputArea-output'),''
        end = time.time()+60
        while time.time() < end:
            said = ' '.join(out.all_inner_texts())
            if all(w in said for w in words) and (without is None or without not in said): return
            self.page.wait_for_timeout(200)
        pytest.fail(f'cell {i} shows {said!r} and not {words}')


def test_lesson(server, browser):
    info,tmp = server
    assert (tmp/'work/.groundup.json').exists()
    nb,elsewhere = Notebook(browser),[]
    page = nb.page
    page.on('request', lambda r: elsewhere.append(r.url) if urlsplit(r.url).hostname not in ('127.0.0.1', 'localhost', None) else None)
    page.goto(f"{info['url']}lab/tree/{lesson}.ipynb?token={info['token']}")
    nb.wait("window.jupyterapp && NB?.content?.model?.cells?.length > 3")
    nb.idle()
    assert page.locator('.jp-Notebook').first.is_visible()

    # nothing asks whether to fetch news
    settings = json.loads(page.evaluate("fetch('/lab/api/settings/@jupyterlab/apputils-extension:notification',"
                                        " {headers: {Authorization: 'token '+t}}).then(r => r.text())".replace('t}', f'"{info["token"]}"}}')))
    assert settings['schema']['properties']['fetchNews']['default'] == 'false'

    # every cell runs, though no exercise is solved
    start = time.time()
    nb.run_all()
    cells = nb.cells()
    code = [c for c in cells if c['cell_type'] == 'code' and ''.join(c['source']).strip()]
    wanted = [c for c in code if 'raises-exception' not in c['metadata'].get('tags', [])]
    errors = [''.join(c['source'])[:200] + '\n' + '\n'.join(o['traceback']) for c in wanted for o in c['outputs'] if o['output_type'] == 'error']
    assert not errors, '\n'.join(errors)
    assert len(code) > 20 and all(c['execution_count'] for c in code)
    print(f'{len(code)} cells of {lesson} ran in {time.time()-start:.0f} s')

    # the first exercise: not written, wrong with the mistake by its name, right
    i = nb.index(stub)
    assert ''.join(nb.cells()[i]['source']).endswith(ask)
    nb.shows(i, 'not written yet')
    nb.write(i, wrong)
    nb.run(i)
    nb.shows(i, 'wrong', 'not added up')
    nb.write(i, right)
    nb.run(i)
    nb.shows(i, 'right', without='wrong')

    assert not page.get_by_text('Jupyter news').count()

    # saved in the learner's copy only, progress in the learner's data
    nb.eval("() => { window.done = false; jupyterapp.commands.execute('docmanager:save').then(() => window.done = true) }")
    nb.wait('window.done')
    assert 'res[i] += o*v[k]' in (tmp/f'work/{lesson}.ipynb').read_text()
    assert (tmp/f'nbs/{lesson}.ipynb').read_text() == (root/f'nbs/{lesson}.ipynb').read_text()
    assert 'matvec' in (tmp/'groundup_data/progress.json').read_text()
    assert not elsewhere, f'requests to other hosts: {elsewhere}'
    page.close()

def test_map(server, browser):
    "The address that `make lab` opens shows the map, with its picture, and a link leads to the lesson"
    info,_ = server
    nb = Notebook(browser)
    nb.page.goto(f"{info['url']}lab/tree/index.ipynb?reset&token={info['token']}")
    nb.wait("window.jupyterapp && NB?.content?.model?.cells?.length > 0 && NB.context.path === 'index.ipynb'")
    nb.page.locator('.jp-MarkdownOutput h1').first.wait_for()
    nb.page.wait_for_function("[...document.querySelectorAll('.jp-MarkdownOutput img')].every(o => o.complete && o.naturalWidth > 0)")
    nb.page.locator(f'.jp-MarkdownOutput a[href*="{lesson}"]').first.click()
    nb.wait(f"NB?.context?.path === '{lesson}.ipynb'")
    nb.page.close()
