"""Say what runs where: cut a graph into partitions and the links between them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from neurocluster.dtypes import CLIENT
from neurocluster.errors import PartitionError
from neurocluster.model.check import NAME
from neurocluster.model.cut import Split, cut, needed, offered
from neurocluster.model.graph import Graph, Pair
from neurocluster.model.split import problems

SHORT_ADDRESSES: Final = 1 << 15
"""Layers of up to this many addresses use two-byte words."""
_PARTITION: Final = re.compile(rf"{NAME.pattern}\.[0-9]+")


def is_node(name: object) -> bool:
    """Tell whether something is the name of a partition, or of the client."""
    return isinstance(name, str) and (
        name == CLIENT or _PARTITION.fullmatch(name) is not None
    )


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of a stage owned by one worker; ranges are half-open.

    Attributes:
        rows: Rows of neurons owned.
        channels: Channels owned; of a dense layer, its neurons.
        output_rows: Rows owned of what its links carry.
    """

    index: int
    name: str
    stage: int
    rows: Pair
    channels: Pair
    output_rows: Pair


@dataclass(frozen=True, slots=True)
class Link:
    """A one-way ordered path; it carries addresses ``first`` to ``last - 1``.

    Attributes:
        size: Addresses of the source layer.
        width: Bytes of a word.
    """

    index: int
    source: str
    destination: str
    first: int
    last: int
    size: int
    width: int

    @property
    def name(self) -> str:
        """Return ``source->destination``."""
        return f"{self.source}->{self.destination}"

    @property
    def row(self) -> tuple[int, str, int, int, int, int]:
        """Return what each end of the link must know, as PREPARE carries it."""
        return self.index, self.name, self.first, self.last, self.size, self.width


@dataclass(frozen=True, slots=True)
class Plan:
    """Partitions in topological order, and every link between them."""

    partitions: tuple[Partition, ...]
    links: tuple[Link, ...]

    def inbound(self, name: str) -> tuple[Link, ...]:
        """Return the links that end at a node."""
        return tuple(link for link in self.links if link.destination == name)

    def outbound(self, name: str) -> tuple[Link, ...]:
        """Return the links that start at a node."""
        return tuple(link for link in self.links if link.source == name)


def make_plan(graph: Graph, splits: Mapping[str, Split] | None = None) -> Plan:
    """Cut a graph: one partition a stage, or as ``splits`` ask.

    Raises:
        PartitionError: A cut cannot work; the message lists every reason.
    """
    chosen = dict(splits or {})
    reasons = list(problems(graph, chosen))
    if reasons:
        lines = "\n".join(f"  - {reason}" for reason in reasons)
        message = f"the network cannot be split so:\n{lines}"
        raise PartitionError(message)
    partitions: list[Partition] = []
    for stage in graph.stages:
        split = chosen.get(stage.layer.name, Split("channels", 1))
        for k, part in enumerate(cut(stage, split)):
            name = f"{stage.layer.name}.{k}"
            partitions.append(Partition(len(partitions), name, stage.index, *part))
    plan = Plan(tuple(partitions), tuple(_links(graph, partitions)))
    _check_reach(plan)
    return plan


def _check_reach(plan: Plan) -> None:
    """Refuse partitions that no spike reaches, or whose spikes reach nobody."""
    for partition in plan.partitions:
        for links, what in (
            (plan.inbound(partition.name), "reads no input"),
            (plan.outbound(partition.name), "feeds no other partition"),
        ):
            if not links:
                message = (
                    f"partition {partition.name} {what} (its rows meet only padding "
                    "or are skipped by a stride); use fewer rows"
                )
                raise PartitionError(message)


def _links(graph: Graph, partitions: list[Partition]) -> Iterator[Link]:
    """Yield every link: into each stage in turn, then back to the client."""
    for index, (source, to, (first, last), size) in enumerate(
        _paths(graph, partitions)
    ):
        width = 2 if size <= SHORT_ADDRESSES else 4
        yield Link(index, source, to, first, last, size, width)


def _paths(
    graph: Graph, partitions: list[Partition]
) -> Iterator[tuple[str, str, Pair, int]]:
    """Yield source, destination, addresses and size of the source's layer."""
    sources = [(CLIENT, (0, graph.stages[0].input_shape.size))]
    for stage in graph.stages:
        size = stage.input_shape.size
        targets = [p for p in partitions if p.stage == stage.index]
        for source, sent in sources:
            for target in targets:
                read = needed(stage, target.rows)
                if max(sent[0], read[0]) < min(sent[1], read[1]):
                    yield source, target.name, read, size
        sources = [(p.name, offered(stage, p.output_rows)) for p in targets]
    output = graph.stages[-1].output_shape
    for part in (p for p in partitions if p.stage == len(graph.stages) - 1):
        # Neurons of an output partition lie between these addresses; an output
        # layer cut by channels of a plane interleaves and carries the whole layer.
        ends = offered(graph.stages[-1], part.output_rows)
        if output.height * output.width == 1:
            ends = part.channels
        yield part.name, CLIENT, ends, output.size


def depths(plan: Plan) -> dict[str, int]:
    """Return how many links lie between the client and each partition, at most.

    The client itself is at 0. Partitions are in the order of their layers, so whoever
    sends to one comes before it.
    """
    found = {CLIENT: 0}
    for partition in plan.partitions:
        sources = [link.source for link in plan.inbound(partition.name)]
        found[partition.name] = 1 + max(found[source] for source in sources)
    return found
