"""Real processes on a network that is made worse, and with a worker made slow."""

import numpy as np

from tests.support.processes import neurocluster, summary, table

FRAMES = ("--frames", 80, "--no-compare")


def run(out, *options):
    done = neurocluster("run", *FRAMES, *options, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "Nothing lost" in done.stdout
    return summary(out)


def counts(folder):
    """Return what each frame of a chain gave, its times left out."""
    return [
        {k: v for k, v in row.items() if not k.endswith("_ns")}
        for row in table(folder, "frames.csv")
    ]


def test_a_worse_network_changes_times_and_nothing_else(tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text('[[link]]\nfrom = "conv1"\nto = "conv2"\ndelay_us = 9000\n')
    run(tmp_path / "free")
    run(
        tmp_path / "late", "--delay-us", 2000, "--jitter-us", 300, "--jitter", "heavy",
        "--loss", 0.05, "--rate-mbit", 50, "--impair", rules, "--seed", 3,
    )  # fmt: skip
    assert counts(tmp_path / "late") == counts(tmp_path / "free")
    links = {row["source"]: row for row in table(tmp_path / "late", "links.csv")}
    for source, row in links.items():
        least = 9e6 if source == "conv1.0" else 2e6
        assert float(row["transit_ns_p50"]) > least, source
    assert float(links["conv2.0"]["transit_ns_p50"]) < 9e6


def test_a_straggler_sleeps_and_the_others_wait_for_it(tmp_path):
    run(tmp_path / "run", "--straggler", "conv2.0=20", "--window", 4)
    rows = {row["partition"]: row for row in table(tmp_path / "run", "workers.csv")}
    slept = {name: float(row["wait_sleep_ns"]) for name, row in rows.items()}
    slow = rows["conv2.0"]
    # It sleeps 19 times what its packets took, which is most of its time in turns.
    assert slept["conv2.0"] > 10 * float(slow["kernel_ns"])
    assert max(v for name, v in slept.items() if name != "conv2.0") == 0
    waits = [float(rows[name]["wait_input_ns"]) for name in ("fc1.0", "fc2.0")]
    assert min(waits) > 0.8 * slept["conv2.0"]
    parts = ("turn_ns", "wait_input_ns", "wait_outbound_ns", "wait_sleep_ns")
    whole = [
        sum(float(row[k]) for k in (*parts, "wait_loop_ns")) for row in rows.values()
    ]
    assert np.ptp(whole) < 0.5 * max(whole)


def test_a_file_of_rules_that_is_wrong_is_named(tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text("[[link]]\ndelay = 3\n")
    done = neurocluster("run", "--impair", rules, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "rules.toml: impairments: link 1: unknown key 'delay'" in done.stderr
    assert "Traceback" not in done.stderr
