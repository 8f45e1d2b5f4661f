"""summary.json and the report made of it."""

import io
import re

import numpy as np
import pytest
from rich.console import Console

from neurocluster.data.idx import Dataset
from neurocluster.results.report import WIDTH, print_report
from neurocluster.results.summary import (
    latency_percentiles,
    macs,
    summarise,
)
from neurocluster.results.tables import LINK_COLUMNS, WORKER_COLUMNS
from neurocluster.results.times import clocks_table, drawing
from tests.unit.results.test_tables import frame_table

KEYS = {
    "schema", "network", "quantizer", "fire_policy", "thresholds", "offset", "clock",
    "window", "workers", "cores", "oversubscribed", "frames", "accuracy_by_count",
    "accuracy_by_potential", "accuracy_ann", "accuracy_qann", "spikes_per_neuron",
    "spikes_per_neuron_with_pool", "synops_per_frame", "frames_per_second",
    "latency_ns", "spikes_sent", "spikes_received", "versions",
}  # fmt: skip
NETWORK = {
    "name": "small", "quantizer": "floor", "fire": "once", "thresholds": [0.5, 1.0],
    "offset": 0.0, "window": 16, "neurons": 4, "partitions": [["fc1.0", 0, 4]],
    "input": [4, 4, 1],
    "layers": [
        {"type": "conv2d", "channels": 2, "kernel": [3, 3], "stride": [1, 1],
         "padding": [1, 1]},
        {"type": "maxpool", "kernel": [2, 2], "stride": [2, 2]},
        {"type": "flatten"},
        {"type": "dense", "units": 3},
    ],
}  # fmt: skip
DENSE = {
    "accuracy_ann": 0.5, "accuracy_qann": {"floor": 0.5, "round": None},
    "one_process": {"frames_equal": 3, "decisions_flipped": 1},
}  # fmt: skip


def dataset(labels):
    images = np.zeros((100, 4, 4, 1), np.uint8)
    return Dataset(name="test", source="test", images=images, labels=labels)


def links(**values):
    return [dict.fromkeys(LINK_COLUMNS) | {"source": "a", "destination": "b"} | values]


def test_summary_of_a_run():
    labels = np.ones(100, np.int64)
    table = frame_table(errors={53: "bad"})
    sent = links(spikes_sent=9, spikes_received=9)
    found = summarise(NETWORK, table, dataset(labels), sent, DENSE)
    assert found.keys() >= KEYS
    assert (found["frames"], found["frames_failed"]) == (4, 1)
    assert found["frames_unreported"] == 1
    assert found["accuracy_by_count"] == 1.0  # the failed frame is left out
    assert found["accuracy_by_potential"] == pytest.approx(2 / 3, abs=1e-6)
    assert found["spikes_per_neuron"] == (10 + 8) / 2 / 4  # the unreported too
    assert found["spikes_per_neuron_with_pool"] == (10 + 8 + 4 + 3) / 2 / 4
    assert found["frames_per_second"] == pytest.approx(3 / 1002e-9)
    assert found["latency_ns"] == {"p50": 1001, "p90": 1001, "p99": 1001, "max": 1002}
    assert (found["spikes_sent"], found["spikes_received"]) == (9, 9)


def test_summary_without_labels_or_frames():
    found = summarise(NETWORK, frame_table(), dataset(None), links(), DENSE)
    assert found["accuracy_by_count"] is None
    assert found["spikes_sent"] is None  # a link without a report: unknown
    found = summarise(NETWORK, frame_table(0), dataset(None), [], DENSE)
    assert found["frames_per_second"] is None
    assert found["spikes_per_neuron"] is None
    assert found["latency_ns"] == dict.fromkeys(("p50", "p90", "p99", "max"))


def test_macs_follow_shapes():
    assert macs(NETWORK) == 4 * 4 * 2 * 9 + 2 * 2 * 2 * 3


def test_percentiles():
    found = latency_percentiles(np.arange(1, 102))
    assert found == {"p50": 51, "p90": 91, "p99": 100, "max": 101}


