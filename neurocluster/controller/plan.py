"""Describe each node's part of the plan: what PREPARE carries."""

from __future__ import annotations

import hashlib
import io
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from neurocluster.coding.delay import rank_table
from neurocluster.dtypes import BATCH, CLIENT, NEIGHBOUR, FirePolicy, Quantizer
from neurocluster.member.barriers import DISSEMINATION
from neurocluster.member.dissemination import partners
from neurocluster.member.rounds import CLOCKED
from neurocluster.model.convert import FixedNetwork
from neurocluster.model.graph import Graph
from neurocluster.model.partition import Plan, depths
from neurocluster.model.save import describe_layer, write_network
from neurocluster.model.spec import partition_spec, spec_to_wire


@dataclass(frozen=True, slots=True)
class Settings:
    """How a cluster runs.

    Attributes:
        window: Frames in flight.
        max_spikes: Spikes of a full packet.
        hwm: Packets queued at each side of a link.
        folder: For ipc sockets.
        where: ``ipc``, or ``tcp://HOST:*``.
        linger_us: How long spikes may wait for others to fill their packet.
        impair: What hinders links and workers; see `impairments.Impairments`.
        clock: What puts the nodes under a clock; see `member.rounds`.
        order: Seed of the order in which workers handle packets; None: as they arrive.
        barrier: How nodes find that all have done a round; see `member.barriers`.
        trace: Frames of each epoch that members record; see `member.trace`.
        phases: Of a frame, under a clock that steps through them.
    """

    quantizer: Quantizer
    fire: FirePolicy
    window: int
    max_spikes: int
    hwm: int
    folder: str
    where: str
    linger_us: float = 0.0
    impair: Mapping[str, Any] = field(default_factory=dict)
    clock: str = "none"
    order: int | None = None
    barrier: str = "central"
    trace: int = 0
    phases: int = 1


class ClusterPlan:
    """Hold a plan and answer what each node needs."""

    def __init__(self, fixed: FixedNetwork, plan: Plan, settings: Settings) -> None:
        """Take a converted network, its partitions and the settings.

        Everything is made here: to compress a large network takes seconds, in which a
        controller that has members would be silent.
        """
        self.fixed, self.plan, self._settings = fixed, plan, settings
        self.partitions = tuple(p.name for p in plan.partitions)
        self.links = {k.index: (k.source, k.destination) for k in plan.links}
        self.plan_hash = plan_hash(fixed, plan, settings)
        nodes = (CLIENT, *self.partitions)
        self._depths = depths(plan)
        self.ticks = self._ticks() if settings.barrier == DISSEMINATION else ()
        self._prepared = {node: self._prepare(node) for node in nodes}

    @property
    def clocked(self) -> bool:
        """Tell whether rounds are opened for the nodes."""
        return self._settings.clock in CLOCKED

    def _ticks(self) -> tuple[tuple[str, str], ...]:
        """Return who tells whom that a round is done."""
        if not self.clocked:
            return ()
        nodes = (CLIENT, *self.partitions)
        return tuple(
            (node, nodes[other])
            for rank, node in enumerate(nodes)
            for other in partners(rank, len(nodes))
        )

    @property
    def local_depths(self) -> Mapping[str, int]:
        """Return each node's depth if nodes wait for neighbours only, else nothing."""
        return self._depths if self._settings.clock == NEIGHBOUR else {}

    def prepare(self, node: str) -> dict[str, Any]:
        """Return the body of PREPARE for a node."""
        return self._prepared[node]

    def _prepare(self, node: str) -> dict[str, Any]:
        settings = self._settings
        shared: dict[str, Any] = {
            "window": settings.window,
            "max_spikes": settings.max_spikes,
            "hwm": settings.hwm,
            "folder": settings.folder,
            "where": settings.where,
            "linger_us": settings.linger_us,
            "impair": dict(settings.impair),
            "order": settings.order,
            "trace": settings.trace,
            "clock": {
                "mode": settings.clock,
                "depth": self._depths[node],
                "deepest": max(self._depths.values()),
                "barrier": settings.barrier if self.clocked else "",
                "rank": (CLIENT, *self.partitions).index(node),
                "nodes": 1 + len(self.partitions),
                "phases": settings.phases,
            },
        }
        body: dict[str, Any] = {
            "node": node,
            "partition": None,
            "inbound": [list(link.row) for link in self.plan.inbound(node)],
            "outbound": [list(link.row) for link in self.plan.outbound(node)],
            "settings": shared,
            "plan_hash": self.plan_hash,
        }
        if node == CLIENT:
            shared["ranks"] = rank_table(self.fixed.graph.input).tobytes()
            shared["network"] = self.describe()
            return body
        partition = next(p for p in self.plan.partitions if p.name == node)
        spec = partition_spec(
            self.fixed, partition, quantizer=settings.quantizer, fire=settings.fire,
            window=settings.window, max_spikes=settings.max_spikes,
            batch=settings.clock == BATCH,
        )  # fmt: skip
        body["partition"] = spec_to_wire(spec)
        return body

    def describe(self) -> dict[str, Any]:
        """Return what a client must know of the network."""
        graph = self.fixed.graph
        source = graph.input
        return {
            "name": graph.name,
            "input": [source.shape.height, source.shape.width, source.shape.channels],
            "scale": source.scale,
            "shift": source.shift,
            "layers": [describe_layer(layer) for layer in graph.layers],
            "neurons": graph.neuron_count,
            "stages": [stage.layer.name for stage in graph.stages],
            "partitions": [
                [p.name, p.stage, _neurons(graph, p.rows, p.channels, p.stage)]
                for p in self.plan.partitions
            ],
            "links": [
                [k.index, k.name, k.source, k.destination] for k in self.plan.links
            ],
            "thresholds": list(self.fixed.thresholds),
            "offset": self.fixed.offset,
            "quantizer": self._settings.quantizer,
            "fire": self._settings.fire,
            "window": self._settings.window,
            "clock": self._settings.clock,
            "order_seed": self._settings.order,
            "dilation": float(self._settings.impair.get("dilation", 1.0)),
            "barrier": self._settings.barrier,
            "phases": self._settings.phases,
            "file": network_file(graph),
            "controller": {"host": socket.gethostname(), "pid": os.getpid()},
        }


def network_file(graph: Graph) -> bytes:
    """Return the network file, for what a client compares its results with."""
    file = io.BytesIO()
    write_network(file, graph)
    return file.getvalue()


def _neurons(
    graph: Graph, rows: tuple[int, int], channels: tuple[int, int], stage: int
) -> int:
    width = graph.stages[stage].neuron_shape.width
    return (rows[1] - rows[0]) * width * (channels[1] - channels[0])


def plan_hash(fixed: FixedNetwork, plan: Plan, settings: Settings) -> str:
    """Return a digest of everything that members must agree on."""
    digest = hashlib.sha256()
    digest.update(repr((plan, fixed.thresholds, fixed.offset)).encode())
    digest.update(repr((settings.quantizer, settings.fire, settings.window)).encode())
    for stage in fixed.stages:
        digest.update(stage.weight.tobytes())
        digest.update(stage.initial.tobytes())
    return digest.hexdigest()[:32]
