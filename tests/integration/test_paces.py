"""Real processes in other times: input that is played, workers that are dilated."""

import pytest

from tests.support.processes import neurocluster, summary, table

FRAMES = ("--frames", 6, "--no-compare")


def run(out, *options, frames=FRAMES):
    done = neurocluster("run", *frames, *options, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "Nothing lost" in done.stdout
    return done.stdout


def counts(folder):
    return [
        {k: v for k, v in row.items() if not k.endswith("_ns")}
        for row in table(folder, "frames.csv")
    ]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Return the folder of a run as it is."""
    out = tmp_path_factory.mktemp("plain") / "run"
    run(out)
    return out


def test_played_input_gives_the_same_spikes_over_its_time(plain, tmp_path):
    said = run(tmp_path / "run", "--tu", 0.05)
    assert "after the last input spike" in said
    assert counts(tmp_path / "run") == counts(plain)
    told = summary(tmp_path / "run")
    assert told["tu_seconds"] == 0.05
    rows = table(tmp_path / "run", "frames.csv")
    for row in rows:
        assert 0 < int(row["input_ns"]) < int(row["latency_ns"])
    late = [int(row["latency_ns"]) - int(row["input_ns"]) for row in rows]
    assert told["latency_after_input_ns"]["max"] == max(late)
    # Each frame has its unit of time, the last one but the 0.8 in which pixels fire.
    assert told["frames_per_second"] < 1 / 0.05 * 6 / 5
    links = {row["source"]: int(row["packets"]) for row in table(
        tmp_path / "run", "links.csv")}  # fmt: skip
    assert links["client"] > 10 * len(rows)


def test_a_dilated_worker_sleeps_for_what_it_counted(plain, tmp_path):
    by = 20
    said = run(tmp_path / "run", "--dilation", by, "--delay-us", 50)
    assert "all divided by 20" in said
    assert counts(tmp_path / "run") == counts(plain)
    told = summary(tmp_path / "run")
    assert told["dilation"] == by
    rate = told["undilated"]["frames_per_second"]
    assert rate == pytest.approx(by * told["frames_per_second"])
    for row in table(tmp_path / "run", "workers.csv"):
        if row["partition"] == "client":
            assert row["owed_ns"] == ""
            continue
        assert int(row["counted_ns"]) >= int(row["kernel_ns"]) / 10
        assert int(row["owed_ns"]) == (by - 1) * int(row["counted_ns"])
        # What the last turns used is slept by nobody; of a sleep some may be told as
        # waiting for a core.
        slept = int(row["wait_sleep_ns"]) + int(row["wait_cpu_ns"] or 0)
        assert slept > 0.8 * int(row["owed_ns"])
    for row in table(tmp_path / "run", "links.csv"):
        assert int(row["transit_ns_p50"]) >= by * 50_000
