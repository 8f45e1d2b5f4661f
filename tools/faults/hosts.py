"""Run the cases of several hosts on network namespaces, judge them, print the table."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

from neurocluster import load_dataset
from neurocluster.cluster.base import Cluster
from neurocluster.cluster.ssh import SshCluster
from neurocluster.dtypes import U8
from neurocluster.launch.hosts import read_hosts
from tools.faults import injure
from tools.faults.cases import Case
from tools.faults.cut import Network, Unfit
from tools.faults.harm import Harm
from tools.faults.hosts_cases import cases
from tools.faults.table import CHAIN_FRAMES, HEADER, LONG, judge, undisturbed, warm
from tools.faults.watched import FIRST, Watch, Watched
from tools.hosts import Hosts, made_hosts, wait_until_empty

VARIABLE: Final = "NEUROCLUSTER_HOSTS_PYTHON"
COLD_S: Final = 240.0
"""The first cluster on hosts compiles there."""
HANG_S: Final = 80.0
"""Longest that a case may take, its end included."""
SOON_S: Final = 6.0
"""Until no worker is left where the hosts could hear that all is over."""
PAIRS: Final = 2
"""Of the short form."""


def main(*, everything: bool, seed: int, only: str) -> int:
    """Print the table; return 1 if something is not as it must be, 2 if it cannot be.

    Args:
        everything: Each fault at each of its moments, and all pairs; else each fault
            at one moment, and some pairs, drawn by the seed.
        seed: Of moments, pairs and victims.
        only: Words that a fault must have.
    """
    python = os.environ.get(VARIABLE, "")
    if os.geteuid() or not python:
        print(f"it needs root and ${VARIABLE}: run tools/test_hosts.sh")
        return 2
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ncf-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with made_hosts(folder, python) as hosts:
            network = Network(hosts)
            try:
                network.probe()
            except Unfit as error:
                print(f"this machine cannot cut networks: {error}")
                return 2
            harm = Harm(network)
            found = [c for c in cases(seed, harm) if only in c.fault]
            if not everything:
                found = list(once(found, Random(seed)))
            problems = asyncio.run(_run(found, harm))
    for problem in problems:
        print(f"WRONG: {problem}")
    print(f"{len(found)} cases, {time.monotonic() - begin:.0f} s")
    return 1 if problems else 0


def once(found: Iterable[Case], random: Random) -> Iterator[Case]:
    """Yield each fault once, with spares or without, and some of the pairs."""
    by_fault: dict[str, list[Case]] = {}
    for case in found:
        fault = case.fault.partition(", with spares")[0].partition(", no spares")[0]
        by_fault.setdefault(fault, []).append(case)
    pairs = [fault for fault in by_fault if ", and " in fault]
    drawn = random.sample(pairs, min(PAIRS, len(pairs)))
    for fault, same in by_fault.items():
        if fault not in pairs or fault in drawn:
            yield random.choice(same)


async def _run(found: Sequence[Case], harm: Harm) -> list[str]:
    """Run cases and print a line each; return what is not as it must be."""
    hosts = harm.network.hosts
    images = load_dataset().images[:CHAIN_FRAMES]
    warm("", {})
    good = await undisturbed(images, "", {})
    await _first(hosts, images)
    problems = []
    print(HEADER, flush=True)
    for case in found:
        try:
            seen = await _one(case, hosts, images)
        except TimeoutError:
            wrong = ["it did not come to an end"]
        else:
            verdict = judge(case, seen, good)
            print(verdict.line, flush=True)
            wrong = verdict.problems
        wrong += _tidied(harm)
        problems += [f"{case.fault}, {case.moment}: {problem}" for problem in wrong]
    return problems


def _tidied(harm: Harm) -> list[str]:
    """Make all whole; say which processes did not end by themselves, and end them.

    Those that a cut keeps from hearing of the end may go on asking for 30 s
    (`tests/hosts/test_ssh.py` waits for them).
    """
    cut = harm.network.cut
    harm.whole()
    hosts = harm.network.hosts
    left = wait_until_empty(hosts, 0 if cut else SOON_S)
    for pid in left:
        injure.kill(pid)
    wait_until_empty(hosts, SOON_S)
    return [f"processes {left} are left"] if left and not cut else []


async def _first(hosts: Hosts, images: U8) -> None:
    """Run a cluster to which nothing happens, so that kernels are compiled."""

    async def nothing(_cluster: Cluster) -> None:
        return

    cluster = SshCluster(read_hosts(hosts.file))
    seen = await Watch(cluster, images, FIRST, nothing, limit_s=COLD_S).run()
    if seen.error is not None:
        raise seen.error


async def _one(case: Case, hosts: Hosts, images: U8) -> Watched:
    frames = np.tile(images, (LONG, 1, 1, 1)) if case.long else images
    entries = read_hosts(hosts.file)
    cluster = SshCluster(entries, spares=case.spares, **case.settings)
    async with asyncio.timeout(HANG_S):
        return await Watch(cluster, frames, case.moment, case.act).run()
