"""Traces: what is written is read again, what is damaged is named."""

import json

import numpy as np
import pytest

from neurocluster.client.records import RESULT
from neurocluster.client.results import Chunk
from neurocluster.errors import DataError
from neurocluster.member.details import Detail
from neurocluster.results.folder import RunFolder
from neurocluster.results.trace import FRAME_ROW, read_trace, write_trace
from neurocluster.wire.shapes import PACKET_ROW, TURN_ROW

NETWORK = {
    "partitions": [["conv1.0", 0, 4]],
    "links": [[0, "client->conv1.0", "client", "conv1.0"],
              [1, "conv1.0->client", "conv1.0", "client"]],
}  # fmt: skip
ROSTER = [{"partition": name, "host": "h"} for name in ("conv1.0", "client")]


def rows(columns, **values):
    return np.array([[values.get(name, 0) for name in columns]])


def written(tmp_path):
    """Write a small trace; return its path and its arrays."""
    details = [
        Detail(node, table, lost, found)
        for node, link in ((0, 0), (-1, 1))
        for table, lost, found in (
            ("packets", 2, rows(PACKET_ROW, link=link, frame=3)),
            ("turns", 0, rows(TURN_ROW, cause=1)),
        )
    ]
    results = np.zeros(1, RESULT)
    results["frame"], results["started_ns"], results["decided_ns"] = 3, 5, 7
    empty = np.zeros((1, 0), np.int32)
    chunk = Chunk(np.zeros(1, np.int64), results, empty, empty, epoch=1)
    write_trace(RunFolder(tmp_path), NETWORK, ROSTER, details, [chunk])
    path = tmp_path / "trace.npz"
    with np.load(path, allow_pickle=False) as file:
        return path, dict(file)


def test_what_is_written_is_read(tmp_path):
    path, _ = written(tmp_path)
    found = read_trace(path)
    assert found.nodes == ["conv1.0", "client"]
    assert found.links == {0: ("client", "conv1.0"), 1: ("conv1.0", "client")}
    assert found.lost["client"] == (2, 0)
    packets = rows(PACKET_ROW, link=1, frame=3)
    assert found.packets["client"].tolist() == packets.tolist()
    assert found.frames.shape == (1, len(FRAME_ROW))
    assert read_trace(tmp_path / "none.npz") is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"nodes": ["../x", "client"]}, "are not partitions and the client"),
        ({"nodes": ["conv1.0", "conv2.0"]}, "are not partitions and the client"),
        ({"hosts": ["h"]}, "a node has no host"),
        ({"lost": {"client": [0, 0]}}, "a node has no host, or no count"),
        ({"links": [[0, "client", "x.0"]]}, "link 0 has an end that is no node"),
        ({"links": [[0, "client", "conv1.0"]]}, "packets of client have a link 1"),
        ({"causes": ["other"]}, "turns of conv1.0 have a cause 1"),
        ({"packets_0": np.zeros((2, 3), np.int64)}, "packets of conv1.0 are int64 of"),
        ({"turns_1": np.zeros((2, 4))}, "turns of client are float64 of shape"),
        ({"frames": np.zeros(5, np.int64)}, "frames are int64 of shape"),
    ],
)
def test_a_damaged_trace_is_named(tmp_path, change, said):
    path, arrays = written(tmp_path)
    told = json.loads(str(arrays["told"]))
    told |= {key: value for key, value in change.items() if key in told}
    arrays |= {key: value for key, value in change.items() if key not in told}
    arrays["told"] = np.array(json.dumps(told))
    np.savez(path, **arrays)
    with pytest.raises(DataError, match="make the run again") as caught:
        read_trace(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_what_is_no_archive_is_named(tmp_path):
    path = tmp_path / "trace.npz"
    path.write_bytes(b"PK")
    with pytest.raises(DataError, match="is damaged"):
        read_trace(path)
