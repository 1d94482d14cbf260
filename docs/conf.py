"""The site's settings. Sphinx reads the notebooks in `nbs/` as they are:

    sphinx-build -W --keep-going -b html -c docs nbs _docs/html

`reader.py` turns a notebook into a page, `reference.py` writes the reference and links names to it,
`mathml.py` sets the maths, `page.py` adds what else a page needs, `explore.py` the scripts of explorers, `styles.py` one style sheet. Owner, repo and addresses come from `settings.ini`."""
import sys
from hashlib import sha256
from pathlib import Path

root = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(root/o) for o in ('docs', 'tools', '')]
from project import cfg, notebooks

project, author, language = cfg['title'], cfg['author'], 'en'
copyright = cfg['copyright']
version = release = cfg['version']
groundup_lib = cfg['lib_name']
# a change of these makes every page anew: what writes the pages, the explorers, which notebooks and which names there are
code = [*sorted(root.glob('docs/*.py')), *sorted(root.glob(f'{groundup_lib}/data/explore/*')), root/groundup_lib/'_modidx.py']
groundup_state = sha256(b''.join(p.read_bytes() for p in code) + str(notebooks()).encode()).hexdigest()

extensions = ['myst_nb', 'mathml', 'reader', 'reference', 'lists', 'code_links', 'page', 'explore', 'styles', 'sphinx_copybutton',
              'sphinxext.opengraph', 'sphinx_sitemap', 'notfound.extension']
exclude_patterns = ['**/.ipynb_checkpoints']
templates_path = ['_templates']
toc_object_entries_show_parents = 'hide'
python_maximum_signature_line_length = 70
add_module_names = False
viewcode_line_numbers = True
autodoc_typehints, autodoc_preserve_defaults = 'none', True      # types stand beside the docments

# notebooks: shown with the outputs they were saved with, never run here
nb_execution_mode, nb_merge_streams, nb_ipywidgets_js = 'off', True, {}
myst_enable_extensions = ['dollarmath', 'amsmath', 'alert', 'attrs_block', 'attrs_inline', 'colon_fence']
myst_heading_anchors = 4
html_math_renderer = 'mathml'

# translations: one catalogue a page, found from any folder
locale_dirs, gettext_compact = [str(root/'docs/locales')], False

# look
html_theme, html_title, html_favicon = 'sphinx_book_theme', project, '_static/favicon.svg'
html_static_path, html_css_files = ['_static'], ['course.css']
html_js_files = [(o, {'defer': ''}) for o in ('course.js', 'scripts/pydata-sphinx-theme.js')]
html_context = {'default_mode': 'light'}                         # without JavaScript; layout.html asks the system
html_sidebars = {'**': ['site-title.html', 'search-button-field.html', 'sbt-sidebar-nav.html']}
html_theme_options = dict(
    repository_url=cfg['git_url'], repository_branch=cfg['branch'], path_to_docs=cfg['nbs_path'],
    use_download_button=False, use_fullscreen_button=False, navbar_persistent=[],
    toc_title='On this page', footer_content_items=['page-end.html'],
    pygments_light_style='a11y-high-contrast-light', pygments_dark_style='github-dark')
html_search_scorer = str(root/'docs/scorer.js')
html_show_sphinx = html_use_index = html_domain_indices = False
copybutton_selector = 'div.highlight pre:not(.cell_output pre)'
copybutton_exclude = '.linenos, .gp, .go'
copybutton_image_svg = '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.5"><title>Copy</title><path d="M8 8h12v12H8zM16 8V4H4v12h4"/></svg>'

# what other sites and search engines read
html_baseurl = ogp_site_url = cfg['doc_host'] + cfg['doc_baseurl'] + '/'
ogp_image, ogp_image_alt = f'{html_baseurl}_static/card.png', 'groundup: neural networks from the ground up'
ogp_custom_meta_tags = ['<meta name="twitter:card" content="summary_large_image" />']
ogp_social_cards = {'enable': False}                            # one for all pages: tools/assets/hero.py draws it
sitemap_url_scheme = '{link}'
sitemap_excludes = ['search.html', '404.html', '_modules/*']
notfound_urls_prefix = cfg['doc_baseurl'] + '/'
notfound_context = dict(title='Page not found', body=f"""<h1>Page not found</h1>
<p>There is nothing at this address. <a href="{notfound_urls_prefix}">The map of the course</a> leads to every page.</p>""")
