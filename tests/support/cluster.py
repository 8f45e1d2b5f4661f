"""Run a whole cluster in one process: real engines and pumps on a virtual clock.

Everything random comes from one seed: delays, stalls and the order in which
scheduled turns run. A failure prints the seed; the same seed replays it.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence

import numpy as np

from neurocluster.client.engine import Engine as ClientEngine
from neurocluster.client.engine import playback_of
from neurocluster.coding.delay import rank_table
from neurocluster.controller.barrier import Barrier
from neurocluster.controller.neighbours import LocalBarrier
from neurocluster.dtypes import CLIENT
from neurocluster.impairments import Impairments
from neurocluster.kernels.clock import virtual_clock
from neurocluster.member.barriers import DISSEMINATION, Central, Disseminated
from neurocluster.member.clockwork import Clockwork, clockwork
from neurocluster.member.dissemination import Dissemination, partners
from neurocluster.member.hindering import Hindering
from neurocluster.member.ordering import Ordering, ordering
from neurocluster.member.trace import Trace
from neurocluster.model.graph import Graph
from neurocluster.model.partition import Plan, depths
from neurocluster.transport.hindrance import Hindrance
from neurocluster.transport.memory import MemoryInbox, Tamper, Wire
from neurocluster.transport.pump import Pump
from neurocluster.worker.engine import Engine
from tests.support.builders import link_specs, specs_of

MOST_STEPS = 200_000


class VirtualCluster:
    """A client and workers joined by memory wires."""

    def __init__(
        self,
        graph: Graph,
        plan: Plan,
        seed: int,
        *,
        hwm: int = 2,
        window: int = 4,
        max_spikes: int = 8,
        delay_ns: int = 20_000,
        stall: float = 0.05,
        tamper: tuple[str, Tamper] | None = None,
        impairments: Impairments = Impairments(),  # noqa: B008 - frozen
        linger_us: float = 0,
        clock: str = "none",
        barrier: str = "central",
        phases: int = 1,
        barrier_ns: int = 1,
        order_seed: int | None = None,
        tu_s: float | None = None,
        trace: int = 0,
        **settings,
    ) -> None:
        """Build everything; `run` streams images."""
        self._mode, self._kind, self._phases = clock, barrier, phases
        self._trace = trace
        self.traces: dict[str, Trace] = {}
        self.random = random.Random(seed)
        self.seed, self.stall = seed, stall
        self._now = np.zeros(1, np.int64)
        self._now[0] = 1_000_000
        self._queue: list[tuple[int, float, int, Callable[[], None]]] = []
        self._count = 0
        time = (virtual_clock(), self._now)
        self.faults: list[str] = []
        self._rules = {
            "linger_us": linger_us, "impair": impairments.to_wire(), "window": window,
            "order": order_seed,
        }  # fmt: skip
        self._depths = depths(plan)
        ends = [(link.source, link.destination) for link in plan.links]
        local = clock == "neighbour"
        self.barrier = LocalBarrier(ends, self._depths) if local else Barrier()
        self._barrier_ns = barrier_ns
        self._orderings: list[Ordering | None] = []
        self._nodes = list(self._depths)
        self.barrier.begin(self._nodes)
        self.disseminated: dict[str, Disseminated] = {}
        self.clocks: dict[str, Clockwork] = {}
        specs = specs_of(
            graph, plan, window=window, max_spikes=max_spikes,
            batch=clock == "step-batch", **settings,
        )  # fmt: skip
        wires = {}
        for link in plan.links:
            special = tamper is not None and tamper[0] == link.name
            wires[link.name] = Wire(
                hwm,
                lambda _d: self.now() + self.random.randrange(1, delay_ns),
                tamper[1] if tamper is not None and special else (lambda p: (p,)),
            )
        self.workers: dict[str, Engine] = {}
        self.pumps: dict[str, Pump] = {}
        for part, spec in zip(plan.partitions, specs, strict=True):
            inbound, outbound = plan.inbound(part.name), plan.outbound(part.name)
            engine = Engine(spec, link_specs(inbound), link_specs(outbound), clock=time)
            self.workers[part.name] = engine
            self._pump(part.name, engine, wires, inbound, outbound)
        inbound, outbound = plan.inbound(CLIENT), plan.outbound(CLIENT)
        self.client = ClientEngine(
            link_specs(inbound), link_specs(outbound), ranks=rank_table(graph.input),
            window=window, max_spikes=max_spikes, clock=time,
            playback=playback_of(graph.input, tu_s),
        )  # fmt: skip
        self._pump(CLIENT, self.client, wires, inbound, outbound)
        self.results: list[tuple] = []
        self.wires = wires
        for name, engine in (*self.workers.items(), (CLIENT, self.client)):
            self._put_under_clock(name, engine)

    def _after(self) -> None:
        rows, counts, potentials = self.client.take_results()
        self.results += list(zip(rows, counts, potentials, strict=True))

    def _pump(self, name, engine, wires, inbound, outbound) -> None:
        inbox = MemoryInbox([wires[k.name] for k in inbound], self.now)
        outlets = [wires[k.name] for k in outbound]
        pump = Pump(
            engine.node, inbox, outlets, schedule=self.schedule, clock=self.now,
            always_receive=name == CLIENT,
            arm=lambda due: self.at(max(due, self.now()), pump.turn),
        )  # fmt: skip
        if (hindrance := self._hindrance(engine)) is not None:
            pump.hinder(hindrance)
        if name != CLIENT:
            self._orderings.append(ordering(engine.node, pump, self._rules))
        for link in inbound:
            wires[link.name].on_send = lambda time, p=pump: self.at(time, p.wake)
        for link in outbound:
            wires[link.name].on_room = lambda p=pump: self.schedule(p.wake)
        handler = engine.handler
        if self._trace:
            self.traces[name] = Trace(self._trace)
            handler = self.traces[name].begin(engine.node, pump, handler)
        pump.start(
            handler,
            on_fault=lambda code: self.faults.append(str(engine.fault(code))),
            on_other=lambda _data: self.faults.append(f"{name}: malformed") or 0,
            after_turn=lambda: self._turned(name),
        )
        self.pumps[name] = pump

    def _hindrance(self, engine) -> Hindrance | None:
        return Hindering(engine.node, self._rules).made({}, by_processor=False)

    def _put_under_clock(self, name: str, engine) -> None:
        told = {"mode": self._mode, "depth": self._depths[name]}
        told |= {"deepest": max(self._depths.values()), "phases": self._phases}
        if self._kind == DISSEMINATION:
            barrier = self._disseminated(name)
        else:
            barrier = Central(
                lambda _kind, body: self.at(self.now(), lambda: self._done(name, body))
            )
        clock = clockwork(
            engine, engine.node, self.pumps[name], {**self._rules, "clock": told},
            barrier,
        )  # fmt: skip
        if clock is not None:
            self.clocks[name] = clock
            if self._kind == DISSEMINATION:
                barrier.opened = clock.opened

    def _disseminated(self, name: str) -> Disseminated:
        """Return a node's barrier, whose ticks take ``barrier_ns`` each."""
        rank, count = self._nodes.index(name), len(self._nodes)
        to = [self._nodes[k] for k in partners(rank, count)]

        def send(tick):
            hear = lambda: self.disseminated[to[tick.step]].heard(tick)  # noqa: E731
            self.at(self.now() + self._barrier_ns, lambda: self._heard(hear))

        made = Disseminated(Dissemination(rank, count), self.now, send)
        self.disseminated[name] = made
        return made

    def _heard(self, hear: Callable[[], bool]) -> None:
        if not hear():
            self.faults.append("a tick that no partner can have sent")

    @property
    def rounds(self) -> int:
        """Return how many rounds have ended."""
        made = self.disseminated.get(CLIENT)
        return self.barrier.rounds if made is None else made.counts()["clock_rounds"]

    @property
    def waits(self) -> dict[str, list[int]]:
        """Return of each node what TABLES has of the barrier."""
        rows = self.barrier.tables().get("nodes", ())
        for name, made in self.disseminated.items():
            rows = [*rows, [name, *list(made.counts().values())[1:]]]
        return {row[0]: row[1:] for row in rows}

    def _turned(self, name: str) -> None:
        if name in self.traces:
            self.traces[name].turned()
        if name == CLIENT:
            self._after()
        else:
            self._maybe_stall()
        if name in self.clocks:
            self.clocks[name].turned()

    def _done(self, name: str, body: dict) -> None:
        if self.barrier.done(name, body["round"], body["started"], self.now()):
            local = isinstance(self.barrier, LocalBarrier)
            for node in self.barrier.opened if local else self.clocks:
                told = self.barrier.round, self.barrier.started
                told = self.barrier.told(node) if local else told
                self.at(
                    self.now() + self._barrier_ns,
                    lambda c=self.clocks[node], told=told: c.opened(*told),
                )

    def _maybe_stall(self) -> None:
        if self.random.random() < self.stall:
            self._now[0] += self.random.randrange(100_000)

    def now(self) -> int:
        return int(self._now[0])

    def schedule(self, action: Callable[[], None]) -> None:
        self.at(self.now(), action)

    def at(self, time: int, action: Callable[[], None]) -> None:
        self._count += 1
        entry = (time, self.random.random(), self._count, action)
        heapq.heappush(self._queue, entry)

    def run(self, images: Sequence[np.ndarray]) -> list[tuple]:
        """Stream images; return (row, counts, potentials) in order."""
        wanted = len(images)
        self.client.offer(np.array([image.reshape(-1) for image in images]))
        self.pumps[CLIENT].wake()
        for _ in range(MOST_STEPS):
            if len(self.results) >= wanted or self.faults or not self._queue:
                break
            time, _, _, action = heapq.heappop(self._queue)
            self._now[0] = max(self._now[0], time)
            action()
        if not self.faults:
            assert len(self.results) == wanted, f"stuck, seed {self.seed}"
        return self.results

    def check_links(self) -> None:
        """Assert law 1: spikes sent equal spikes received on every link."""
        sent, got = {}, {}
        for engine in (*self.workers.values(), self.client):
            sent |= {int(r["index"]): int(r["spikes"]) for r in engine.node.outbound}
            got |= {int(r["index"]): int(r["spikes"]) for r in engine.node.inbound}
        assert sent == got, f"seed {self.seed}"
