"Our einsum against PyTorch's and NumPy's: random equations, bad ones, gradients, orders of contraction"
import itertools
import numpy as np
import pytest, torch
from hypothesis import given, settings, strategies as st
from groundup.einsum import align, contraction_cost, einsum, matmul_einsum, read_equation
from groundup.matmul import test_product as hold_product
from groundup.support.testing import difference, same

checked = settings(max_examples=520)
errors = ValueError,TypeError

@pytest.fixture(autouse=True, scope='module')
def left_to_right():
    "Where opt_einsum is installed, PyTorch lets it read the equation, with verdicts of its own"
    with torch.backends.opt_einsum.flags(enabled=False): yield

def tensors(shapes, dtype=torch.float64, seed=0):
    g = torch.Generator().manual_seed(seed)
    return [(4*torch.randn(s, generator=g, dtype=torch.float64)).to(dtype) for s in shapes]

def verdict(f, eq, ts):
    try: return f(eq, *ts)
    except (*errors,RuntimeError) as e: return e

def hold(eq, ts):
    "Same result, or both refuse; whether they accept"
    want,got = verdict(torch.einsum, eq, ts),verdict(einsum, eq, ts)
    shapes = [tuple(getattr(t, 'shape', ())) for t in ts]
    if isinstance(want, Exception):
        assert isinstance(got, errors), f'{eq!r} {shapes}: PyTorch refuses ({want}), ours does not'
        return False
    assert not isinstance(got, Exception), f'{eq!r} {shapes}: ours refuses: {got}'
    assert not (d := difference(got, want)), f'{eq!r} {shapes}: {d[1]}'
    return True


# Random equations

@st.composite
def equations(draw, letters='ijkLz'):
    "An equation of one to four operands, and shapes that fit"
    pick = lambda o: draw(st.sampled_from(o))
    sizes,rest = {l:pick([0,1,2,3,3]) for l in letters},[pick([1,2,3]) for _ in range(2)]
    terms,shapes = [],[]
    for _ in range(draw(st.integers(1, 4))):
        term = draw(st.lists(st.sampled_from(letters), max_size=3))
        own = {l:1 if pick([False]*5+[True]) else n for l,n in sizes.items()}
        shape,text = [[own[l]] for l in term],list(term)
        if pick([True,False,False]):
            at = draw(st.integers(0, len(term)))
            text.insert(at, '...')
            shape.insert(at, [1 if pick([False]*5+[True]) else n for n in rest[draw(st.integers(0, 2)):]])
        terms.append(pick(['',' ']).join(text))
        shapes.append([n for s in shape for n in s])
    used = sorted({l for t in terms for l in t if l.isalpha()})
    out = draw(st.permutations(used))[:draw(st.integers(0, len(used)))] if used else []
    if pick([True,True,False]): out.insert(draw(st.integers(0, len(out))), '...')
    return ','.join(terms)+pick(['', '->'+''.join(out), ' -> '+' '.join(out)]),shapes

accepted = []

@checked
@given(equations())
def test_random_equations(case):
    accepted.append(hold(case[0], tensors(case[1])))

def test_most_of_them_were_accepted(): assert len(accepted)>=500 and sum(accepted)>.95*len(accepted)

@settings(checked, max_examples=400)
@given(equations(), st.integers(0, 60), st.sampled_from([*'ijkLz.,-> 1é%\t', '...', '->', '']), st.integers(0, 2))
def test_spoilt_equations(case, at, char, drop):
    "One place of the equation changed: the same verdict as PyTorch's"
    eq,shapes = case
    at %= len(eq)+1
    hold(eq[:at]+char+eq[at+drop:], tensors(shapes))

@settings(checked, max_examples=300)
@given(equations(), st.integers(0, 5), st.integers(0, 5), st.integers(0, 4), st.sampled_from(['size','axis','less','more']))
def test_spoilt_shapes(case, k, axis, size, how):
    "Another size, one axis more, an operand more or less: the same verdict as PyTorch's"
    eq,shapes = case
    s = shapes[k%len(shapes)]
    if how=='size' and s: s[axis%len(s)] = size
    if how=='axis': s.insert(axis, size)
    if how=='less' and len(shapes)>1: shapes.pop(k%len(shapes))
    if how=='more': shapes.insert(k, [size])
    hold(eq, tensors(shapes))

