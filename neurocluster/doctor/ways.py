"""Judge the ways between hosts, and what is known of their clocks; pure.

A way goes from who connects to who listens, as spikes do. Ways that no link of the
plan takes are tried, too: a recovery may have a partition elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from neurocluster.controller.explain import names
from neurocluster.doctor.findings import Finding, Level
from neurocluster.doctor.needs import Needs
from neurocluster.doctor.report import HERE, Trial
from neurocluster.doctor.seen import Seen

UNNEEDED: Final = "no link goes there now; after a loss one may"


@dataclass(slots=True)
class Fault:
    """One thing that is wrong with the ways of one host.

    Attributes:
        source: Who tried.
        to: Whom it tried.
        links: That would go there.
        details: What differs from one way to the other.
    """

    source: str
    level: Level
    subject: str
    text: str
    remedy: str
    to: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)


def judge_ways(seen: Seen, needs: Needs) -> list[Finding]:
    """Return what is wrong with ways, one finding a host and cause; then the clocks."""
    faults: dict[tuple[str, Level, str, str], Fault] = {}
    for way, trial in seen.trials.items():
        for fault in _faults(way, trial, seen, needs):
            source, to = way
            key = source, fault.level, fault.subject, fault.text
            known = faults.setdefault(key, fault)
            known.to.append(to)
            known.details += fault.details if known is not fault else []
            known.links += [k for k in needs.ways.get(way, ()) if k not in known.links]
    return [*map(_told, faults.values()), *_well(seen), *_clocks(seen)]


def _told(fault: Fault) -> Finding:
    where = f"{fault.source} -> {names(fault.to)}"
    links = f"links {names(fault.links)}" if fault.links else UNNEEDED
    details = "".join(f"; {detail}" for detail in fault.details)
    text = f"{fault.text} ({links}){details}"
    return Finding(where, fault.subject, fault.level, text, fault.remedy)


def _faults(
    way: tuple[str, str], trial: Trial, seen: Seen, needs: Needs
) -> Iterator[Fault]:
    source, to = way
    level = Level.ERROR if way in needs.ways or source == to else Level.WARNING
    if trial.problem:
        remedy = "let the listening host take TCP connections from the other one"
        if source != to and HERE not in way:
            remedy += "; 'ports' in the hosts file narrows them"
        yield Fault(
            source, level, "connect", f"no connection: {trial.problem}", remedy,
            details=[_place(to, seen), *_direction(way, seen)],
        )  # fmt: skip
        return
    if not trial.whole:
        text = "small messages pass, one of 64 KiB does not"
        remedy = "something drops large packets: lower the MTU, or let ICMP pass"
        yield Fault(source, level, "connect", text, remedy)
    if not trial.answered and trial.asked and not _one_clock(way, seen):
        text = f"none of {trial.asked} datagrams was answered, and the clocks differ"
        remedy = (
            "let UDP pass as TCP does; without it latencies between them have wider "
            "bounds, or none"
        )
        yield Fault(
            source, Level.WARNING, "clock", text, remedy, details=_direction(way, seen)
        )


def _place(to: str, seen: Seen) -> str:
    return f"{to} listens at {seen.ends[to].endpoint}"


def _direction(way: tuple[str, str], seen: Seen) -> list[str]:
    """Say which direction is cut, where datagrams tell it."""
    source, to = way
    there, back = seen.trials[way], seen.trials.get((to, source))
    if back is None or there.answered or not there.asked:
        return []
    if back.heard and not there.heard:
        return [f"datagrams of {source} reach {to}, those of {to} do not come back"]
    if there.heard and not back.heard:
        return [f"datagrams of {to} reach {source}, those of {source} do not arrive"]
    return []


def _one_clock(way: tuple[str, str], seen: Seen) -> bool:
    first, second = (seen.machines[host].clock for host in way)
    return first == second != ""


def _well(seen: Seen) -> Iterator[Finding]:
    """Say of each host that reaches all others so, and how far the farthest is."""
    for host in seen.machines:
        ways = {to: t for (source, to), t in seen.trials.items() if source == host}
        good = {to: t for to, t in ways.items() if not t.problem and t.whole}
        if good and len(good) == len(ways):
            slowest = max(good, key=lambda to: good[to].round_trip_ns)
            if slowest == host:
                yield Finding(host, "connect", Level.OK, "socket files work")
                continue
            text = f"reaches {names(sorted(good))}; a message there and back takes "
            took = _time(good[slowest].round_trip_ns)
            yield Finding(host, "connect", Level.OK, f"{text}{took} at most")


def _clocks(seen: Seen) -> Iterator[Finding]:
    """Say how well each host knows the clocks of the others."""
    for host in seen.machines:
        other = {
            to: trial
            for (source, to), trial in seen.trials.items()
            if source == host != to and not _one_clock((source, to), seen)
        }
        known = {to: trial for to, trial in other.items() if trial.answered}
        same = [to for s, to in seen.trials if s == host != to and to not in other]
        if known:
            least = max(known, key=lambda to: known[to].error_ns)
            trial = known[least]
            text = (
                f"knows the clocks of {names(sorted(known))} to within "
                f"{_time(trial.error_ns)} (round trip {_time(trial.best_ns)})"
            )
            if same:
                text += f"; has one with {names(sorted(same))}"
            yield Finding(host, "clock", Level.OK, text)
        elif same and not other:
            text = f"has one with {names(sorted(same))}: no error"
            yield Finding(host, "clock", Level.OK, text)


def _time(ns: int) -> str:
    return f"{ns / 1e6:.2f} ms" if ns >= 1e5 else f"{ns / 1e3:.0f} us"
