"""List what is done to the hosts of a cluster, when, and what must come of it.

The cluster has four partitions on three hosts, reached by ssh; controller and client
are on this machine. "With spares": one stands by on each host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from random import Random
from typing import Any, Final

from tools.faults import injure
from tools.faults.cases import Case, alternately, to_worker, together
from tools.faults.cut import IN, OUT
from tools.faults.harm import Harm
from tools.faults.watched import (
    BEFORE_GO,
    DRAINING,
    FIRST,
    LAST,
    MIDDLE,
    MOMENTS,
    RECOVERY,
    Act,
)

DEATH_S, SILENCE_S, STALL_S, PAIR_S = 1.0, 2.0, 3.0, 5.0
"""Longest until the client knows; of two things the first may hide the other."""
SOON: Final = {"recovery_s": 6}
"""Settings of a cluster that does not wait long for a lost host."""
PATIENT: Final = {"recovery_s": 60}
"""Settings of one that waits until its network has healed."""
SPARES: Final = 3
"""One on each host."""
WORKER: Final = r"^partition \S+ \(worker pid \d+ on n\d\) "
LINK: Final = r"\S+->\S+ \(\S+ to \S+\)"
SILENT: Final = WORKER + r"has been silent for (0\.[89]|1\.\d) s"
LEFT: Final = WORKER + "left: "
STALLED: Final = rf"^link {LINK} is stalled: \d+ of \d+ spikes arrived and nothing for"
GIVEN_UP: Final = (
    SILENT + r".*; then the cluster was not complete after 6 s: \d of 4 workers are "
    r"there; nobody runs \S+.*--spares"
)
NO_PATH: Final = (
    r"^4 times in a row no frame was finished; the last time the cluster was not "
    rf"complete after 2 s: links not made: {LINK}.*--spares"
)
"""What a user reads, as regular expressions."""


Injury = Callable[[int], Act]
"""Given the partition whose host is the victim, returns what is done."""
WHILE_RUNNING: Final = (FIRST, MIDDLE, LAST, RECOVERY)


def cases(seed: int, harm: Harm) -> Iterator[Case]:
    """Yield all cases.

    Args:
        seed: Of the victims.
        harm: Does it.
    """
    random = Random(seed)
    yield from _hosts_lost(random, harm)
    yield from _networks_healed(random, harm)
    yield from _links_cut(random, harm)
    yield from _links_worse(harm)
    yield from _launchers_lost(random, harm)
    yield from _pairs(random, harm)


def _at(
    fault: str, moments: tuple[str, ...], injury: Injury, random: Random, *,
    words: str, within_s: float | None = SILENCE_S, spares: int = SPARES,
    settings: Mapping[str, Any] | None = None, survived: bool = True,
) -> Iterator[Case]:  # fmt: skip
    """Yield a fault at some moments; during recovery that from a killed worker."""
    for moment in moments:
        victim, other = random.sample(range(4), 2)
        act, text, bound = injury(victim), words, within_s
        if moment == RECOVERY:
            act, text = alternately(to_worker(injure.kill, other), act), ""
        if moment in (BEFORE_GO, DRAINING):  # the client need not know
            text, bound = "", None
        yield Case(
            fault, moment, act, bound, survived=survived, words=text, spares=spares,
            settings=settings or {},
        )  # fmt: skip


def _hosts_lost(random: Random, harm: Harm) -> Iterator[Case]:
    """Yield hosts that do not come back, with spares elsewhere and without."""
    yield from _at("a host gone, with spares", MOMENTS, harm.gone, random, words=SILENT)
    yield from _at(
        "link of a host down, with spares", MOMENTS, harm.down, random, words=SILENT
    )
    for fault, injury in (
        ("a host gone, no spares", harm.gone),
        ("link of a host down, no spares", harm.down),
    ):
        yield from _at(
            fault, (MIDDLE,), injury, random, words=GIVEN_UP, spares=0, settings=SOON,
            survived=False,
        )  # fmt: skip
    for way, what in ((OUT, "a host sends"), (IN, "is sent to a host")):
        yield from _at(
            f"what {what} is lost, with spares", WHILE_RUNNING,
            partial(harm.one_way, way=way), random, words=SILENT,
        )  # fmt: skip


def _networks_healed(random: Random, harm: Harm) -> Iterator[Case]:
    """Yield hosts that come back; mostly nobody could take their place."""
    yield from _at(
        "a host gone, its sshd back after 2 s, no spares", (FIRST, MIDDLE),
        partial(harm.back, after_s=2), random, words=SILENT, spares=0,
    )  # fmt: skip
    yield from _at(
        "link of a host down for 3 s, no spares", MOMENTS,
        partial(harm.down, seconds=3), random, words=SILENT, spares=0,
    )  # fmt: skip
    yield from _at(
        "link of a host down for 3 s, with spares", (MIDDLE,),
        partial(harm.down, seconds=3), random, words=SILENT,
    )  # fmt: skip
    yield from _at(
        "link of a host down for 30 s, with spares", (MIDDLE,),
        partial(harm.down, seconds=30), random, words=SILENT,
    )  # fmt: skip
    yield from _at(
        "link of a host down for 30 s, no spares, --recovery-s 60", (MIDDLE,),
        partial(harm.down, seconds=30), random, words=SILENT, spares=0,
        settings=PATIENT,
    )  # fmt: skip
    for way, what in ((OUT, "a host sends"), (IN, "is sent to a host")):
        yield from _at(
            f"what {what} is lost for 3 s, no spares", (MIDDLE,),
            partial(harm.one_way, way=way, seconds=3), random, words=SILENT, spares=0,
        )  # fmt: skip
    yield from _at(
        "control links of a host cut for 3 s, data works, no spares", (MIDDLE,),
        partial(harm.control, seconds=3), random, words=SILENT, spares=0,
    )  # fmt: skip
    yield from _at(
        "data links of a host cut for 3 s, control works, no spares", (MIDDLE,),
        partial(harm.data, seconds=3), random, words=STALLED, within_s=STALL_S,
        spares=0,
    )  # fmt: skip


def _links_cut(random: Random, harm: Harm) -> Iterator[Case]:
    """Yield cuts for good between members that live."""
    yield from _at(
        "control links of a host cut, data works, with spares", WHILE_RUNNING,
        harm.control, random, words=SILENT,
    )  # fmt: skip
    yield from _at(
        "data links of a host cut, control works, with spares", WHILE_RUNNING,
        harm.data, random, words=STALLED, within_s=STALL_S,
    )  # fmt: skip
    for fault, source, to in (
        ("what a host sends to the next one", 0, 1),
        ("what a host sends to the one before", 2, 1),
    ):

        def pair(_victim: int, ends: tuple[int, int] = (source, to)) -> Act:
            return harm.pair(*ends)

        yield from _at(
            f"{fault} is lost, with spares", (MIDDLE,), pair, random, words=STALLED,
            within_s=STALL_S,
        )  # fmt: skip
        yield from _at(
            f"{fault} is lost, no spares", (MIDDLE,), pair, random, words=NO_PATH,
            within_s=STALL_S, spares=0, survived=False,
        )  # fmt: skip


def _links_worse(harm: Harm) -> Iterator[Case]:
    """Yield networks that are slow or lose packets: nothing must come of it."""
    for fault, act in (
        ("1 % of the packets lost, all hosts", harm.lose()),
        ("100 Mbit/s, all hosts", harm.slow()),
    ):
        yield Case(fault, FIRST, act, None, words="", long=True)


def _launchers_lost(random: Random, harm: Harm) -> Iterator[Case]:
    """Yield the loss of the launcher's connection to a host."""
    yield from _at(
        "ssh session of a host killed, no spares", MOMENTS, harm.session_killed,
        random, words=LEFT, within_s=DEATH_S, spares=0,
    )  # fmt: skip
    yield from _at(
        "ssh session of a host killed, with spares", (MIDDLE,), harm.session_killed,
        random, words=LEFT, within_s=DEATH_S,
    )  # fmt: skip
    (victim,) = random.sample(range(4), 1)
    yield Case(
        "ssh connection to a host cut, all else works", FIRST,
        harm.session_cut(victim), None, long=True,
    )  # fmt: skip


def _pairs(random: Random, harm: Harm) -> Iterator[Case]:
    """Yield faults of hosts together with those of one machine, at once and in turn."""
    injuries: dict[str, Injury] = {
        "a host gone": harm.gone,
        "link of a host down": harm.down,
        "link of a host down for 3 s": partial(harm.down, seconds=3),
        "what a host sends is lost": partial(harm.one_way, way=OUT),
        "what is sent to a host is lost": partial(harm.one_way, way=IN),
        "data links of a host cut": harm.data,
        "control links of a host cut": harm.control,
        "ssh session of a host killed": harm.session_killed,
        "1 % of the packets lost": lambda _victim: harm.lose(),
        "100 Mbit/s": lambda _victim: harm.slow(),
    }
    hits = {"kill -9": injure.kill, "SIGSTOP": injure.stop}
    for what, injury in injuries.items():
        for how, hit in hits.items():
            victim, other = random.sample(range(4), 2)
            both = together(to_worker(hit, other), injury(victim))
            yield Case(
                f"{what}, and {how} of a worker", MIDDLE, both, PAIR_S,
                spares=2 * SPARES, faults=2,
            )  # fmt: skip
