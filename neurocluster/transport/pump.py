"""Turn a node on an event loop: when to take a turn, what to do with its result.

What a turn does, and the rules that it keeps, is in `transport.turn`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import monotonic_ns

import numpy as np

from neurocluster.dtypes import I64, Records
from neurocluster.link.buffers import Handler, LinkBuffers
from neurocluster.link.records import NODE
from neurocluster.transport import turn as t
from neurocluster.transport.base import Inbox, Outlet, Schedule
from neurocluster.transport.calls import Calls, calls_of
from neurocluster.transport.hindrance import Hindrance
from neurocluster.transport.outlets import TURN

_OUTBOXES = list(NODE.names or ()).index("outboxes")
_LINGER_DUE = list(NODE.names or ()).index("linger_due")
_WAKE, _UNDER_WAY, _TURN_NS, _IDLE_SINCE, _IDLE_CAUSE = (
    list(TURN.names or ()).index(name)
    for name in ("wake_ns", "under_way", "turn_ns", "idle_since", "idle_cause")
)


class Pump:
    """Move packets between a node's buffers and its inbox and outlets.

    The owner calls `close`; it closes inbox and outlets.
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
        arm: Callable[[int], None] | None = None,
        calls: Calls | None = None,
    ) -> None:
        """Bind a node to its transport.

        Args:
            node: The links' buffers.
            inbox: Where packets come from.
            outlets: One a outgoing link, in the node's order.
            schedule: Runs a callback soon.
            clock: Nanoseconds; the node's own time.
            always_receive: True for the client (rule 5).
            arm: Has `turn` called at a time of the clock; needed where packets may wait
                for more, or something hinders the node.
            calls: How turns reach inbox and outlets; default the best there is.
        """
        self._node, self._inbox, self._outlets = node, inbox, tuple(outlets)
        self._schedule, self._clock = schedule, clock
        self._state = node.record.view("i8").data
        self._calls = calls or calls_of(inbox, outlets, node.message.data)
        self._handles = np.array(self._calls.outlets, np.int64)
        self._blocked_since: I64 = np.zeros(len(outlets), np.int64)
        self._blocked_ns: I64 = np.zeros(len(outlets), np.int64)
        self._scratch = np.zeros(2, np.int64)
        self._waits: I64 = np.zeros((len(t.CAUSES), 2), np.int64)
        self._arm = arm
        self._hindrance: Hindrance | None = None
        self._record: Records = np.zeros(1, TURN)
        self._fields = self._record.view("i8").data
        self._scheduled = False
        self._open = True
        self._started = False
        self._let_go()
        self._fill_record(always_receive=always_receive)
        self._at = int(self._record.ctypes.data)

    def _fill_record(self, *, always_receive: bool) -> None:
        recv, send, option, error = self._calls.functions
        for name, value in {
            "node_at": self._node.record.ctypes.data,
            "recv_at": recv,
            "send_at": send,
            "option_at": option,
            "errno_at": error,
            "inbox": self._calls.inbox,
            "outlets_at": self._handles.ctypes.data,
            "blocked_since_at": self._blocked_since.ctypes.data,
            "blocked_ns_at": self._blocked_ns.ctypes.data,
            "always_receive": int(always_receive),
            "scratch_at": self._scratch.ctypes.data,
            "waits_at": self._waits.ctypes.data,
        }.items():
            self._record[0][name] = value

    def _let_go(self) -> None:
        """Call nobody: who is called owns this pump, and so a cycle ends."""
        self._handler: Handler | None = None
        self._on_other: Callable[[bytes], int] = lambda _data: 0
        self._on_fault: Callable[[int], None] = lambda _code: None
        self._after_turn: Callable[[], None] = lambda: None

    def hinder(self, hindrance: Hindrance) -> None:
        """Delay what the node sends, or slow it down, from now on."""
        self._hindrance = hindrance
        self._record["lines_at"] = hindrance.lines_at
        self._record["pace_at"] = hindrance.pace_at

    def gate(self, gate: Records) -> None:
        """Hold packets back as a GATE says, from now on; the caller keeps it."""
        self._record["gate_at"] = gate.ctypes.data

    def put_in_order(self, order: Records) -> None:
        """Handle packets in the order that an ORDER draws; the caller keeps it."""
        self._record["order_at"] = order.ctypes.data

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
            on_other: Given a message that is not in canonical form; returns a fault,
                or 0 when it was handled or dropped.
            after_turn: Called at the end of every turn.
        """
        record = self._record[0]
        record["receive_at"], record["flush_at"] = handler.receive_at, handler.flush_at
        record["handles_at"], self._handler = handler.handles_at, handler
        self._on_fault, self._on_other = on_fault, on_other
        self._after_turn = after_turn
        self._started = True
        self.wake()

    def wake(self) -> None:
        """Schedule a turn, unless one is scheduled."""
        if not self._scheduled and self._open and self._started:
            self._scheduled = True
            self._schedule(self._scheduled_turn)

    def _scheduled_turn(self) -> None:
        self._scheduled = False
        self.turn()

    def turn(self) -> None:
        """Take a turn now."""
        if not self._started:
            return
        code = t.take_turn(self._at)
        if code == t.OTHER:
            code = self._other() or t.AGAIN
        if code < 0:
            self._fault(code)
            return
        if code == t.AGAIN:
            self.wake()
        elif self._arm is not None and (due := self._fields[_WAKE]):
            self._arm(due)
        waiting, due = self._state[_OUTBOXES], self._state[_LINGER_DUE]
        self._after_turn()
        if self._state[_OUTBOXES] > waiting or self._state[_LINGER_DUE] != due:
            self.wake()  # it started frames

    def _other(self) -> int:
        size = int(self._record["other_size"][0])
        buffer = self._node.message
        return self._on_other(buffer[:size].tobytes() if size <= len(buffer) else b"")

    def _fault(self, code: int) -> None:
        self._started = False
        self._on_fault(code)

    @property
    def turns(self) -> int:
        """Return the turns taken."""
        return int(self._record["turns"][0])

    @property
    def waiting(self) -> bool:
        """Tell whether some link holds packets that were not sent yet."""
        return self._state[_OUTBOXES] > 0 or self._fields[_UNDER_WAY] > 0

    @property
    def blocked(self) -> bool:
        """Tell whether some link waits for room."""
        return bool(self._blocked_since.any())

    @property
    def asleep(self) -> bool:
        """Tell whether the node sleeps, because something makes it slow."""
        hindrance = self._hindrance
        return hindrance is not None and bool(hindrance.pace["resume_ns"].any())

    def last_turn(self) -> tuple[int, int, int]:
        """Return all time in turns, ns; when the last one ended, and what it waits for.

        The last is an index in `turn.CAUSES`.
        """
        fields = self._fields
        return fields[_TURN_NS], fields[_IDLE_SINCE], fields[_IDLE_CAUSE]

    def times(self) -> tuple[int, dict[str, int], list[int]]:
        """Return the time in turns and, by cause, between them, ns; and how often."""
        names = [f"wait_{cause}_ns" for cause in t.CAUSES]
        waits = dict(zip(names, self._waits[:, 0].tolist(), strict=True))
        return int(self._record["turn_ns"][0]), waits, self._waits[:, 1].tolist()

    def slept(self) -> Mapping[str, int]:
        """Return what a worker that is made slow counted; empty if nothing does."""
        return self._hindrance.slept() if self._hindrance is not None else {}

    def blocked_total(self, link: int) -> int:
        """Return the time a link has waited for room, the present wait included."""
        since, total = int(self._blocked_since[link]), int(self._blocked_ns[link])
        return total + (self._clock() - since if since else 0)

    def close(self) -> None:
        """Stop turning and close inbox and outlets; may be called twice."""
        if not self._open:
            return
        self._open = self._started = False
        self._inbox.close()
        for outlet in self._outlets:
            outlet.close()
        self._let_go()
