"""Bound the memory of every process of a plan; nothing is built or started.

What an engine allocates is counted by the functions that its buffers are made with
(`link.room`, `worker.room`, `client.room`), as if every page of it were touched. What
Python and numpy copy on the way is counted in copies of the network, by constants.
"""

from __future__ import annotations

from typing import Final

from neurocluster.client.reports import open_bytes
from neurocluster.client.room import client_engine_bytes, in_flight_bytes, kept_bytes
from neurocluster.config import RunConfig
from neurocluster.dtypes import BATCH, CLIENT
from neurocluster.kernels.tables import layer_sizes
from neurocluster.link.room import packet_room
from neurocluster.member.clockwork import STASH_BYTES
from neurocluster.member.ordering import kept_bytes as in_order_bytes
from neurocluster.member.rounds import CLOCKED
from neurocluster.member.trace import trace_bytes
from neurocluster.model.convert import FixedNetwork
from neurocluster.model.dense import BATCH as DENSE_BATCH
from neurocluster.model.memory import (
    ClusterMemory,
    LinkMemory,
    ProcessMemory,
    link_memory,
)
from neurocluster.model.partition import Link, Partition, Plan
from neurocluster.model.spec import PartitionSpec, partition_spec
from neurocluster.transport.hindrance import slots_of
from neurocluster.wire.packet import HEADER_BYTES
from neurocluster.worker.room import (
    EngineRoom,
    engine_room,
    most_payload,
)

WORD: Final = 4
"""Bytes of a weight, float32 or int32."""
CONVERTING: Final = 12
"""Copies of the largest layer while it is converted: six of float64 at once."""
COMPARING: Final = 4
"""Copies of the largest layer while the dense networks run: two of float64."""
CONTROLLER_COPIES: Final = 2
"""The graph and its fixed point."""
FILE_COPIES: Final = 4
"""The network file, what compresses it, and the blocks that it was joined of."""
PREPARE_COPIES: Final = 3
"""A body of PREPARE as it is kept, as it is encoded, and in the socket's queue."""
WORKER_COPIES: Final = 6
"""A partition's weights in the socket, in the message, and twice (of the epoch before,
of this one) as the body of PREPARE and as what is built of it."""
CLIENT_COPIES: Final = 10
"""Two graphs, their fixed point, four network files, what comparing reads of one."""
CONTROL_BYTES: Final = 512 * 1024
"""Control messages of one member that wait: 25 in a decoder's buffer each."""


