"""Train the two nets that the site's pages of lessons 09 and 10 let answer, and write docs/nets/dense.json and conv.json: their
weights, a byte each, and where they come from.

usage: python tools/assets/nets.py [dense] [conv]        (about two minutes on one core)

The dense net has one hidden layer of 100, as `python -m groundup.training --hidden 100 --epochs 100` trains it; the net of
convolutions is lesson 10's own. A page loads its net only when a reader comes near it."""
import json, sys
from pathlib import Path
import torch
from groundup.convolution import digit_cnn
from groundup.support.data import digits
from groundup.support.explore import packed, unpacked
from groundup.support.timing import machine, one_thread
from groundup.training import accuracy, digit_learner, digit_net, digit_tensors

root = Path(__file__).resolve().parent.parent.parent
nets = dict(dense=('digit_learner(x, y, net=lambda: digit_net((784,100,10))).fit(100)', lambda: digit_net((784,100,10)), 100),
            conv=('digit_learner(x, y, net=digit_cnn).fit(30)', digit_cnn, 30))

def main(names):
    one_thread()
    d,(x,y,xv,yv) = digits(),digit_tensors()
    for name in names or nets:
        code,net,epochs = nets[name]
        model = digit_learner(x, y, net=net).fit(epochs).model
        page = packed(model, d.x.mean(), d.x.std())
        for m,l in zip(model, page['layers']): # from here on as a page has it
            if 'weights' in l: m.weight.data = torch.tensor(unpacked(l), dtype=torch.float32)
        right = accuracy(model(xv).detach(), yv)
        origin = dict(made=code, by='tools/assets/nets.py', machine=machine(), accuracy=right)
        path = root/f'docs/nets/{name}.json'
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(dict(origin=origin, net=page))+'\n', encoding='utf8')
        print(f'{name}: {right:.1%}, {path.stat().st_size:,} bytes', flush=True)

if __name__=='__main__': main(sys.argv[1:])
