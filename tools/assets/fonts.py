#!/usr/bin/env python
"""Make the site's fonts: STIX Two Math cut down to the signs of the formulas, and the theme's icon fonts to the icons that
the pages use.

    pip install fonttools brotli ziamath    # in any environment: they are needed by this script alone
    make docs && python tools/assets/fonts.py

Run it again when a page uses a new icon or a formula a new sign (tests/site/test_site.py says so).
`docs/_static/fonts.txt` lists what the fonts hold."""
import importlib.util, re, subprocess, sys, unicodedata
from html import unescape
from pathlib import Path

root = Path(__file__).resolve().parent.parent.parent
static, html = root/'docs/_static', root/'_docs/html'
# what any formula may need, apart from what the pages' formulas hold: a root is no character of theirs
letters = '''0020-007E 00A0 00AF 00B1 00D7 02C6 0302 0304-0305 2016 2026 2032-2034 2061-2063 20D7 210E 2113 2190-2194 21D0-21D4
    2202 2207-2208 220F 2211-2213 2218 221A 221E 222B 2248 2260-2265 2299 22A4 22C5 22EE-22F1 2308-230B 23DE-23DF 27E8-27E9
    1D434-1D467 1D6FC-1D700 1D702-1D703 1D706-1D707 1D70B-1D70C 1D70E-1D70F 1D711 1D714'''

def folder(package):
    "Where an installed package lies: here, or in the site's environment"
    for base in [*sys.path, *map(str, (root/'.venv/lib').glob('python*/site-packages'))]:
        if (p := Path(base)/package).is_dir(): return p
    sys.exit(f'{package} is not installed')

def subset(src, dst, unicodes):
    dst.parent.mkdir(parents=True, exist_ok=True)
    options = [f'--output-file={dst}', f"--unicodes={','.join(unicodes)}", '--flavor=woff2', '--no-hinting']
    subprocess.run([sys.executable, '-m', 'fontTools.subset', str(src), *options, '--layout-features+=ssty,dtls,flac'], check=True)
    print(f'{dst.relative_to(root)}: {dst.stat().st_size:,} bytes')

def pages(): return [p.read_text(encoding='utf-8') for p in html.rglob('*.html')]

# a letter alone in `<mi>` is drawn in italics, which are signs of their own
italic = {unicodedata.normalize('NFKC', chr(c)): chr(c) for c in (0x210E, *range(0x1D434, 0x1D468), *range(0x1D6E2, 0x1D71C))}

def formula_signs(pages):
    "The signs that the pages' formulas hold"
    formulas = ''.join(m for p in pages for m in re.findall(r'<math.*?</math>', p, re.S))
    formulas = re.sub(r'<mi>(.)</mi>', lambda m: italic.get(m[1], m[1]), formulas)
    return set(unescape(re.sub('<[^>]*>', '', formulas))) - {' ', '\n'}

def signs(font):
    "Code points that formulas need, of those that the font has"
    from fontTools.ttLib import TTFont
    spans = [[int(x, 16) for x in o.split('-')] for o in letters.split()]
    wanted = {c for a,*b in spans for c in range(a, (b or [a])[0]+1)} | set(map(ord, formula_signs(pages())))
    return sorted(wanted & TTFont(font).getBestCmap().keys())

def icons():
    "Icon name -> code point, of those that the built pages name and those that the theme's styles draw"
    theme = folder('pydata_sphinx_theme')/'theme/pydata_sphinx_theme/static'
    css = (theme/'styles/pydata-sphinx-theme.css').read_text(encoding='utf-8')
    rules = re.findall(r'((?:\.fa-[\w-]+,?)+)\{--fa:"\\(f?[0-9a-f]+)', css)
    known = {n: code for names,code in rules for n in re.findall(r'\.fa-([\w-]+)', names)}
    used = {n for p in pages() for n in re.findall(r'\bfa-([a-z][\w-]*)', p)} | {'xmark'}          # the script's own
    drawn = {n: f'{ord(c):x}' for n,c in re.findall(r'--pst-icon-([\w-]+):\s*"(.)"', css)}
    return theme/'vendor/fontawesome/webfonts', {n: known[n] for n in sorted(used) if n in known} | drawn

def main():
    if not html.exists(): sys.exit('Build the site first: make docs')
    for p in ('fontTools', 'brotli'):
        if not importlib.util.find_spec(p): sys.exit(__doc__)
    stix = folder('ziamath')/'fonts/STIXTwoMath-Regular.ttf'
    held = [f'{c:04X}' for c in signs(stix)]
    subset(stix, static/'stix2math.woff2', held)
    fonts, named = icons()
    codes = sorted(set(named.values()))
    for f in sorted(fonts.glob('fa-*.woff2')): subset(f, static/'vendor/fontawesome/webfonts'/f.name, codes)
    (static/'fonts.txt').write_text(f"""Fonts served by this site, both under the SIL Open Font License 1.1 (OFL.txt). tools/assets/fonts.py makes these subsets.

stix2math.woff2   STIX Two Math. Copyright 2001-2020 The STIX Fonts Project Authors (https://github.com/stipub/stixfonts)
fa-*.woff2        Font Awesome Free. Copyright Fonticons, Inc. (https://fontawesome.com). Icons are CC BY 4.0.

Icons in the subsets:
{chr(10).join(sorted(named))}

Signs in stix2math.woff2:
{' '.join(held)}
""", encoding='utf-8')

if __name__=='__main__': main()
