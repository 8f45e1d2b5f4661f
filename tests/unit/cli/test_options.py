"""Options whose value may be left out."""

import pytest

from neurocluster.cli.options import with_default


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("status", "status"),
        ("status --watch", "status --watch=1"),
        ("status --watch c.json", "status --watch=1 c.json"),
        ("status --watch --json", "status --watch=1 --json"),
        ("status --watch 2 c.json", "status --watch 2 c.json"),
        ("status c.json --watch=0.5", "status c.json --watch=0.5"),
    ],
)
def test_watch_is_each_second_by_default(given, made):
    assert " ".join(with_default(given.split(), "--watch", "1")) == made
