"""Own the memory of a simulation; put processes on hosts and links between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from neurocluster.dtypes import F64, I64, Records
from neurocluster.errors import ClusterError
from neurocluster.kernels.clock import virtual_clock
from neurocluster.link.buffers import Handler, LinkBuffers
from neurocluster.simulate import doors
from neurocluster.simulate import loop as l
from neurocluster.simulate import records as r
from neurocluster.simulate.costs import FREE, Cost, Costs
from neurocluster.simulate.handling import handler_functions
from neurocluster.simulate.processors import MOST_STALE
from neurocluster.simulate.wires import socket_functions
from neurocluster.transport.hindrance import Hindrance
from neurocluster.transport.outlets import TURN
from neurocluster.transport.turn import CAUSES
from neurocluster.wire.packet import HEADER_BYTES

EVENTS: Final = 1 << 20
"""Events between two looks at Python: some tenths of a second."""
SMALLEST: Final = HEADER_BYTES + 512
"""A packet as the kernel counts it, at least; see `wires.SKB_BYTES`."""
CONTROL_ROOM: Final = 4
"""Control messages that are under way on a link; a clock has one at a time."""
TIMERS: Final = 64
"""Events of a process's timer: each is earlier than those that were set before."""
START_NS: Final = 1_000_000
"""When virtual time begins: 0 stands for never in some records."""


@dataclass(frozen=True, slots=True)
class Wire:
    """How long packets of a link are under way.

    Attributes:
        base: What it takes anyway.
        delay_ns: That is added.
        jitter_ns: Multiplied by a factor of ``jitter``, and added.
        jitter: (FACTORS + 1,) quantiles; empty for none.
    """

    base: Cost = FREE
    delay_ns: int = 0
    jitter_ns: int = 0
    jitter: tuple[float, ...] = ()


