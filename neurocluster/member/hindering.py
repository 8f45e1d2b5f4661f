"""Find what hinders one member, once it is known who runs where."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Mapping
from typing import Any

from neurocluster.dtypes import CLIENT
from neurocluster.impairments import Impairments
from neurocluster.link.buffers import LinkBuffers
from neurocluster.transport.hindrance import Hindrance

US = 1_000


class Hindering:
    """Know the rules of a run, and the links of one node."""

    def __init__(self, node: LinkBuffers, settings: Mapping[str, Any]) -> None:
        """Take what PREPARE says; sets how long the node's packets may wait.

        Args:
            node: The links.
            settings: Of PREPARE: linger_us, impair.

        Raises:
            ConfigError: The rules make no sense.
        """
        self._node = node
        self._rules = Impairments.from_wire(settings["impair"])
        linger_us = float(settings["linger_us"]) * self._rules.dilation
        linger_ns = round(linger_us * US)
        node.record["linger_ns"] = linger_ns
        self.needs_time = bool(linger_ns or self._rules)

    def made(
        self, hosts: Mapping[str, str], *, by_processor: bool = True
    ) -> Hindrance | None:
        """Return what hinders the node, or None.

        Args:
            hosts: By partition, where it runs. The client runs on this host if this
                node is its; else nobody knows.
            by_processor: Under dilation, count this thread's processor time; else what
                packets take by the node's clock, which a test may own.
        """
        if not self._rules:
            return None
        node = self._node
        ends = [link.name.partition("->") for link in node.outbound_specs]
        own = ends[0][0]
        if own == CLIENT:
            hosts = {**hosts, CLIENT: socket.gethostname()}
        links = [self._rules.link(source, to, hosts) for source, _, to in ends]
        worker = self._rules.worker(own, hosts) if own != CLIENT else None
        if worker is None and not any(links):
            return None
        seed = (self._rules.seed, node.epoch, own)
        rooms = node.outbound["outbox_size"] // node.outbound["pieces_size"]
        if worker is not None and not by_processor:
            worker = dataclasses.replace(worker, by_processor=False)
        return Hindrance(links, rooms.tolist(), worker, seed)
