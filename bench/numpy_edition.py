"Lesson 11: a pass over the 4,000 digits in NumPy alone, 784-100-10"
from measure import alternate, times


@times
def digits():
    import numpy as np
    import torch
    import torch.nn.functional as F
    from torch import nn
    from groundup.numpy_edition import SGD, DataLoader, Dataset, cross_entropy, digit_net
    from groundup.support.data import digits
    d = digits()
    x,y = (d.x-d.x.mean())/d.x.std(),d.y
    loader = DataLoader(Dataset(x, y), 100)
    how = dict(lr=.05, momentum=.9, weight_decay=1e-4)
    net,theirs = digit_net((784,100,10)),nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
    opt,theirs_opt = SGD(net.parameters(), **how),torch.optim.SGD(theirs.parameters(), **how)
    def ours():
        for xb,yb in loader: cross_entropy(net(xb), yb).backward(); opt.step(); opt.zero_grad()
    tx,ty = torch.tensor(x).split(100),torch.tensor(y).split(100)
    def torchs():
        for xb,yb in zip(tx, ty): F.cross_entropy(theirs(xb), yb).backward(); theirs_opt.step(); theirs_opt.zero_grad()
    same_kind = all(p.data.dtype==np.float32 for p in net.parameters())
    return {'a pass, float32' if same_kind else 'a pass': alternate({'torch.nn': torchs, 'NumPy edition': ours})}
