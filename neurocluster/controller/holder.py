"""Find who holds up a frame: walk from the client upstream along what is not closed.

A node that has not closed the frame waits for the links that have not; their sources
have not closed it either, or have and cannot deliver. So the walk ends at nodes that
lack nothing, and at links that deliver nothing. A node that is blocked cannot deliver
because its own link is full; from there the walk goes downstream to who does not
receive. Of several ends the worst is the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from neurocluster.controller.status import LinkStatus, MemberStatus, Status
from neurocluster.dtypes import CLIENT


class Why(IntEnum):
    """How a node or link holds up a frame, the worst first."""

    GONE = 0
    STOPPED = 1
    SILENT = 2
    FULL = 3
    UNDELIVERED = 4
    COMPUTES = 5


@dataclass(frozen=True, slots=True)
class Cause:
    """What holds up a frame.

    Attributes:
        node: Who; of an undelivered link its destination.
        link: On which others wait for it, or on which it does not receive.
        member: The node's status; None if nobody runs it.
    """

    why: Why
    node: str
    link: LinkStatus | None
    member: MemberStatus | None


def find_cause(status: Status, frame: int) -> Cause:
    """Return what holds up a frame, by its number in this epoch."""
    walk = _Walk(status, frame)
    client = Cause(Why.COMPUTES, CLIENT, None, status.nodes.get(CLIENT))
    return worst(walk.causes()) or client


def causes_at(status: Status, member: MemberStatus) -> Iterator[Cause]:
    """Yield why a node has not done what it may: it stands still, sends or computes."""
    yield from _Walk(status, member.frame).causes_at(member)


def worst(causes: Iterable[Cause]) -> Cause | None:
    """Return the worst of several causes; None if there is none."""
    return min(causes, key=_badness, default=None)


def oldest_frame(status: Status) -> tuple[int, Cause] | None:
    """Return the position of the client's oldest open frame and what holds it up."""
    client = status.client
    if client is None or not client.told or not client.open_frames:
        return None
    return client.frame + status.offset, find_cause(status, client.frame)


def waits_for(status: Status, node: str) -> list[str]:
    """Return whom a node waits for: to send, or to receive what its link is full of."""
    member = status.nodes.get(node)
    if member is None or not member.told:
        return []
    if member.blocked:
        links = [k for k in status.links if k.source == node and k.waiting]
        return [link.destination for link in links]
    walk = _Walk(status, member.frame)
    return [link.source for link in walk.late(node)] if member.open_frames else []


def _badness(cause: Cause) -> tuple[int, int]:
    """Order causes: the worst first, of equals the one that stands longest."""
    return cause.why, -cause.member.moved_ms if cause.member is not None else 0


class _Walk:
    """Look for what holds up one frame."""

    def __init__(self, status: Status, frame: int) -> None:
        self._nodes, self._frame = status.nodes, frame
        self._inbound: dict[str, list[LinkStatus]] = {}
        self._outbound: dict[str, list[LinkStatus]] = {}
        for link in status.links:
            self._inbound.setdefault(link.destination, []).append(link)
            self._outbound.setdefault(link.source, []).append(link)

    def late(self, node: str) -> list[LinkStatus]:
        """Return the inbound links of a node that have not closed the frame."""
        links = self._inbound.get(node, [])
        return [k for k in links if k.closing is None or k.closing <= self._frame]

    def causes_at(self, member: MemberStatus) -> Iterator[Cause]:
        """Yield the ends of a walk that begins at some node."""
        if (still := self._still(member.node, None)) is not None:
            yield still
        elif member.waiting:
            yield self._downstream(member.node, None)
        else:
            yield from self.causes(member.node)

    def causes(self, start: str = CLIENT) -> Iterator[Cause]:
        """Yield the ends of the walk."""
        seen: set[str] = {start}
        todo: list[tuple[str, LinkStatus | None]] = [(start, None)]
        while todo:
            node, link = todo.pop()
            member = self._nodes.get(node)
            late = self.late(node)
            if (still := self._still(node, link)) is not None:
                yield still
            elif not late:
                yield self._downstream(node, link)
            else:
                for owed in late:
                    if self._has_closed(owed.source):
                        yield self._undelivered(owed, member)
                    elif owed.source not in seen:
                        seen.add(owed.source)
                        todo.append((owed.source, owed))

    def _has_closed(self, node: str) -> bool:
        """Tell whether a node has done its part; the client has, it sends at once."""
        member = self._nodes.get(node)
        return node == CLIENT or (member is not None and member.frame > self._frame)

    def _still(self, node: str, link: LinkStatus | None) -> Cause | None:
        """Return a node as cause if it is gone, stopped or silent."""
        member = self._nodes.get(node)
        if member is None:
            return Cause(Why.GONE, node, link, None)
        if member.stopped:
            return Cause(Why.STOPPED, node, link, member)
        return Cause(Why.SILENT, node, link, member) if member.still else None

    def _undelivered(self, link: LinkStatus, member: MemberStatus | None) -> Cause:
        """Say why a link does not bring what its source has sent."""
        still = self._still(link.source, link) if link.waiting else None
        if still is not None:
            return still
        if member is not None and member.blocked:
            return self._downstream(link.destination, link)
        return Cause(Why.UNDELIVERED, link.destination, link, member)

    def _downstream(self, node: str, link: LinkStatus | None) -> Cause:
        """Follow full links from a blocked node to who does not receive."""
        seen: set[str] = {node}
        member = self._nodes.get(node)
        while member is not None and member.blocked and node != CLIENT:
            full = [
                k for k in self._outbound.get(node, [])
                if k.waiting and k.destination not in seen
            ]  # fmt: skip
            if not full:
                break
            link, node = full[0], full[0].destination
            seen.add(node)
            member = self._nodes.get(node)
        return self._still(node, link) or self._end(node, link)

    def _end(self, node: str, link: LinkStatus | None) -> Cause:
        full = link is not None and link.destination == node and link.waiting
        why = Why.FULL if full else Why.COMPUTES
        return Cause(why, node, link, self._nodes.get(node))
