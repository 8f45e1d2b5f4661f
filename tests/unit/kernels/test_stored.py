"""Compiled kernels are found under their own key only, whoever wrote at once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from neurocluster.kernels.stored import KernelFiles
from tests.support.forms import EACH

ROOT = Path(__file__).parents[3]
TOGETHER = 4


@pytest.fixture
def files(tmp_path):
    return KernelFiles(str(tmp_path), "kernel-1", (1, 2))


def test_what_was_saved_is_found(files):
    files.save(("a", 1), b"one")
    files.save(("a", 2), b"two")
    assert (files.load(("a", 1)), files.load(("a", 2))) == (b"one", b"two")
    assert files.load(("a", 3)) is None
    files.save(("a", 1), b"new")
    assert files.load(("a", 1)) == b"new"
    files.flush()
    assert files.load(("a", 1)) is None


def test_another_source_does_not_find_it(files, tmp_path):
    files.save("key", b"one")
    assert KernelFiles(str(tmp_path), "kernel-1", (1, 3)).load("key") is None
    assert KernelFiles(str(tmp_path), "kernel-2", (1, 2)).load("key") is None


def test_a_file_of_another_key_is_not_believed(files, tmp_path):
    files.save("a", b"one")
    (path,) = tmp_path.iterdir()
    files.save("b", b"two")
    (other,) = set(tmp_path.iterdir()) - {path}
    path.write_bytes(other.read_bytes())
    assert files.load("a") is None


@pytest.mark.parametrize("size", [0, 1, 20])
def test_a_truncated_file_counts_as_none(files, tmp_path, size):
    files.save("a", b"one" * 100)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:size])
    assert files.load("a") is None


def test_without_room_nothing_is_kept_and_nothing_fails(tmp_path, caplog):
    files = KernelFiles(str(tmp_path / "nowhere"), "kernel-1", (1, 2))
    files.save("a", b"one")
    assert files.load("a") is None
    assert "cannot keep a compiled kernel: " in caplog.text


def test_forms_compiled_at_the_same_time_are_not_mixed_up(tmp_path):
    barrier = tmp_path / "barrier"
    barrier.mkdir()
    command = [sys.executable, "-m", "tests.support.forms"]
    options = {
        "cwd": ROOT,
        "env": os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")},
    }
    together = [
        subprocess.Popen(
            [*command, "compile", str(k), barrier, str(TOGETHER)], **options
        )
        for k in range(TOGETHER)
    ]
    assert [process.wait(60) for process in together] == [0] * TOGETHER
    done = subprocess.run(
        [*command, "check", str(TOGETHER)], check=True, capture_output=True, text=True,
        **options,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
    kept = list((tmp_path / "cache").rglob("forms.form.locals.add-*.nbc"))
    assert len(kept) == EACH * TOGETHER


USES = """
import sys
import neurocluster.kernels.draw as draw
from neurocluster.link.gate import GATE, let_in
import numpy as np
gate = np.zeros(1, GATE)
let_in(gate.ctypes.data, 3)
assert gate[0]["limit"] == 3
(stats,) = [let_in.stats]
print(draw.__file__, sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def test_another_place_finds_what_was_compiled(tmp_path):
    cache = tmp_path / "cache"
    told = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copytree(
            ROOT / "neurocluster", folder / "neurocluster",
            ignore=shutil.ignore_patterns("__pycache__"),
        )  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", USES], cwd=folder, capture_output=True, text=True,
            env=os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(folder)},
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        file, *counts = done.stdout.split()
        assert file.startswith(str(folder))
        told.append(counts)
    assert told == [["0", "1"], ["1", "0"]]