@settings(checked, max_examples=80)
@given(equations(letters='ijk'))
def test_gradients(case):
    "What autograd gives through ours and through PyTorch's, for an upstream gradient that is not uniform"
    eq,shapes = case
    a,b = [[t.requires_grad_() for t in tensors(shapes)] for _ in range(2)]
    ya,yb = einsum(eq, *a),torch.einsum(eq, *b)
    up = torch.linspace(-1, 2, max(ya.numel(), 1), dtype=ya.dtype)[:ya.numel()].view(ya.shape)
    ga,gb = [torch.autograd.grad(y, ts, up, allow_unused=True, materialize_grads=True) for y,ts in ((ya, a), (yb, b))]
    same(list(ga), list(gb))

def whole(shapes, dtype, seed=0):
    "Whole numbers, so that floats are exact; of integers from the whole range, so that products leave it"
    g = torch.Generator().manual_seed(seed)
    top = 3 if dtype.is_floating_point or dtype.is_complex else 2 if dtype==torch.bool else torch.iinfo(dtype).max
    low = 0 if dtype in (torch.uint8,torch.bool) else -top
    ts = [torch.randint(low, min(top, 2**62), s, generator=g) for s in shapes]
    return [torch.complex(t.double(), t.flip(0).double() if t.ndim else t.double()).to(dtype) if dtype.is_complex else t.to(dtype) for t in ts]

integers = [torch.int8,torch.uint8,torch.int16,torch.int32,torch.int64]
floats = [torch.float16,torch.bfloat16,torch.float32,torch.float64,torch.complex64,torch.complex128]

@settings(checked, max_examples=200)
@given(equations(letters='ijk'), st.sampled_from(integers+floats), st.integers(0, 9))
def test_dtypes(case, dtype, seed):
    "Value and dtype for every type of number, also where products of integers overflow; what PyTorch refuses, ours refuses"
    ts = whole(case[1], dtype, seed)
    before = [t.clone() for t in ts]
    if dtype in integers[:4] and not all(t.numel() for t in ts): # without numbers, PyTorch compares no dtypes
        got = verdict(einsum, case[0], ts)
        if isinstance(got, TypeError): assert 'dtypes differ' in str(got)
        else: assert not difference(got.long(), torch.einsum(case[0], *ts).long())
    else: hold(case[0], ts)
    same(ts, before)

@settings(checked, max_examples=50)
@given(equations(letters='ijk'))
def test_booleans(case):
    "PyTorch's own has no sum of a product of booleans; ours is NumPy's `any`"
    ts = whole(case[1], torch.bool)
    want = verdict(torch.einsum, case[0], ts)
    if not isinstance(want, Exception): same(einsum(case[0], *ts), want)

@settings(checked, max_examples=100)
@given(equations(letters='ijk'), st.lists(st.sampled_from([torch.int8,torch.int32,torch.int64,torch.float32,torch.float64]), min_size=4, max_size=4))
def test_mixed_dtypes_of_random_equations(case, dtypes):
    if 0 not in sum(case[1], []): hold(case[0], [whole([s], d)[0] for s,d in zip(case[1], dtypes)])

@pytest.mark.parametrize('dtype', integers)
def test_integers_that_leave_their_range(dtype):
    "A letter of one tensor is summed before any product, as by `sum`; one that two share with the product, as by `@`"
    n = torch.iinfo(dtype).max
    a,b = torch.tensor([n,n-1,3], dtype=dtype),torch.tensor([[n,2,n],[5,n,n]], dtype=dtype)
    for eq,ts in [('i->',(a,)), ('i->',(a[:1],)), ('i,j->',(a,a)), ('i,i->',(a,a)), ('i,i->',(a[:1],a[:1])), ('i,i,i->',(a,a,a)), ('i,i,j->',(a,a,a)), ('j,i,i->',(a,a,a)),
                  ('ij,j->i',(b,a)), ('ij,j->ij',(b,a)), ('ij,kj->',(b,b)), ('ij,k->k',(b,a)), ('ij->j',(b,)), ('ij,i->',(b,a[:1])), ('i,j,k->ik',(a,a,a)), ('ii->',(b[:,:2],))]:
        hold(eq, ts)
    if n<2**40:
        same(einsum('i->', a), torch.tensor(2*n+2))
        same(einsum('i,j->', a, a), torch.tensor((2*n+2)**2) if n<2**30 else torch.einsum('i,j->', a, a))

