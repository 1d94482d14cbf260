"Lesson 03: our einsum against PyTorch's"
from measure import alternate, times


@times
def equations():
    import torch
    from groundup.einsum import einsum
    torch.manual_seed(0)
    n = dict(b=8, i=50, j=40, k=30)
    jobs = {}
    for eq in ('ik,kj->ij','bik,bkj->bij','bi,ij,bj->b','ij->j'):
        ts = [torch.randn([n[c] for c in t]) for t in eq.split('->')[0].split(',')]
        jobs[eq] = alternate({'torch': lambda: torch.einsum(eq, *ts), 'ours': lambda: einsum(eq, *ts)})
    return jobs
