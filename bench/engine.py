"Lessons 05 and 06: one step of the little net, in the four ways of lesson 06"
from measure import alternate, times


@times
def little_net():
    import torch
    from groundup.backprop import Lin, Model, Mse, Relu, forward_and_backward, mse, zero_grad
    from groundup.engine import Var
    from groundup.init import lin, relu
    torch.manual_seed(0)
    x,y = torch.randn(200, 100).double(),torch.randn(200).double()
    def weights(): return [torch.randn(*s).double()*.1 for s in ((100,50),(50,),(50,1),(1,))]
    hand,parts,own,theirs = weights(),weights(),[Var(p, requires_grad=True) for p in weights()],weights()
    for p in theirs: p.requires_grad_()
    model,vx,vy = Model([Lin(*parts[:2]), Relu(), Lin(*parts[2:])], Mse()),Var(x),Var(y)
    def step(x, y, ps):
        for p in ps: p.grad = None
        w1,b1,w2,b2 = ps
        mse(lin(relu(lin(x, w1, b1)), w2, b2), y).backward()
    def with_classes():
        zero_grad(x, *parts)
        model(x, y)
        model.backward()
    return {'a step': alternate({
        'PyTorch': lambda: step(x, y, theirs), 'by hand': lambda: forward_and_backward(x, y, *hand),
        'classes': with_classes, 'own autograd': lambda: step(vx, vy, own)}, rounds=40)}
