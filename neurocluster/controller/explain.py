"""Say in one sentence what a cluster does, or why nothing happens; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from neurocluster.controller.connection import Connection
from neurocluster.controller.holder import Cause, Why, oldest_frame
from neurocluster.controller.lagging import Held, held_round
from neurocluster.controller.status import (
    ENDED,
    GONE,
    STOPPED,
    LinkStatus,
    LostStatus,
    MemberStatus,
    Status,
)

MOVING_MS: Final = 500
"""Who moved since then is at work."""
MOST_NAMES: Final = 4
"""Names in one sentence; the table has them all."""
STATES: Final[Mapping[str, str]] = {
    "R": "runs (state R)",
    "S": "waits for something (state S)",
    "D": "waits for a device (state D)",
    "I": "is idle (state I)",
    "T": "is stopped (state T)",
    "t": "is stopped by a debugger (state t)",
    "Z": "has ended (state Z)",
    "X": "has ended (state X)",
    GONE: "is gone",
}


def explain(status: Status) -> str:
    """Return one sentence that says what a cluster does, or what it waits for."""
    says = PHASES.get(status.phase, _unknown)
    text = says(status)
    return f"stopping: {text}" if status.stopping else text


def unanswered(connection: Connection, process: str, refusal: str = "") -> str:
    """Return one sentence for a controller that gives no answer.

    Args:
        connection: What its file says.
        process: Its state; see `process.state_of`.
        refusal: Why it refuses our handshakes, if it does.
    """
    if refusal:
        return f"{connection.endpoint} {refusal}"
    if not connection.pid:
        return f"no controller answers at {connection.endpoint}"
    who = f"the controller (pid {connection.pid} on {connection.host})"
    if not process:
        return f"{who} does not answer; its process cannot be seen from here"
    return f"{who} does not answer; its process {state_words(process)}"


def state_words(process: str) -> str:
    """Return words for the state of a process."""
    return STATES.get(process, f"is in state {process}")


def names(found: Sequence[str]) -> str:
    """Return ``a``, ``a and b``, ``a, b and c``, or ``a, b, c, d and 9 more``."""
    if len(found) > MOST_NAMES + 1:
        more = f"{len(found) - MOST_NAMES} more"
        return f"{', '.join(found[:MOST_NAMES])} and {more}"
    *rest, last = found or [""]
    return f"{', '.join(rest)} and {last}" if rest else last


def _unknown(status: Status) -> str:
    return f"the controller is in phase {status.phase!r}"


# -- not running -------------------------------------------------------------------


def _gather(status: Status) -> str:
    waiting = _waiting(status)
    if not _recovering(status):
        return waiting
    return f"recovering: {_reason(status)}; {waiting}"


def _recovering(status: Status) -> bool:
    return bool(status.reason) and status.client is not None


def _reason(status: Status) -> str:
    """Say why the epoch failed, and what can be seen of who was lost."""
    last = status.lost[-1] if status.lost else None
    if last is None or str(last.pid) not in status.reason:
        return status.reason
    return status.reason + _now(last)


def _now(lost: LostStatus) -> str:
    return f"; its process {state_words(lost.process)}" if _halted(lost) else ""


def _halted(lost: LostStatus) -> bool:
    return lost.process in STOPPED


def _waiting(status: Status) -> str:
    missing, client = status.missing, status.client
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        text = f"waiting for workers: {names(missing)} {verb} missing"
        return text + (_left(status) if client is not None else "; no client is there")
    late = [m for m in status.members if not m.ready]
    if late:
        return f"waiting for {names([_who(m) for m in late])} to be ready"
    if client is None:
        count = len(status.workers)
        return f"nothing to do: {_count(count, 'worker')} stand by, no client is there"
    return "all are there; they are about to be wired"


def _left(status: Status) -> str:
    return f", {status.left_ms / 1000:.0f} s left" if status.left_ms >= 0 else ""


def _wire(status: Status) -> str:
    building = [m for m in status.nodes.values() if m.phase in ("", "building")]
    late = {m.node for m in status.nodes.values() if not m.linked}
    links = [link.name for link in status.links if link.destination in late]
    if stopped := [m for m in status.nodes.values() if m.still]:
        what = _standing(stopped)
    elif building:
        what = _prepare([m.name for m in building])
    elif links:
        what = f"links not made yet: {names(links)}"
    else:
        what = "all links are made"
    if _recovering(status):
        return f"recovering: {_reason(status)}; epoch {status.epoch}: {what}"
    return f"bringing up epoch {status.epoch}: {what}"


def _prepare(found: Sequence[str]) -> str:
    verb = "prepares its part" if len(found) == 1 else "prepare their parts"
    return f"{names(found)} {verb}"


def _closing(_status: Status) -> str:
    return "the session ends: its tables are being gathered"


def _ended(_status: Status) -> str:
    return "the cluster has ended"


# -- running -----------------------------------------------------------------------


def _run(status: Status) -> str:
    client = status.client
    if client is None:
        return "nothing to do: no client is there"
    still = [m for m in status.nodes.values() if m.still]
    if not client.told and not client.still:
        return f"epoch {status.epoch} has just begun" + _also(still)
    if (found := oldest_frame(status)) is None:
        return "nothing to do: no frames are open" + _also(still)
    position, cause = found
    if client.moved_ms <= MOVING_MS and not still:
        return f"frame {position} is being computed; {_movement(status, client)}"
    held = held_round(status)
    waits_for = _blame(status, cause) if held is None else _round(status, held, cause)
    return f"frame {position} waits for {waits_for}"


def _round(status: Status, held: Held, cause: Cause) -> str:
    """Say what a round of the clock waits for."""
    if held.cause is not None:
        late = _blame(status, held.cause)
        return f"the clock, whose round {held.round} waits for {late}"
    if held.tick is not None:
        way = f"{held.tick.source}->{held.tick.to}"
        what = f"all have done round {held.round}, and its tick {way} has not arrived"
        return f"the clock: {what}"
    return _blame(status, cause)


def _also(still: Sequence[MemberStatus]) -> str:
    return f"; {_standing(still)}" if still else ""


def _standing(still: Sequence[MemberStatus]) -> str:
    return names([f"{_who(m)} {_halt(m)}" for m in still])


def _movement(status: Status, client: MemberStatus) -> str:
    worst = max(status.nodes.values(), key=lambda m: m.moved_ms, default=client)
    if worst.moved_ms <= MOVING_MS:
        return f"all partitions moved in the last {_seconds(max(worst.moved_ms, 100))}"
    if worst.frame > client.frame:
        return "results come in, and some partitions have nothing left to do"
    return f"{worst.name} has not moved for {_seconds(worst.moved_ms)}"


def _blame(status: Status, cause: Cause) -> str:
    member, link = cause.member, cause.link
    if member is None:
        return f"{cause.node}, which nobody runs{_delivered(status, cause)}"
    who = _who(member)
    match cause.why:
        case Why.STOPPED | Why.SILENT:
            return f"{who}, which {_halt(member)}{_delivered(status, cause)}"
        case Why.FULL if link is not None:
            return (
                f"{who}, which takes nothing from {link.source}: "
                f"{_count(link.waiting, 'packet')} wait on a full link"
            )
        case Why.UNDELIVERED if link is not None:
            return (
                f"link {link.name}: it has delivered {_share(link)}, and {member.name} "
                f"moved {_seconds(member.moved_ms)} ago"
            )
    return _at_work(who, member)


def _at_work(who: str, member: MemberStatus) -> str:
    has = f"it has {_count(member.open_frames, 'open frame')}"
    if member.moved_ms <= MOVING_MS:
        return f"{who}, which computes: {has} and moved {_seconds(member.moved_ms)} ago"
    return (
        f"{who}, which has all it needs but has not moved for "
        f"{_seconds(member.moved_ms)}: {has}"
    )


def _delivered(status: Status, cause: Cause) -> str:
    """Say how far the spikes came at a node that stands still; empty if all did."""
    link, node = cause.link, cause.node
    if link is not None and link.source == node and _late(link):
        return f"; its link to {link.destination} has delivered {_share(link)}"
    late = [k for k in status.links if k.destination == node and _late(k)]
    return f"; it has taken {_share(*late)} sent to it" if late else ""


def _late(link: LinkStatus) -> bool:
    return (link.received or 0) < (link.sent or 0)


def _share(*links: LinkStatus) -> str:
    """Say what arrived of what was sent; ends are asked at different times."""
    received = sum(link.received or 0 for link in links)
    sent = sum(max(link.sent or 0, link.received or 0) for link in links)
    return f"{received:,} of {sent:,} spikes"


def _halt(member: MemberStatus) -> str:
    """Say how a member stands still."""
    silent = f"silent for {_seconds(member.heard_ms)}"
    if member.stopped or member.process in ENDED:
        return f"{state_words(member.process)}, {silent}"
    return f"has been {silent}"


def _who(member: MemberStatus) -> str:
    return f"{member.name} (pid {member.pid} on {member.host})"


def _count(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds / 1000:.1f} s"


PHASES: Final[Mapping[str, Callable[[Status], str]]] = {
    "gather": _gather,
    "wire": _wire,
    "run": _run,
    "closing": _closing,
    "ended": _ended,
}
