"The package, described in settings.ini"
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

root = Path(__file__).parent # tools/project.py reads settings.ini for all else: a source archive has no tools/
ini = ConfigParser(delimiters=['='])
ini.read(root/'settings.ini', encoding='utf8')
cfg = ini['DEFAULT']

# on PyPI a picture needs a whole address
readme = (root/'README.md').read_text(encoding='utf8') if (root/'README.md').exists() else ''
raw = f"{cfg['git_url']}/raw/{cfg['branch']}/nbs/"
readme = readme.replace('](nbs/', f']({raw}').replace('src="nbs/', f'src="{raw}')

setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'], keywords=cfg['keywords'].split(),
    author=cfg['author'], author_email=cfg['author_email'], url=cfg['git_url'], license='Apache-2.0',
    license_files=['LICENSE'],
    long_description=readme, long_description_content_type='text/markdown',
    packages=find_packages(include=[cfg['lib_path'], cfg['lib_path']+'.*']), package_data={cfg['lib_name']: ['data/*', 'data/explore/*']},
    python_requires='>='+cfg['min_python'], install_requires=cfg['requirements'].split(),
    extras_require=dict(dev=cfg['dev_requirements'].split(), fast=cfg['fast_requirements'].split()),
    entry_points={'nbdev': [f"{cfg['lib_name']}={cfg['lib_path']}._modidx:d"],
                  'console_scripts': ['groundup-grade=groundup.support.grade.__main__:main']},
    classifiers=['Intended Audience :: Education', 'Programming Language :: Python :: 3',
                 'Topic :: Scientific/Engineering :: Artificial Intelligence'],
    zip_safe=False)
