"""The reference: a page for each module with every exported name, and links to it from names in backticks.

Sphinx's autodoc writes the entries; a hook gives it the docments. The pages that call autodoc are written to
`nbs/reference/` when a build starts and removed when it ends: builds take turns.
The answers (`groundup.exercises`) are never in it: they would spoil the exercises."""
import ast, importlib, inspect, os, re, shutil
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace
from docutils import nodes
from fastcore.docments import docments
from sphinx import addnodes
from sphinx.pycode import ModuleAnalyzer
from project import cells, directives, module, source
from reader import declared, statements, title

empty, load = inspect.Parameter.empty, importlib.import_module
alias = {'nn': 'torch.nn', 'F': 'torch.nn.functional', 'Tensor': 'torch.Tensor', 'np': 'numpy', 'plt': 'matplotlib.pyplot'}

# --- what each notebook makes

def slug(s): return re.sub(r'[^\w\- ]', '', s.lower()).replace(' ', '-')

def notebook(path, nbs):
    "A notebook's page, title and module, what it imports, its exercises, and for each exported name the section it is in"
    cs, section = cells(path), ''
    nb = SimpleNamespace(doc=path.relative_to(nbs).with_suffix('').as_posix(), title=title(cs), module=module(path) or '',
                         sections={}, imports={}, exercises={d.name for c in cs for k,d,_ in declared(c) if k=='exercise'})
    for c in cs:
        if c['cell_type']=='markdown': section = (re.findall(r'^## (.+)', source(c), re.M) or [section])[-1]
        ds = [d.split() for d in directives(c)]
        for d in statements(c):
            if isinstance(d, ast.ImportFrom): nb.imports.update({a.asname or a.name: f'{d.module}.{a.name}' for a in d.names})
            elif any(d[0] in ('export', 'exports') for d in ds): nb.sections.update({n: section for n in defined(d)})
    return nb

def defined(d):
    "Names that a statement defines"
    if hasattr(d, 'name'): return [d.name]
    return [t.id for t in getattr(d, 'targets', [getattr(d, 'target', None)]) if hasattr(t, 'id')]

# --- the names of a module

def members(cls):
    "Public methods and properties that a class defines itself"
    kinds = (FunctionType, property, staticmethod, classmethod)
    return [k for k,v in vars(cls).items() if (k=='__call__' or k[0]!='_') and isinstance(v, kinds)]

def patched(m):
    "Functions of a module that became methods, and where: `{'plot': 'Ladder.plot'}`"
    classes = [(c, o) for c in m.__all__ if inspect.isclass(o := getattr(m, c))]
    return {v.__name__: f'{c}.{k}' for c,o in classes for k,v in vars(o).items()
            if isinstance(v, FunctionType) and vars(m).get(v.__name__) is v}

def exports(m, nb):
    "A module's names in its notebook's order; a function that became a method is shown there"
    order = list(nb.sections)
    return sorted(set(m.__all__)-set(patched(m)), key=lambda n: (order.index(n) if n in order else -1, n))

class Names:
    "Every exported name of the library, and what a name in backticks means on a page"
    def __init__(self, lib, nbs):
        from nbdev.doclinks import NbdevLookup
        self.lib, self.foreign = lib, NbdevLookup(incl_libs=('nbdev-pytorch', 'nbdev-numpy'))
        paths = [p for g in ('[0-9][0-9]_*', 'support/**/*', 'answers/*') for p in sorted(Path(nbs).glob(g+'.ipynb'))]
        books = [notebook(p, nbs) for p in paths]
        self.pages = {b.doc: b for b in books}
        self.modules = {f'{lib}.{b.module}': b for b in books if b.module and not b.module.startswith('exercises.')}
        self.own = {}                                           # full name -> module
        for mod,nb in self.modules.items():
            for n in exports(load(mod), nb):
                o = getattr(load(mod), n)
                inside = [f'{n}.{k}' for k in members(o)] if inspect.isclass(o) else []
                self.own.update({f'{mod}.{k}': mod for k in [n, *inside]})

    def module_of(self, page):
        "The module that a page is about: an answers page is about its lesson's"
        if page.startswith('reference/'): return f'{self.lib}.{page[10:]}'
        module = self.pages[page].module if page in self.pages else ''
        return module and f"{self.lib}.{module.removeprefix('exercises.')}"

    def full(self, t, mod):
        "What `t` is called in full where `mod` is read: its own names first, then what it imports"
        for f in (f'{mod}.{t}', f'{self.lib}.{t}', t):
            if f in self.own: return f
        head, dot, rest = t.partition('.')
        o = vars(load(mod)).get(head) if mod in self.modules else None
        if isinstance(o, ModuleType): head = o.__name__
        elif isinstance(o, (type, FunctionType)): head = f'{o.__module__}.{o.__qualname__}'
        return alias.get(head, head) + dot + rest

    def link(self, t, page):
        "`(full name, '')` for our own, `('', address)` for PyTorch's and NumPy's, None for all else"
        if not re.fullmatch(r'[A-Za-z_][\w.]*(\(\))?', t): return
        t, mod = t.removesuffix('()'), self.module_of(page)
        head, dot, rest = t.partition('.')
        imports = self.pages[page].imports if page in self.pages else {}
        for f in (self.full(t, mod), imports.get(head, '')+dot+rest):
            if f in self.own: return f, ''
            if '.' in f and not f.startswith(f'{self.lib}.') and (url := self.foreign.doc(f)): return '', url
        if any(t in b.exercises for b in self.pages.values() if self.module_of(b.doc)==mod): return
        same = [f for f in self.own if f.endswith('.'+t)]
        if len(same)==1 and re.search('[._]', t): return same[0], ''      # a plain word may mean something else

