"Lesson 10: our convolution and pooling against PyTorch's, there and back"
from measure import alternate, times


@times
def layers():
    import torch
    import torch.nn.functional as F
    from groundup.convolution import conv2d, max_pool2d
    torch.manual_seed(0)
    jobs = {}
    for name,ni,no,side in (('1 to 16, 28 by 28',1,16,28),('16 to 32, 14 by 14',16,32,14)):
        x,w,b = torch.randn(100, ni, side, side),torch.randn(no, ni, 3, 3)*.1,torch.randn(no)
        leaves = [t.clone().requires_grad_() for t in (x,w,b)]
        g = torch.randn(100, no, side, side)
        def back(f): return torch.autograd.grad(f(*leaves, padding=1), leaves, g)
        jobs[name] = alternate({'F.conv2d': lambda: F.conv2d(x, w, b, padding=1), 'conv2d': lambda: conv2d(x, w, b, padding=1)})
        jobs[name+', and back'] = alternate({'F.conv2d': lambda: back(F.conv2d), 'conv2d': lambda: back(conv2d)})
    x = torch.randn(100, 16, 28, 28)
    jobs['pooling'] = alternate({'F.max_pool2d': lambda: F.max_pool2d(x, 2), 'max_pool2d': lambda: max_pool2d(x, 2)})
    return jobs