def test_narrow_floats():
    "The sum of a product is computed in float32: 300² is beyond float16, and what is left over is not"
    for dtype in (torch.float16,torch.bfloat16):
        a,b = torch.tensor([300.,300,1]).to(dtype),torch.tensor([300.,-300,1]).to(dtype)
        same(einsum('i,i->', a, b), torch.tensor(1., dtype=dtype))
        for eq in ('i,i->','i,j->ij','i,j->'): assert hold(eq, (a,b))
        x = torch.full((3000,), .1).to(dtype)
        same(einsum('i,i->', x, x), torch.einsum('i,i->', x, x), rtol=1e-2, atol=0)

# Chosen ones

unit = dict(zip('abcdefghijz', [2,3,4,5,4,3,2,6,5,4,2]))
forms = '''a,ab,abc->abc a,b,ab->ab ea,fb,gc,hd,abcd->efgh ea,fb,abcd,gc,hd->efgh abcd,ea,fb,gc,hd->efgh
  acdf,jbje,gihb,hfac,gfac,gifabc,hfac cd,bdhe,aidb,hgca,gc,hgibcd,hgac abhe,hidj,jgba,hiab,gab
  bde,cdh,agdb,hica,ibd,hgicd,hiac chd,bde,agbc,hiad,hgc,hgi,hiad chd,bde,agbc,hiad,bdi,cgh,agdb bdhe,acad,hiab,agac,hibd
  ab,ab,c-> ab,ab,c->c ab,ab,cd,cd-> ab,ab,cd,cd->ac ab,ab,cd,cd->cd ab,ab,cd,cd,ef,ef-> ab,cd,ef->abcdef ab,cd,ef->acdf
  ab,cd,de->abcde ab,cd,de->be ab,bcd,cd->abcd ab,bcd,cd->abd eb,cb,fb->cef dd,fb,be,cdb->cef bca,cdb,dbf,afc-> dcc,fce,ea,dbf->ab
  fdf,cdd,ccd,afe->ae abcd,ad ed,fcd,ff,bcf->be baa,dcf,af,cde->be bd,db,eac->ace fff,fae,bef,def->abd efc,dbc,acf,fd->abe ba,ac,da->bcd
  ab,ab ab,ba abc,abc abc,bac abc,cba aab,fa,df,ecc->bde ecb,fef,bad,ed->ac bcf,bbb,fbf,fc-> bb,ff,be->e bcb,bb,fc,fff->
  fbb,dfd,fc,fc-> afd,ba,cc,dc->bf adb,bc,fa,cfc->d bbd,bda,fc,db->acf dba,ead,cad->bce aef,fbc,dca->bde z,az,za-> aabb->ab ijij->
  iii->i iii jii->ij'''.split()

@pytest.mark.parametrize('eq', forms)
def test_forms_of_numpys_own_tests(eq):
    ts = tensors([[unit[l] for l in t] for t in eq.split('->')[0].split(',')])
    assert hold(eq, ts)
    same(einsum(eq, *ts).numpy(), np.asarray(np.einsum(eq, *(t.numpy() for t in ts), optimize=True)), rtol=1e-6, atol=1e-6)

