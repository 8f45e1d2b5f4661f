"""Turn a node: receive within a budget, compute, send; never block, never spin.

The rules, each of which fails visibly when left out:

1. A wake-up only says "look"; every turn starts by looking.
2. A turn receives until the inbox is empty or its budget is used; in the second
   case it schedules itself again, so timers and control messages get their turn.
3. A send that does not go through waits for its outlet's wake-up.
4. While any outbox holds packets a worker receives nothing, but keeps flushing the
   other links: that is the back-pressure.
5. The client always receives, whatever its outboxes hold; otherwise the cycle
   through it could deadlock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic_ns
from typing import Final

from neurocluster.link.buffers import LinkBuffers
from neurocluster.link.outbox import stamp
from neurocluster.link.records import MORE, NODE, NOT_CANONICAL, OUTBOUND
from neurocluster.transport.base import Handler, Inbox, Outlet, Schedule

BUDGET_PACKETS: Final = 64
"""Most packets of a turn; `client.engine` sizes its table of results by it."""
BUDGET_NS: Final = 1_000_000
CLOCK_PACKETS: Final = 8
"""Packets between two looks at the clock."""
CODE, SENDING = 15, 16
"""`Handler.receive` answers a code plus SENDING for each link with packets to send."""
_FIELDS = list(OUTBOUND.names or ())
_COUNT, _DONE = _FIELDS.index("pieces_count"), _FIELDS.index("pieces_done")
_USED = _FIELDS.index("outbox_used")
_OUTBOXES = list(NODE.names or ()).index("outboxes")


class Pump:
    """Move packets between a node's buffers and its inbox and outlets.

    The owner calls `close`; it closes inbox and outlets.

    Attributes:
        blocked_ns: Time each outgoing link waited for room, finished waits only.
        turns: Turns taken.
    """

    def __init__(
        self,
        node: LinkBuffers,
        inbox: Inbox,
        outlets: Sequence[Outlet],
        *,
        schedule: Schedule,
        clock: Callable[[], int] = monotonic_ns,
        always_receive: bool = False,
    ) -> None:
        """Bind a node to its transport.

        Args:
            node: The links' buffers.
            inbox: Where packets come from.
            outlets: One a outgoing link, in the node's order.
            schedule: Runs a callback soon.
            clock: Nanoseconds; the node's own time.
            always_receive: True for the client (rule 5).
        """
        self._inbox, self._outlets = inbox, tuple(outlets)
        self._schedule, self._clock = schedule, clock
        self._always = always_receive
        self._buffer = node.message.data
        self._state = node.record.view("i8").data
        self._outbox_at = [box.ctypes.data for box in node.outboxes]
        self._records = [
            node.outbound[k : k + 1].view("i8").data for k in range(len(outlets))
        ]
        self._boxes = [box.data for box in node.outboxes]
        self._pieces = [table.reshape(-1).data for table in node.pieces]
        self._blocked_since = [0] * len(outlets)
        self.blocked_ns = [0] * len(outlets)
        self.turns = 0
        self._scheduled = False
        self._open = True
        self._handler: Handler | None = None
        self._on_other: Callable[[bytes], int] = lambda _data: MORE
        self._on_fault: Callable[[int], None] = lambda _code: None
        self._after_turn: Callable[[], None] = lambda: None

    def start(
        self,
        handler: Handler,
        *,
        on_fault: Callable[[int], None],
        on_other: Callable[[bytes], int],
        after_turn: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin to handle packets.

        Args:
            handler: Computes.
            on_fault: Told a negative code, once; the pump stops.
            on_other: Given a message that is not in canonical form; returns as
                `Handler.receive` does, or 0 to drop it.
            after_turn: Called at the end of every turn.
        """
        self._handler, self._on_fault = handler, on_fault
        self._on_other, self._after_turn = on_other, after_turn
        self.wake()

    def wake(self) -> None:
        """Schedule a turn, unless one is scheduled."""
        if not self._scheduled and self._open and self._handler is not None:
            self._scheduled = True
            self._schedule(self._turn)

    @property
    def blocked(self) -> bool:
        """Tell whether some link waits for room."""
        return any(self._blocked_since)

    def blocked_total(self, link: int) -> int:
        """Return the time a link has waited for room, the present wait included."""
        since = self._blocked_since[link]
        return self.blocked_ns[link] + (self._clock() - since if since else 0)

    def _turn(self) -> None:
        self._scheduled = False
        if not self._open or self._handler is None:
            return
        self.turns += 1
        code = self._receive(self._handler)
        if code < 0:
            self._handler = None
            self._on_fault(code)
            return
        self._after_turn()

    def _receive(self, handler: Handler) -> int:
        receive, inbox, buffer = handler.receive, self._inbox.receive_into, self._buffer
        always, flush = self._always, self.flush_outboxes
        clear = flush()
        end = self._clock() + BUDGET_NS
        for number in range(1, BUDGET_PACKETS + 1):
            if not clear and not always:
                return 0
            size = inbox(buffer)
            if size < 0:
                code = handler.flush()
                if code >= SENDING:
                    flush()
                return min(code, 0)
            code = receive(size)
            if code & CODE == NOT_CANONICAL and code > 0:
                code = self._other(size)
            if code < 0:
                return code
            if code >= SENDING:
                clear = flush()
            if not number % CLOCK_PACKETS and self._clock() > end:
                break
        self.wake()
        return 0

    def _other(self, size: int) -> int:
        if size > len(self._buffer):
            return self._on_other(b"")
        return self._on_other(bytes(self._buffer[:size]))

    def flush_outboxes(self) -> bool:
        """Send what waits; tell whether every outbox is empty now."""
        clear = True
        for k, record in enumerate(self._records):
            if record[_COUNT] and not self._flush_link(k, record):
                clear = False
        return clear

    def _flush_link(self, k: int, record: memoryview) -> bool:
        if self._blocked_since[k]:
            self._stamp(k, record)
        send, pieces, box = self._outlets[k].send, self._pieces[k], self._boxes[k]
        done, count = record[_DONE], record[_COUNT]
        while done < count:
            at = pieces[2 * done]
            if not send(box[at : at + pieces[2 * done + 1]]):
                record[_DONE] = done
                if not self._blocked_since[k]:
                    self._blocked_since[k] = self._clock()
                return False
            done += 1
            if self._blocked_since[k]:
                record[_DONE] = done
                self._stamp(k, record)
                self.blocked_ns[k] += self._clock() - self._blocked_since[k]
                self._blocked_since[k] = 0
        record[_COUNT] = record[_DONE] = record[_USED] = 0
        self._state[_OUTBOXES] -= 1
        return True

    def _stamp(self, k: int, record: memoryview) -> None:
        """Renew the time of sending in the packets that had to wait."""
        now, base, pieces = self._clock(), self._outbox_at[k], self._pieces[k]
        for number in range(record[_DONE], record[_COUNT]):
            stamp(base + pieces[2 * number], now)

    def close(self) -> None:
        """Stop turning and close inbox and outlets; may be called twice."""
        if not self._open:
            return
        self._open = False
        self._handler = None
        self._inbox.close()
        for outlet in self._outlets:
            outlet.close()
