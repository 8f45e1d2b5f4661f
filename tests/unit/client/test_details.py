"""Further tables are collected within bounds, of this session only."""

import numpy as np
import pytest

from neurocluster.client import details as d
from neurocluster.wire.control import Control, Kind
from neurocluster.wire.shapes import SPAN_ROW

WIDTH = len(SPAN_ROW)


def piece(rows, *, epoch=3, partition=0, missing=0, extra=b""):
    data = np.arange(rows * WIDTH, dtype="<i8").tobytes() + extra
    body = {"partition": partition, "table": "spans", "missing": missing, "rows": data}
    return Control(Kind.DETAILS, body, 1, epoch)


def test_pieces_are_kept_in_their_order():
    found = d.Details()
    assert all(found.take(piece(n, missing=n), since=3) for n in (2, 0, 1))
    assert [(p.lost, len(p.rows)) for p in found.pieces] == [(2, 2), (0, 0), (1, 1)]


@pytest.mark.parametrize("message", [piece(1, epoch=2), piece(1, extra=b"x")])
def test_what_is_of_another_session_or_no_table_is_dropped(message):
    found = d.Details()
    assert not found.take(message, since=3)
    assert found.pieces == []


def test_a_table_that_grows_without_end_is_cut_and_what_is_lost_told(
    monkeypatch, caplog
):
    monkeypatch.setattr(d, "MOST_ROWS", 5)
    found = d.Details()
    for _ in range(3):
        found.take(piece(4), since=3)
    found.take(piece(4, partition=1), since=3)
    assert [(p.node, p.lost, len(p.rows)) for p in found.pieces] == [
        (0, 0, 4), (0, 3, 1), (0, 4, 0), (1, 0, 4)
    ]  # fmt: skip
    assert "table spans of node 0 is too large; 3 rows are dropped" in caplog.text