shaped = [('...',(2,3)), ('ji',(2,3)), ('...ii->...i',(4,3,3)), ('ii...->...i',(3,3,4)), ('...ii->i...',(4,3,3)), ('ii...->i...',(3,3,4)),
    ('i...i->i...',(3,4,3)), ('i...i->...i',(3,4,3)), ('ijk->jik',(2,3,4)), ('...i->...',(2,3,4)), ('i...->...',(2,3,4)), ('i...->i',(2,3,4)),
    ('...i->i',(2,3,4)), ('...ij->i',(2,3,4)), ('i...j->ij',(2,3,4)), ('bbcdc->d',(1,1,3,1,3)), ('..., ...',(3,4),(2,3,4)), ('..., ...',(),()),
    ('...i, ...i',(2,3,4),(4,)), ('i..., i...',(4,3,2),(4,)), ('i,j',(3,),(5,)), ('ij, j',(4,3),(3,)), ('ji,j',(4,3),(4,)), ('ij,jk,kl',(3,4),(4,5),(5,6)),
    ('ijk, jil -> kl',(3,4,5),(4,3,2)), (',i->',(),(9,)), ('i,->',(9,),()), (',i->i',(),(4,)), ('i,->i',(4,),()), ('',()), (',',(),()), ('->',()),
    ('ij,ij->j',(10,2),(1,2)), ('i, i',(2,),(1,)), ('...ij,...jk->...ik',(1,5),(5,5)), ('ij...,j...->i...',(1,2),(2,2,1)), ('x,yx,zx->xzy',(2,),(2,2),(4,2)),
    ('ij...,j...->ij...',(2,3,4),(3,)), ('ij...,...j->ij...',(2,3,4),(3,)), ('ij...,j->ij...',(2,3,4),(3,)), ('ik...,k...->i...',(4,3),(3,2)),
    ('ik...,...kj->i...j',(4,3),(3,2)), ('...k,kj',(4,3),(3,2)), ('ik,k...->i...',(4,3),(3,2)), ('...kl,k',(2,3,4,5),(4,)), ('...kl,k...',(2,3,4,5),(4,)),
    ('...lmn,lmno->...o',(1,1,1,4,5,6),(4,5,6,3)), ('mi,mi,mi->m',(5,4),(5,4),(5,4)), ('cl, cpxy->lpxy',(3,2),(3,3,4,5)), ('ijk,kl,jl',(1,5,4),(4,6),(5,6)),
    ('ijk,kl,jl,i->i',(1,5,4),(4,6),(5,6),(10,)), ('abjk,kl,jl,ab->ab',(1,1,5,4),(4,6),(5,6),(7,7)), ('obk,ijk->ioj',(2,4,8),(2,4,8)),
    ('...ft,mf->...mt',(2,3,5),(4,3)), ('ijp,ipq,ikq->ijk',(3,1,1),(3,1,3),(1,3,3)), ('gah,cdbcghefg->ef',(1,3,1),(1,3,1,1,1,2,1,4,1)),
    ('ijklm,ijn,ijn->',(5,6,4,2,3),(5,6,7),(5,6,7)), ('ij..., i...->i',(3,3,3),(3,3,3)), ('j..., i...->',(3,3,3),(3,3,3)), ('ijk, jk...->',(3,3,3),(3,3,3)),
    ('i->...i',(2,)), ('i->i...',(2,)), ('i->...',(2,)), ('aB',(2,3)), ('Ba',(2,3)), ('bA',(2,3)), ('b...a',(2,3,4)), ('i, ,j',(2,),(),(3,)), ('i,i',(0,),(1,)),
    ('ii->i',(0,0)), ('ik,kj->ij',(2,0),(0,3)), ('i,i,i->',(3,),(3,),(3,)), ('ij->i',(2,3)), ('ii',(3,3)), ('ii->i',(3,3)),
    (','.join('abcdefghijkl'),*[(1,)]*12), ('abcdefghijklmnopqrstuvwxyzABC->CBA',(1,)*29)]

@pytest.mark.parametrize('eq,shapes', [(e,s) for e,*s in shaped], ids=[e for e,*_ in shaped])
def test_forms_with_shapes(eq, shapes): assert hold(eq, tensors(shapes))