class MemoryBound:
    """Know the bounds of one plan's parts.

    Attributes:
        specs: By partition.
        sizes: Of each partition's tables.
        links: Bound of each link, by its number.
        engines: Bound of one engine of each partition.
    """

    def __init__(self, config: RunConfig, fixed: FixedNetwork, plan: Plan) -> None:
        """Measure what everything is made of."""
        self.config, self._fixed, self._plan = config, fixed, plan
        self.specs = {part.name: self._spec(part) for part in plan.partitions}
        self.sizes = {name: layer_sizes(spec) for name, spec in self.specs.items()}
        self.links = {link.index: self._link(link) for link in plan.links}
        self._hindered = bool(config.impairments().links)
        self.engines = {name: self._engine(name) for name in self.specs}

    def _spec(self, partition: Partition) -> PartitionSpec:
        config = self.config
        return partition_spec(
            self._fixed, partition, quantizer=config.quantizer, fire=config.fire,
            window=config.window, max_spikes=config.max_spikes,
            batch=config.clock == BATCH,
        )  # fmt: skip

    def _link(self, link: Link) -> LinkMemory:
        config = self.config
        return link_memory(
            link.width, config.hwm, config.max_spikes, self._payload(link)
        )

    def _payload(self, link: Link) -> int:
        """Return the largest payload of a link other than spikes, in bytes."""
        return (
            most_payload(self.specs[link.source]) if link.destination == CLIENT else 8
        )

    def _engine(self, name: str) -> EngineRoom:
        spec, plan = self.specs[name], self._plan
        return engine_room(
            spec, self.sizes[name],
            [link.width for link in plan.inbound(name)],
            [link.width for link in plan.outbound(name)],
        )  # fmt: skip

    def _queues(self, name: str) -> int:
        plan = self._plan
        into = sum(self.links[link.index].receiver for link in plan.inbound(name))
        out = sum(self.links[link.index].sender for link in plan.outbound(name))
        return into + out + sum(map(self._line, plan.outbound(name)))

    def _line(self, link: Link) -> int:
        """Return what may be under way on a link, if rules may delay it."""
        if not self._hindered:
            return 0
        room = packet_room(link.width, self.config.max_spikes, self._payload(link))
        return slots_of(room) * (room + 16)

    def _stash(self, name: str) -> int:
        """Return what a worker may keep for its clock, or until it is its turn."""
        if self.config.order_seed is not None:
            into = self._plan.inbound(name)
            widest = max(link.width for link in into)
            spikes, other = self.config.max_spikes, most_payload(self.specs[name])
            packet = HEADER_BYTES + max(spikes * widest, other)
            return in_order_bytes(packet, self.config.window, len(into))
        return STASH_BYTES if self.config.clock in CLOCKED else 0

    # -- processes -------------------------------------------------------------

    def worker(self, name: str) -> ProcessMemory:
        """Return the bound of the worker of a partition."""
        spec, engine = self.specs[name], self.engines[name]
        weights = spec.weight.nbytes + spec.initial.nbytes
        return ProcessMemory(
            name, "worker",
            network=2 * engine.arrays + WORKER_COPIES * weights,
            window=engine.contexts + engine.outboxes + 2 * engine.reports + self._trace,
            queues=self._queues(name) + CONTROL_BYTES + self._stash(name),
            rebuild=engine.contexts + engine.outboxes + engine.reports,
        )  # fmt: skip

    def spare(self, number: int) -> ProcessMemory:
        """Return the bound of a worker that may take any partition."""
        workers = [self.worker(name) for name in self.specs]
        parts = {
            part: max(worker.parts[part] for worker in workers)
            for part in ("network", "window", "queues", "rebuild")
        }
        return ProcessMemory(f"spare.{number}", "worker", **parts)

    def controller(self) -> ProcessMemory:
        """Return the bound of the controller."""
        network, largest = self._weights()
        bodies = sum(
            spec.weight.nbytes + spec.initial.nbytes for spec in self.specs.values()
        )
        converting = CONVERTING * largest  # which is over before bodies are made
        preparing = FILE_COPIES * network + PREPARE_COPIES * (bodies + network)
        members = len(self.specs) + self.config.spares + 1
        return ProcessMemory(
            "controller", "controller",
            network=CONTROLLER_COPIES * network + max(converting, preparing),
            queues=members * CONTROL_BYTES,
        )  # fmt: skip

    def client(self, frames: int, data_bytes: int) -> ProcessMemory:
        """Return the bound of the client.

        Args:
            frames: Results that it keeps.
            data_bytes: Images and labels that it reads.
        """
        config, plan = self.config, self._plan
        pixels = self._fixed.graph.input.shape.size
        engine = client_engine_bytes(
            [link.width for link in plan.inbound(CLIENT)],
            [link.width for link in plan.outbound(CLIENT)],
            pixels=pixels, outputs=self._outputs, window=config.window,
            max_spikes=config.max_spikes,
        )  # fmt: skip
        network, largest = self._weights()
        return ProcessMemory(
            CLIENT, "client",
            network=CLIENT_COPIES * network
            + max(CONVERTING * largest, self._compare(largest)),
            window=engine
            + in_flight_bytes(pixels, config.window)
            + open_bytes(len(self.specs), len(plan.links))
            + (2 * len(self.specs) + 1) * self._trace,
            queues=self._queues(CLIENT) + CONTROL_BYTES,
            rebuild=engine,
            data=2 * data_bytes + frames * self.frame_bytes,
        )  # fmt: skip

    @property
    def _trace(self) -> int:
        """Return what a member's trace takes; the client gets those of all."""
        return trace_bytes() if self.config.trace else 0

    def _compare(self, largest: int) -> int:
        """Return what comparing with one process and the dense networks takes."""
        if not self.config.compare:
            return 0
        chain = sum(engine.arrays for engine in self.engines.values())
        most = 0
        for made in self._fixed.stages:
            shape, weight = made.stage.neuron_shape, made.weight
            columns = shape.height * shape.width * weight[0].size
            most = max(most, 2 * columns + 4 * shape.size)
        return chain + COMPARING * largest + DENSE_BATCH * 8 * most

    def _weights(self) -> tuple[int, int]:
        """Return the bytes of the whole network, and of its largest layer."""
        sizes = [WORD * (m.weight.size + m.bias.size) for m in self._fixed.stages]
        return sum(sizes), max(sizes)

    @property
    def _outputs(self) -> int:
        return self._fixed.graph.stages[-1].output_shape.size

    @property
    def frame_bytes(self) -> int:
        """Return what the client keeps of one finished frame."""
        return kept_bytes(self._outputs)

    def cluster(
        self, *, frames: int = 0, data_bytes: int = 0, launched: bool = True
    ) -> ClusterMemory:
        """Return the bound of all processes.

        Args:
            frames: Results that the client keeps.
            data_bytes: Images and labels that it reads.
            launched: A launcher starts the processes, as `run` does.
        """
        processes = [ProcessMemory("launcher", "launcher")] if launched else []
        processes.append(self.controller())
        processes += [self.worker(name) for name in self.specs]
        processes += [self.spare(k) for k in range(self.config.spares)]
        processes.append(self.client(frames, data_bytes))
        kernel = sum(link.kernel for link in self.links.values())
        return ClusterMemory(tuple(processes), kernel, self.frame_bytes)
