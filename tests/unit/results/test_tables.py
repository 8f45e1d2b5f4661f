"""Tables: columns that others build on, and what each cell says."""

import csv

import numpy as np
import pytest

from neurocluster.client.records import RESULT
from neurocluster.client.results import FrameTable
from neurocluster.results import tables
from neurocluster.results.folder import RunFolder
from neurocluster.wire.shapes import INBOUND_ROW

FRAMES = (
    "frame,label,class_by_count,class_by_potential,spikes,spikes_pool,synops,"
    "latency_ns,first_output_ns,decided_ns,input_ns"
)
LINKS = (
    "link,source,destination,spikes_sent,spikes_received,spikes_positive,"
    "spikes_negative,packets,bytes,transit_ns_p50,transit_ns_p99,transit_ns_max,"
    "transit_error_ns,blocked_ns"
)
NETWORK = {
    "stages": ["conv1", "fc1"],
    "partitions": [["conv1.0", 0, 6], ["conv1.1", 0, 6], ["fc1.0", 1, 3]],
    "links": [[0, "client->conv1.0", "client", "conv1.0"], [1, "b", "fc1.0", "client"]],
}


def frame_table(n=4, errors=None):
    rows = np.zeros(n, RESULT)
    rows["started_ns"] = 1000
    rows["first_output_ns"] = [1200, 0, 1300, 1400][:n]
    rows["decided_ns"] = 1500
    rows["done_ns"] = 2000 + np.arange(n)
    counts = np.array([[1, 2], [0, 0], [3, 3], [2, 1]], np.int32)[:n]
    potentials = np.array([[9, 1], [1, 2], [5, 7], [0, 0]], np.int32)[:n]
    reports = np.array([[10, 4, 99], [8, 3, 77], [-1, -1, -1], [6, 2, 55]])[:n]
    frames = np.arange(50, 50 + n)
    return FrameTable(frames, rows, counts, potentials, errors or {}, reports)


def test_fixed_columns_stay():
    assert ",".join(tables.FRAME_COLUMNS) == FRAMES
    assert ",".join(tables.LINK_COLUMNS).startswith(LINKS)


def test_frame_rows():
    labels = np.arange(100) % 10
    got = list(tables.frame_rows(frame_table(errors={53: "bad"}), labels))
    assert got[0] == [50, 0, 1, 0, 10, 4, 99, 1000, 200, 500, 0, 1, 2]
    assert got[1] == [
        51,
        1,
        1,
        1,
        8,
        3,
        77,
        1001,
        None,
        500,
        *[0] * 3,
    ]  # no output spike
    assert got[2] == [52, 2, 1, 1, *[None] * 3, 1002, 300, 500, 0, 3, 3]  # unreported
    assert got[3] == [53, 3, *[None] * 11]  # failed: frame and label alone


def test_frame_rows_without_labels_or_frames():
    assert next(tables.frame_rows(frame_table(), None))[:2] == [50, None]
    assert list(tables.frame_rows(frame_table(0), None)) == []


def received(**values):
    """Return a row of a report's inbound links; what is not given is 0."""
    return [values.get(name, 0) for name in INBOUND_ROW]


