"""The register of benchmarks, and how they time. Each other module of this folder is a group; a function in it with one of
the two marks is a benchmark. It imports what it measures itself, so that a part that is not installed leaves out no other."""
import json, os, time
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Callable


@dataclass
class Bench:
    f: Callable
    kind: str # 'figures' or 'times'
    floor: float = 0. # seconds: a smaller change is no news
    @property
    def group(self): return self.f.__module__
    @property
    def name(self): return f'{self.group}.{self.f.__name__}'

benches = {} # 'accuracy.dense' -> Bench

def _mark(f, *args):
    b = Bench(f, *args)
    benches[b.name] = b
    return f

def figures(f):
    """f() -> a dict with 'rows', dicts with the same keys, and 'median'. It may take many minutes, so it runs only when it is
    named. Lessons quote what comes of it from groundup/data/bench.json"""
    return _mark(f, 'figures')

def times(f=None, floor=2e-6):
    """f() -> job -> way -> its seconds in each round, as `alternate` gives; the first way is the reference of its job.
    `make bench` runs all of these and compares the ratios to the reference with those of bench/baseline.json"""
    return (lambda f: _mark(f, 'times', floor)) if f is None else _mark(f, 'times', floor)


def alternate(ways, rounds=15, slice=.01):
    "Seconds a call of each way in each round; the ways take turns, each as many calls as fit into `slice` seconds, but one at least"
    calls,res = {},{}
    for name,f in ways.items():
        f()
        start = time.perf_counter()
        f()
        calls[name],res[name] = max(1, int(slice/max(time.perf_counter()-start, 1e-9))),[]
    for _ in range(rounds):
        for name,f in ways.items():
            start = time.perf_counter()
            for _ in range(calls[name]): f()
            res[name].append((time.perf_counter()-start)/calls[name])
    return res

def rows(jobs):
    "For each way its median seconds, and the median and the quartiles of its ratios to the reference in the same round"
    res = []
    for job,ways in jobs.items():
        first = next(iter(ways.values()))
        for way,ts in ways.items():
            ratios = [t/r for t,r in zip(ts, first)]
            low,_,high = quantiles(ratios, n=4, method='inclusive') if len(ratios)>1 else ratios*3
            res.append(dict(job=job, way=way, seconds=median(ts), ratio=median(ratios), low=low, high=high))
    return res

def verdict(row, base, floor, slack=1.2):
    """'slower' or 'faster' than a row of the baseline, or ''. Three quarters of the rounds must be beyond the slack and beyond
    three quarters of the baseline's, and the difference to the time that its ratio lets one expect must be beyond the floor"""
    expected = base['ratio']*row['seconds']/row['ratio']
    if row['low']>max(slack*base['ratio'], base['high']) and row['seconds']-expected>floor: return 'slower'
    if row['high']<min(base['ratio']/slack, base['low']) and expected-row['seconds']>floor: return 'faster'
    return ''

def compare(new, base, floor):
    "The verdict on each of the rows `new`; 'new' where only some rows are in the baseline, and not this one"
    old = {(r['job'],r['way']):r for r in base}
    def one(r, key): return verdict(r, old[key], floor) if key in old else 'new'*bool(old)
    return [one(r, (r['job'],r['way'])) for r in new]


def read(path): return json.loads(path.read_text(encoding='utf8')) if path.exists() else {}

def write(path, b, res):
    "Put the results of one benchmark into a file: group -> name -> results. All others stay"
    old = read(path)
    old.setdefault(b.group, {})[b.f.__name__] = res
    part = path.with_suffix('.part')
    part.write_text(json.dumps(old, indent=1)+'\n', encoding='utf8')
    os.replace(part, path)
