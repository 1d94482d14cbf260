"""Measure: `python bench/bench.py [NAME ...] [--keep]`, where a name is a group (`ladder`: all of bench/ladder.py) or one
benchmark (`accuracy.dense`); without a name, all that time. It prints a table for each, and compares the ratios to a
reference of the same run with those of bench/baseline.json. It is a report: what is slower is marked, and nothing fails.
Results go into bench/latest.json, and with `--keep` into the baseline; figures that lessons quote go into
groundup/data/bench.json. Each with the machine and the command that made it."""
import argparse, datetime, importlib, time
from pathlib import Path

import torch

from groundup.support.table import Table
from groundup.support.timing import machine, one_thread, show_time
from measure import benches, compare, read, rows, write

here = Path(__file__).resolve().parent
quoted,latest,baseline = here.parent/'groundup/data/bench.json',here/'latest.json',here/'baseline.json'


def find():
    "All benchmarks, from the modules of this folder"
    for o in sorted(here.glob('*.py')):
        if o.stem not in ('bench','measure'): importlib.import_module(o.stem)
    return benches

def chosen(names, known):
    "The benchmarks that are meant by names of groups or of benchmarks; all that time without any"
    groups = {b.group for b in known.values()}
    if odd := [n for n in names if n not in groups|known.keys()]:
        raise SystemExit(f"no such benchmark: {', '.join(odd)}; there are {', '.join(sorted(groups|known.keys()))}")
    return [b for b in known.values() if {b.group,b.name} & {*names} or not names and b.kind=='times']

def show_figures(b, res):
    head = list(res['rows'][0])
    print(Table(head, [[r[k] for k in head] for r in res['rows']], f"median {res['median']}", b.name), flush=True)

def show_times(b, res, base):
    "The table of one benchmark; the names of what is slower"
    said = compare(res['rows'], base.get('rows', []), b.floor)
    old = {(r['job'],r['way']):f"{r['ratio']:.3g}" for r in base.get('rows', [])}
    lines = [[r['job'], r['way'], show_time(r['seconds']), f"{r['ratio']:.3g}", f"{r['low']:.3g} to {r['high']:.3g}",
              old.get((r['job'],r['way']), ''), v] for r,v in zip(res['rows'], said)]
    head,note = ['job','way','median','ratio','half of them','baseline',''],'' if base else 'The baseline does not have it.'
    print(f'\n{Table(head, lines, note, b.name, left=2)}', flush=True)
    return [f"{b.name}: {r['job']}, {r['way']}" for r,v in zip(res['rows'], said) if v=='slower']

def main(args=None):
    p = argparse.ArgumentParser('bench/bench.py', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('names', nargs='*', metavar='NAME')
    p.add_argument('--keep', action='store_true', help='make these timings the new baseline')
    o = p.parse_args(args)
    start,slower,machines = time.monotonic(),[],set()
    one_thread()
    for b in chosen(o.names, find()):
        try: res = b.f()
        except ImportError as e:
            print(f'\n{b.name} is left out: {e}', flush=True)
            continue
        if b.kind=='times': res = dict(rows=rows(res))
        res |= dict(machine=machine(), threads=torch.get_num_threads(), torch=torch.__version__,
                    command=f'make bench ONLY={b.name}', day=datetime.date.today().isoformat())
        if b.kind=='figures':
            show_figures(b, res)
            write(quoted, b, res)
            continue
        base = read(baseline).get(b.group, {}).get(b.f.__name__, {})
        machines.add(base.get('machine', res['machine']))
        slower += show_times(b, res, base)
        for path in (latest,baseline)[:1+o.keep]: write(path, b, res)
    print(f'\n{machine()}; {time.monotonic()-start:.0f} s')
    for m in machines-{machine()}: print(f'The baseline is of another machine: {m}')
    print('\n'.join(['Slower than the baseline by more than a fifth:', *slower]) if slower else 'Nothing is slower than the baseline.')

if __name__ == '__main__': main()