bad = [('i%...',(2,2)), ('...j$',(2,2)), ('i->&',(2,)), ('i->ij',(2,)), ('ij->jij',(2,2)), ('ii',(2,3)), ('ii->i',(2,3)), ('ii',(3,1)), ('aabcb,abc',(3,3,4,5,6),(3,4,5)),
    ('',(),()), (',',(),(1,),(1,)), (',',(1,)), ('i',()), ('ij',(2,)), ('...i',()), ('i...j',(2,)), ('i...',()), ('ij...',(2,)), ('i..',(2,2)), ('.i...',(2,2)),
    ('j->..j',(2,2)), ('j->.j...',(2,2)), ('i',(2,3)), ('i j - > j i',(2,3)), ('i. ..',(2,3)), ('. . .i',(2,3)), ('...i...',(2,3)), ('i....',(2,3)), ('......',(2,)),
    ('i->i->i',(2,)), ('i->i,',(2,)), ('i->ii',(2,)), ('i->j',(2,)), ('i->......',(2,)), ('...->... ...',(2,)), ('...i->...i...',(2,3)), ('ijk',(2,3)), ('1',(2,)),
    ('é',(2,)), ('ß',(2,)), ('i-',(2,)), ('i>',(2,)), ('>i',(2,)), ('->i',()), ('\ti',(2,)), ('i\n',(2,)), ('i,j',(2,)), ('i',(2,),(3,)), ('...,...',(2,),(3,)),
    ('i,i',(2,),(3,)), ('i,i',(0,),(3,)), ('ik,kj->ij',(2,3),(4,5)), ('i',), ('',), (',',)]

@pytest.mark.parametrize('eq,shapes', [(e,s) for e,*s in bad], ids=[repr(e) for e,*_ in bad])
def test_refused(eq, shapes): assert not hold(eq, tensors(shapes))

@pytest.mark.parametrize('args', [(0,torch.ones(2)), (None,), ('i',3), ('i',[1,2]), ('i',np.ones(2)), ('i',None), ('i,i',torch.ones(2),[1.,2.]), (torch.ones(2),'i')])
def test_wrong_types(args):
    with pytest.raises((TypeError,AttributeError)): einsum(*args) # of an array: it has no attribute 'permute'

@pytest.mark.parametrize('args,words', [
    ((torch.ones(2),torch.ones(2)), 'eq is no string: a Tensor'), (('i',), 'needs 1, but 0 came'), (('i,i',torch.ones(2),[1.,2.]), 'operand 1 is not a tensor: it is a list'),
    (('i,i',torch.ones(2),torch.ones(2).double()), 'dtypes differ: letter i')])
def test_messages_for_wrong_types(args, words):
    with pytest.raises((TypeError,ValueError)) as e: einsum(*args)
    assert words in str(e.value), e.value

@pytest.mark.parametrize('eq,shapes,words', [
    ('ik,kj->ij', [(2,3),(4,5)], 'letter k has size 3 in operand 0, but size 4 in operand 1'), ('ii', [(2,3)], 'letter i has sizes 2 and 3 in operand 0'),
    ('...,i...', [(2,5),(7,4,5)], 'axis -2 of the ellipsis has size 2 in operand 0, but size 4 in operand 1'), ('i->ix', [(2,)], "letter x is on the right of 'i->ix'"),
    ('i->ii', [(2,)], 'letter i stands 2 times on the right'), ('i,j', [(2,)], 'needs 2, but 1 came'), ('i,j', [], 'needs 2, but 0 came'),
    ('ij', [(2,3,4)], "operand 0 has shape (2, 3, 4), 3 axes, but 'ij' names 2"), ('i?', [(2,)], "'?' in 'i?'"), ('i..', [(2,)], 'ellipsis'),
    ('...i...', [(2,)], '2 ellipses'), ('i->i->i', [(2,)], '2 arrows'), ('i->i,', [(2,)], "',' in 'i,' is no letter"),
    ('i->j', [(2,)], 'letter j is on the right'), ('i,i', [(1,),(2,),(3,)], 'needs 2, but 3 came'),
    ('i,i,i', [(1,),(2,),(3,)], 'letter i has size 2 in operand 1, but size 3 in operand 2')])
def test_messages(eq, shapes, words):
    with pytest.raises(ValueError) as e: einsum(eq, *tensors(shapes))
    assert words in str(e.value), e.value

