"""The reference: a page for each module with every exported name, and links to it from names in backticks.

The pages are Markdown, written to `nbs/reference/` when a build starts and removed when it ends: builds take turns.
The answers (`groundup.exercises`) are never in it: they would spoil the exercises."""
import ast, importlib, inspect, os, re, shutil
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType, SimpleNamespace
from docutils import nodes
from fastcore.docments import docments
from sphinx import addnodes
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective
from reader import cells, declared, directives, source, statements, title

empty, load = inspect.Parameter.empty, importlib.import_module
alias = {'nn': 'torch.nn', 'F': 'torch.nn.functional', 'Tensor': 'torch.Tensor', 'np': 'numpy', 'plt': 'matplotlib.pyplot'}

# --- what each notebook makes

def slug(s): return re.sub(r'[^\w\- ]', '', s.lower()).replace(' ', '-')

def notebook(path, nbs):
    "A notebook's page, title and module, what it imports, its exercises, and for each exported name the section it is in"
    cs, section = cells(path), ''
    nb = SimpleNamespace(doc=path.relative_to(nbs).with_suffix('').as_posix(), title=title(cs), module='',
                         sections={}, imports={}, exercises={d.name for c in cs for k,d,_ in declared(c) if k=='exercise'})
    for c in cs:
        if c['cell_type']=='markdown': section = (re.findall(r'^## (.+)', source(c), re.M) or [section])[-1]
        ds = [d.split() for d in directives(c)]
        nb.module = nb.module or next((d[1] for d in ds if d[0]=='default_exp'), '')
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
            if '.' in f and (url := self.foreign.doc(f)): return '', url
        if any(t in b.exercises for b in self.pages.values() if self.module_of(b.doc)==mod): return
        same = [f for f in self.own if f.endswith('.'+t)]
        if len(same)==1 and re.search('[._]', t): return same[0], ''      # a plain word may mean something else

names = cache(Names)

# --- the entry of a name

class Bare:
    "Shows a default value by its name"
    def __init__(self, o): self.text = getattr(o, '__name__', None) or repr(o)
    def __repr__(self): return self.text if len(self.text)<40 else '...'

def signature(f, skip=0):
    "Parameters and defaults; the types are in the table"
    try: ps = list(inspect.signature(f).parameters.values())[skip:]
    except (TypeError, ValueError): return ''
    bare = lambda v: v if v is empty else Bare(v)
    return str(inspect.Signature([p.replace(annotation=empty, default=bare(p.default)) for p in ps]))

def docstring(o):
    s = inspect.cleandoc(getattr(o, '__doc__', None) or '')
    return '' if inspect.isclass(o) and s.startswith(o.__name__+'(') else s     # dataclass writes such a line

def table(o):
    "The parameters with their docments; a column that would be empty is left out"
    try: ds = docments(o, full=True)
    except Exception: return ''                                 # builtins and the like have no source
    said = {k: v for k,v in ds.items() if v.docment or v.anno is not empty}
    ds = {k: v for k,v in ds.items() if k not in ('self', 'cls') and (k!='return' or k in said)}
    if not said.keys() & ds.keys(): return ''
    code = lambda a: '' if a in (empty, None, type(None)) else f"`{a if isinstance(a, str) else getattr(a, '__name__', None) or a}`"
    columns = {'Name': lambda k,v: '*returns*' if k=='return' else f'`{k}`', 'Type': lambda k,v: code(v.anno),
               'Default': lambda k,v: '' if k=='return' or v.default is empty else f'`{Bare(v.default)!r}`',
               'What it is': lambda k,v: v.docment or ''}
    tidy = lambda s: re.sub(r'\s+', ' ', s).replace('|', '\\|')
    cols = {h: c for h,f in columns.items() if any(c := [tidy(f(k, v)) for k,v in ds.items()])}
    return '\n'.join('| '+' | '.join(r)+' |' for r in (cols, ['---']*len(cols), *zip(*cols.values())))

def directive(kind, head, options, *parts, fence='`'*4):
    return '\n\n'.join([f'{fence}{{py:{kind}}} {head}\n'+'\n'.join(options)+'\n', *filter(None, parts), fence])

def member(cls, name, k, options):
    v = inspect.getattr_static(cls, k)
    if isinstance(v, property): return directive('property', f'{name}.{k}', options, docstring(v), table(v.fget))
    f, bound = getattr(cls, k), isinstance(v, (staticmethod, classmethod))
    options = options + [f':{type(v).__name__}:']*bound
    return directive('method', f'{name}.{k}{signature(f, 0 if bound else 1)}', options, docstring(f), table(f))

