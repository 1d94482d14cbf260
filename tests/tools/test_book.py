"The book of all lessons: what is made ready for paper, and how pages are bound. (`make book` itself builds the whole site.)"
import book, pytest

def page(title, body): return f'<!doctype html><html><head><title>t</title><style>h1 a{{display:none}}</style></head><body><article><h1>{title}<a href="#">#</a></h1>{body}</article></body></html>'

SITE = {'one.html': page('One', '<p><a href="two.html#b">to two</a> <a href="#deep">down</a> <a href="reference/x.html#y.z">to the site</a> '
                         '<a href="https://example.org/">out</a></p><details><summary>Answer</summary><p>forty-two</p></details>'
                         '<details class="answer help"><summary>Hint</summary><p>a hint</p></details>'
                         '<h2 id="deep" style="break-before:page">Deep</h2>'),
        'two.html': page('Two', '<p style="height:40cm">long</p><h2 id="b">B</h2><p><a href="one.html">to one</a></p>')}

@pytest.fixture(scope='module')
def printed(browser, tmp_path_factory):
    "The folder of a small site, and the parts of its book"
    d = tmp_path_factory.mktemp('site')
    for name,text in SITE.items(): (d/name).write_text(text, encoding='utf8')
    return d, [(name, book.print_pdf(browser, d/name, d/f'{name}.pdf'), d/f'{name}.pdf') for name in SITE]

def test_made_ready_for_paper(browser, printed):
    "Folds are open, hints are gone, the title is that of the page"
    t = browser.new_page()
    t.goto((printed[0]/'one.html').as_uri())
    assert t.evaluate(book.READY)=='One'
    assert t.is_visible('text=forty-two') and not t.query_selector('text=a hint')
    t.close()

def test_bound(printed):
    "Links lead to their page and its place, or to the site; the outline has each heading once; pages are counted in each part"
    from pypdf import PdfReader
    d,parts = printed
    book.bind(parts, d, d/'book.pdf')
    r = PdfReader(d/'book.pdf')
    n = len(PdfReader(parts[0][2]).pages)
    links = {}
    for k,p in enumerate(r.pages):
        for a in (a.get_object() for a in p.get('/Annots', ())):
            to = a['/Dest'] if '/Dest' in a else a['/A']['/URI']
            links.setdefault(k, []).append(to if isinstance(to, str) else (r.get_page_number(to[0].get_object()), float(to[3] or 0)))
    first,last = links[0],links[len(r.pages)-1]
    assert {o for o in first if isinstance(o, str)}=={'https://example.org/', book.url+'reference/x.html#y.z'}
    places = [o for o in first if not isinstance(o, str)]
    assert [k for k,_ in places][-2:]==[len(r.pages)-1, 1] and all(y>0 for _,y in places[-2:])
    assert last[-1][0]==0
    assert [parts[0][1],parts[1][1]]==['One','Two'] and r.page_labels[n-1:n+1]==[f'One · {n}','Two · 1']
    def titles(o): return [titles(x) if isinstance(x, list) else x.title for x in o]
    assert titles(r.outline)==['One', ['Deep'], 'Two', ['B']]
