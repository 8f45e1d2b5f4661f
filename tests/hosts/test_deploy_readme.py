"""An ordinary user does what deploy/README.md says: every command in it, as it stands.

What the file leaves to the reader is in `PLACES` and in the functions that `HOW` names.
A command that `HOW` does not know fails.
"""

import contextlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.hosts.conftest import NAMESPACES, NET, PORT, ROOT, USER, open_to_all
from tests.hosts.test_ssh import counted
from tests.support.processes import kill, neurocluster, wait_for

pytestmark = pytest.mark.hosts
README = (ROOT / "deploy" / "README.md").read_text()
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "runs", "build", "dist")
"""Of this checkout, in the copy that is the user's."""


def commands():
    """Return the indented lines of each section."""
    return {
        section.partition("\n")[0]: re.findall(r"^ {4,}(\S.*)$", section, re.MULTILINE)
        for section in README.split("\n## ")[1:]
    }


class Reader:
    """An ordinary user, who reads the file from top to bottom.

    Attributes:
        home: Where commands of no checkout run.
        checkout: A copy of the project.
        found: Folders of results.
    """

    def __init__(self, hosts, slurm, folder):
        self.hosts, self.slurm = hosts, slurm
        self.home, self.checkout = folder / "home", folder / "checkout"
        self.places = {
            "/path/to/this/checkout": str(self.checkout),
            "/opt/neurocluster": str(self.home / "env"),
        }
        self.found, self._running = [], []

    def command(self, text, host, folder):
        """Return a command that runs one of the file's as the user, here or on a host.

        What was installed for the hosts is on the path.
        """
        for place, mine in self.places.items():
            text = text.replace(place, mine)
        python = self.home / "env" / "bin"
        told = f"NEUROCLUSTER_PYTHON={python}/python PATH={python}:/usr/bin:/bin"
        inside = [NAMESPACES, "in", host] if host else []
        return [*inside, *self.slurm.as_user(USER, folder, f"env {told} {text}")]

    def run(self, text, host=None, folder=None):
        """Run a command to its end; return what it printed."""
        done = subprocess.run(
            self.command(text, host, folder or self.checkout), check=False, text=True,
            capture_output=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def start(self, text, host):
        """Start a command that ends when the cluster is stopped."""
        log = self.home.with_name(f"{host}.log")
        with log.open("w") as file:
            process = subprocess.Popen(
                self.command(text, host, self.home), stdout=file, stderr=file
            )
        self._running.append((process, log))

    def ran(self, printed, folder):
        """Note the results of a run, of which a command printed the report."""
        assert "Nothing lost: " in printed, printed
        self.found.append(folder / re.search(r"Results: (\S+)", printed)[1])

    def end(self):
        """Wait for what was started; it must have ended well."""
        while self._running:
            process, log = self._running.pop()
            assert process.wait(timeout=20) == 0, log.read_text()

    def close(self):
        """End what is left, which `su` keeps apart from us."""
        for name in self.hosts.names if self._running else ():
            for pid in self.hosts.pids(name, str(self.home)):
                with contextlib.suppress(ProcessLookupError):
                    kill(pid)


def does(reader, command):
    reader.run(command)


def runs(reader, command):
    reader.ran(reader.run(command), reader.checkout)


def runs_on_the_first(reader, command):
    """Names of nodes are known there."""
    reader.ran(reader.run(command, "n1"), reader.checkout)


def names_the_hosts(reader, command):
    """Copy the example, then edit it as its comments say."""
    reader.run(command)
    file = reader.checkout / "hosts.toml"
    text = file.read_text().replace("# port = 22", f"port = {PORT}")
    for number in (1, 2):
        text = text.replace(f'"10.0.0.{number}"', f'"{NET}.{number}"')
    text += f'\n[[host]]\nname = "n3"\naddress = "{NET}.3"\ncores = 2\n'
    file.write_text(text.replace("/opt/neurocluster", str(reader.home / "env")))


def does_for_each_host(reader, command):
    for name in reader.hosts.names:
        reader.run(command.replace("HOST", name))


def submits(reader, command):
    job = re.search(r"Submitted batch job (\d+)", reader.run(command))[1]
    reader.slurm.wait(job)
    printed = (reader.checkout / f"neurocluster-{job}.out").read_text()
    reader.ran(printed, reader.checkout)


def makes_a_key(reader, command):
    reader.run(command, "n1", reader.home)


def stays_on_the_first(reader, command):
    reader.start(command, "n1")
    wait_for((reader.home / "c.json").exists)


def stays_on_the_others(reader, command):
    reader.start(command, "n2")
    reader.start(command, "n3")


def streams_from_the_last(reader, command):
    reader.ran(reader.run(command, "n3", reader.home), reader.home)


def asks_and_is_told(reader, command):
    printed = reader.run(command, "n3", reader.home)
    assert "nothing to do: 8 workers stand by, no client is there" in printed


def ends_all(reader, command):
    reader.run(command, "n3", reader.home)
    reader.end()


def has_the_kernel_do_it(reader, command):
    """As root of a host; where the kernel has no netem it is told so."""
    words = re.fullmatch(r"ssh root@(\S+) sh -s -- (.*) <(\S+)", command)
    host, told, script = words.groups()
    done = subprocess.run(
        [NAMESPACES, "in", host, "sh", ROOT / script, *told.split()], check=False,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    without = done.returncode == 2 and "has no sch_netem" in done.stderr
    assert done.returncode == 0 or without, done.stdout + done.stderr


HOW = {
    **dict.fromkeys(
        (
            "ssh root@n1 sh -s -- check <deploy/netem.sh",
            "ssh root@n1 sh -s -- set eth0 --delay-us 1000 --jitter-us 100 "
            "<deploy/netem.sh",
            "ssh root@n1 sh -s -- clear eth0 <deploy/netem.sh",
        ),
        has_the_kernel_do_it,
    ),
    "deploy/local.sh --frames 1000": runs,
    "python3 -m venv /opt/neurocluster": does,
    "/opt/neurocluster/bin/pip install -c constraints.txt /path/to/this/checkout": does,
    "cp deploy/hosts.example.toml hosts.toml": names_the_hosts,
    "ssh HOST true": does_for_each_host,
    "deploy/ssh.sh doctor hosts.toml": does,
    "deploy/ssh.sh hosts.toml --frames 1000": runs,
    "sbatch --nodes=3 deploy/slurm.sbatch --frames 1000": submits,
    "salloc --nodes=3 /opt/neurocluster/bin/neurocluster run --engine slurm "
    "--frames 1000": runs_on_the_first,
    "neurocluster keygen cluster.key": makes_a_key,
    "neurocluster controller --interface eth0 --key cluster.key --connection c.json":
        stays_on_the_first,
    "neurocluster worker --connect c.json --workers 4": stays_on_the_others,
    "neurocluster stream --connect c.json --frames 1000": streams_from_the_last,
    "neurocluster status c.json": asks_and_is_told,
    "neurocluster stop c.json": ends_all,
}  # fmt: skip


@contextlib.contextmanager
def logins(hosts):
    """Let the user into the hosts by `ssh HOST`, as a reader's account would be."""
    folder = Path(f"~{USER}/.ssh").expanduser()
    assert not folder.exists(), f"{folder} is in the way"
    folder.mkdir()
    shutil.copy(hosts.folder / "id", folder / "id_ed25519")
    shutil.copy(hosts.folder / "known", folder / "known_hosts")
    text = "".join(
        f"Host {name}\n  HostName {NET}.{name[1:]}\n  Port {PORT}\n"
        for name in hosts.names
    )
    (folder / "config").write_text(text)
    subprocess.run(["chown", "-R", f"{USER}:{USER}", folder], check=True)
    try:
        yield
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def reader(hosts, slurm, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader")
    open_to_all(folder)
    made = Reader(hosts, slurm, folder)
    made.home.mkdir()
    shutil.copytree(ROOT, made.checkout, ignore=LEFT_OUT)
    subprocess.run(["chown", "-R", f"{USER}:{USER}", folder], check=True)
    with logins(hosts):
        yield made
    made.close()


def test_every_command_is_known():
    told = [command for found in commands().values() for command in found]
    assert sorted(set(told) - set(HOW)) == []
    assert sorted(set(HOW) - set(told)) == []


def test_every_command_does_what_it_says(reader, tmp_path):
    for found in commands().values():
        for command in found:
            HOW[command](reader, command)
    near = neurocluster(
        "run", "--out", tmp_path / "near", "--frames", 1000, "--no-compare"
    )
    assert near.returncode == 0, near.stderr
    assert len(reader.found) == 5  # here, by ssh, two of Slurm's, by hand
    for folder in reader.found:
        assert counted(folder) == counted(tmp_path / "near"), folder