def report(monkeypatch, lines=(), **changes):
    summary = summarise(NETWORK, frame_table(), dataset(None), links(), DENSE)
    monkeypatch.setenv("NO_COLOR", "1")
    text = io.StringIO()
    console = Console(file=text, width=WIDTH, force_terminal=True, highlight=False)
    large = dict.fromkeys(LINK_COLUMNS, 10 ** 9) | {
        "source": "conv1.10", "destination": "conv2.11", "transit_error_ns": 10 ** 7,
        "clock": "udp",
    }  # fmt: skip
    worker = dict.fromkeys(WORKER_COLUMNS) | {"partition": "conv1.10", "pid": 4194304}
    print_report(console, summary | changes, [large, *links(), *lines], [worker])
    return text.getvalue()


def test_the_report_fits_and_tells_what_was_lost(monkeypatch):
    shown = report(monkeypatch, spikes_sent=8, spikes_received=8, oversubscribed=True)
    assert not re.search(r"\x1b\[(3\d|4\d|9\d)", shown)  # NO_COLOR: styles, no colours
    shown = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert "conv1.10->conv2.11" in shown
    assert "Nothing lost: 8 spikes sent, 8 received." in shown
    assert "oversubscribed" in shown
    assert "3 of 4 frames in every count; 1 decisions differ" in shown


def test_the_report_shows_no_time_below_its_error(monkeypatch):
    times = {
        "transit_ns_p50": 4_000, "transit_ns_p99": 90_000, "transit_ns_max": 200_000,
        "wire_ns_p50": 5_299, "wire_ns_p99": 80_000,
        "transit_error_ns": 5_300, "clock": "udp",
    }  # fmt: skip
    (line,) = [
        dict.fromkeys(LINK_COLUMNS) | {"source": "here", "destination": "there"} | times
    ]
    assert row_of(monkeypatch, line, 1).split()[3:9] == [
        "unres.", "90", "200", "unres.", "80", "5.3",
    ]  # fmt: skip
    line |= dict.fromkeys(times) | {"clock": "invalid"}
    assert row_of(monkeypatch, line, 1).split()[3:9] == [*"-----", "invalid"]


def row_of(monkeypatch, line, table):
    """Return what the report shows of a link in its first, second or third table."""
    shown = report(monkeypatch, lines=[line])
    rows = [row for row in shown.splitlines() if row.startswith("here->there")]
    return rows[table]


def test_the_report_draws_the_bound_where_clocks_differ(monkeypatch):
    line = dict.fromkeys(LINK_COLUMNS) | {
        "source": "here", "destination": "there", "transit_ns_p50": 100_000,
        "transit_error_ns": 60_000, "clock": "zmq", "probes": 1200, "probes_busy": 24,
        "round_trip_ns": 98_000,
    }  # fmt: skip
    row = row_of(monkeypatch, line, 2).split()
    assert row[1:6] == ["zmq", "1,200", "2.0", "98", "60"]
    assert re.fullmatch(r"\[-*o-*\]", row[6])
    shown = report(monkeypatch, lines=[line])
    assert "can be bounded so, never measured" in shown.replace("\n", " ")
    assert clocks_table([line | {"clock": "shared"}]) is None


@pytest.mark.parametrize(
    ("value", "error", "wanted"),
    [
        (100_000, 0, "            o"), (None, 5, ""), (5, None, ""),
        (10_000, 9_900, "<-----o-]"), (10 ** 9, 10 ** 7, " " * 31 + "o"),
    ],
)  # fmt: skip
def test_a_drawing_is_logarithmic(value, error, wanted):
    assert drawing(value, error, 3, 8) == wanted


def test_the_report_claims_nothing_it_does_not_know(monkeypatch):
    assert "Nothing lost" not in report(monkeypatch, oversubscribed=False)
    assert "Of 1 frames the worker that counted" in report(monkeypatch)
    lost = report(monkeypatch, spikes_sent=8, spikes_received=7)
    assert "Nothing lost" not in lost
