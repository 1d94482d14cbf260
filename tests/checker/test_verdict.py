"Verdicts and values in words"
import numpy as np
import torch
from sample import Rude, python
from torch import nn

from groundup.support.checker.verdict import Verdict, brief


def test_brief():
    assert brief(torch.tensor([[1, -2], [3, 4]])) == 'tensor([[1, -2], [3, 4]])'
    assert brief(torch.zeros(5, 784)) == 'tensor of shape (5, 784), float32'
    assert brief(np.zeros((5, 7))) == 'array of shape (5, 7), float64'
    assert brief((1,)) == '(1,)' and brief(([], torch.ones(1))) == '([], tensor([1.]))'
    assert brief({'a': [1], 2: np.ones(1)}) == "{'a': [1], 2: array([1.])}" and brief({}) == '{}'
    assert len(brief([[['x'*190]*12]*12]*12)) < 1010 and len(brief(torch.ones(30).double()/3)) < 400
    assert brief(list(range(1000))).endswith(' …') and len(brief('x'*1000)) < 210
    assert brief(torch.ones(1, requires_grad=True)*2) == 'tensor([2.])'
    assert brief(object()) == '<object object>' and brief(Rude()) == 'a Rude whose repr raises ZeroDivisionError'
    assert brief(torch.relu) == 'relu' and brief(nn.Linear) == 'Linear' and '\n' not in brief(nn.Sequential(nn.ReLU()))

def test_html():
    v = Verdict('a<b>', 'wrong', ['`<i>` & ü'], [('input', '<script>')])
    h = v._repr_html_()
    assert all(o not in h for o in ('<b>', '<i>', '<script>')) and '<code>&lt;i&gt;</code> &amp; ü' in h and ': wrong' in h
    assert 'background:none' in h and 'color:inherit' in h

def test_ascii_terminal():
    p = python('''\
        from groundup.support.checker.verdict import Verdict
        Verdict('größe', 'wrong', ['naïve …']).show()''', PYTHONIOENCODING='ascii', PYTHONUTF8='0')
    assert p.returncode == 0 and p.stdout.decode().splitlines() == ['gr\\xf6\\xdfe: wrong', '  na\\xefve \\u2026']
