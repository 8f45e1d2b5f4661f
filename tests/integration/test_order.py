"""Real processes that handle packets in an order drawn by a seed."""

from tests.support.processes import neurocluster, summary, table

SPLIT = ("--split", "conv1=rows:2,conv2=channels:2", "--frames", 60, "--no-compare")


def run(out, *options):
    done = neurocluster("run", *SPLIT, *options, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "Nothing lost" in done.stdout
    return out


def given(folder):
    """Return what each frame gave and each link carried, times left out."""
    return [
        {k: v for k, v in row.items() if "_ns" not in k}
        for row in (*table(folder, "frames.csv"), *table(folder, "links.csv"))
    ]


def test_the_same_seed_gives_the_same_spikes_on_any_network(tmp_path):
    first = run(tmp_path / "first", "--order-seed", 5)
    late = run(
        tmp_path / "late", "--order-seed", 5, "--window", 3, "--delay-us", 200,
        "--jitter-us", 500, "--jitter", "heavy", "--seed", 9,
    )  # fmt: skip
    other = run(tmp_path / "other", "--order-seed", 6)
    volatile = ("wire_packets", "clock", "probes", "probes_busy", "unclocked_packets")
    told = [
        [{k: v for k, v in row.items() if k not in volatile} for row in given(folder)]
        for folder in (first, late, other)
    ]
    assert told[0] == told[1]
    assert told[0] != told[2]
    assert summary(first)["order_seed"] == 5
