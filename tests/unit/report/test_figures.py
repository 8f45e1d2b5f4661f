"""What figures show and say, also of runs in which much is missing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.report.figure import saved, styled
from neurocluster.report.latency import latency_curves, right_in_time, steps
from neurocluster.report.matrix import bytes_matrix, latency_matrix, spikes_matrix
from neurocluster.report.network import network_graph
from neurocluster.report.packets import one_way_times, packet_times
from neurocluster.report.run import read_run
from neurocluster.report.sidebyside import headline, remarks
from neurocluster.report.spikes import accuracy_spikes, interval
from neurocluster.report.times import time_parts, worker_times
from tests.support.runs import frame_lines, link_lines, make_run, worker_lines


def run_of(tmp_path, name="a", **changes):
    return read_run(make_run(tmp_path / name, **changes))


def svg(drawn):
    with styled(drawn.name):
        return saved(drawn.figure, "svg").decode()


def test_latency_says_the_percentiles_of_the_file(tmp_path):
    drawn = latency_curves([run_of(tmp_path)], "latency")
    assert drawn.sentence.startswith(
        "Half of the 100 frames had all outputs closed within 1.50 ms, 99 % within "
        "1.99 ms; the first output spike came after 750 us and the leading class "
        "stayed after 1.12 ms"
    )
    assert "first output spike" in svg(drawn)


def test_accuracy_in_time_counts_right_frames_only(tmp_path):
    run = run_of(tmp_path)
    drawn = right_in_time([run], "x")
    # 90 of 100 are right, so the 90th share is reached with the last of them.
    assert "90 % after 1.50 ms, at the end 90.00 %" in drawn.sentence
    assert "ANN 95.00 %" in svg(drawn)


@given(st.lists(st.floats(1, 1e9), min_size=1, max_size=2000), st.integers(0, 99))
def test_steps_are_those_of_the_distribution(values, others):
    """Wherever it is drawn to rise, so many of all frames are done."""
    times, share = steps(np.array(values), len(values) + others)
    ordered = np.sort(values)
    at = np.round(share * (len(values) + others)).astype(int)
    assert (ordered[at - 1] == times).all()
    assert at[-1] == len(values)
    assert (np.diff(at) > 0).all()


def test_many_frames_make_no_large_drawing(tmp_path):
    drawn = latency_curves([run_of(tmp_path, frames=frame_lines(20_000))], "latency")
    assert "Half of the 20,000 frames" in drawn.sentence
    assert len(svg(drawn)) < 150_000


def test_matrix_shows_counts_and_bounds(tmp_path):
    run = run_of(tmp_path)
    drawn = spikes_matrix(run, "m")
    assert drawn.sentence == (
        "5 links carried 11.5 k spikes, 43 % of them conv1.1->fc1.0. Every count is "
        "the same at both ends."
    )
    assert "5.00 k" in svg(drawn)
    assert "A spike took 3.30 bytes" in bytes_matrix(run, "m").sentence
    assert "\N{PLUS-MINUS SIGN}120 ns" in svg(latency_matrix(run, "m"))


def test_unresolved_times_are_marked(tmp_path):
    links = link_lines()
    links[1] |= {"clock": "udp", "transit_error_ns": 300_000}
    links[2] |= {"clock": "invalid", "transit_ns_p50": None, "transit_ns_p99": None}
    run = run_of(tmp_path, links=links)
    for draw in (latency_matrix, one_way_times):
        drawn = draw(run, "m")
        assert "unres." in svg(drawn)
    said = latency_matrix(run, "m").sentence
    assert "Not resolved on client->conv1.1: the clocks' bound exceeds" in said
    assert "No time is known of conv1.0->fc1.0: its clock jumped." in said
    assert one_way_times(run, "m").sentence.startswith(
        "Of 5 links 3 have one clock at both ends; the bounds of 1 come from probes "
        "(udp)."
    )


def test_links_without_reports(tmp_path):
    links = link_lines()
    told = ("link", "source", "destination")
    silent = [{k: v if k in told else None for k, v in link.items()} for link in links]
    run = run_of(tmp_path, links=silent)
    assert "Not reported: client->conv1.0" in spikes_matrix(run, "m").sentence
    assert packet_times(run, "m").figure is None
    assert one_way_times(run, "m").figure is None
    assert "No spikes were counted" in network_graph(run, "m").sentence
    differ = [links[0] | {"spikes_received": 1}, *links[1:]]
    run = run_of(tmp_path, "b", links=differ)
    assert "differ on client->conv1.0" in spikes_matrix(run, "m").sentence


def test_the_network_names_widest_link_and_busiest_worker(tmp_path):
    drawn = network_graph(run_of(tmp_path), "n")
    assert "widest link is conv1.1->fc1.0 with 5.00 k spikes, 50 a frame" in (
        drawn.sentence
    )
    assert "Of all SynOps fc1.0 does 50 %" in drawn.sentence
    for name in ("client", "conv1.0", "conv1.1", "fc1.0"):
        assert f">{name}<" in svg(drawn)


def test_a_large_network_is_drawn_without_numbers(tmp_path):
    line = link_lines()[0]
    links = [line | {"source": "client", "destination": f"a.{k}"} for k in range(20)]
    links += [line | {"source": f"a.{k}", "destination": "b.0"} for k in range(20)]
    links.append(line | {"source": "b.0", "destination": "client"})
    run = run_of(tmp_path, links=links)
    for draw in (network_graph, spikes_matrix):
        shown = svg(draw(run, "n"))
        assert ">a.19<" in shown
        assert "1.00 k" not in shown.partition("legend_1")[0]


def test_times_without_columns_of_waits():
    worker = {"kernel_ns": 20, "cpu_ns": 50}
    assert time_parts(worker, 100) == {
        "kernels": 20, "other CPU": 30, "rest: waits": 50
    }  # fmt: skip
    assert time_parts(worker, 40) == {}
    assert time_parts({"kernel_ns": None}, 100) is None
    assert time_parts(worker | {"run_cpu_ns": 30}, 40) == {
        "kernels": 20, "other CPU": 10, "rest: waits": 10
    }  # fmt: skip
    assert time_parts({"kernel_ns": 70, "cpu_ns": 50}, 100)["kernels"] == 50


def test_times_with_columns_of_waits(tmp_path):
    waits = {
        "turn_ns": 90, "wait_input_ns": 60, "wait_outbound_ns": 10,
        "wait_clock_ns": 30, "wait_slowest_ns": 25, "wait_sleep_ns": 3,
        "wait_loop_ns": 7,
    }  # fmt: skip
    workers = [line | waits | {"kernel_ns": 30} for line in worker_lines()]
    parts = time_parts(workers[0], 1e9)
    assert sum(parts.values()) == 200
    assert parts["waits for the clock"] == 5
    assert parts["waits for the slowest"] == 25
    assert (parts["kernels"], parts["other CPU"]) == (30, 67)
    assert parts["sleeps, made slow"] == 3
    drawn = worker_times(run_of(tmp_path, workers=workers), "w")
    assert "Of all waiting 60 % for input." in drawn.sentence
    assert "waits for a full link" in svg(drawn)


def test_a_lost_worker_has_no_bar(tmp_path):
    workers = worker_lines()
    workers[1] |= {"kernel_ns": None, "cpu_ns": None}
    workers[0]["cpu_ns"] = 10**12
    drawn = worker_times(run_of(tmp_path, workers=workers), "w")
    assert "1 process left no report." in drawn.sentence
    assert "client spent more CPU time than the run lasted" in drawn.sentence
    assert "busiest worker, fc1.0, was on a processor for 48 %" in drawn.sentence


def test_runs_without_labels_or_frames(tmp_path):
    run = run_of(tmp_path, frames=frame_lines(labels=False))
    for draw in (right_in_time, accuracy_spikes):
        drawn = draw([run], "x")
        assert drawn.figure is None
        assert "no labels" in drawn.sentence
    other = run_of(tmp_path, "b")
    both = right_in_time([run, other], "x")
    assert both.figure is not None
    assert "a has no labels." in both.sentence
    assert "Without labels or counts: a." in accuracy_spikes([run, other], "x").sentence
    empty = frame_lines(1)
    empty[0] |= dict.fromkeys(list(empty[0])[2:])
    none = run_of(tmp_path, "c", frames=empty, frames_per_second=None)
    assert latency_curves([none], "x").sentence == "No frame has a result."
    assert latency_curves([none, other], "x").figure is not None


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (9, 10, 0.5958, 0.9821), (10, 10, 0.7225, 1.0)],
)
def test_wilson_intervals(right, total, low, high):
    """Values of Newcombe, Statistics in Medicine 17 (1998), method 3, and of Brown."""
    assert interval(right, total) == pytest.approx((low, high), abs=2e-4)


def test_runs_side_by_side(tmp_path):
    a = run_of(tmp_path, frames_failed=2, oversubscribed=True, cores=2)
    b = run_of(tmp_path, "b", frames_per_second=600.0, accuracy_by_count=0.89, window=1)
    rows = {row.name: row for row in headline([a, b])}
    assert rows["frames a second"].differences == ["", "+20.0 %"]
    assert rows["accuracy by count"].differences == ["", "-1.00 points"]
    assert rows["spikes a neuron"].differences == ["", "same"]
    assert rows["frames"].values == ["100 (2 failed)", "100"]
    said = " ".join(remarks([a, b]))
    assert "a: 3 workers on 2 cores, and a client: more processes than cores" in said
    assert (
        "differ in their windows (16, 1): speeds and latencies do not compare" in said
    )
    assert "b: 3 workers" not in said


def test_times_that_are_not_those_of_a_network_left_to_itself_are_said(tmp_path):
    a = run_of(tmp_path, dilation=20.0, order_seed=0, tu_seconds=0.5)
    dilated, ordered, played = remarks([a])[:3]
    assert dilated == (
        "a: all its times are dilated by 20, its speeds too; divide times by that, "
        "multiply speeds."
    )
    assert "order of seed 0" in ordered
    assert "units of 0.5 s" in played
    assert not remarks([run_of(tmp_path, "b", dilation=1.0, order_seed=None)])
