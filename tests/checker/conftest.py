"Each test of the checker has a progress file of its own"
import pytest

from groundup.support.checker import progress


@pytest.fixture(autouse=True)
def data(tmp_path, monkeypatch):
    monkeypatch.setenv('GROUNDUP_DATA', str(tmp_path))
    progress._memory.clear()
    progress._warned.clear()
    return tmp_path
