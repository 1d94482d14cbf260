"Lesson 09: a pass over the 4,000 digits, 100 at a time, 784-100-10"
from measure import alternate, times


@times
def digits():
    import torch
    import torch.nn.functional as F
    from torch import nn
    from groundup.calculus import cross_entropy, linear
    from groundup.module import SGD, Linear, ReLU, Sequential
    from groundup.training import DataLoader, Dataset, digit_tensors
    x,y,*_ = digit_tensors()
    loader = DataLoader(Dataset(x, y), 100)
    class Fused(Linear):
        def forward(self, x): return linear(x, self.weight, self.bias)
    def small_loss(scores, target):
        z = scores-scores.detach().amax(1, keepdim=True)
        return (z.exp().sum(1).log()-z[torch.arange(len(target)),target]).mean()
    def a_pass(net, loss, optimizer):
        opt = optimizer(net.parameters(), lr=.05, momentum=.9, weight_decay=1e-4)
        def f():
            for xb,yb in loader: loss(net(xb), yb).backward(); opt.step(); opt.zero_grad()
        return f
    def own(layer): return Sequential(layer(784, 100), ReLU(), layer(100, 10))
    torch.manual_seed(0)
    return {'a pass': alternate({
        'torch.nn': a_pass(nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10)), F.cross_entropy, torch.optim.SGD),
        'ours, small operations': a_pass(own(Linear), small_loss, SGD),
        'ours, a layer and a loss as one': a_pass(own(Fused), cross_entropy, SGD)})}
