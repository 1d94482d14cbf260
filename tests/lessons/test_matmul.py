"What lesson 01 does not test: sizes that would be stretched, dtypes that would be cast, lists that are no matrices"
import pytest
import torch
from hypothesis import given, strategies as st

from groundup.matmul import matmul_lists, matmul_loops, matmul_rows, product_sizes, test_product as hold_product
from groundup.support.testing import same

tensors = pytest.mark.parametrize('f', [matmul_loops, matmul_rows])
sizes = st.integers(0, 4)

@given(sizes, sizes, sizes)
def test_products_of_any_size(ni, nk, nj):
    a,b = torch.randn(ni, nk, dtype=torch.float64), torch.randn(nk, nj, dtype=torch.float64)
    for f in (matmul_loops,matmul_rows): same(f(a, b), a@b)
    same(matmul_loops(b.t(), a.t()), (a@b).t()) # strides in another order
    if ni and nk and nj: same(torch.tensor(matmul_lists(a.tolist(), b.tolist()), dtype=a.dtype), a@b)

@tensors
@pytest.mark.parametrize('ni,nk,n,nj', [(2,1,5,3), (2,5,1,3), (2,4,6,3), (2,6,4,3), (2,0,1,3), (2,1,0,3)])
def test_inner_sizes(f, ni, nk, n, nj):
    "Also where a 1 would be stretched, or a longer row or column would be cut off"
    says = rf'^inner sizes differ: a is \({ni}, {nk}\), b is \({n}, {nj}\): {nk} against {n}$'
    with pytest.raises(ValueError, match=says): f(torch.ones(ni, nk), torch.ones(n, nj))

def test_a_hint_only_where_it_helps():
    with pytest.raises(ValueError, match=r'4 against 3; did you mean b\.t\(\)\?$'): product_sizes(torch.ones(2, 4), torch.ones(3, 4))
    with pytest.raises(ValueError, match=r'4 against 2$'): product_sizes(torch.ones(2, 4), torch.ones(2, 3))

@tensors
def test_ranks(f):
    m = torch.ones(3, 3)
    for bad,name,rank in [((m[0],m),'a',1), ((m,m[0]),'b',1), ((m[None],m),'a',3), ((m,m[None]),'b',3), ((m,torch.tensor(2.)),'b',0)]:
        with pytest.raises(ValueError, match=f'^{name} has rank {rank}, not 2: its shape is '): f(*bad)

@tensors
@pytest.mark.parametrize('da,db', [('float32','float64'), ('float64','float32'), ('int64','float32'), ('int64','int32')])
def test_dtypes(f, da, db):
    a,b = torch.ones(2, 3, dtype=getattr(torch, da)), torch.ones(3, 4, dtype=getattr(torch, db))
    with pytest.raises(TypeError, match=f'^dtypes differ: a is torch.{da}, b is torch.{db}$'): f(a, b)

def test_lists_that_are_no_matrices():
    for a,b,says in [([[1.,2.],[3.]], [[1.],[2.]], r'^a has rows of different lengths: \[1, 2\]$'),
                     ([[1.,2.]], [[1.],[2.,3.]], r'^b has rows of different lengths: \[1, 2\]$'),
                     ([[1.,2.,3.]], [[1.],[2.]], r'^inner sizes differ: a is \(1, 3\), b is \(2, 1\): 3 against 2$'),
                     ([[1.]], [[1.],[2.]], r'1 against 2$')]:
        with pytest.raises(ValueError, match=says): matmul_lists(a, b)
    assert matmul_lists(((1,2),), ((3,),(4,)))==[[11.]] # tuples will do

def test_the_test_sees_each_clause():
    "One wrong product for each thing that is asked, held by its message; the lesson has others"
    def unchecked(a, b): return (a[:,:,None]*b).sum(1) if a.shape[1]==len(b) else a.new_zeros(len(a), b.shape[1])
    def rounds(a, b): return (a.double()@b.double()).float().to(a.dtype) # right dtype, values of float32
    def casts(a, b):
        product_sizes(a, b.to(a.dtype))
        return a@b.to(a.dtype)
    def zeroes(a, b): return (a@b, b.zero_())[0]
    def half_way(a, b): return (a@b).to(torch.float32) if a.is_floating_point() else a@b
    def as_list(a, b): return (a@b).tolist()
    for f,says in [(unchecked,'was raised'), (casts,'was raised'), (rounds,'not the same: at index'), (zeroes,r'at \[1\]: at index'),
                   (half_way,'dtype float32, expected float64'), (as_list,'type list, expected tensor'),
                   (lambda a,b: a@b.clone().fill_(0), 'not the same')]:
        with pytest.raises(AssertionError, match=says): hold_product(f)
    with pytest.raises(RuntimeError): hold_product(torch.matmul) # it refuses with an error of another kind
    hold_product(matmul_loops)
