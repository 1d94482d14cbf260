"An explorer in JupyterLab: alive through anywidget, one state in all its views, and nothing of it stored but one sentence"
import json
import pytest
import test_jupyterlab
from test_jupyterlab import Notebook

server = test_jupyterlab.server

def test_alive(server, browser):
    pytest.importorskip('anywidget')
    info,tmp = server
    sources = ["from groundup.support import explore\ne = explore.broadcast((2,1,3), (4,1))\ne", "e", "print(e.state)"]
    cells = [dict(cell_type='code', id=f'c{k}', source=s, metadata={}, outputs=[], execution_count=None) for k,s in enumerate(sources)]
    nb = dict(cells=cells, metadata=dict(kernelspec=dict(name='python3', display_name='Python 3', language='python')), nbformat=4, nbformat_minor=5)
    (tmp/'work/try.ipynb').write_text(json.dumps(nb))
    nb,page = (o := Notebook(browser)),o.page
    page.goto(f"{info['url']}lab/tree/try.ipynb?token={info['token']}")
    nb.wait("window.jupyterapp && NB?.content?.model?.cells?.length == 3")
    nb.idle()
    nb.run_all()
    views = page.locator('.jp-OutputArea-output .explore-live')
    views.nth(1).wait_for()
    said = [v.locator('[role=status]') for v in views.all()]
    assert [s.inner_text() for s in said]==['The result has the shape (2, 4, 3).']*2
    views.nth(0).get_by_label('Shape of b').fill('5 3')
    page.wait_for_function("[...document.querySelectorAll('.explore-live [role=status]')].every(e => e.textContent.includes('2, 5, 3'))")
    assert views.nth(1).get_by_label('Shape of b').input_value()=='5 3'
    nb.run(2)
    nb.shows(2, "'b': '5 3'")
    stored = json.dumps(nb.cells()[0]['outputs'])
    assert 'data-explore' in stored and 'function' not in stored and len(stored)<2000
