"""List what is done to a cluster on this machine, when, and what must come of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from neurocluster.cluster.base import Cluster
from tools.faults import injure
from tools.faults.watched import (
    BEFORE_GO,
    DRAINING,
    FIRST,
    LAST,
    MIDDLE,
    MOMENTS,
    RECOVERY,
    Act,
    worker_pid,
)

WORKER: Final = r"^partition \S+ \(worker pid \d+ on \S+\) "
SO_FAR: Final = "; (last finished frame: \\d+|no frame was finished)$"
KILLED: Final = WORKER + r"was killed by signal 9 \(SIGKILL\)" + SO_FAR
SILENT: Final = WORKER + r"has been silent for 1\.\d s" + SO_FAR
STALLED: Final = (
    r"^link \S+->\S+ \(.*\) is stalled: \d+ of \d+ spikes arrived and nothing for 2 s$"
)
LOST_CONTROLLER: Final = "^the controller does not answer any more$"
"""What a user reads, as regular expressions."""
LATEST_S: Final = 0.03
"""Acts come up to so much later than their moment, by the seed."""


@dataclass(frozen=True)
class Case:
    """One fault at one moment.

    Attributes:
        fault: Words for the table.
        moment: One of `watched.MOMENTS`.
        act: Does it.
        detected_s: Bound on the time until the client knows; None if it need not.
        survived: All frames get their results; else a named error is right.
        words: What the error or the reason of the recovery says (a regular expression).
        short: Part of the short form.
        spares: Workers that stand by.
        split: How the network is cut; empty is a chain.
        long: The stream takes some seconds, so that the fault lies within it.
        settings: Of the cluster, where they are not the usual ones.
        faults: How many things the act does at once.
    """

    fault: str
    moment: str
    act: Act
    detected_s: float | None = 1.0
    survived: bool = True
    words: str = ""
    short: bool = False
    spares: int = 0
    split: str = ""
    long: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    faults: int = 1


Hit = Callable[[int], bool]


def to_worker(hit: Hit, *workers: int, seed: int = 0) -> Act:
    """Return an act that hits workers one after the other, one a call."""
    turn, random = iter(workers * 10), Random(seed)

    async def act(cluster: Cluster) -> None:
        await asyncio.sleep(random.uniform(0, LATEST_S))
        hit(worker_pid(cluster, next(turn)))

    return act


def together(*acts: Act) -> Act:
    """Return an act of several at once."""

    async def act(cluster: Cluster) -> None:
        await asyncio.gather(*(one(cluster) for one in acts))

    return act


def paused(worker: int, seconds: float) -> Act:
    """Return an act that stops a worker for some time."""

    async def act(cluster: Cluster) -> None:
        pid = worker_pid(cluster, worker)
        injure.stop(pid)
        await asyncio.sleep(seconds)
        injure.go_on(pid)

    return act


def to_process(name: str, hit: Hit, *, seconds: float | None = None) -> Act:
    """Return an act on the launcher or the controller; stopped, it goes on again."""

    async def act(cluster: Cluster) -> None:
        pid = cluster.pids[name]
        hit(pid)
        if seconds is not None:
            await asyncio.sleep(seconds)
            injure.go_on(pid)

    return act


def slowed(worker: int, factor: float, seconds: float) -> Act:
    """Return an act that slows a worker down."""

    async def act(cluster: Cluster) -> None:
        async with injure.slowed(worker_pid(cluster, worker), factor):
            await asyncio.sleep(seconds)

    return act


def cut(worker: int) -> Act:
    """Return an act that shuts down a worker's inbound data connections."""

    async def act(cluster: Cluster) -> None:
        pid = worker_pid(cluster, worker)
        (entry,) = [e for e in cluster.roster if e["pid"] == pid]
        if not injure.cut_data_socket(pid, entry["endpoint"]):
            message = "no data socket found"
            raise AssertionError(message)

    return act


def starved(worker: int, other: int, undo: ExitStack, *, memory: bool) -> Act:
    """Return an act that takes a worker's room, then makes it need some."""

    async def act(cluster: Cluster) -> None:
        pid = worker_pid(cluster, worker)
        if memory:
            undo.enter_context(injure.memory_limit(pid, 1 << 20))
        else:
            injure.starve_of_descriptors(pid)
        injure.kill(worker_pid(cluster, other))

    return act


def cases(seed: int, undo: ExitStack) -> Iterator[Case]:
    """Yield all cases.

    Args:
        seed: Of delays and victims.
        undo: Takes what must be undone at the end.
    """
    random = Random(seed)
    yield from _at_all_moments(seed, random)
    one, two = random.sample(range(4), 2)
    yield from _to_workers(one, two)
    yield from _to_their_means(one, two, undo)
    yield from _to_others(one)


