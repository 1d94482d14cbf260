"""All lessons in one PDF, to read offline: `python tools/book.py [OUT.pdf]`. Its pages are those of the site in `_docs/html`, which
`make book` builds first. Chromium or Chrome prints each of them, and pypdf binds them: a link from one lesson to another stays one."""
import os, re, shutil, subprocess, sys, tempfile
from pathlib import Path
from urllib.parse import unquote

from project import cfg, lessons, root

site = root/'_docs/html'
url = cfg['doc_host']+cfg['doc_baseurl']+'/' # where links out of the book lead

# what is folded is opened, but for help, since paper cannot fold; a link to each place, so that the PDF knows where it is
READY = """() => {
    for (const d of document.querySelectorAll('article details.help')) d.remove()
    for (const d of document.querySelectorAll('article details')) d.open = true
    for (const i of document.images) i.loading = 'eager'
    for (const e of document.querySelectorAll('article [id]')) {
        const a = document.createElement('a')
        Object.assign(a, { href: '#' + encodeURIComponent(e.id), hidden: true })
        document.body.append(a)
    }
    return Promise.all([document.fonts.ready, ...[...document.images].map(i => i.decode().catch(() => 0))])
        .then(() => document.querySelector('h1').firstChild.textContent)
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

def pages():
    "Names of the pages that make the book"
    return ['index', *(p.stem for p in lessons()), 'glossary', 'notation', 'myths']

def print_pdf(browser, page, dest):
    "Print the file `page`; returns its title"
    t = browser.new_page(color_scheme='light')
    t.goto(page.as_uri(), wait_until='load')
    title = t.evaluate(READY)
    foot = f'<div style="font-size:8px;width:100%;text-align:center">{title} · <span class="pageNumber"></span></div>'
    t.pdf(path=str(dest), format='A4', outline=True, tagged=True, # without tags it makes no outline
          display_header_footer=True, header_template='<i></i>', footer_template=foot,
          margin=dict(top='16mm', bottom='16mm', left='15mm', right='15mm'))
    t.close()
    return title

def bind(parts, folder, out):
    "One PDF of `[(file, title, its PDF)]`, whose files lie in `folder`. Links between them lead to the place, others to the site"
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import ArrayObject, FloatObject, NameObject, NullObject, TextStringObject
    book, owners, starts, places = PdfWriter(), [], {}, {}
    for file,title,pdf in parts:
        r, n = PdfReader(pdf), len(book.pages)
        book.append(r)
        book.set_page_label(n, len(book.pages)-1, style='/D', prefix=f'{title} · ', start=1)
        starts[file] = n
        owners += [file]*len(r.pages)
        for name,d in r.named_destinations.items():
            places[file, unquote(name[1:])] = n+r.get_destination_page_number(d), d.get('/Top', 0)
    for file,page in zip(owners, book.pages):
        for link in (a.get_object() for a in page.get('/Annots', ())):
            here, dest = link.get('/A', {}).get('/URI'), link.get('/Dest')
            if here and not here.startswith('file:'): continue
            path,_,name = here.partition('#') if here else (file, '', str(dest)[1:])
            path = Path(unquote(re.sub('^file://', '', path)))
            path = path.relative_to(folder).as_posix() if path.is_absolute() else path.as_posix()
            if path in starts:
                n,top = places.get((path, unquote(name))) or (starts[path], 0)
                to = ArrayObject([book.pages[n].indirect_reference, NameObject('/XYZ'), NullObject(),
                                  FloatObject(top) if top else NullObject(), NullObject()])
                link.pop('/A', 0)
                link[NameObject('/Dest')] = to
            else: link['/A'][NameObject('/URI')] = TextStringObject(url+path+('#'+name if name else ''))
    for o in outlines(book.get_outline_root()): # Chromium says a heading twice that a page break comes before
        o[NameObject('/Title')] = TextStringObject(re.sub(r'^(.+)\1$', r'\1', o['/Title']))
    book.write(out)

def outlines(o):
    o = o.get('/First')
    while o:
        o = o.get_object()
        yield o
        yield from outlines(o)
        o = o.get('/Next')

def main(out=root/f"_docs/{cfg['lib_name']}.pdf"):
    from playwright.sync_api import sync_playwright
    out,path = Path(out).absolute(),browser() or sys.exit('the book is printed by Chromium or Chrome: install one')
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as d, sync_playwright() as p:
        b = p.chromium.launch(executable_path=path, args=['--no-sandbox']*(os.name=='posix' and os.getuid()==0))
        parts = [(f'{o}.html', print_pdf(b, site/f'{o}.html', Path(d)/f'{o}.pdf'), Path(d)/f'{o}.pdf') for o in pages()]
        b.close()
        bind(parts, site, out.with_suffix('.part'))
    os.replace(out.with_suffix('.part'), out)
    print(f'{out.stat().st_size/2**20:.1f} MB in {out.name}')

if __name__ == '__main__': main(*sys.argv[1:2])
