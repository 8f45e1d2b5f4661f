"""A Slurm of three nodes: its controller here, a slurmd on each host."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from tests.support.processes import none_alive

CONFIGURATION = """\
ClusterName=tests
SlurmctldHost=ctl({control})
SlurmctldPort=26817
AuthType=auth/munge
AuthInfo=cred_expire=5
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0
ReturnToService=2
SlurmdTimeout=10
InactiveLimit=0
KillWait=5
SlurmdParameters=config_overrides
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=YES
"""
NODE = "NodeName={name} NodeAddr={address} Port=26818 CPUs=4 RealMemory=2000\n"


class Slurm:
    """Own the daemons; `close` ends them.

    Attributes:
        environment: For Slurm's commands.
    """

    def __init__(self, folder, namespaces, addresses, control):
        """Start munged, slurmctld and a slurmd on each host, and wait for them."""
        self._folder, self._munged = folder, None
        (folder / "state").mkdir()
        text = CONFIGURATION.format(folder=folder, control=control)
        for name, address in addresses.items():
            (folder / f"spool.{name}").mkdir()
            text += NODE.format(name=name, address=address)
        file = folder / "slurm.conf"
        file.write_text(text)
        self.environment = os.environ | {"SLURM_CONF": str(file)}
        self._start_munged()
        self._run("unshare", "--uts", "bash", "-c",
                  f"hostname ctl; exec slurmctld -f {file}")  # fmt: skip
        for name in addresses:
            self._run(namespaces, "in", name, "slurmd", "-f", file, "-N", name)
        self._count = len(addresses)
        self.ready(20)

    def ready(self, seconds=120):
        """Wait until every node is idle; one that was lost takes a minute to be."""
        end = time.monotonic() + seconds
        while self._run("sinfo", "-h", "-o", "%t %D") != f"idle {self._count}":
            assert time.monotonic() < end, self._run("sinfo", "-R") + self._run("sinfo")
            time.sleep(0.1)

    def _start_munged(self):
        """Start the daemon that knows who is who, unless one runs."""
        done = subprocess.run(["munge", "-n"], capture_output=True, check=False)
        if done.returncode:
            subprocess.run(
                ["install", "-d", "-o", "munge", "-g", "munge", "/run/munge"],
                check=True,
            )
            self._run("su", "-s", "/bin/sh", "munge", "-c", "munged --force")
            self._munged = int(Path("/run/munge/munged.pid").read_text())

    def _run(self, *command):
        return subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, env=self.environment
        ).stdout.strip()  # fmt: skip

    def as_user(self, user, folder, command):
        """Return a command that runs another one as a user, in a folder."""
        told = f"SLURM_CONF={self.environment['SLURM_CONF']}"
        return ["su", user, "-c", f"cd {folder} && {told} {command}"]

    def submit(self, user, folder, python, *arguments):
        """Submit a script as a user, in a folder; return the job's number."""
        words = " ".join(map(str, arguments))
        command = f"NEUROCLUSTER_PYTHON={python} sbatch --parsable {words}"
        return self._run(*self.as_user(user, folder, command))

    def cancel(self, job):
        """Cancel a job."""
        self._run("scancel", job)

    def control(self, *words):
        """Have the controller do something."""
        self._run("scontrol", *words)

    def shown(self, job, what):
        """Return what squeue shows of a job; empty when it has ended."""
        return self._run("squeue", "-h", "-j", job, "-o", what)

    def state(self, job):
        """Return a job's state; empty when it has ended."""
        return self.shown(job, "%T")

    def everything(self):
        """Return the jobs and steps that there are."""
        return self._run("squeue", "-h") + self._run("squeue", "-h", "-s")

    def wait(self, job, seconds=120):
        """Wait until a job has ended."""
        end = time.monotonic() + seconds
        while self.state(job):
            assert time.monotonic() < end, self.state(job)
            time.sleep(0.2)

    def close(self):
        """End the daemons; by force one that waits for its own threads."""
        pids = [int(path.read_text()) for path in self._folder.glob("*.pid")]
        if self._munged:
            pids.append(self._munged)
        _signal(pids, signal.SIGTERM)
        with contextlib.suppress(AssertionError):
            none_alive(pids, 10)
        _signal(pids, signal.SIGKILL)
        none_alive(pids, 20)


def _signal(pids, number):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
