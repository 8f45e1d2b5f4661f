"""Say what a simulated cluster runs, and hold one copy of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from neurocluster.client.engine import Engine as ClientEngine
from neurocluster.dtypes import I32, U64, FirePolicy, Quantizer, Records
from neurocluster.impairments import Impairments
from neurocluster.kernels.layer import CompiledLayer
from neurocluster.kernels.tables import compile_layer
from neurocluster.model.convert import FixedNetwork
from neurocluster.model.partition import Plan
from neurocluster.model.spec import PartitionSpec, partition_spec
from neurocluster.simulate.clock import Starts
from neurocluster.worker.engine import Engine


@dataclass(frozen=True, slots=True)
class Work:
    """What is run, whatever it runs on.

    Attributes:
        fixed: The network.
        plan: Its partitions.
        quantizer: See `config.RunConfig`; likewise the others.
    """

    fixed: FixedNetwork
    plan: Plan
    quantizer: Quantizer = "hysteresis"
    fire: FirePolicy = "once"
    window: int = 16
    max_spikes: int = 512
    hwm: int = 16
    clock: str = "none"
    linger_us: float = 0.0
    impairments: Impairments = field(default_factory=Impairments)

    def specs(self) -> list[PartitionSpec]:
        """Return each partition as a worker is told of it."""
        return [
            partition_spec(
                self.fixed, p, quantizer=self.quantizer, fire=self.fire,
                window=self.window, max_spikes=self.max_spikes,
            )
            for p in self.plan.partitions
        ]  # fmt: skip

    def layers(self) -> dict[str, CompiledLayer]:
        """Return each partition's arrays and kernels."""
        return {
            spec.name: compile_layer(
                spec, self.plan.inbound(spec.name)[0].width,
                self.plan.outbound(spec.name)[0].width,
            )
            for spec in self.specs()
        }  # fmt: skip


@dataclass(slots=True, eq=False)
class Copy:
    """One copy of the plan.

    Attributes:
        client: Its client's engine.
        engines: Of its workers, in plan order.
        processes: Numbers of the workers' processes, in plan order.
        client_process: Number of the client's.
        links: Numbers, in plan order.
        starts: Starts the client's frames.
        rows: Finished frames, RESULT; with ``counts`` and ``potentials`` of each.
        reports: By partition: tables of frames, see `worker.engine.Engine`.
    """

    client: ClientEngine
    engines: list[Engine]
    processes: list[int]
    client_process: int
    links: list[int]
    starts: Starts
    rows: list[Records] = field(default_factory=list)
    counts: list[I32] = field(default_factory=list)
    potentials: list[I32] = field(default_factory=list)
    reports: list[list[U64]] = field(default_factory=list)

    @property
    def spikes(self) -> int:
        """Return how many spikes the client has packed."""
        return int(self.client.node.outbound["spikes"].sum())

    def drain(self) -> None:
        """Take what finished from all engines."""
        rows, counts, potentials = self.client.take_results()
        self.client.take_reports()
        self.rows.append(rows)
        self.counts.append(counts)
        self.potentials.append(potentials)
        for kept, engine in zip(self.reports, self.engines, strict=True):
            kept.append(engine.take_reports())
