"""The reference: a page for each module with every exported name, and links to it from names in backticks.

The pages are Markdown, written to `nbs/reference/` when a build starts and removed when it ends.
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
from reader import cells, decorated, directives, module, parsed, source

empty = inspect.Parameter.empty
alias = {'nn': 'torch.nn', 'F': 'torch.nn.functional', 'np': 'numpy', 'plt': 'matplotlib.pyplot', 'Tensor': 'torch.Tensor'}

# --- what each notebook makes

def slug(s): return re.sub(r'[^\w\- ]', '', s.lower()).replace(' ', '-')

def notebook(path, nbs):
    "A notebook's page, title, module, and for each name it defines the section that does so"
    cs = cells(path); mod = module(cs)
    nb = SimpleNamespace(doc=path.relative_to(nbs).with_suffix('').as_posix(), module=mod, title='', sections={}, exercises=set(), imports={})
    head = ''
    for c in cs:
        src = source(c)
        if c['cell_type']=='markdown':
            nb.title = nb.title or next(iter(re.findall(r'^# (.+)', src, re.M)), '')
            head = (re.findall(r'^## (.+)', src, re.M) or [head])[-1]
            continue
        for d in parsed(src).body:
            if isinstance(d, ast.ImportFrom) and not d.level: nb.imports.update({a.asname or a.name: f'{d.module}.{a.name}' for a in d.names})
        if any(d.split()[0] in ('export', 'exports') for d in directives(src)):
            for d in parsed(src).body: nb.sections.update({n: head for n in defined(d)})
            nb.exercises.update(d.name for k,d,_ in decorated(c) if k=='exercise')
    return nb

def defined(d):
    "Names that a statement defines"
    if hasattr(d, 'name'): return [d.name]
    return [t.id for t in getattr(d, 'targets', [getattr(d, 'target', None)]) if hasattr(t, 'id')]

class Names:
    "Every exported name of the library, where it is taught, and what a name in backticks means on a page"
    def __init__(self, lib, nbs):
        from nbdev.doclinks import NbdevLookup
        self.lib, self.foreign = lib, NbdevLookup(incl_libs=('nbdev-pytorch', 'nbdev-numpy'))
        nbs = Path(nbs)
        books = [notebook(p, nbs) for g in ('[0-9][0-9]_*', 'support/*', 'exercises/*') for p in sorted(nbs.glob(g+'.ipynb'))]
        self.pages = {b.doc: b for b in books}
        self.modules = {f'{lib}.{b.module}': b for b in books if b.module and not b.module.startswith('exercises.')}
        self.own = {}                                           # full name -> module
        for mod in self.modules:
            m = importlib.import_module(mod)
            for n in exports(m, self.modules[mod]):
                self.own[f'{mod}.{n}'] = mod
                if inspect.isclass(getattr(m, n)): self.own.update({f'{mod}.{n}.{k}': mod for k in methods(getattr(m, n))})

    def module_of(self, doc):
        "The module that a page is about"
        if doc.startswith('reference/'): return f'{self.lib}.{doc[10:]}'
        b = self.pages.get(doc)
        return f"{self.lib}.{b.module.removeprefix('exercises.')}" if b and b.module else ''

    def full(self, t, mod):
        "What `t` is called in full where `mod` is being read: its own names first, then what it imports"
        for f in (f'{mod}.{t}', f'{self.lib}.{t}', t):
            if f in self.own: return f
        head, _, rest = t.partition('.')
        o = vars(importlib.import_module(mod)).get(head) if mod in self.modules else None
        if isinstance(o, ModuleType): head = o.__name__
        elif isinstance(o, (type, FunctionType)): head = f'{o.__module__}.{o.__qualname__}'
        else: head = alias.get(head, head)
        return f'{head}.{rest}' if rest else head

    def link(self, t, doc):
        "`(full name, '')`, `('', address)` or None"
        if not re.fullmatch(r'[A-Za-z_][\w.]*(\(\))?', t): return
        t, mod = t.removesuffix('()'), self.module_of(doc)
        head, dot, rest = t.partition('.')
        for f in (self.full(t, mod), self.imports(doc).get(head, '')+dot+rest):
            if f in self.own: return f, ''
            if '.' in f and (u := self.foreign.doc(f)): return '', u
        if any(t in b.exercises for b in self.pages.values() if self.module_of(b.doc)==mod): return
        same = [f for f in self.own if f.endswith('.'+t)]
        if len(same)==1 and re.search(r'[._]', t): return same[0], ''                       # a common word may mean something else

    def imports(self, doc): return self.pages[doc].imports if doc in self.pages else {}

names = cache(Names)

# --- one name

def methods(cls):
    "Public methods and properties that a class defines itself"
    return [k for k,v in vars(cls).items() if (k=='__call__' or k[0]!='_') and isinstance(v, (FunctionType, property, staticmethod, classmethod))]

class Bare:
    "Shows a default value by its name"
    def __init__(self, o): self.name = getattr(o, '__name__', None) or repr(o)
    def __repr__(self): return self.name if len(self.name)<40 else '...'

def signature(o, skip=0):
    try: s = inspect.signature(o)
    except (TypeError, ValueError): return ''
    ps = [p.replace(annotation=empty, default=p.default if p.default is empty else Bare(p.default)) for p in s.parameters.values()]
    return str(inspect.Signature(ps[skip:]))

def anno(a): return '' if a in (empty, None) else f"`{a if isinstance(a, str) else getattr(a, '__name__', None) or a}`"

def table(o, skip=0):
    "The parameters with their docments"
    try: ds = docments(o, full=True)
    except Exception: return ''                                 # builtins and the like have no source
    ds = {k: v for k,v in ds.items() if k not in ('self', 'cls') and (k!='return' or v.docment or v.anno is not empty)}
    if not any(v.docment or v.anno is not empty for v in ds.values()): return ''
    esc = lambda s: re.sub(r'\s+', ' ', s or '').replace('|', '\\|')
    cell = {'Name': lambda k,v: '*returns*' if k=='return' else f'`{k}`', 'Type': lambda k,v: anno(v.anno),
            'Default': lambda k,v: '' if k=='return' or v.default is empty else f'`{Bare(v.default)!r}`', 'What it is': lambda k,v: v.docment}
    cols = {h: col for h,f in cell.items() if any(col := [esc(f(k,v)) for k,v in ds.items()])}      # no empty column
    return '\n'.join('| '+' | '.join(r)+' |' for r in [cols, ['---']*len(cols), *zip(*cols.values())])

def doc(o):
    s = inspect.cleandoc(getattr(o, '__doc__', None) or '')
    return '' if inspect.isclass(o) and s.startswith(o.__name__+'(') else s                  # what dataclass writes

def entry(mod, name, index=True, taught=''):
    "The Markdown of one exported name"
    o = getattr(importlib.import_module(mod), name)
    opt = f':module: {mod}\n' + ('' if index else ':no-index:\n')
    if inspect.isclass(o):
        subs = []
        for k in methods(o):
            v = inspect.getattr_static(o, k); f = v.fget if isinstance(v, property) else getattr(o, k)
            kind, sig = ('property', '') if isinstance(v, property) else ('method', signature(f, 0 if isinstance(v, (staticmethod, classmethod)) else 1))
            flag = ':staticmethod:\n' if isinstance(v, staticmethod) else ':classmethod:\n' if isinstance(v, classmethod) else ''
            subs.append(f'````{{py:{kind}}} {name}.{k}{sig}\n{opt}{flag}\n{doc(v)}\n\n{table(f)}\n````')
        return '\n\n'.join([f'`````{{py:class}} {name}{signature(o)}\n{opt}', doc(o), table(o), taught, *subs, '`````'])
    if isinstance(o, FunctionType): return '\n\n'.join([f'`````{{py:function}} {name}{signature(o)}\n{opt}', doc(o), table(o), taught, '`````'])
    if callable(o): return '\n\n'.join([f'`````{{py:function}} {name}\n{opt}', doc(o), taught, '`````'])
    val = repr(o)
    return '\n\n'.join([f'`````{{py:data}} {name}\n{opt}' + (f':value: {val}\n' if len(val)<40 and '\n' not in val else ''), taught, '`````'])

class Entry(SphinxDirective):
    "What nbdev's `show_doc(name)` becomes"
    required_arguments = 1
    def run(self):
        ns = names(self.config.groundup_lib, self.env.srcdir)
        full = ns.full(self.arguments[0], ns.module_of(self.env.docname))
        mod = ns.own[full]
        return self.parse_text_to_nodes(entry(mod, full[len(mod)+1:].split('.')[0], index=False))

# --- pages

def taught(nb, name):
    "The line that leads to the section which builds a name"
    head = nb.sections.get(name, '')
    return f"{{.taught}}\n{'From' if '/' in nb.doc else 'Taught in'} [{head or nb.title}](../{nb.doc}.ipynb{'#'*bool(head)}{slug(head)})"

def first_line(mod, name):
    o = getattr(importlib.import_module(mod), name)
    d = doc(o) if callable(o) else ''
    return d.split('\n')[0].replace('|', '\\|')

def patched(m):
    "Functions of a module that are methods too, and where: `{'plot': 'Ladder.plot'}`"
    return {v.__name__: f'{c}.{k}' for c in m.__all__ if inspect.isclass(o := getattr(m, c))
            for k,v in vars(o).items() if isinstance(v, FunctionType) and vars(m).get(v.__name__) is v}

def exports(m, nb):
    "A module's names, as its notebook goes; a function that became a method is shown there"
    return sorted(set(m.__all__)-set(patched(m)), key=lambda n: list(nb.sections).index(n) if n in nb.sections else -1)

def write_pages(app):
    ns, folder = names(app.config.groundup_lib, app.srcdir), Path(app.srcdir)/'reference'
    folder.mkdir(exist_ok=True)
    newest = 0
    index = ['# Reference', '', f'Every name that `{ns.lib}` exports, and what it does. Each links to its source and to the lesson that builds it.', '']
    for mod, nb in ns.modules.items():
        m = importlib.import_module(mod)
        text = [f'# {mod}', f'{{.subtitle}}\n{"Tools for authors" if "/" in nb.doc else "Lesson"}: [{nb.title}](../{nb.doc}.ipynb)', f'```{{py:module}} {mod}\n```',
                *[entry(mod, n, taught=taught(nb, n)) for n in exports(m, nb)]]
        newest = max(newest, made := max(os.path.getmtime(m.__file__), os.path.getmtime(f'{app.srcdir}/{nb.doc}.ipynb')))
        save(folder/f'{nb.module}.md', '\n\n'.join(text)+'\n', made)
        index += [f'## [{nb.module}]({nb.module}.md)', '', '| Name | What it is |', '|---|---|',
                  *[f'| {{py:obj}}`{n} <{mod}.{n}>` | {first_line(mod, n)} |' for n in exports(m, nb)], ''] if m.__all__ else []
    index += ['```{toctree}', ':hidden:', '', *[nb.module for nb in ns.modules.values()], '```', '']
    save(folder/'index.md', '\n'.join(index), newest)

def save(path, text, time):
    "Write with the time of what the page was made from: Sphinx reads it again only when that changed"
    path.write_text(text, encoding='utf-8')
    os.utime(path, (time, time))

def remove_pages(app, exception): shutil.rmtree(Path(app.srcdir)/'reference', ignore_errors=True)

def link_names(app, doctree):
    "A name in backticks leads to the reference, or to the pages of PyTorch and NumPy: once in each section"
    env, seen = app.env, set()
    ns, page = names(app.config.groundup_lib, app.srcdir), env.current_document.docname
    for n in list(doctree.findall(lambda n: isinstance(n, (nodes.literal, nodes.section)))):
        if isinstance(n, nodes.section): seen.clear(); continue
        if isinstance(n.parent, (nodes.reference, nodes.title, addnodes.pending_xref)) or n['classes']!=[] and 'code' not in n['classes']: continue
        t = n.astext()
        if t in seen and not page.startswith('reference/') or not (to := ns.link(t, page)): continue
        seen.add(t)
        full, url = to
        x = (addnodes.pending_xref('', refdomain='py', reftype='obj', reftarget=full, refexplicit=True, refwarn=True, refdoc=page)
             if full else nodes.reference('', '', refuri=url))
        n.replace_self(x); x += n

def find_source(app, mod):
    "For viewcode: where the methods are that were written outside of their class"
    a = ModuleAnalyzer.for_module(mod); a.find_tags()
    return a.code, a.tags | {to: a.tags[f] for f,to in patched(importlib.import_module(mod)).items() if f in a.tags}

def context(app, pagename, templatename, ctx, doctree):
    "A description for search engines, names for the theme's unnamed buttons, no step from a lesson into the answers"
    if g := ctx.get('generate_toctree_html'):
        ctx['generate_toctree_html'] = lambda *a,**k: str(g(*a,**k)).replace('<summary>', '<summary aria-label="Pages below">')
    for k in ('prev', 'next'):
        if ctx.get(k) and os.path.dirname(pagename)!=folder_of(ctx[k]['link'], pagename): ctx[k] = None
    ctx['has_math'] = '<math' in (ctx.get('body') or '')

def folder_of(link, pagename): return os.path.normpath(os.path.join(os.path.dirname(pagename), os.path.dirname(link))).removeprefix('.')

def description(app, pagename, templatename, ctx, doctree):
    if doctree and (p := next(doctree.findall(nodes.paragraph), None)):
        s = ' '.join(p.astext().split())[:200]
        ctx['meta'] = {**(ctx.get('meta') or {}), 'og:description': s}
        ctx['metatags'] += f'<meta name="description" content="{s.replace(chr(34), "&quot;")}" />\n'

def setup(app):
    app.setup_extension('sphinx.ext.viewcode')
    app.add_directive('entry', Entry)
    app.connect('builder-inited', write_pages)
    app.connect('build-finished', remove_pages)
    app.connect('doctree-read', link_names)
    app.connect('viewcode-find-source', find_source)
    app.connect('html-page-context', description, priority=400)
    app.connect('html-page-context', context, priority=900)
    return dict(parallel_read_safe=True, parallel_write_safe=True, version='1')
