"The book of all lessons: what is made ready for paper, and that a PDF comes out. (`make book` itself builds the whole site.)"
import book

PAGE = """<!doctype html><html><head><title>t</title></head><body><article>
<h1 id="one">One</h1><p><a href="#two">to two</a> <a href="#gone">to <code>nowhere</code></a> <a href="https://example.org/">out</a></p>
<details><summary>Answer</summary><p>forty-two</p></details>
<h1 id="two">Two</h1></article></body></html>"""

def test_made_ready_for_paper(browser):
    "Folds are open, links that lead out of the book are text, each lesson but the first begins a page"
    t = browser.new_page()
    t.set_content(PAGE)
    t.evaluate(book.READY)
    assert t.evaluate("[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))")==['#two','https://example.org/']
    assert t.inner_text('p')=='to two to nowhere out' and t.is_visible('text=forty-two')
    assert t.evaluate("[...document.querySelectorAll('h1')].map(h => h.style.breakBefore)")==['','page']
    t.close()

def test_prints(browser, tmp_path):
    (tmp_path/'index.html').write_text(PAGE, encoding='utf8')
    book.print_pdf(browser, tmp_path/'index.html', tmp_path/'b.pdf')
    raw = (tmp_path/'b.pdf').read_bytes()
    assert raw.startswith(b'%PDF') and raw.rstrip().endswith(b'%%EOF') and b'/Count 2' in raw
