"""Make hosts of network namespaces, each with an sshd where an ordinary user logs in.

It needs root, sshd and a Python that the user can read (`tools/test_hosts.sh` has all).
Hosts are called n1, n2, n3; this machine is on their network, too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
NAMESPACES: Final = ROOT / "tools" / "namespaces.sh"
COUNT: Final = 3
USER: Final = "neurocluster"
PORT: Final = 2222
SSHD_PATH: Final = "/usr/sbin/sshd"
NET: Final = "10.77.0"
BRIDGE: Final = "ncbr0"
SSHD: Final = """\
Port {port}
HostKey {folder}/host_{name}
AuthorizedKeysFile {folder}/authorized
PasswordAuthentication no
UsePAM no
StrictModes no
PidFile {folder}/pid_{name}
MaxStartups 100
"""
HOSTS: Final = """\
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
    """Hosts that are there.

    Attributes:
        folder: Of keys and settings.
        file: Hosts file.
        names: Of the hosts.
    """

    folder: Path
    file: Path
    names: tuple[str, ...]

    def run(self, name: str, *command: str | Path) -> str:
        """Run a command on a host; return its output."""
        done = subprocess.run(
            [NAMESPACES, "in", name, *command], check=True, capture_output=True,
            text=True,
        )  # fmt: skip
        return done.stdout

    def pids(self, name: str, word: str) -> list[int]:
        """Return the processes on a host whose command line has a word."""
        found = subprocess.run(
            ["ip", "netns", "pids", name], check=True, capture_output=True, text=True
        ).stdout.split()
        return [int(pid) for pid in found if word in command_of(int(pid))]

    def link(self, name: str, state: str) -> None:
        """Set the network link of a host up or down."""
        subprocess.run(["ip", "link", "set", port_of(name), state], check=True)

    def kill(self, name: str) -> None:
        """Kill every process on a host at once, its sshd among them.

        All are stopped first: none may do anything about the end of another.
        """
        pids = self.pids(name, "")
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def start_sshd(self, name: str) -> None:
        """Start a host's sshd, unless it runs."""
        if not self.pids(name, SSHD_PATH):
            self.run(name, SSHD_PATH, "-f", self.folder / f"sshd_{name}")


def address_of(name: str) -> str:
    """Return the address of a host."""
    return f"{NET}.{name.removeprefix('n')}"


def port_of(name: str) -> str:
    """Return the bridge's port to a host."""
    return f"ncv{name.removeprefix('n')}"


def command_of(pid: int) -> str:
    """Return a process's command line; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


@contextlib.contextmanager
def made_hosts(folder: Path, python: str) -> Iterator[Hosts]:
    """Give hosts, and remove them.

    Args:
        folder: For keys and settings; all users must be able to read it.
        python: Interpreter on the hosts, with this package, that any user can run.
    """
    if subprocess.run(["id", USER], capture_output=True, check=False).returncode:
        subprocess.run(["useradd", "-m", "-s", "/bin/bash", USER], check=True)
        subprocess.run(["usermod", "-p", "*", USER], check=True)
    names = tuple(f"n{k}" for k in range(1, COUNT + 1))
    subprocess.run([NAMESPACES, "down"], check=True)
    try:
        subprocess.run([NAMESPACES, "up", str(COUNT)], check=True)
        hosts = Hosts(folder, _settings(folder, names, python), names)
        for name in names:
            hosts.start_sshd(name)
        yield hosts
    finally:
        subprocess.run([NAMESPACES, "down"], check=True)


def _settings(folder: Path, names: tuple[str, ...], python: str) -> Path:
    """Write keys and settings of every sshd; return a hosts file that names all."""
    Path("/run/sshd").mkdir(exist_ok=True)
    (folder / "authorized").write_text(_key(folder / "id"))
    known = []
    text = HOSTS.format(user=USER, port=PORT, folder=folder, python=python)
    for name in names:
        public = _key(folder / f"host_{name}")
        known.append(f"[{address_of(name)}]:{PORT} {public}\n")
        settings = folder / f"sshd_{name}"
        settings.write_text(SSHD.format(port=PORT, folder=folder, name=name))
        text += f'\n[[host]]\nname = "{name}"\naddress = "{address_of(name)}"\n'
    (folder / "known").write_text("".join(known))
    (folder / "hosts.toml").write_text(text)
    return folder / "hosts.toml"


def _key(path: Path) -> str:
    """Make a key pair for ssh; return the public one's first two words."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True
    )
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


def wait_until_empty(hosts: Hosts, seconds: float) -> list[int]:
    """Wait until no worker or parent of workers is left; return those that are."""
    end = time.monotonic() + seconds
    while True:
        left = [pid for name in hosts.names for pid in hosts.pids(name, "neurocluster")]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.1)