def test_mixed_dtypes():
    "As in PyTorch: elementwise products promote, a sum over two dtypes is refused"
    f,i = torch.rand(3),torch.arange(3)
    for eq,ts in [('i,i->i',(f,i)), ('i,j',(f,i)), ('i,->i',(f,i[1])), (',i->',(i[2],f)), ('i,i',(f,i)), ('i,i',(f,f.double())), ('i,j->ij',(f,f.double())), ('i,i',(f,i[:1]))]:
        hold(eq, ts)
    with pytest.raises(TypeError, match='letter i summed over torch.float32 and torch.int64'): einsum('i,i', f, i)
    with pytest.raises(TypeError, match='axis -1 of the ellipsis summed over torch.float32 and torch.int64'): einsum('...,...->', f, i)

def test_products_of_booleans():
    a = torch.tensor([[1,0,1],[1,1,0]]).bool()
    same(einsum('ik,jk->ij', a, a).numpy(), a.numpy()@a.t().numpy()) # "any", as in NumPy

def test_views():
    "Without a product or a sum, no copy is made"
    a = torch.arange(12.).view(3, 4)
    for eq,t in [('ij',a), ('ij->ji',a), ('...',a), ('ii->i',a[:,:3])]: assert einsum(eq, t).data_ptr()==a.data_ptr()
    assert align(a, ['i','j'], ['k','j','i']).shape==(1,4,3)

def test_products():
    for f in (matmul_einsum, lambda a,b: einsum('ik,kj->ij', a, b), lambda a,b: einsum('...k,kj', a, b) if a.ndim==b.ndim else einsum('ik,kj', a, b)): hold_product(f)

def test_sizes_may_be_numpy_integers():
    "Counts are Python's integers, which do not overflow"
    shapes = np.array([[70_000,80_000],[80_000,90_000]], dtype=np.int32)
    same(contraction_cost('ik,kj->ij', *shapes), (70_000*80_000*90_000, 70_000*90_000))
    same(contraction_cost('ii,ij->j', (np.int64(3),np.int64(3)), (np.int8(3),4)), (12, 4)) # of the diagonal: i and j


# Orders of contraction

chains = [('ik,kl,lj->ij',[(2,3),(3,4),(4,5)]), ('ab,ab,c->c',[(2,3),(2,3),(4,)]), ('bi,ij,bj->b',[(3,2),(2,4),(3,4)]), ('...i,ij,...j->...',[(2,3,4),(4,5),(3,5)]),
    ('ii,ij,jj->',[(3,3),(3,4),(4,4)]), ('a,b,c,d->dcba',[(2,),(3,),(4,),(5,)]), ('ij,jk,kl,li->',[(2,3),(3,4),(4,5),(5,2)]), ('rk,kc,c',[(2,3),(3,4),(4,)]),
    ('ij,ij,ij->j',[(1,3),(2,1),(2,3)])]

def _by_hand(eq, ts, order):
    "The same, step by step with torch.einsum: result, multiplications, entries of the largest tensor written"
    terms,out = read_equation(eq)
    ts,n,largest = list(zip(terms, ts)),0,0
    for at in [*order, None]:
        at = range(len(ts)) if at is None else at
        pick,ts = [ts[k] for k in at],[o for k,o in enumerate(ts) if k not in at]
        letters = sorted({l for ls,_ in pick for l in ls})
        keep = [l for l in letters if l in out or any(l in ls for ls,_ in ts)]
        term = lambda right: ','.join(''.join(ls) for ls,_ in pick)+'->'+''.join(right)
        box = torch.einsum(term(letters), *(t for _,t in pick))
        result = torch.einsum(term(keep), *(t for _,t in pick))
        n += (len(pick)-1)*box.numel()
        largest = max(largest, (box if len(pick)>2 else result).numel())
        ts.append((keep, result))
    return torch.einsum(''.join(keep)+'->'+''.join(out), result),n,largest

@pytest.mark.parametrize('eq,shapes', [c for c in chains if '...' not in c[0]])
def test_costs_of_every_order(eq, shapes):
    ts,n = tensors(shapes),len(shapes)
    for order in [[], *([first] for first in itertools.permutations(range(n), 2)), [(0,1),(0,1)]]:
        result,*cost = _by_hand(eq, ts, order)
        same(result, torch.einsum(eq, *ts))
        assert contraction_cost(eq, *shapes, order=order)==tuple(cost), order

