"""Hinder simulated members by the records that hinder real ones."""

from __future__ import annotations

from collections.abc import Mapping

from neurocluster.dtypes import CLIENT
from neurocluster.impairments import Impairments
from neurocluster.link.buffers import LinkBuffers
from neurocluster.transport.hindrance import Hindrance


def hindrance_of(
    name: str, copy: int, node: LinkBuffers, rules: Impairments,
    hosts: Mapping[str, int],
) -> Hindrance | None:  # fmt: skip
    """Return what delays a member's packets, or slows it down; None if nothing does.

    Args:
        name: Partition, or the client.
        copy: That it is part of; rules hold in all.
        node: Its links.
        rules: Of the run.
        hosts: By partition and client, numbers.
    """
    if not rules:
        return None
    named = {each: f"h{host}" for each, host in hosts.items()}
    ends = [link.name.partition("->") for link in node.outbound_specs]
    links = [rules.link(source, to, named) for source, _, to in ends]
    worker = rules.worker(name, named) if name != CLIENT else None
    if worker is None and not any(links):
        return None
    rooms = node.outbound["outbox_size"] // node.outbound["pieces_size"]
    return Hindrance(links, rooms.tolist(), worker, (rules.seed, copy, name))
