"What `make run` does to outputs before it stores them: pictures get smaller, paths of the machine go, words and numbers stay"
import io, re, sys

import pytest

import notebooks as nb


def words(svg): return re.sub(r'\s+', ' ', re.sub(r'<!--.*?-->|<style.*?</style>|<metadata>.*?</metadata>|<[^>]*>', ' ', svg, flags=re.S)).split()

def test_numbers_that_are_read_stay():
    assert nb.smaller('<text x="12.34567">rms 0.00712</text>') == '<text x="12.35">rms 0.00712</text>'

@pytest.mark.parametrize('values', [[.00712, 1234.5678, -.0004], [1e-9, 3.14159]])
def test_a_picture_says_the_same(values):
    import matplotlib
    matplotlib.use('svg')
    import matplotlib.pyplot as plt
    with plt.rc_context({'svg.fonttype': 'none'}):
        fig,ax = plt.subplots()
        ax.plot(values)
        for k,v in enumerate(values): ax.text(k, v, f'rms {v}')
        fig.savefig(f := io.StringIO(), format='svg')
        plt.close(fig)
    svg,small = f.getvalue(),nb.smaller(f.getvalue())
    assert words(small)[-len(values)*2:] == words(svg)[-len(values)*2:] and f'{values[0]}' in small
    assert len(small) < .8*len(svg)

def test_paths_go():
    text = f'{nb.root}/groundup/einsum.py and {sys.prefix}/lib/x.py and /tmp/ipykernel_12/345.py'
    assert nb.neutral(text) == 'groundup/einsum.py and lib/x.py and <cell>'
    def found(t): return [*nb.machine_paths({'cells': [{'outputs': [{'text': [t]}]}]})]
    assert found(text) and not found(nb.neutral(text))
