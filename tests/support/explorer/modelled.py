"""What a run computes, where the data path is a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.support.engines import SOURCE, FrameEngine, image_of
from tests.support.explorer.nodes import MODULUS, Node, gain
from tests.support.explorer.scenario import Scenario

if TYPE_CHECKING:
    from tests.support.explorer.client import ClientProcess
    from tests.support.explorer.processes import MemberProcess
    from tests.support.explorer.world import World


class Plan:
    """What a controller knows of a graph."""

    def __init__(self, scenario: Scenario) -> None:
        self.partitions, self.links = scenario.partitions, scenario.links
        self.clocked, self.local_depths, self.ticks = False, {}, ()

    def prepare(self, node: str) -> dict[str, Any]:
        """Return the body of PREPARE for a node."""
        rows = [(k, f"{s}->{t}", 0, 9, 9, 2, s, t) for k, (s, t) in self.links.items()]
        return {
            "node": node,
            "partition": None if node == "client" else {"index": 0},
            "inbound": [r[:6] for r in rows if r[7] == node],
            "outbound": [r[:6] for r in rows if r[6] == node],
            "settings": {}, "plan_hash": "h",
        }  # fmt: skip


class Modelled:
    """Values that links multiply and partitions add; see `nodes`.

    Attributes:
        world: Set by it.
        source: What the stream takes for the network's input.
    """

    world: World
    source = SOURCE

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.plan = scenario, Plan(scenario)
        self._results: dict[int, int] = {}

    def values(self, client: str) -> dict[int, int]:
        """Return the values of a client's frames; some make no spike at all."""
        first = 1 if client == "client" else 5001
        return {
            k: 0 if (self.scenario.seed + k) % 7 == 0 else first + k
            for k in range(self.scenario.frames)
        }

    def images(self, client: str) -> Any:
        """Return a client's images."""
        return np.array([image_of(value) for value in self.values(client).values()])

    def expected(self, client: str, frame: int) -> list[int]:
        """Return the result that a frame must have."""
        value = self.values(client)[frame]
        if value not in self._results:
            self._results[value] = self._compute(value)
        return [self._results[value]]

    def _compute(self, value: int) -> int:
        values = {"client": value}
        for name in (*self.plan.partitions, ""):
            found = [
                gain(k) * values[source]
                for k, (source, to) in self.plan.links.items()
                if to == (name or "client")
            ]
            values[name] = sum(found) % MODULUS
        return values[""]

    def node(self, owner: MemberProcess, epoch: int, body: Mapping[str, Any]) -> Node:
        """Return a member's data path of an epoch."""
        return Node(
            self.world.net, epoch, body, owner=owner, on_fault=owner.event,
            service_ms=owner.service_ms, window=self.scenario.window,
            client=owner.role == "client",
        )  # fmt: skip

    def engine(self, client: ClientProcess, node: Node) -> FrameEngine:
        """Return the engine of a client's data path."""
        window = self.scenario.window
        engine = FrameEngine(node.epoch, window, client.clock, node.start_frame)
        node.on_frame = lambda _frame, value: engine.finish(value)
        return engine
