"""Measure: `python bench/bench.py [NAME ...]`, where a name is a group (`accuracy`: all of bench/accuracy.py) or one
benchmark (`accuracy.dense`). It prints a table for each, and keeps the figures that lessons quote in
`groundup/data/bench.json`, with the machine and the command that made them."""
import datetime, importlib, json, os, sys
from pathlib import Path

import torch

from groundup.support.table import Table
from groundup.support.timing import machine
from measure import benches

here = Path(__file__).resolve().parent
quoted = here.parent/'groundup/data/bench.json'


def find():
    "All benchmarks, from the modules of this folder"
    for o in sorted(here.glob('*.py')):
        if o.stem not in ('bench','measure'): importlib.import_module(o.stem)
    return benches

def chosen(names, known):
    "The benchmarks that are meant by names of groups or of benchmarks"
    groups = {b.group for b in known.values()}
    if odd := [n for n in names if n not in groups|known.keys()]:
        raise SystemExit(f"no such benchmark: {', '.join(odd)}; there are {', '.join(sorted(groups|known.keys()))}")
    return [b for b in known.values() if {b.group,b.name} & {*names}]

def show(b, res):
    head = list(res['rows'][0])
    print(Table(head, [[r[k] for k in head] for r in res['rows']], f"{b.name}: median {res['median']}"), flush=True)

def write(path, b, res):
    "Put the results of one benchmark into a file: group -> name -> results. All others stay"
    old = json.loads(path.read_text(encoding='utf8')) if path.exists() else {}
    old.setdefault(b.group, {})[b.f.__name__] = res
    part = path.with_suffix('.part')
    part.write_text(json.dumps(old, indent=1)+'\n', encoding='utf8')
    os.replace(part, path)

def main(names):
    known = find()
    for b in chosen(names, known):
        print(b.name, flush=True)
        res = b.f()
        res |= dict(machine=machine(), threads=torch.get_num_threads(), torch=torch.__version__,
                    command=f'make bench ONLY={b.name}', day=datetime.date.today().isoformat())
        show(b, res)
        write(quoted, b, res)

if __name__ == '__main__': main(sys.argv[1:])
