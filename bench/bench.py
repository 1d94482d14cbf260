"""Measure what takes long: `python bench/bench.py [accuracy]` (all by default). It prints a table for each, and keeps the
figures in `groundup/data/bench.json` with the machine and the command that made them; lessons quote them from there."""
import datetime, json, os, sys, time
from pathlib import Path
from statistics import median

import torch

from groundup.support.data import digits
from groundup.support.table import Table
from groundup.support.timing import machine, one_thread

root = Path(__file__).resolve().parent.parent
kept = root/'groundup/data/bench.json'


def accuracy(seeds=range(5), epochs=100):
    "The training of lesson 09 as it stands in the package, for five seeds: accuracy on the 1,000 and seconds"
    from groundup.training import accuracy, digit_learner
    one_thread()
    d = digits()
    mean,std = d.x.mean(),d.x.std()
    x,xv = [torch.tensor((t-mean)/std) for t in (d.x,d.x_valid)]
    y,yv = torch.tensor(d.y),torch.tensor(d.y_valid)
    rows = []
    for seed in seeds:
        start = time.perf_counter()
        model = digit_learner(x, y, seed).fit(epochs).model
        seconds = time.perf_counter()-start
        rows.append(dict(seed=seed, accuracy=accuracy(model(xv).detach(), yv), seconds=round(seconds, 1)))
        print(f"  seed {seed}: {rows[-1]['accuracy']:.1%} in {seconds:.0f} s", flush=True)
    return dict(epochs=epochs, rows=rows, median={k:median(r[k] for r in rows) for k in ('accuracy','seconds')})

benches = dict(accuracy=accuracy)


def show(name, res):
    head = list(res['rows'][0])
    print(Table(head, [[r[k] for k in head] for r in res['rows']], f"{name}: median {res['median']}"))

def write(name, res):
    "Keep the figures of one benchmark; those of the others stay"
    old = json.loads(kept.read_text(encoding='utf8')) if kept.exists() else {}
    part = kept.with_suffix('.part')
    part.write_text(json.dumps(old | {name: res}, indent=1)+'\n', encoding='utf8')
    os.replace(part, kept)

def main(names):
    if odd := [n for n in names if n not in benches]: sys.exit(f"no such benchmark: {', '.join(odd)}; there are {', '.join(benches)}")
    for name in names or benches:
        print(name, flush=True)
        res = benches[name]()
        res |= dict(machine=machine(), threads=torch.get_num_threads(), torch=torch.__version__, command=f'make bench ONLY={name}',
                    day=datetime.date.today().isoformat())
        show(name, res)
        write(name, res)

if __name__ == '__main__': main(sys.argv[1:])
