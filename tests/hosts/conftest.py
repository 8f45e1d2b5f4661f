"""Hosts n1, n2, n3 with an sshd each, and an ordinary user who may log in there.

It needs root, and a Python that the user can read; `tools/test_hosts.sh` has both.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hosts.slurm import Slurm

ROOT = Path(__file__).parents[2]
NAMESPACES = ROOT / "tools" / "namespaces.sh"
COUNT, USER, PORT = 3, "neurocluster", 2222
SSHD_PATH = "/usr/sbin/sshd"
NET = "10.77.0"
PYTHON = os.environ.get("NEUROCLUSTER_HOSTS_PYTHON", "")
"""Interpreter on the hosts, with this package, that any user can run."""

SSHD = """\
Port {port}
HostKey {folder}/host_{name}
AuthorizedKeysFile {folder}/authorized
PasswordAuthentication no
UsePAM no
StrictModes no
PidFile {folder}/pid_{name}
MaxStartups 100
"""
HOSTS = """\
[defaults]
user = "{user}"
port = {port}
key = "{folder}/id"
known_hosts = "{folder}/known"
python = "{python}"
folder = "work"
cores = 2
"""


@dataclass(frozen=True)
class Hosts:
    """The hosts of a test session.

    Attributes:
        folder: Of keys and settings.
        file: Hosts file.
        names: Of the hosts.
    """

    folder: Path
    file: Path
    names: tuple[str, ...]

    def run(self, name, *command):
        """Run a command on a host; return its output."""
        done = subprocess.run(
            [NAMESPACES, "in", name, *command], check=True, capture_output=True,
            text=True,
        )  # fmt: skip
        return done.stdout

    def pids(self, name, word):
        """Return the processes on a host whose command line has a word."""
        found = subprocess.run(
            ["ip", "netns", "pids", name], check=True, capture_output=True, text=True
        ).stdout.split()
        return [int(pid) for pid in found if word in command_of(pid)]

    def link(self, name, state):
        """Set the network link of a host up or down."""
        number = name.removeprefix("n")
        subprocess.run(["ip", "link", "set", f"ncv{number}", state], check=True)


def command_of(pid):
    """Return a process's command line; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def key(path):
    """Make a key pair for ssh; return the public one's first two words."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True
    )
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


@pytest.fixture(scope="session")
def hosts(tmp_path_factory):
    """Make the hosts; they go with the session."""
    assert PYTHON, "run tools/test_hosts.sh, or name NEUROCLUSTER_HOSTS_PYTHON"
    folder = tmp_path_factory.mktemp("hosts")
    open_to_all(folder)
    if subprocess.run(["id", USER], capture_output=True, check=False).returncode:
        subprocess.run(["useradd", "-m", "-s", "/bin/bash", USER], check=True)
        subprocess.run(["usermod", "-p", "*", USER], check=True)
    subprocess.run([NAMESPACES, "down"], check=True)
    subprocess.run([NAMESPACES, "up", str(COUNT)], check=True)
    names = tuple(f"n{k}" for k in range(1, COUNT + 1))
    file = start_sshd(folder, names)
    shutil.chown(folder / "id", USER)
    yield Hosts(folder, file, names)
    subprocess.run([NAMESPACES, "down"], check=True)


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


def start_sshd(folder, names):
    """Start an sshd on each host; return a hosts file that names them."""
    Path("/run/sshd").mkdir(exist_ok=True)
    (folder / "authorized").write_text(key(folder / "id"))
    known = []
    text = HOSTS.format(user=USER, port=PORT, folder=folder, python=PYTHON)
    for k, name in enumerate(names, 1):
        public = key(folder / f"host_{name}")
        known.append(f"[{NET}.{k}]:{PORT} {public}\n")
        settings = folder / f"sshd_{name}"
        settings.write_text(SSHD.format(port=PORT, folder=folder, name=name))
        subprocess.run([NAMESPACES, "in", name, SSHD_PATH, "-f", settings], check=True)
        text += f'\n[[host]]\nname = "{name}"\naddress = "{NET}.{k}"\n'
    (folder / "known").write_text("".join(known))
    (folder / "hosts.toml").write_text(text)
    return folder / "hosts.toml"


@pytest.fixture(autouse=True)
def _whole(request):
    """Leave every host as it was: links up, no worker left."""
    yield
    if "hosts" in request.fixturenames:
        made = request.getfixturevalue("hosts")
        for name in made.names:
            made.link(name, "up")
