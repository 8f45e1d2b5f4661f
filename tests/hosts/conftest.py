"""Hosts n1, n2, n3 with an sshd each, and an ordinary user who may log in there.

It needs root, and a Python that the user can read; `tools/test_hosts.sh` has both.
"""

import os
import shutil

import pytest

from tests.hosts.slurm import Slurm
from tools.hosts import NAMESPACES, NET, PORT, ROOT, USER, made_hosts

__all__ = [
    "NAMESPACES", "NET", "PORT", "PYTHON", "ROOT", "USER", "hosts", "open_to_all",
    "slurm",
]  # fmt: skip
PYTHON = os.environ.get("NEUROCLUSTER_HOSTS_PYTHON", "")
"""Interpreter on the hosts, with this package, that any user can run."""


@pytest.fixture(scope="session")
def hosts(tmp_path_factory):
    """Make the hosts; they go with the session."""
    assert PYTHON, "run tools/test_hosts.sh, or name NEUROCLUSTER_HOSTS_PYTHON"
    folder = tmp_path_factory.mktemp("hosts")
    open_to_all(folder)
    with made_hosts(folder, PYTHON) as made:
        shutil.chown(folder / "id", USER)
        yield made


@pytest.fixture(scope="module")
def slurm(hosts, tmp_path_factory):
    """Run Slurm on the hosts, its controller here."""
    folder = tmp_path_factory.mktemp("slurm")
    open_to_all(folder)
    addresses = {name: f"{NET}.{name[1:]}" for name in hosts.names}
    made = Slurm(folder, NAMESPACES, addresses, f"{NET}.254")
    yield made
    made.close()


def open_to_all(folder):
    """Let every user into a folder of a test; pytest's are the tester's alone."""
    for path in (folder, *folder.parents[:2]):
        path.chmod(0o755)


@pytest.fixture(autouse=True)
def _whole(request):
    """Leave every host as it was: links up, no worker left."""
    yield
    if "hosts" in request.fixturenames:
        made = request.getfixturevalue("hosts")
        for name in made.names:
            made.link(name, "up")
