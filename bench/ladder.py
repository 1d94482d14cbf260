"Lessons 01 to 03: one matrix product, five digits times ten columns of weights, in every way"
from measure import alternate, times


@times
def products():
    import torch
    from groundup.broadcasting import matmul_broadcast
    from groundup.einsum import matmul_einsum
    from groundup.matmul import matmul_lists, matmul_loops, matmul_rows
    from groundup.support.data import digits
    torch.manual_seed(0)
    x,w = torch.tensor(digits().x[:5]),torch.randn(784, 10)
    lists = x.tolist(),w.tolist()
    return {'(5,784) @ (784,10)': alternate({
        '@': lambda: x@w, 'three loops': lambda: matmul_loops(x, w), 'over lists': lambda: matmul_lists(*lists),
        'two loops': lambda: matmul_rows(x, w), 'broadcasting': lambda: matmul_broadcast(x, w),
        'einsum': lambda: matmul_einsum(x, w)}, rounds=9)}