def test_costs():
    cost = lambda *o: contraction_cost('ik,kl,lj->ij', (2,3), (3,4), (4,5), order=o)
    assert cost()==(2*2*3*4*5, 2*3*4*5)
    assert cost((0,1))==(2*3*4+2*4*5, 10) and cost((1,2))==cost([2,1])==(3*4*5+2*3*5, 15)
    assert cost((0,2))==(2*3*4*5*2, 120) and cost((2,0,1))==cost()
    assert contraction_cost('ij->i', (2,3))==(0, 2) and contraction_cost('...i,i', (2,3,4), (4,))==(24, 6)
    for bad in ([(0,3)], [(0,0)], [(-1,0)], [()], [(0,1),(0,5)], [(0,1),(0,1),(0,1)], [(0,1,1)], ['01']):
        with pytest.raises(ValueError, match='in order: it names operands from 0'): contraction_cost('ik,kl,lj->ij', (2,3), (3,4), (4,5), order=bad)
    with pytest.raises(ValueError, match='letter k has size 3 in operand 0'): contraction_cost('ik,kj', (2,3), (4,5))

def test_numpys_counts_agree():
    "The order that NumPy finds best is at most twice as dear as the best first pair"
    for eq,shapes in chains[:7]:
        if '...' in eq or len(set(eq.split('->')[0].split(',')[0]))<len(eq.split(',')[0]): continue
        ts = [t.numpy() for t in tensors(shapes)]
        path,_ = np.einsum_path(eq, *ts, optimize='optimal')
        best = min(contraction_cost(eq, *shapes, order=[o])[0] for o in itertools.combinations(range(len(shapes)), 2))
        assert contraction_cost(eq, *shapes, order=[p for p in path[1:] if len(p)==2])[0]<=2*best


# Exercises

def once(eq, f): return '...'*('...' in eq)+''.join(sorted(l for l in eq if l.isalpha() and f(eq, l)))

def other_layer(x, w, z):
    m = torch.nn.Bilinear(x.shape[1], z.shape[1], len(w), bias=False)
    m.weight.data = w
    return m(x, z).detach()

def swapaxes(x): return (x-x.mean(0)).swapaxes(0, 1)@(x-x.mean(0))/len(x)
def moveaxis(x): return (x-x.mean(0)).moveaxis(0, 1)@(x-x.mean(0))/len(x)
def swapdims(x): return torch.swapdims(x-x.mean(0), 0, 1)@(x-x.mean(0))/len(x)

@pytest.mark.parametrize('name,f,kind,word', [
    ('row_dots', lambda a,b: torch.einsum('ij,ik->i', a, b), 'wrong', 'sums of the two rows are multiplied'),
    ('bilinear', other_layer, 'rule', 'Bilinear'),
    ('implicit', lambda eq: once(eq, lambda e,l: e.lower().count(l.lower())==1), 'wrong', '`a` and `A` are two'),
    ('implicit', lambda eq: once(eq, lambda e,l: e.count(l)!=2), 'wrong', "expected 'jk'"),
    ('cheaper', lambda ni,nk,nl,nj: 'left' if ni*nk*nl+ni*nk*nj<=nk*nl*nj+ni*nk*nj else 'right', 'wrong', 'taken to cost the same'),
    ('cheaper', lambda ni,nk,nl,nj: 'left' if ni*nk*nl*ni*nl*nj<=nk*nl*nj*ni*nk*nj else 'right', 'wrong', 'or costs multiplied'),
    ('cheaper', lambda ni,nk,nl,nj: 'left' if ni*nl*(nk+nj)<=nk*nj*(nl+ni) else 'right', 'right', ''),
    ('covariance', swapaxes, 'rule', 'swapaxes'), ('covariance', moveaxis, 'rule', 'moveaxis'), ('covariance', swapdims, 'rule', 'swapdims')])
def test_verdicts(name, f, kind, word):
    from groundup.exercises import einsum as ex
    v = ex.book.exercises[name].judge(f)
    assert v.kind==kind and word in v.text, v