names = cache(Names)

# --- the entry of a name

def rst(s):
    "Markdown's code and plain words, as reStructuredText"
    parts = re.split(r'`([^`]+)`', s)
    return ''.join(rf'\ ``{p}``\ ' if i%2 else re.sub(r'([\\*|_`<])', r'\\\1', p) for i,p in enumerate(parts))

def documented(app, what, name, o, options, lines):
    "Autodoc's hook for docstrings: the text, then each parameter in order, with its type and its docment"
    said = '\n'.join(lines).strip()
    if what in ('module', 'data') or said.startswith(name.split('.')[-1]+'('): said = ''   # what Python writes by itself
    lines[:] = [*map(rst, said.split('\n')), '']
    try: params = docments(o.fget if what=='property' else o, full=True)
    except Exception: return                                    # builtins and the like have no source
    name_of = lambda a: '' if a in (empty, None, type(None)) else a if isinstance(a, str) else getattr(a, '__name__', str(a))
    if not any(v.docment or name_of(v.anno) for v in params.values()): return
    mod = names(app.config.groundup_lib, app.srcdir).own[name]
    *cls, last = name[len(mod)+1:].split('.')
    plain = cls and isinstance(inspect.getattr_static(getattr(load(mod), cls[0]), last), FunctionType)
    own = next(iter(params)) if plain else 'self' if what in ('class', 'property') else ''   # the object itself
    for k,v in params.items():
        anno, text = name_of(v.anno), rst(' '.join((v.docment or '').split()))
        if k=='return' and (anno or text): lines.append(':returns: ' + ' – '.join(filter(None, [anno and f'``{anno}``', text])))
        if k not in (own, 'return'): lines += [f':param {k}: {text}'] + [f':type {k}: ``{anno}``']*bool(anno)

def directive(kind, name, *parts, options=()):
    body = '\n'.join([*options, '', *(p+'\n' for p in parts)])
    return f'.. auto{kind}:: {name}\n' + re.sub('^(?=.)', '   ', body, flags=re.M)

def entry(mod, name, taught):
    "An exported name; a class with its methods in the order in which the lesson writes them"
    o, full = getattr(load(mod), name), f'{mod}.{name}'
    if not inspect.isclass(o):
        if callable(o): return directive('function', full, taught)
        return directive('data', full, taught, options=[':no-value:']*(len(repr(o))>40))
    kind = lambda k: 'property' if isinstance(vars(o)[k], property) else 'method'
    return directive('class', full, taught, *(directive(kind(k), f'{full}.{k}') for k in members(o)))

# --- the pages

def taught(nb, name):
    "The line that leads to the section which builds a name"
    section = nb.sections.get(name, '')
    place = rst(f'../{nb.doc}.html' + (f'#{slug(section)}' if section else ''))
    return f".. rst-class:: taught\n\n{'From' if '/' in nb.doc else 'Taught in'} `{rst((section or nb.title).replace('`', ''))} <{place}>`__"

def heading(text): return f'{text}\n{"="*len(text)}'

def module_page(mod, nb):
    kind = 'Tools for authors' if '/' in nb.doc else 'Lesson'
    head = [heading(mod), f'.. rst-class:: subtitle\n\n{kind}: :doc:`{nb.title} </{nb.doc}>`', f'.. py:module:: {mod}']
    return '\n\n'.join(head + [entry(mod, n, taught(nb, n)) for n in exports(load(mod), nb)]) + '\n'

