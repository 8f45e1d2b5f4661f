"""What a run left: kept whole, and joined with what the next session brings."""

import numpy as np
import pytest

from neurocluster.client.results import FrameTable
from neurocluster.errors import ConfigError
from neurocluster.results import part as p
from neurocluster.results.folder import RunFolder
from neurocluster.results.tables import LINK_COLUMNS
from tests.unit.results.test_tables import frame_table

NETWORK = {
    "file": b"bytes", "thresholds": [0.7], "offset": 0.0, "quantizer": "hysteresis",
    "fire": "once", "partitions": [["a.0", 0, 4]],
}  # fmt: skip


def line(**values):
    return dict.fromkeys(LINK_COLUMNS) | {"link": 0} | values


def made(frames, errors=None, **values):
    table = frame_table(len(frames), errors=errors)
    table = FrameTable(
        np.array(frames), table.rows, table.counts, table.potentials, errors or {},
        table.reports,
    )  # fmt: skip
    return p.Part(
        "x", table, np.array([[1, 2, 3, 4]]), [line(**values)], [{"pid": frames[0]}],
        [{"reason": str(frames[0])}], 1.5,
    )  # fmt: skip


def test_a_part_survives_its_file(tmp_path):
    folder = RunFolder(tmp_path)
    assert p.load(folder) is None
    part = made([50, 51, 53], {53: "bad"}, packets=4)
    p.save(folder, part)
    found = p.load(folder)
    assert (found.network, found.seconds) == ("x", 1.5)
    assert (found.links, found.workers) == (part.links, part.workers)
    assert found.table.errors == {53: "bad"}
    for name in ("frames", "rows", "counts", "potentials", "reports"):
        assert (getattr(found.table, name) == getattr(part.table, name)).all()
    assert (found.totals == part.totals).all()


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_a_damaged_file_is_named(tmp_path, damage):
    folder = RunFolder(tmp_path)
    p.save(folder, made([1, 2]))
    data = (tmp_path / p.NAME).read_bytes()
    (tmp_path / p.NAME).write_bytes(data[:-200] if damage is None else damage)
    with pytest.raises(ConfigError, match=r"unfinished\.npz is damaged"):
        p.load(folder)


def test_two_sessions_make_one_run_in_order():
    old = made([4, 6], packets=3, transit_ns_max=9, transit_ns_p50=1, blocked_ns=None)
    new = made([3, 5, 7], {7: "bad"}, packets=2, transit_ns_max=5, transit_ns_p50=2)
    found = p.join(old, new)
    assert found.table.frames.tolist() == [3, 4, 5, 6, 7]
    assert found.table.counts.tolist() == [
        *new.table.counts[:1].tolist(), *old.table.counts[:1].tolist(),
        *new.table.counts[1:2].tolist(), *old.table.counts[1:].tolist(),
        *new.table.counts[2:].tolist(),
    ]  # fmt: skip
    assert found.table.errors == {7: "bad"}
    (link,) = found.links
    assert (link["packets"], link["transit_ns_max"], link["transit_ns_p50"]) == (
        5,
        9,
        2,
    )
    assert link["blocked_ns"] is None
    assert [w["pid"] for w in found.workers] == [4, 3]
    assert [r["reason"] for r in found.recoveries] == ["4", "3"]
    assert (found.seconds, found.totals.tolist()) == (3.0, [[2, 4, 6, 8]])


def test_a_session_without_results_joins_too():
    empty = made([9])
    table = FrameTable(
        np.zeros(0, np.int64), empty.table.rows[:0], np.zeros((0, 0), np.int32),
        np.zeros((0, 0), np.int32), {}, empty.table.reports[:0],
    )  # fmt: skip
    old = p.Part("x", table, empty.totals, empty.links, [], [], 0.0)
    assert p.join(old, made([1, 2])).table.frames.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("name", "value"),
    [("file", b"other"), ("thresholds", [0.8]), ("fire", "settle"), ("offset", 0.5)],
)
def test_other_networks_and_settings_are_told_apart(name, value):
    assert p.identity(NETWORK) == p.identity(dict(NETWORK))
    assert p.identity(NETWORK | {name: value}) != p.identity(NETWORK)
