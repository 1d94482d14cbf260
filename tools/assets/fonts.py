#!/usr/bin/env python
"""Make the site's fonts: STIX Two Math for maths, and the theme's icon fonts cut down to the icons the pages use.

    pip install fonttools brotli ziamath    # in any environment: they are needed by this script alone
    make docs && python tools/assets/fonts.py

Run it again when a page uses a new icon (tests/site/test_site.py says so). `docs/_static/fonts.txt` lists the icons."""
import importlib.util, re, subprocess, sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent.parent
static, html = root/'docs/_static', root/'_docs/html'
letters = '''0020-007E 00AC 00B1 00B7 00D7 0131 0237 0300-030C 0391-03F6 2016 2026 2032-2033 2061-2063 20D7 2102 210B-2131
    2190-2199 21A6 21D0-21D4 2200-222B 223C-2255 2260-226B 2282-2287 2295-229B 22A4-22A5 22C5 22EE-22F1 2308-230B
    23DC-23DF 27E8-27E9 27F5-27FA 1D400-1D467 1D49C-1D4CF 1D538-1D56B 1D6A4-1D71B'''.split()

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

def icons():
    "Icon name -> code point, of those that the built pages name and those that the theme's styles draw"
    theme = folder('pydata_sphinx_theme')/'theme/pydata_sphinx_theme/static'
    css = (theme/'styles/pydata-sphinx-theme.css').read_text(encoding='utf-8')
    rules = re.findall(r'((?:\.fa-[\w-]+,?)+)\{--fa:"\\(f?[0-9a-f]+)', css)
    known = {n: code for names,code in rules for n in re.findall(r'\.fa-([\w-]+)', names)}
    pages = [p.read_text(encoding='utf-8') for p in html.rglob('*.html')]
    used = {n for p in pages for n in re.findall(r'\bfa-([a-z][\w-]*)', p)} | {'xmark'}          # the script's own
    drawn = {n: f'{ord(c):x}' for n,c in re.findall(r'--pst-icon-([\w-]+):\s*"(.)"', css)}
    return theme/'vendor/fontawesome/webfonts', {n: known[n] for n in sorted(used) if n in known} | drawn

def main():
    if not html.exists(): sys.exit('Build the site first: make docs')
    for p in ('fontTools', 'brotli'):
        if not importlib.util.find_spec(p): sys.exit(__doc__)
    subset(folder('ziamath')/'fonts/STIXTwoMath-Regular.ttf', static/'stix2math.woff2', letters)
    fonts, named = icons()
    codes = sorted(set(named.values()))
    for f in sorted(fonts.glob('fa-*.woff2')): subset(f, static/'vendor/fontawesome/webfonts'/f.name, codes)
    (static/'fonts.txt').write_text(f"""Fonts served by this site, both under the SIL Open Font License 1.1 (OFL.txt). tools/assets/fonts.py makes these subsets.

stix2math.woff2   STIX Two Math. Copyright 2001-2020 The STIX Fonts Project Authors (https://github.com/stipub/stixfonts)
fa-*.woff2        Font Awesome Free. Copyright Fonticons, Inc. (https://fontawesome.com). Icons are CC BY 4.0.

Icons in the subsets:
{chr(10).join(sorted(named))}
""", encoding='utf-8')

if __name__=='__main__': main()