def entry(mod, name, taught='', index=True):
    "The Markdown of one exported name"
    o = getattr(load(mod), name)
    options = [f':module: {mod}'] + [':no-index:']*(not index)
    if inspect.isclass(o):
        parts = [member(o, name, k, options) for k in members(o)]
        return directive('class', name+signature(o), options, docstring(o), table(o), taught, *parts, fence='`'*5)
    if isinstance(o, FunctionType):
        return directive('function', name+signature(o), options, docstring(o), table(o), taught)
    if callable(o): return directive('function', name, options, docstring(o), taught)
    value = repr(o)
    return directive('data', name, options + [f':value: {value}']*(len(value)<40 and '\n' not in value), taught)

class Entry(SphinxDirective):
    "What nbdev's `show_doc(name)` becomes"
    required_arguments = 1
    def run(self):
        ns = names(self.config.groundup_lib, self.env.srcdir)
        full = ns.full(self.arguments[0], ns.module_of(self.env.docname))
        if full not in ns.own: raise self.error(f'{full} is not an exported name')
        mod = ns.own[full]
        return self.parse_text_to_nodes(entry(mod, full[len(mod)+1:].split('.')[0], index=False))

# --- the pages

def taught(nb, name):
    "The line that leads to the section which builds a name"
    section = nb.sections.get(name, '')
    place = f'{nb.doc}.ipynb' + (f'#{slug(section)}' if section else '')
    return f"{{.taught}}\n{'From' if '/' in nb.doc else 'Taught in'} [{section or nb.title}](../{place})"

def module_page(mod, nb):
    kind = 'Tools for authors' if '/' in nb.doc else 'Lesson'
    entries = [entry(mod, n, taught(nb, n)) for n in exports(load(mod), nb)]
    head = [f'# {mod}', f'{{.subtitle}}\n{kind}: [{nb.title}](../{nb.doc}.ipynb)', f'```{{py:module}} {mod}\n```']
    return '\n\n'.join(head + entries) + '\n'

def index_page(ns):
    yield f'# Reference\n\nEvery name that `{ns.lib}` exports, with its source and the lesson that builds it.\n'
    for mod,nb in ns.modules.items():
        m = load(mod)
        line = lambda o: docstring(o).split('\n')[0].replace('|', '\\|') if callable(o) else ''
        rows = [f'| {{py:obj}}`{n} <{mod}.{n}>` | {line(getattr(m, n))} |' for n in exports(m, nb)]
        if rows: yield '\n'.join([f'## [{nb.module}]({nb.module}.md)\n', '| Name | What it is |', '|---|---|', *rows, ''])
    yield '\n'.join(['```{toctree}\n:hidden:\n', *(nb.module for nb in ns.modules.values()), '```\n'])

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
        save(folder/f'{nb.module}.md', module_page(mod, nb), made)
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

def link_names(app, doctree):
    "A name in backticks leads to the reference, or to the pages of PyTorch and NumPy: once in each section"
    ns, page, seen = names(app.config.groundup_lib, app.srcdir), app.env.current_document.docname, set()
    for n in list(doctree.findall(lambda n: isinstance(n, (nodes.literal, nodes.section)))):
        if isinstance(n, nodes.section): seen.clear(); continue
        if isinstance(n.parent, (nodes.reference, nodes.title, addnodes.pending_xref)) or set(n['classes'])-{'code'}: continue
        t = n.astext()
        if t in seen or not (found := ns.link(t, page)): continue
        if not page.startswith('reference/'): seen.add(t)
        full, url = found
        to = dict(refdomain='py', reftype='obj', reftarget=full, refexplicit=True, refwarn=True, refdoc=page)
        x = addnodes.pending_xref('', **to) if full else nodes.reference('', '', refuri=url)
        n.replace_self(x); x += n

def find_source(app, mod):
    "For viewcode: the place of methods that were written outside of their class"
    a = ModuleAnalyzer.for_module(mod); a.find_tags()
    return a.code, a.tags | {method: a.tags[f] for f,method in patched(load(mod)).items() if f in a.tags}

def setup(app):
    turn(app)
    app.setup_extension('sphinx.ext.viewcode')
    app.add_directive('entry', Entry)
    app.connect('builder-inited', write_pages)
    app.connect('build-finished', tidy_up)
    app.connect('doctree-read', link_names)
    app.connect('viewcode-find-source', find_source)
    return dict(parallel_read_safe=True, parallel_write_safe=True, version='1')
