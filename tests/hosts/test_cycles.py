"""Starting and stopping leaves nothing behind on any host, with any engine.

$NEUROCLUSTER_CYCLES says how often; `tools/test_hosts.sh --all` makes it a hundred.
"""

import json
import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.hosts.conftest import NAMESPACES, PORT, PYTHON, USER, open_to_all
from tests.support.processes import wait_for

pytestmark = pytest.mark.hosts
CYCLES = int(os.environ.get("NEUROCLUSTER_CYCLES", "10"))
PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run")
"""Where a process may leave files, beside its user's home."""
ENGINES = ("local", "ssh", "slurm")


@pytest.fixture
def home(tmp_path):
    """A folder of the user's, with the program that does it."""
    open_to_all(tmp_path)
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copy(Path(__file__).with_name("cycles.py"), folder)
    shutil.chown(folder, USER, USER)
    return folder


def processes():
    """Return the command lines of all that runs as the user, on whatever host."""
    user, found = pwd.getpwnam(USER).pw_uid, []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.stat().st_uid == user:
                found.append((folder / "cmdline").read_bytes())
        except OSError:
            continue
    return found


def files(home):
    """Return the user's files, but for caches and those of other tests."""
    own = pwd.getpwnam(USER).pw_dir
    tests, mine = home.parents[2], ["-user", USER, "-not", "-path", f"{own}/.cache/*"]
    found = ""
    for command in (
        [*PLACES, own, *mine, "-not", "-path", f"{tests}/*"],
        [home, *mine],
    ):
        found += subprocess.run(
            ["find", *command], check=False, capture_output=True, text=True
        ).stdout  # what vanishes meanwhile is an error to find
    return set(found.splitlines())


def secret(path):
    """Tell whether a file is a socket, or may hold a cluster's key."""
    path = Path(path)
    return path.is_socket() or (path.is_file() and b'"secret"' in path.read_bytes())


def connections(hosts):
    """Return the connections by ssh, at both ends."""
    command = ("ss", "-Htn", "state", "established", f"( sport = {PORT} )")
    return [line for name in hosts.names for line in hosts.run(name, *command).split()]


def cycles(engine, count, hosts, slurm, home):
    """Run the program as the user; return what it says."""
    command = f"{PYTHON} cycles.py {engine} {count} {hosts.file}"
    if engine == "slurm":
        inside = slurm.as_user(USER, home, f"salloc --quiet -N3 {command}")
        told = [NAMESPACES, "in", "n1", *inside]
    else:
        told = slurm.as_user(USER, home, command)
    done = subprocess.run(
        told, check=False, capture_output=True, text=True, timeout=120 + 20 * count
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("engine", ENGINES)
def test_cycles_leave_nothing(engine, hosts, slurm, home):
    slurm.ready()
    there = files(home)  # of earlier runs of the tests, say
    cycles(engine, 0, hosts, slurm, home)  # compiles, and makes folders of work
    wait_for(lambda: not processes(), 10)
    before = files(home)
    assert not [path for path in before - there if secret(path)]
    told = cycles(engine, CYCLES, hosts, slurm, home)
    print(f"{engine}: {CYCLES} cycles, {told['seconds']:.2f} s each (median)")
    assert told["last"] == told["first"]
    assert told["last"][1] == []
    wait_for(lambda: not processes(), 10)
    assert files(home) == before
    wait_for(lambda: not connections(hosts), 10)
    wait_for(lambda: not slurm.everything(), 10)
