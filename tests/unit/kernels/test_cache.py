"""The folder of compiled kernels follows the sources, and old ones go."""

import os
from pathlib import Path

import pytest

from neurocluster.kernels import cache

ROOT = Path(cache.__file__).parent.parent


@pytest.fixture
def base(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """Stand in for the package: a copy of its tree of compiled sources."""
    package = tmp_path / "package"
    for folder in cache.COMPILED:
        (package / folder).mkdir(parents=True)
        (package / folder / "a.py").write_text("1")
    (package / "dtypes.py").write_text("1")
    monkeypatch.setattr(cache, "__file__", str(package / "kernels" / "cache.py"))
    return package


def test_the_same_sources_have_the_same_folder(base):
    assert cache.cache_folder() == cache.cache_folder()
    assert cache.cache_folder().is_dir()
    assert cache.cache_folder().parent == base


@pytest.mark.parametrize("folder", cache.COMPILED)
def test_a_change_of_any_compiled_source_makes_a_new_folder(sources, folder):
    before = cache.sources_digest()
    (sources / folder / "a.py").write_text("2")
    changed = cache.sources_digest()
    assert changed != before
    (sources / folder / "b.py").write_text("")
    (sources / folder / "notes.txt").write_text("no source")
    assert cache.sources_digest() == changed  # an empty file compiles to nothing


def test_constants_that_kernels_compile_in_count_too(sources):
    before = cache.sources_digest()
    (sources / "dtypes.py").write_text("POTENTIAL_LIMIT = 3")
    assert cache.sources_digest() != before


def test_every_compiled_function_lies_in_a_folder_that_counts():
    """A module that compiles outside `COMPILED` could meet its stale kernel."""
    for path in ROOT.rglob("*.py"):
        text = path.read_text()
        if "kernels.jit import" in text or "@jit" in text:
            assert path.relative_to(ROOT).parts[0] in cache.COMPILED, path


def test_without_a_variable_it_is_below_the_users_cache(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache.cache_folder().parent == tmp_path / "x" / "neurocluster"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "h"))
    assert cache.cache_folder().parent == tmp_path / "h" / ".cache" / "neurocluster"


def test_only_the_last_folders_stay(base):
    for k in range(8):
        old = base / f"kernels-{k}"
        old.mkdir()
        (old / "f").write_text("")
        os.utime(old, (1000 + k, 1000 + k))
    (base / "other").mkdir()
    made = cache.cache_folder()
    left = {path.name for path in base.iterdir()}
    assert left == {made.name, "other"} | {
        f"kernels-{k}" for k in range(8 - cache.KEPT + 1, 8)
    }


def test_a_folder_that_cannot_be_made_is_no_error(monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/proc/nowhere")
    assert str(cache.cache_folder()).startswith("/proc/nowhere/kernels-")
