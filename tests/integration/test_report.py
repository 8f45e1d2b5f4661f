"""The report of a real run: what tables are called, and all figures drawn."""

import json
from pathlib import Path

import numpy as np
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from neurocluster.metrics.histogram import lower_edges
from neurocluster.report.timeline import timeline
from neurocluster.results.spans import read_spans
from neurocluster.results.trace import read_trace
from neurocluster.wire.shapes import PACKET_ROW
from tests.support.processes import neurocluster, summary, table

FRAME, SENT, RECEIVED = (PACKET_ROW.index(n) for n in ("frame", "sent", "received"))


def check_trace(run):
    """All packets of the first frames, each sent and received once, on one clock."""
    trace = read_trace(run / "trace.npz")
    assert not any(map(any, trace.lost.values()))
    packets = np.concatenate(list(trace.packets.values()))
    assert set(packets[:, FRAME]) == set(range(50)) == set(trace.frames[:, 1])
    assert (packets[:, RECEIVED] >= packets[:, SENT]).all()
    lines = timeline(trace)
    assert lines.packets == len(packets)
    assert lines.unknown == []
    slices = [s for p in lines.processes for t in p.tracks for s in t.slices]
    assert sorted(s.starts for s in slices if s.starts is not None) == list(
        range(len(packets))
    )


def check_logs(run, files):
    """The logs, read back, have the packets and quantiles of links.csv."""
    logs = {file.name: file for file in files if file.suffix == ".hlog"}
    assert [file.name for file in files if file not in logs.values()] == [
        "timeline.pftrace"
    ]
    for link in table(run, "links.csv"):
        name = f"{link['source']}--{link['destination']}.hlog"
        reader = HistogramLogReader(str(logs.pop(name)), HdrHistogram(1, 1 << 44, 3))
        found = {}
        while (histogram := reader.get_next_interval_histogram()) is not None:
            found[histogram.get_tag()] = histogram
        reader.input_file.close()
        assert found["transit"].total_count == int(link["packets"])
        for span in ("transit", "batching", "service"):
            told = int(link[f"{span}_ns_p50"])
            assert abs(found[span].get_value_at_percentile(50) - told) <= told / 500 + 1
        check_tail(found["transit"], link, read_spans(run / "spans.csv"))
    assert not logs


def check_tail(histogram, link, bins):
    """Two rules round the rank of a percentile: it may be one packet to a side."""
    edges = lower_edges()
    mine = sorted(
        (low, count) for (a, b, span, low), count in bins.items()
        if (a, b, span) == (link["source"], link["destination"], "transit")
    )  # fmt: skip
    times = np.repeat(*np.array(mine).T)
    rank = int(np.ceil(0.99 * len(times)))
    low, high = times[max(rank - 2, 0)], times[min(rank, len(times) - 1)]
    beyond = edges[np.searchsorted(edges, high, side="right")]
    assert low <= histogram.get_value_at_percentile(99) <= beyond * 1.002
    assert low <= int(link["transit_ns_p99"]) <= beyond


def test_a_real_run_has_every_figure(tmp_path):
    run, out = tmp_path / "run", tmp_path / "out"
    done = neurocluster(
        "run", "--frames", 300, "--split", "conv1=rows:2", "--out", run, "--quiet",
        "--trace", 50,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    done = neurocluster("report", run, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["page"] == str(out / "report.html")
    assert not (run / "report").exists()
    figures = {figure["name"]: figure for figure in found["figures"]}
    assert len(figures) == 10
    for figure in figures.values():
        assert len(figure["files"]) == 2, figure["sentence"]
        assert all(Path(file).exists() for file in figure["files"] + figure["data"])
    assert "Half of the 300 frames" in figures["latency"]["sentence"]
    assert "Every count is the same at both" in figures["links-spikes"]["sentence"]
    check_trace(run)
    check_logs(run, [Path(file) for file in found["files"]])
    right = 100 * summary(run)["accuracy_by_count"]
    assert f"at the end {right:.2f} %" in figures["accuracy-time"]["sentence"]
