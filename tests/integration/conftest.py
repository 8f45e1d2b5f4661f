"""Leave no process behind, also when a test fails."""

import pytest

from tests.support.processes import end_started


@pytest.fixture(autouse=True)
def _nothing_left():
    yield
    end_started()
