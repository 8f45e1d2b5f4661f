"""Leave no process behind, also when a test fails; keep most tests to themselves."""

import pytest

from tests.support.processes import end_started

SHARED = (
    "test_bench", "test_doctor", "test_mistakes", "test_readme", "test_report",
    "test_simulate", "test_wheel",
)  # fmt: skip
"""Modules whose tests may run beside others: no time matters in them."""


def pytest_collection_modifyitems(items):
    """Mark the others: they need the machine for themselves."""
    for item in items:
        name = item.module.__name__
        if ".integration." in name and name.rpartition(".")[2] not in SHARED:
            item.add_marker("alone")


@pytest.fixture(autouse=True)
def _nothing_left():
    yield
    end_started()