def test_link_rows_join_both_ends():
    sender = [0, 120, 45, 7, 900, 11, 120]
    receiver = received(
        spikes=110, packets=7, bytes=900, transit_max=500, error_max=25,
        transit_p50=50, transit_p99=90, wire_p50=30, wire_p99=60, wire_packets=3,
        batching_p50=5, service_p99=8, round_trip=40, method=1, unclocked=2,
        probes=9, probes_busy=4,
    )  # fmt: skip
    reports = [
        {"outbound": [sender], "inbound": []}, {"outbound": [], "inbound": [receiver]}
    ]  # fmt: skip
    counts = np.array([[100, 40, 100], [3, 1, 2]])  # of frames that are complete
    first, second = tables.link_rows(NETWORK, reports, counts)
    assert list(first.values())[:14] == [
        0, "client", "conv1.0", 100, 100, 60, 40, 7, 900, 50, 90, 500, 25, 11
    ]  # fmt: skip
    assert second["link"] == 1
    assert second["destination"] == "client"
    assert list(second.values())[3:7] == [3, 2, 2, 1]
    rest = [second[c] for c in tables.LINK_COLUMNS[7:]]
    assert rest == [None] * len(rest)  # nobody reported: unknown, not zero
    nothing, _ = tables.link_rows(NETWORK, [], None)
    assert [nothing[c] for c in tables.LINK_COLUMNS[3:]] == [None] * 23
    assert list(first.values())[14:] == [30, 60, 3, 5, 0, 0, 8, "udp", 40, 2, 9, 4]


@pytest.mark.parametrize(
    ("changes", "clock"), [({"jumps": 1}, "invalid"), ({"unclocked": 7}, "udp")]
)
def test_no_times_are_told_of_a_clock_that_is_not_known(changes, clock):
    row = received(
        packets=7, transit_max=500, error_max=25, transit_p50=50, wire_packets=3,
        batching_p50=5, method=1, **changes,
    )  # fmt: skip
    line, _ = tables.link_rows(NETWORK, [{"outbound": [], "inbound": [row]}], None)
    assert line["clock"] == clock
    assert line["batching_ns_p50"] == 5
    told = [
        line[c] for c in tables.LINK_COLUMNS if c.startswith(("transit", "wire_ns"))
    ]
    assert told == [None] * 6
    assert line["wire_packets"] == 0


def test_who_was_asked_through_the_controller_says_so():
    rows = [received(method=k, packets=1, round_trip=90 - k) for k in (1, 2)]
    reports = [{"outbound": [], "inbound": [row]} for row in rows]
    line, _ = tables.link_rows(NETWORK, reports, None)
    assert (line["clock"], line["round_trip_ns"]) == ("zmq", 88)


def test_layer_rows_add_partitions():
    totals = {0: np.array([6, 2, 30, 5]), 1: np.array([4, 1, 20, 5])}
    conv, dense = tables.layer_rows(NETWORK, totals, 2)
    assert list(conv.values()) == ["conv1", 2, 12, 10, 3, 50, 10 / 12 / 2, 10]
    assert dense["spikes"] == 0
    assert tables.layer_rows(NETWORK, {}, 0)[0]["spikes_per_neuron_frame"] is None


def test_worker_rows_match_reports_by_pid():
    roster = [
        {"partition": "conv1.1", "host": "h", "pid": 7},
        {"partition": "client", "host": "h", "pid": 8},
    ]
    reports = [{"worker": {"pid": 7, "cpu_ns": 5, "frames": 2}}]
    worker, client = tables.worker_rows(
        NETWORK, reports, roster, {1: np.array([4, 1, 20, 6])}
    )
    assert (worker["cpu_ns"], worker["frames"], worker["spikes"]) == (5, 2, 4)
    assert (worker["synops"], worker["service_ns"]) == (20, 6)
    assert client["partition"] == "client"
    assert client["cpu_ns"] is None


def test_maps_are_written_in_column_order(tmp_path):
    line = dict.fromkeys(tables.LAYER_COLUMNS) | {"neurons": 4, "layer": "a"}
    tables.write_maps(RunFolder(tmp_path), "layers.csv", tables.LAYER_COLUMNS, [line])
    with (tmp_path / "layers.csv").open() as file:
        head, row = csv.reader(file)
    assert head == list(tables.LAYER_COLUMNS)
    assert row == ["a", "", "4", *[""] * 5]


def test_a_line_of_an_older_version_has_empty_fields(tmp_path):
    tables.write_maps(RunFolder(tmp_path), "t.csv", ("a", "new"), [{"a": 1}])
    assert (tmp_path / "t.csv").read_text() == "a,new\n1,\n"
