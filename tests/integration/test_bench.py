"""`neurocluster bench` as a user runs it: JSON, table, errors."""

import json

import pytest

from tests.support.processes import neurocluster

VALUES = {
    "kernels_0.7", "cores_busy", "latency_p50", "latency_p99", "hop_p50", "hop_p99",
    "frames_per_second_pystep", "hop_cpu_native", "link_8", "link_4096", "ready_cold",
    "ready_forked", "first_result", "memory_worker", "memory_all", "lost",
    "barrier_central_2", "barrier_dissemination_16", "clock_central",
    "clock_dissemination", "timer_50_p99",
    "curve_link_256", "curve_link_8192_cpu_us", "curve_hop_p99_us", "curve_fps",
}  # fmt: skip


@pytest.fixture(scope="module")
def small():
    """Return a run of one round without yardsticks."""
    options = ("--rounds", 1, "--frames", 200, "--threshold", "0.7")
    done = neurocluster("bench", *options, "--json", timeout=300)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
def test_json_holds_every_row(small):
    found = json.loads(small.stdout)
    rows = found["rows"]
    assert rows.keys() >= VALUES
    for key, row in rows.items():
        assert row["value"] is not None, (key, row["reason"])
    assert rows["lost"]["value"] == 0
    assert rows["hop_p50"]["value"] > 0
    assert rows["hop_p50"]["difference"] is not None
    assert rows["barrier_central_2"]["value"] > 0
    assert rows["clock_dissemination"]["difference"] is not None
    assert found["settings"]["threshold"] == [0.7]
    assert found["workloads"][0]["accuracy_by_count"] > 0.9
    assert found["environment"]["versions"]["pyzmq"]


@pytest.mark.slow
def test_what_needs_yardsticks_is_null_and_says_so(small):
    rows = json.loads(small.stdout)["rows"]
    outside = ("kernels_0.7", "frames_per_second_native", "latency_p50", "link_512")
    for key in outside:
        assert rows[key]["yardstick_value"] is None
        assert rows[key]["ratio"] is None
        assert rows[key]["ratio_min"] is rows[key]["met"] is None
        assert rows[key]["reason"] == "needs --yardsticks"


@pytest.mark.slow
def test_progress_goes_to_standard_error(small):
    for step in ("kernels", "cluster", "link", "hop", "worker, cold", "first result"):
        assert f": {step}: done (" in small.stderr


def test_what_is_asked_for_is_measured_and_nothing_else():
    done = neurocluster("bench", "--rounds", 1, "--only", "timer", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert rows["timer_50_p99"]["value"] >= rows["timer_50_p50"]["value"] > 0
    assert all(key.startswith("timer_") for key in rows)
    assert "step 1/1: timer: done (" in done.stderr


def test_a_folder_without_the_programs(tmp_path):
    done = neurocluster("bench", "--yardsticks", tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: yardsticks: {tmp_path} holds no ")
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_none(tmp_path):
    done = neurocluster("bench", "--yardsticks", tmp_path / "none")
    assert done.returncode == 2
    assert "is not a folder" in done.stderr


def test_help_shows_an_example():
    done = neurocluster("bench", "--help")
    assert done.returncode == 0
    assert "neurocluster bench --rounds 3" in done.stdout
