"""The short form of what is done to real clusters; the whole is `tools.faults`."""

import subprocess
import sys
from pathlib import Path

from tests.support.processes import ENVIRONMENT

ROOT = Path(__file__).parents[2]


def test_the_short_form_finds_nothing_wrong():
    done = subprocess.run(
        [sys.executable, "-m", "tools.faults", "--short"], cwd=ROOT, text=True,
        capture_output=True, check=False, timeout=400, env=ENVIRONMENT,
    )  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WRONG" not in done.stdout
    assert done.stdout.count("| 0 | identical |") > 7