def _at_all_moments(seed: int, random: Random) -> Iterator[Case]:
    """Yield the death and the silence of a worker, at each moment of a stream."""
    split = "conv1=rows:2,fc1=neurons:2"
    for moment in MOMENTS:
        victims = random.sample(range(4), 4)
        none = moment in (DRAINING, BEFORE_GO)  # the client need not know
        bound = None if none else 1.0
        yield Case(
            "kill -9 of a worker", moment, to_worker(injure.kill, *victims, seed=seed),
            bound, words="" if none else KILLED,
            short=moment in (FIRST, MIDDLE, RECOVERY),
        )  # fmt: skip
        yield Case(
            "SIGSTOP of a worker", moment, to_worker(injure.stop, *victims, seed=seed),
            None if none else 2.0, words="" if none else SILENT,
            short=moment == MIDDLE,
        )  # fmt: skip
        if moment not in (DRAINING, BEFORE_GO):
            yield Case(
                "kill -9 of a worker, network cut", moment,
                to_worker(injure.kill, *random.sample(range(6), 6), seed=seed),
                words=KILLED, short=moment == MIDDLE, split=split,
            )  # fmt: skip


def _to_workers(one: int, two: int) -> Iterator[Case]:
    """Yield what is done to two workers, to one that has a spare, or to its speed."""
    yield Case(
        "kill -9 of two workers at once", MIDDLE,
        together(to_worker(injure.kill, one), to_worker(injure.kill, two)),
        words=KILLED, short=True, faults=2,
    )  # fmt: skip
    yield Case(
        "kill -9 of one worker, SIGSTOP of another", MIDDLE,
        together(to_worker(injure.kill, one), to_worker(injure.stop, two)), 2.0,
        faults=2,
    )  # fmt: skip
    yield Case(
        "kill -9 of a worker, a spare stands by", MIDDLE, to_worker(injure.kill, one),
        words=KILLED, spares=1,
    )  # fmt: skip
    yield Case(
        "SIGSTOP of a worker, a spare stands by", MIDDLE, to_worker(injure.stop, one),
        2.0, words=SILENT, spares=1,
    )  # fmt: skip
    yield Case(
        "SIGSTOP of a worker for 0.5 s", MIDDLE, paused(one, 0.5), None, long=True
    )
    yield Case(
        "a worker 20 times slower for 1.5 s", MIDDLE, slowed(one, 20, 1.5), None,
        long=True,
    )  # fmt: skip
    yield Case(
        "kill -9 of a worker, then SIGSTOP of another", RECOVERY,
        alternately(to_worker(injure.kill, one), to_worker(injure.stop, two)), 2.0,
    )  # fmt: skip


def _to_their_means(one: int, two: int, undo: ExitStack) -> Iterator[Case]:
    """Yield what takes sockets, descriptors or memory away."""
    yield Case(
        "data socket shut down", MIDDLE, cut(1 + one % 3), 3.0, words=STALLED,
        short=True,
    )  # fmt: skip
    yield Case(
        "no more file descriptors in a worker, another killed", MIDDLE,
        starved(one, two, undo, memory=False), 1.0,
    )  # fmt: skip
    yield Case(
        "memory cgroup of 1 MiB for a worker, another killed", MIDDLE,
        starved(one, two, undo, memory=True), 1.0,
    )  # fmt: skip


def _to_others(one: int) -> Iterator[Case]:
    """Yield what is done to the parent and to the controller."""
    yield Case(
        "SIGSTOP of the parent for 3 s", MIDDLE,
        to_process("launcher", injure.stop, seconds=3), None, long=True,
    )  # fmt: skip
    yield Case(
        "SIGSTOP of the parent for 1.5 s, kill -9 of a worker", MIDDLE,
        together(
            to_process("launcher", injure.stop, seconds=1.5),
            to_worker(injure.kill, one),
        ), 2.0, long=True, faults=2,
    )  # fmt: skip
    yield Case(
        "SIGSTOP of the controller for 2 s", MIDDLE,
        to_process("controller", injure.stop, seconds=2), None, survived=False,
        words=LOST_CONTROLLER, long=True,
    )  # fmt: skip
    yield Case(
        "kill -9 of the parent", FIRST, to_process("launcher", injure.kill), None,
        survived=False,
        words=r"^the launcher was killed by signal 9 \(SIGKILL\), with all it had ",
    )  # fmt: skip
    yield Case(
        "kill -9 of the controller", LAST, to_process("controller", injure.kill), None,
        survived=False,
        words=r"^the controller was killed by signal 9 \(SIGKILL\); last finished ",
    )  # fmt: skip


def alternately(*acts: Act) -> Act:
    """Return an act that does one after the other, one a call."""
    turn = iter(acts)

    async def act(cluster: Cluster) -> None:
        await next(turn)(cluster)

    return act
