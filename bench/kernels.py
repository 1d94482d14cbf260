"Lesson 12: the product in compiled code against `@`, one thread"
from measure import alternate, times


@times
def products():
    import torch
    from groundup.kernels import matmul_packed
    torch.manual_seed(0)
    jobs = {}
    for i,k,j in ((32,32,32),(128,128,128),(512,512,512),(1024,1024,1024),(100,784,50)):
        a,b = torch.randn(i, k),torch.randn(k, j)
        jobs[f'({i},{k}) @ ({k},{j})'] = alternate({'@': lambda: a@b, 'packed': lambda: matmul_packed(a, b)})
    return jobs
