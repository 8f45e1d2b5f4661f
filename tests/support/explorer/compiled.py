"""What a run computes, where engines and pumps are the real, compiled ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from neurocluster.client.engine import Engine as ClientEngine
from neurocluster.coding.delay import rank_table
from neurocluster.dtypes import CLIENT, I64
from neurocluster.kernels.chain import Chain
from neurocluster.kernels.clock import virtual_clock
from neurocluster.link.buffers import LinkSpec
from neurocluster.member.barriers import Central
from neurocluster.member.clockwork import Clockwork, clockwork
from neurocluster.member.state import LinkFault
from neurocluster.model.convert import convert
from neurocluster.model.partition import depths
from neurocluster.transport.pump import Pump
from neurocluster.wire.control import Control
from neurocluster.worker.engine import Engine
from tests.support.builders import planned, small_graph, specs_of
from tests.support.explorer.network import Inbox, Pipe
from tests.support.explorer.nodes import NOTHING
from tests.support.explorer.scenario import Scenario

if TYPE_CHECKING:
    from tests.support.explorer.client import ClientProcess
    from tests.support.explorer.processes import MemberProcess
    from tests.support.explorer.world import World

MAX_SPIKES, NETWORKS = 8, 3


class _Reader:
    """Give a pump what an inbox receives."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self.close = inbox.close

    def receive_into(self, buffer: memoryview) -> int:
        while (data := self._inbox.take()) is not None:
            if isinstance(data, bytes):
                kept = min(len(data), len(buffer))
                buffer[:kept] = data[:kept]
                return len(data)
        return -1


class _Writer:
    """Give a pipe what a pump sends."""

    def __init__(self, pipe: Pipe) -> None:
        self.pipe, self.close = pipe, pipe.close

    def send(self, packet: memoryview) -> bool:
        return self.pipe.send(bytes(packet))


class CompiledNode:
    """A real engine and a real pump between modelled sockets; see `nodes.Node`."""

    def __init__(self, model: Compiled, owner: MemberProcess, epoch: int, body: Any):
        self.owner, self.epoch, self.window = owner, epoch, model.scenario.window
        self._net, self._loop = model.world.net, model.world.loop
        self._clock: I64 = np.zeros(1, np.int64)
        clock = (virtual_clock(), self._clock)
        links = [[LinkSpec(*row) for row in body[k]] for k in ("inbound", "outbound")]
        self.engine: Any = model.build(body["node"], *links, epoch, clock)
        self.outbound, self.pipes = links[1], []
        woken = lambda: owner.run(owner.woken)  # noqa: E731
        self.inbox = Inbox(self._net, epoch, owner.host, woken)
        self._pump: Pump | None = None
        self._settings = body["settings"]
        self._clockwork: Clockwork | None = None
        self.after_turn = lambda: None
        self.on_packet = lambda _packet: True

    def connect(self, endpoints: Any, hellos: Mapping[int, Control]) -> None:
        where = dict(endpoints)
        for link in self.outbound:
            pipe = self._net.connect(
                link.index, self.epoch, self.owner.host, where[link.index], self.wake
            )
            pipe.send(hellos[link.index])
            self.pipes.append(pipe)
        self._pump = Pump(
            self.engine.node, _Reader(self.inbox), [_Writer(p) for p in self.pipes],
            schedule=self._soon, clock=self._now,
            always_receive=self.owner.role == CLIENT,
        )  # fmt: skip

    def _now(self) -> int:
        self._clock[0] = self.owner.clock()
        return int(self._clock[0])

    def _soon(self, action: Any) -> None:
        def turn() -> None:
            self._now()
            action()

        delay = self._loop.between(0.01, self.owner.service_ms[1] / 4)
        self._loop.at(delay, lambda: self.owner.run(turn))

    def start(self) -> None:
        assert self._pump is not None
        self._now()
        self._clockwork = clockwork(
            self.engine,
            self.engine.node,
            self._pump,
            self._settings,
            Central(self.owner.say),
        )
        self._pump.start(
            self.engine.handler, on_fault=self._fault, on_other=lambda _data: 0,
            after_turn=self._turned,
        )  # fmt: skip

    def _turned(self) -> None:
        self.after_turn()
        if self._clockwork is not None:
            self._clockwork.turned()

    def opened(self, body: Mapping[str, int]) -> None:
        self._now()
        if self._clockwork is not None:
            self._clockwork.opened(body["round"], body["started"])

    def say_again(self) -> None:
        if self._clockwork is not None:
            self._clockwork.again()

    def _fault(self, code: int) -> None:
        error = self.engine.fault(code)
        self.owner.event(
            LinkFault(error.link, error.frame, error.reason, error.expected, error.got)
        )

    def wake(self) -> None:
        if self._pump is not None:
            self._pump.wake()

    @property
    def open_frames(self) -> int:
        return int(self.engine.node.record["open_frames"][0])

    def counters(self) -> dict[str, Any]:
        node = self.engine.node
        waiting = node.outbound["pieces_count"] - node.outbound["pieces_done"]
        ends = ((node.inbound, node.inbound["next_close"]), (node.outbound, waiting))
        received, sent = (
            np.stack([e["index"], e["spikes"], last], -1).astype("<u8").tobytes()
            for e, last in ends
        )
        return {
            "received": received, "sent": sent, "open_frames": self.open_frames,
            "blocked": self._pump is not None and self._pump.blocked,
            "frame": int(node.record["next_frame"][0]),
            "packets": int(node.inbound["packets"].sum()),
        }  # fmt: skip

    def report(self) -> dict[str, Any]:
        node = self.engine.node
        rows = [
            tuple((int(end["index"]), *[0] * zeros, int(end["spikes"])) for end in ends)
            for ends, zeros in ((node.inbound, NOTHING), (node.outbound, 5))
        ]
        worker = {"epoch": self.epoch}
        return {"inbound": rows[0], "outbound": rows[1], "worker": worker}

    def close(self) -> None:
        self.inbox.close()
        for pipe in self.pipes:
            pipe.close()
        if self._pump is not None:
            self._pump.close()


