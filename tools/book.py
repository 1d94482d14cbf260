"""All lessons in one PDF, to read offline: `python tools/book.py [OUT.pdf]`. The pages are those of the site, so it needs
Chromium or Chrome, which prints them."""
import os, shutil, subprocess, sys, tempfile
from pathlib import Path

from project import cfg, root

# open what is folded (paper cannot), take links away that lead out of the book, begin each lesson on a new page
READY = """() => {
    for (const d of document.querySelectorAll('article details')) d.open = true
    for (const i of document.images) i.loading = 'eager'
    for (const a of document.querySelectorAll('article a[href^="#"]'))
        if (!document.getElementById(decodeURIComponent(a.hash.slice(1)))) a.replaceWith(...a.childNodes)
    document.querySelectorAll('article h1').forEach((h, i) => { if (i) h.style.breakBefore = 'page' })
    return Promise.all([document.fonts.ready, ...[...document.images].map(i => i.decode().catch(() => 0))]).then(() => 0)
}"""

browsers = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable',
            '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
            '/Applications/Chromium.app/Contents/MacOS/Chromium']

def browser():
    "Path of a Chromium or Chrome that starts, or None"
    for o in filter(None, map(shutil.which, browsers)):
        try: # on Ubuntu, chromium-browser may be a script that only asks for a snap
            if not subprocess.run([o, '--version'], capture_output=True, timeout=60).returncode: return o
        except (OSError, subprocess.TimeoutExpired): continue

def build(folder):
    "The lessons and what belongs to them as one page"
    cmd = [sys.executable, '-m', 'sphinx', '-q', '-t', 'book', '-b', 'singlehtml', '-D', 'suppress_warnings=toc.not_included',
           '-c', 'docs', 'nbs', str(folder)]
    if subprocess.run(cmd, cwd=root).returncode: sys.exit('the page was not built')
    return folder/'index.html'

def print_pdf(browser, page, dest):
    foot = '<div style="font-size:8px;width:100%;text-align:center"><span class="pageNumber"></span></div>'
    t = browser.new_page(color_scheme='light')
    t.goto(page.as_uri(), wait_until='load')
    t.evaluate(READY)
    t.pdf(path=str(dest), format='A4', outline=True, tagged=True, display_header_footer=True, header_template='<i></i>',
          footer_template=foot, margin=dict(top='16mm', bottom='16mm', left='15mm', right='15mm'))
    t.close()

def main(out=root/f"_docs/{cfg['lib_name']}.pdf"):
    from playwright.sync_api import sync_playwright
    out,path = Path(out).absolute(),browser() or sys.exit('the book is printed by Chromium or Chrome: install one')
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as d, sync_playwright() as p:
        b = p.chromium.launch(executable_path=path, args=['--no-sandbox']*(os.name=='posix' and os.getuid()==0))
        print_pdf(b, build(Path(d)/'book'), out.with_suffix('.part'))
        b.close()
    os.replace(out.with_suffix('.part'), out)
    print(f'{out.stat().st_size/2**20:.1f} MB in {out.name}')

if __name__ == '__main__': main(*sys.argv[1:2])
