"How many of the 1,000 digits are read rightly, after the trainings of the lessons: accuracy and seconds for some seeds"
import time
from statistics import median

from groundup.convolution import digit_cnn
from groundup.support.timing import one_thread
from groundup.training import accuracy, digit_learner, digit_tensors
from measure import figures


def trainings(epochs, seeds=range(5), **how):
    "`digit_learner(…, **how)` once for each seed"
    one_thread()
    x,y,xv,yv = digit_tensors()
    rows = []
    for seed in seeds:
        start = time.perf_counter()
        model = digit_learner(x, y, seed, **how).fit(epochs).model
        seconds = time.perf_counter()-start
        rows.append(dict(seed=seed, accuracy=accuracy(model(xv).detach(), yv), seconds=round(seconds, 1)))
        print(f"  seed {seed}: {rows[-1]['accuracy']:.1%} in {seconds:.0f} s", flush=True)
    return dict(epochs=epochs, rows=rows, median={k:median(r[k] for r in rows) for k in ('accuracy','seconds')})

@figures
def dense(): return trainings(100) # lesson 09

@figures
def convolution(): return trainings(30, range(3), net=digit_cnn) # lesson 10
