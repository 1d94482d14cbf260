"What the tests share: a data folder of their own, the notebooks, and a browser where there is one"
import os, shutil, subprocess, sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

root = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root/'tools'))
lessons = sorted((root/'nbs').glob('[0-9][0-9]_*.ipynb'))
browsers = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable',
            '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
            '/Applications/Chromium.app/Contents/MacOS/Chromium']
advice = 'no Chromium or Chrome is installed: sudo apt install chromium (macOS: brew install --cask chromium), then make test ONLY=pytest'


# random examples are the same in each run, and no verdict depends on the speed of the machine
settings.register_profile('groundup', derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('groundup')


@pytest.fixture(scope='session', autouse=True)
def own_data(tmp_path_factory):
    "Nobody's progress is read or changed"
    os.environ['GROUNDUP_DATA'] = str(tmp_path_factory.mktemp('data'))

@pytest.fixture(scope='session')
def chromium():
    "Path of the system's Chromium; without one the test is skipped, or fails where GROUNDUP_BROWSER=required"
    for o in filter(None, map(shutil.which, browsers)):
        try: # on Ubuntu, chromium-browser may be a script that only asks for a snap
            if not subprocess.run([o, '--version'], capture_output=True, timeout=60).returncode: return o
        except (OSError, subprocess.TimeoutExpired): continue
    if os.environ.get('GROUNDUP_BROWSER') == 'required': pytest.fail(advice)
    pytest.skip(advice)

@pytest.fixture(scope='module')
def browser(chromium):
    "Playwright's browser, without its own download and without requests of its own; two at once would clash"
    from playwright.sync_api import sync_playwright
    args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update',
            '--disable-sync', '--no-first-run', '--disable-dev-shm-usage']
    with sync_playwright() as p:
        res = p.chromium.launch(executable_path=chromium, args=args, timeout=240_000)
        yield res
        res.close()
