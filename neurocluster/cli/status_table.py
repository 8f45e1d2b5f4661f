"""Draw the status of a cluster for a terminal of 100 columns."""

from __future__ import annotations

from typing import Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from neurocluster.controller.holder import oldest_frame, waits_for
from neurocluster.controller.status import ENDED, MemberStatus, Status
from neurocluster.dtypes import CLIENT
from neurocluster.results.layout import dense_table

MOST_RECOVERIES: Final = 5
"""Of a session that are shown, the last ones."""


def tables(status: Status) -> Group:
    """Return what stands below the sentence."""
    parts: list[Text | Table] = [Text(_facts(status)), Text()]
    if status.members:
        parts += [_member_table(status), Text()]
    if any(link.sent is not None for link in status.links):
        parts += [_link_table(status), Text()]
    parts.append(Text(_recoveries(status)))
    if found := _strangers(status):
        parts += [Text(), Text(found)]
    return Group(*parts)


def _facts(status: Status) -> str:
    facts = [f"controller: {status.phase}", f"epoch {status.epoch}"]
    if (found := oldest_frame(status)) is not None:
        position, cause = found
        facts.append(f"oldest open frame {position}, at {cause.node}")
    return "; ".join(facts)


def _recoveries(status: Status) -> str:
    count = len(status.recoveries)
    lines = [f"Recoveries of this session: {count or 'none'}"]
    for recovery in status.recoveries[-MOST_RECOVERIES:]:
        took = f"took {recovery.took_ms / 1000:.2f} s"
        lines.append(
            f"  {recovery.ago_ms / 1000:.1f} s ago, "
            f"{took if recovery.took_ms >= 0 else 'not over'}: {recovery.reason}"
        )
    return "\n".join(lines)


def _strangers(status: Status) -> str:
    """Say what was turned away, and by whom; nothing if nobody came."""
    doors = [("controller", status.refused, status.strangers)]
    doors += [
        (f"{m.node or m.role} (pid {m.pid})", m.refused, m.strangers)
        for m in status.members
    ]
    lines = [
        f"  {name}: {refused:,} connections turned away, {dropped:,} messages dropped"
        for name, refused, dropped in doors
        if refused or dropped
    ]
    return "\n".join(["Strangers:", *lines]) if lines else ""


def _member_table(status: Status) -> Table:
    table = dense_table("Processes (heard, moved: seconds ago; queue: packets)")
    table.add_column("runs", no_wrap=True, max_width=12)
    table.add_column("pid", justify="right", no_wrap=True)
    table.add_column("host", no_wrap=True, max_width=12)
    table.add_column("phase", no_wrap=True)
    for name in ("heard", "moved", "queue", "open", "frame"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("waits for", max_width=24, overflow="fold")
    order = {name: k for k, name in enumerate((CLIENT, *status.partitions))}
    last = len(order)
    for member in sorted(status.members, key=lambda m: order.get(m.node, last)):
        frame = member.frame + status.offset if member.open_frames else None
        table.add_row(
            member.node or ("spare" if member.role != CLIENT else CLIENT),
            str(member.pid),
            member.host,
            _phase(member),
            f"{member.heard_ms / 1000:.1f}",
            f"{member.moved_ms / 1000:.1f}",
            str(member.waiting),
            str(member.open_frames),
            "-" if frame is None else str(frame),
            _waits(status, member),
        )
    return table


def _phase(member: MemberStatus) -> str:
    if member.stopped:
        return f"stopped ({member.process})"
    if member.process in ENDED and member.still:
        return "gone"
    return member.phase or ("ready" if member.ready else "joining")


def _waits(status: Status, member: MemberStatus) -> str:
    """Say what a member waits for, and from whom."""
    if not member.node:
        return "a part"
    if not member.linked:
        return "its links" if member.phase == "bound" else "its part"
    if not member.told:
        return "-"
    others = ", ".join(dict.fromkeys(waits_for(status, member.node)))
    if member.blocked:
        return f"{others} to receive" if others else "room to send"
    if not member.open_frames:
        return "frames"
    return others or "its kernel"


def _link_table(status: Status) -> Table:
    table = dense_table("Links (spikes, as each end told last)")
    table.add_column("link", no_wrap=True)
    for name in ("sent", "received", "waiting", "closes next"):
        table.add_column(name, justify="right", no_wrap=True)
    for link in status.links:
        closing = None if link.closing is None else link.closing + status.offset
        table.add_row(
            link.name, _count(link.sent), _count(link.received), str(link.waiting),
            _count(closing, ""),
        )  # fmt: skip
    return table


def _count(value: int | None, form: str = ",") -> str:
    return "-" if value is None else format(value, form)
