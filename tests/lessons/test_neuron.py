"What lesson 00 does not test: tuples for lists, random layers against PyTorch, what is refused"
import pytest
import torch
from hypothesis import given, strategies as st

from groundup.neuron import dense, list_shape, neuron, relu
from groundup.support.testing import same

quarters = st.integers(-40, 40).map(lambda n: n/4) # which floats hold exactly

def vectors(n): return st.lists(quarters, min_size=n, max_size=n)
def matrices(n, m): return st.lists(vectors(m), min_size=n, max_size=n)

@st.composite
def layers(draw):
    i,k,j = (draw(st.integers(lo, 4)) for lo in (0,1,1))
    return draw(matrices(i, k)), draw(matrices(j, k)), draw(vectors(j))

def tuples(m): return tuple(tuples(o) if isinstance(o, list) else o for o in m)

@given(layers())
def test_dense_is_linear(xwb):
    x,w,b = xwb
    xt,wt,bt = torch.tensor(x).view(len(x), len(w[0])), torch.tensor(w), torch.tensor(b)
    same(torch.tensor(dense(x, w, b)).view(len(x), len(b)), torch.nn.functional.linear(xt, wt, bt))

@given(layers())
def test_tuples_are_as_good_as_lists(xwb):
    x,w,b = xwb
    assert dense(tuples(x), tuples(w), tuple(b))==dense(x, w, b) and list_shape(tuples(x), 'x')==list_shape(x)
    assert neuron(tuple(w[0]), w[-1], b[0])==neuron(w[0], tuple(w[-1]), b[0])==neuron(w[0], w[-1], b[0])

def test_arguments_stay_as_they_are():
    x,w,b = [[1.,-2.]], [[3.,0.],[1.,5.],[-1.,2.]], [0.,1.,2.]
    dense(x, w, b)
    assert (x,w,b)==([[1.,-2.]], [[3.,0.],[1.,5.],[-1.,2.]], [0.,1.,2.])

@pytest.mark.parametrize('x,w', [([1,2,3],[1,2]), ([1,2],[1,2,3]), ([],[1]), ((1,),())])
def test_neuron_counts(x, w):
    with pytest.raises(ValueError, match=f'^inner sizes differ: x has {len(x)} inputs, w has {len(w)} weights$'): neuron(x, w, 0)

@pytest.mark.parametrize('b', [[], [1.], [1.,2.,3.]])
def test_dense_counts_biases(b):
    with pytest.raises(ValueError, match=f'^w has 2 neurons, but the length of b is {len(b)}: '): dense([[1.]], [[1.],[2.]], b)

def test_list_shape_names_the_matrix():
    with pytest.raises(ValueError, match=r'^m has rows of different lengths: \[0, 2\]$'): list_shape([[],[1,2]])
    with pytest.raises(ValueError, match=r'^w has rows of different lengths: \[1, 2, 3\]$'): list_shape(((1,2,3),(1,),(1,2)), 'w')

def test_relu_of_whole_numbers_and_of_zero(): assert [relu(v) for v in (-3,0,-0.,2)]==[0,0,0,2]
