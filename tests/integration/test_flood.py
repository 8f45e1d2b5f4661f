"""The short form of flooding a real cluster's sockets; the whole is `tools.flood`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ENVIRONMENT

ROOT = Path(__file__).parents[2]
NODES = ("controller", "client", "conv1.0", "conv2.0", "fc1.0", "fc2.0")
KINDS = (
    "garbage", "CURVE, then garbage", "not encrypted", "key of its own",
    "key, not in the roster",
)  # fmt: skip


@pytest.mark.slow
def test_nothing_but_counters_moves():
    done = subprocess.run(
        [sys.executable, "-m", "tools.flood", "--messages", "5000"], cwd=ROOT,
        capture_output=True, check=False, text=True, timeout=300, env=ENVIRONMENT,
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = {(f"{node} tcp", kind) for node in NODES for kind in KINDS}
    if os.geteuid() == 0:  # only root gives a worker another clock
        wanted |= {(f"{node} udp", "datagrams") for node in NODES[1:]}
    cells = [line.split(" | ") for line in done.stdout.splitlines()]
    rows = {(row[0][2:], row[1]): row[-1] for row in cells if len(row) == 7}
    assert rows.keys() >= wanted
    assert set(rows.values()) == {"none |", "effect |"}
