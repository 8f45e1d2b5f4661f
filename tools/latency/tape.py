"""Put a tape between turn and engine of a whole member.

Of every packet it keeps both stamps and what the receiver knew of the other clock when
it came; see `link.tape`. The product has no part in this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from neurocluster.dtypes import I64
from neurocluster.link.buffers import Handler, LinkBuffers, LinkSpec
from neurocluster.link.tape import Tape
from neurocluster.member.data import EngineLike
from neurocluster.member.duties import Duties

ROOM: Final = 1 << 23
"""Packets of a tape; pages that are never written take no memory."""


def whole(tape: Tape) -> I64:
    """Return all packets of a tape.

    Raises:
        RuntimeError: There were more than it holds.
    """
    if tape.lost:
        message = f"{tape.lost} packets more than a tape holds"
        raise RuntimeError(message)
    return tape.rows


class TapedEngine:
    """Stand for an engine whose packets are written down."""

    def __init__(self, engine: EngineLike, tape: Tape) -> None:
        """Take the engine and the tape."""
        self.engine, self._tape = engine, tape
        self.receive, self.fault = engine.receive, engine.fault

    @property
    def node(self) -> LinkBuffers:
        """Return the links' buffers."""
        return self.engine.node

    @property
    def handler(self) -> Handler:
        """Return what a turn calls."""
        return self._tape.handler(self.engine.handler)


class TapedDuties:
    """Do a member's duties, with engines whose packets are written down."""

    def __init__(self, duties: Duties, tape: Tape) -> None:
        """Take what the member does otherwise."""
        self._duties, self._tape = duties, tape
        self.always_receive = duties.always_receive
        self.run, self.after_turn = duties.run, duties.after_turn
        self.reports, self.beat = duties.reports, duties.beat
        self.deliver, self.left = duties.deliver, duties.left

    def build(
        self, epoch: int, body: Mapping[str, Any], inbound: list[LinkSpec],
        outbound: list[LinkSpec],
    ) -> TapedEngine:  # fmt: skip
        """Build the engine of an epoch, beside a tape."""
        engine = self._duties.build(epoch, body, inbound, outbound)
        return TapedEngine(engine, self._tape)

    def bound(self, body: Mapping[str, Any], engine: Any) -> None:
        """Take the engine that was built."""
        self._duties.bound(body, engine.engine)
