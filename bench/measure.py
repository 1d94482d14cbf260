"""The register of benchmarks. Each other module of this folder is a group, and each function in it with a mark is one of
its benchmarks: `figures` for results that lessons quote."""
from dataclasses import dataclass
from typing import Callable


@dataclass
class Bench:
    f: Callable
    kind: str # the mark
    @property
    def group(self): return self.f.__module__
    @property
    def name(self): return f'{self.group}.{self.f.__name__}'

benches = {} # 'accuracy.dense' -> Bench

def _mark(kind):
    def mark(f):
        b = Bench(f, kind)
        benches[b.name] = b
        return f
    return mark

# f() -> a dict with 'rows', dicts with the same keys, and whatever else there is to keep. It may take many minutes,
# so it runs only when it is named. Its results go into groundup/data/bench.json
figures = _mark('figures')