def index_page(ns):
    yield f'# Reference\n\nEvery name that `{ns.lib}` exports, with its source and the lesson that builds it.\n'
    for caption,tools in (('Lessons', False), ('Tools for authors', True)):
        yield f'## {caption}\n'
        for mod,nb in ns.modules.items():
            if ('/' in nb.doc)!=tools or not (found := exports(m := load(mod), nb)): continue
            line = lambda o: (inspect.getdoc(o) or '').split('\n')[0].replace('|', '\\|') if callable(o) else ''
            rows = [f'| {{py:obj}}`{n} <{mod}.{n}>` | {line(getattr(m, n))} |' for n in found]
            yield '\n'.join([f'### [{nb.module}]({nb.module}.rst)\n', '| Name | What it is |', '|---|---|', *rows, ''])
    yield '\n'.join(['```{toctree}\n:hidden:\n', *(f'{nb.module} <{nb.module}>' for nb in ns.modules.values()), '```\n'])

def turn(app):
    "Wait for another build of this folder. The lock is the kernel's: it ends with its holder, however that ends"
    try: import fcntl
    except ImportError: return                                  # Windows
    app.turn = open(__file__, encoding='utf-8')
    try: fcntl.flock(app.turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print('Another build of the site is at work: waiting for it.', flush=True)
        fcntl.flock(app.turn, fcntl.LOCK_EX)
    except OSError: pass                                        # a file system without locks

def write_pages(app):
    ns, folder = names(app.config.groundup_lib, app.srcdir), Path(app.srcdir)/'reference'
    folder.mkdir(exist_ok=True)
    newest = 0
    for mod,nb in ns.modules.items():
        made = max(os.path.getmtime(load(mod).__file__), os.path.getmtime(f'{app.srcdir}/{nb.doc}.ipynb'))
        newest = max(newest, made)
        save(folder/f'{nb.module}.rst', module_page(mod, nb), made)
    save(folder/'index.md', '\n'.join(index_page(ns)), newest)

def save(path, text, time):
    "Write with the time of what the page was made from: Sphinx reads it again only when that changed"
    path.write_text(text, encoding='utf-8')
    os.utime(path, (time, time))

def tidy_up(app, exception):
    "No trace in `nbs/`, and no source maps (5 MB) in the site"
    shutil.rmtree(Path(app.srcdir)/'reference', ignore_errors=True)
    for p in Path(app.outdir).glob('_static/**/*.map'): p.unlink()
    if hasattr(app, 'turn'): app.turn.close()

# --- links

def in_link(n):
    "A link in a link would take its text away"
    return n is not None and (isinstance(n, (nodes.reference, addnodes.pending_xref)) or in_link(n.parent))

def link_names(app, doctree):
    "A name in backticks leads to the reference, or to the pages of PyTorch and NumPy: once in each section"
    ns, page, seen = names(app.config.groundup_lib, app.srcdir), app.env.current_document.docname, set()
    for n in list(doctree.findall(lambda n: isinstance(n, (nodes.literal, nodes.section)))):
        if isinstance(n, nodes.section): seen.clear(); continue
        if in_link(n) or isinstance(n.parent, nodes.title) or set(n['classes'])-{'code'}: continue
        t = n.astext()
        if t in seen or not (found := ns.link(t, page)): continue
        if not page.startswith('reference/'): seen.add(t)
        full, url = found
        to = dict(refdomain='py', reftype='obj', reftarget=full, refexplicit=True, refwarn=True, refdoc=page)
        x = addnodes.pending_xref('', **to) if full else nodes.reference('', '', refuri=url)
        n.replace_self(x); x += n

def parameters(app, pagename, templatename, ctx, doctree):
    "The parameters of a long signature, one a line: Sphinx writes a list of definitions that has no terms, which is no HTML"
    def lines(m): return '<div class="params">' + m[1].replace('<dd>', '<div>').replace('</dd>', '</div>') + '</div>'
    if ctx.get('body'): ctx['body'] = re.sub(r'<dl>\s*((?:<dd><em class="sig-param">.*?</dd>\s*)+)</dl>', lines, ctx['body'], flags=re.S)

def find_source(app, mod):
    "For viewcode: the place of methods that were written outside of their class"
    a = ModuleAnalyzer.for_module(mod); a.find_tags()
    return a.code, a.tags | {method: a.tags[f] for f,method in patched(load(mod)).items() if f in a.tags}

def setup(app):
    turn(app)
    app.setup_extension('sphinx.ext.viewcode')
    app.setup_extension('sphinx.ext.autodoc')
    app.connect('autodoc-process-docstring', documented)
    app.connect('builder-inited', write_pages)
    app.connect('build-finished', tidy_up)
    app.connect('doctree-read', link_names)
    app.connect('viewcode-find-source', find_source)
    app.connect('html-page-context', parameters)
    return dict(parallel_read_safe=True, parallel_write_safe=True, version='1')