class Machine:
    """Hold hosts, threads, processes and links.

    Attributes:
        loop: (1,) LOOP.
        hosts: (n,) HOST.
        threads: (2 processes,) THREAD: of each process the main one, its I/O thread.
        processes: (n,) PROCESS.
        links: (n,) LINK.
        costs: (n,) COSTS, one a process.
    """

    def __init__(
        self, cores: Sequence[int], processes: int, links: int, costs: Costs, seed: int
    ) -> None:
        """Allocate.

        Args:
            cores: Of each host.
            processes: Most that will be added.
            links: Likewise.
            costs: Of everything.
            seed: Of what is drawn.
        """
        self._costs = costs
        self.loop: Records = np.zeros(1, r.LOOP)
        self.hosts: Records = np.zeros(len(cores), r.HOST)
        self.threads: Records = np.zeros(2 * processes, r.THREAD)
        self.processes: Records = np.zeros(processes, r.PROCESS)
        self.links: Records = np.zeros(links, r.LINK)
        self.costs: Records = np.zeros(processes, r.COSTS)
        self._turns: Records = np.zeros(processes, TURN)
        self._words = self.processes.view("i8").reshape(processes, -1)
        self._kept: list[object] = []
        self._tables: dict[tuple[float, ...], F64] = {}
        self._inboxes: dict[int, list[int]] = {}
        self._mailboxes: dict[int, int] = {}
        self._added = self._linked = 0
        self._random = np.random.default_rng(seed)
        self.loop[0]["now"], self.loop[0]["quantum_ns"] = START_NS, costs.quantum_ns
        self.loop[0]["beat_ns"] = costs.beat_ns
        for name in ("hosts", "threads", "processes", "links"):
            self.loop[0][f"{name}_at"] = self._address(getattr(self, name))
        for host, count in zip(self.hosts, cores, strict=True):
            host["cores"], host["queue_size"] = count, 2 * processes
            host["queue_at"] = self._address(np.zeros(2 * processes, np.int64))
            host["cores_at"] = self._address(np.full(count, -1, np.int64))

    def _address(self, array: npt.NDArray[np.generic]) -> int:
        self._kept.append(array)
        return int(array.ctypes.data)

    def clock(self, process: int) -> tuple[int, I64]:
        """Return a process's clock, as engines take it."""
        return virtual_clock(), self._words[process, :1]

    def process_at(self, process: int) -> int:
        """Return the address of a PROCESS."""
        return int(self.processes[process : process + 1].ctypes.data)

    def add(
        self, host: int, layer: Cost, *, beat_ns: float = 0.0, controls: bool = False
    ) -> int:
        """Add a process; return its number.

        Args:
            host: That runs it.
            layer: What handling a packet costs.
            beat_ns: Work of a beat, mean.
            controls: It is the controller.
        """
        index, self._added = self._added, self._added + 1
        process = self.processes[index]
        process["loop_at"], process["index"] = self.loop.ctypes.data, index
        process["costs_at"] = self.costs[index : index + 1].ctypes.data
        process["random"] = int(self._random.integers(1, 1 << 62))
        process["beat_cost_ns"] = round(beat_ns)
        self._fill_costs(self.costs[index], layer, controls=controls)
        for k, thread in enumerate(self.threads[2 * index : 2 * index + 2]):
            thread["host"], thread["process"], thread["is_io"] = host, index, k
            thread["since"], thread["state"] = START_NS, r.SLEEPS
        return index

    def _fill_costs(self, record: Records, layer: Cost, *, controls: bool) -> None:
        costs = self._costs
        hear, tell = costs.clock_hear, costs.clock_tell
        if controls:  # its wake-ups are in what each message costs
            hear, tell = costs.barrier_hear, costs.barrier_tell
        for name, cost in {
            "receive": costs.receive, "send": costs.send, "handle": layer,
            "wake": FREE if controls else costs.wake, "late": costs.late,
            "io": costs.io,
        }.items():  # fmt: skip
            for term in cost.terms:
                record[f"{name}_{term}"] = cost[term]
            record[f"{name}_factors_at"] = self._table(cost.factors)
        record["hear_fixed"], record["tell_fixed"] = hear["fixed"], tell["fixed"]
        record["io_late_fixed"] = costs.io_late["fixed"]
        record["io_wake_fixed"] = costs.io_wake["fixed"]

    def _table(self, factors: tuple[float, ...]) -> int:
        if not factors:
            return 0
        if factors not in self._tables:
            self._tables[factors] = np.array(factors, np.float64)
        return int(self._tables[factors].ctypes.data)

    def join(self, source: int, target: int, hwm: int, payload: int, wire: Wire) -> int:
        """Add a link; return its number.

        Args:
            source: Process.
            target: Process.
            hwm: Packets queued at each side.
            payload: Most bytes of a packet's payload.
            wire: How long its packets are under way.
        """
        slot = (HEADER_BYTES + payload + 63) // 64 * 64
        size = 2 * hwm + self._costs.kernel_bytes // SMALLEST + 1
        index = self._join(source, target, size, slot, wire)
        link = self.links[index]
        # libzmq tells a writer of room in batches of half a pipe.
        link["low"] = max(2 * hwm - (hwm + 1) // 2, 0)
        link["room"], link["kernel_bytes"] = 2 * hwm, self._costs.kernel_bytes
        self._inboxes.setdefault(target, []).append(index)
        return index

    def join_control(self, source: int, target: int, wire: Wire) -> int:
        """Add a link of control messages; return its number."""
        index = self._join(source, target, CONTROL_ROOM, 0, wire)
        self.links[index]["control"] = 1
        self._mailboxes[target] = self._mailboxes.get(target, 0) + CONTROL_ROOM
        return index

    def _join(self, source: int, target: int, size: int, slot: int, wire: Wire) -> int:
        index, self._linked = self._linked, self._linked + 1
        ring = np.empty(size * slot, np.uint8)
        for name, value in {
            "loop_at": self.loop.ctypes.data, "index": index, "source": source,
            "target": target, "ring_at": self._address(ring),
            "sizes_at": self._address(np.zeros(size, np.int64)), "ring_size": size,
            "slot": slot, "blocked_since": -1,
            "wire_fixed": wire.base["fixed"] + wire.delay_ns,
            "wire_byte": wire.base["byte"], "wire_jitter": wire.jitter_ns,
            "wire_factors_at": self._table(wire.jitter),
        }.items():  # fmt: skip
            self.links[index][name] = value
        return index

    def hinder(self, process: int, hindrance: Hindrance) -> None:
        """Delay what a process sends, or slow it down."""
        self._kept.append(hindrance)
        turn = self._turns[process]
        turn["lines_at"], turn["pace_at"] = hindrance.lines_at, hindrance.pace_at

    def gate(self, process: int, gate: Records) -> None:
        """Hold a process's packets back as a GATE says; the caller keeps it."""
        self._turns[process]["gate_at"] = gate.ctypes.data

    def share(self, frames: int, clients: int) -> None:
        """Count how many clients have done each frame."""
        loop = self.loop[0]
        loop["joint_at"] = self._address(np.zeros(frames, np.int64))
        loop["joint_count"], loop["clients"] = frames, clients

    def start(
        self, process: int, node: LinkBuffers, handler: Handler, outlets: Sequence[int],
        *, client: bool = False, wanted: int = 0,
    ) -> None:  # fmt: skip
        """Let a process turn its engine.

        Args:
            process: Number.
            node: The engine's links.
            handler: The engine's functions.
            outlets: Links that start here, in the node's order.
            client: It always receives.
            wanted: Frames after which a client is done.
        """
        receive, send, option, again, interrupted = socket_functions()
        handle, flush = handler_functions()
        inbox = np.array(self._inboxes.get(process, []), np.int64)
        sockets = [self.links[k : k + 1].ctypes.data for k in outlets]
        self._kept += [node, handler]
        record, turn = self.processes[process], self._turns[process]
        for name, value in {
            "again_at": again, "interrupted_at": interrupted,
            "turn_at": self._turns[process : process + 1].ctypes.data,
            "inbox_at": self._address(inbox), "inbox_count": len(inbox),
            "receive_at": handler.receive_at, "flush_at": handler.flush_at,
            "handles_at": handler.handles_at, "node_at": node.record.ctypes.data,
            "is_client": int(client), "wanted": wanted,
            "times_at": self._address(np.zeros(TIMERS, np.int64)),
            "most_timers": TIMERS,
        }.items():  # fmt: skip
            record[name] = value
        for name, value in {
            "node_at": node.record.ctypes.data, "receive_at": handle,
            "flush_at": flush, "handles_at": self.process_at(process),
            "recv_at": receive, "send_at": send, "option_at": option,
            "errno_at": again, "inbox": self.process_at(process),
            "outlets_at": self._address(np.array(sockets, np.int64)),
            "blocked_since_at": self._address(np.zeros(len(sockets) or 1, np.int64)),
            "blocked_ns_at": self._address(np.zeros(len(sockets) or 1, np.int64)),
            "always_receive": int(client),
            "scratch_at": self._address(np.zeros(2, np.int64)),
            "waits_at": self._address(np.zeros((len(CAUSES), 2), np.int64)),
        }.items():  # fmt: skip
            turn[name] = value
        if client:
            self.loop[0]["open_clients"] += 1

    def close_up(self) -> None:
        """Make room for events and jobs, once all is added; wake the clients."""
        jobs = np.zeros(self._added, np.int64)
        for link in self.links[: self._linked]:
            jobs[link["source"]] += link["ring_size"]
            jobs[link["target"]] += link["ring_size"]
        for index in range(self._added):
            thread = self.threads[2 * index + 1]
            thread["jobs_size"] = jobs[index] + 1
            thread["jobs_at"] = self._address(np.zeros(jobs[index] + 1, np.int64))
        for index, size in self._mailboxes.items():
            process = self.processes[index]
            process["mail_size"] = size
            process["mail_at"] = self._address(np.zeros(size, np.int64))
        packets = int(self.links["ring_size"][: self._linked].sum())
        timers = int(self.processes["most_timers"][: self._added].sum())
        size = packets + timers + (4 + 2 * MOST_STALE) * self._added + 16
        self.loop[0]["heap_size"] = size
        self.loop[0]["heap_at"] = self._address(np.zeros((size, 3), np.int64))
        for index in range(self._added):
            beats = self.loop[0]["beat_ns"] and self.processes[index]["beat_cost_ns"]
            if beats:  # spread, as members that joined one after the other are
                first = int(self._random.integers(int(self.loop[0]["beat_ns"])))
                self._push(START_NS + first, r.BEAT, index)

    def _push(self, time: int, kind: int, index: int) -> None:
        doors.push_event(int(self.loop.ctypes.data), time, kind, index)

    def wake(self, process: int) -> None:
        """Wake a process's main thread."""
        doors.wake_thread(int(self.loop.ctypes.data), 2 * process)

    def let_turn(self, process: int) -> None:
        """Have a process take a turn that costs nothing beside packets."""
        doors.let_turn(int(self.loop.ctypes.data), process)

    def tell(self, process: int) -> None:
        """Let a process send the controller a message."""
        doors.tell_controller(int(self.loop.ctypes.data), process)

    def post(self, process: int, links: I64) -> None:
        """Let a process send a message on each of several links."""
        doors.post_all(int(self.loop.ctypes.data), process, links)

    def taken(self, turning: int) -> int:
        """Note that the caller's message was taken, see `doors.taken`."""
        caller = int(self.loop[0]["caller"])
        return int(doors.taken(int(self.loop.ctypes.data), caller, turning))

    def go_on(self) -> None:
        """Let the caller work until its own time."""
        doors.go_on(int(self.loop.ctypes.data), int(self.loop[0]["caller"]))

    @property
    def caller(self) -> int:
        """Return the process for which `run` asks."""
        return int(self.loop[0]["caller"]) // 2

    def run(self, most: int = EVENTS) -> int:
        """Let time pass for so many events; return how that ended, see `loop.DONE`.

        Raises:
            ClusterError: Nothing is left to happen though clients wait for frames.
        """
        code = int(l.run(int(self.loop.ctypes.data), most))
        if code == l.STUCK:
            message = "the simulated cluster stands still: no event is left"
            raise ClusterError(message)
        return code

    @property
    def now(self) -> int:
        """Return the virtual time, ns."""
        return int(self.loop[0]["now"])

    @property
    def faulty(self) -> int:
        """Return the process whose turn failed, or -1."""
        return int(self.loop[0]["faulty"]) - 1