@cache
def network(seed: int, window: int) -> tuple[Any, ...]:
    """Return a graph, its plan, specs, room for compiled layers, and its chain."""
    graph = small_graph(seed)
    plan = planned(graph)
    specs = specs_of(graph, plan, window=window, max_spikes=MAX_SPIKES)
    named = {p.name: spec for p, spec in zip(plan.partitions, specs, strict=True)}
    return graph, plan, named, {}, Chain(convert(graph, [0.5]))


class Compiled:
    """A small network in a chain, whose results one process must give, too.

    Attributes:
        world: Set by the world.
        source: The network's input.
        partitions: In order.
        links: Source and destination by number.
    """

    world: World

    def __init__(
        self, scenario: Scenario, clock: str = "none", phases: int = 1
    ) -> None:
        self.scenario, self.plan = scenario, self
        parts = network(scenario.seed % NETWORKS, scenario.window)
        self._graph, self._plan, self._specs, self._layers, self._chain = parts
        self.source = self._graph.input
        self.partitions = tuple(p.name for p in self._plan.partitions)
        self.links = {k.index: (k.source, k.destination) for k in self._plan.links}
        depth = depths(self._plan)
        self.clocked, self.ticks = clock != "none", ()
        self.local_depths = depth if clock == "neighbour" else {}
        self._told = {"mode": clock, "deepest": max(depth.values()), "phases": phases}
        self._depths = depth
        self._expected: dict[str, Any] = {}

    def prepare(self, node: str) -> dict[str, Any]:
        """Return the body of PREPARE for a node."""
        return {
            "node": node, "partition": None, "plan_hash": "h",
            "settings": {
                "window": self.scenario.window,
                "clock": {**self._told, "depth": self._depths[node]},
            },
            "inbound": [list(link.row) for link in self._plan.inbound(node)],
            "outbound": [list(link.row) for link in self._plan.outbound(node)],
        }  # fmt: skip

    def values(self, _client: str) -> dict[int, int]:
        """Return nothing: packets do not show whose they are."""
        return {}

    def images(self, client: str) -> Any:
        """Return a client's images."""
        mine = np.random.default_rng(self.scenario.seed + len(client))
        size = (self.scenario.frames, 6, 6, 2)
        return mine.integers(0, 256, size).astype(np.uint8)

    def expected(self, client: str, frame: int) -> list[int]:
        """Return the result that one process gives."""
        if client not in self._expected:
            run = self._chain.run(self.images(client))
            self._expected[client] = run.counts.tolist()
        found: list[int] = self._expected[client][frame]
        return found

    def build(self, name: str, inbound: Any, outbound: Any, epoch: int, clock: Any):
        """Return the engine of a node; the kernels of a partition are made once."""
        if name == CLIENT:
            return ClientEngine(
                inbound, outbound, ranks=rank_table(self.source), epoch=epoch,
                window=self.scenario.window, max_spikes=MAX_SPIKES, clock=clock,
            )  # fmt: skip
        engine = Engine(
            self._specs[name], inbound, outbound, epoch=epoch, clock=clock,
            layer=self._layers.get(name),
        )  # fmt: skip
        self._layers[name] = engine.layer
        return engine

    def node(self, owner: MemberProcess, epoch: int, body: Any) -> CompiledNode:
        """Return a member's data path of an epoch."""
        return CompiledNode(self, owner, epoch, body)

    def engine(self, client: ClientProcess, node: CompiledNode) -> Any:
        """Return the engine of a client's data path."""
        del client
        return node.engine
