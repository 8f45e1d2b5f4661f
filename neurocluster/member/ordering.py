"""Have a node handle packets in an order that a seed draws, once its links are known.

Then packets must not depend on time either: they leave when they are full or their
frame ends, so what a link carries is a function of the order too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from neurocluster.dtypes import I64, U8, U64, Records
from neurocluster.errors import ConfigError
from neurocluster.link.buffers import LinkBuffers
from neurocluster.link.order import ORDER, WORD
from neurocluster.link.stashed import add_kept
from neurocluster.transport.pump import Pump

KEPT_BYTES: Final = 64 << 20
"""Most bytes of packets that may wait for their turn; untouched pages cost nothing."""
FOR_EVER_NS: Final = 1 << 60
"""How long partial packets wait for more spikes: until their frame ends."""


def kept_room(packet: int, window: int, links: int) -> tuple[int, int]:
    """Return the slots for packets that wait for their turn, and the bytes of each.

    Two packets of each frame in flight find room on each link, however large they are.

    Args:
        packet: Most bytes of one.
        window: Frames in flight.
        links: That end at the node.
    """
    size = WORD + -(-packet // WORD) * WORD
    return max(KEPT_BYTES // size, 2 * window * links), size


def kept_bytes(packet: int, window: int, links: int) -> int:
    """Return the most bytes of what `kept_room` makes room for, and of its table."""
    slots, size = kept_room(packet, window, links)
    return slots * (size + WORD)


class Ordering:
    """Hold what the compiled turn draws from; whoever turns must hold it."""

    def __init__(self, node: LinkBuffers, seed: int) -> None:
        """Make room for packets that wait.

        Args:
            node: The links.
            seed: Of the run; each node draws another order from it.
        """
        count, size = kept_room(
            int(node.record["message_size"][0]), len(node.contexts), len(node.inbound)
        )
        self._slots: U8 = np.empty(count * size, np.uint8)
        self._next: I64 = np.empty(count, np.int64)
        self._node = node.record
        self._ends: I64 = np.full((len(node.inbound), 2), -1, np.int64)
        self._random: U64 = np.zeros(1, np.uint64)
        self.record: Records = np.zeros(1, ORDER)
        own = node.outbound_specs[0].name.partition("->")[0]
        text = repr((seed, own)).encode()
        digest = hashlib.blake2b(text, digest_size=8).digest()
        for name, value in {
            "seed": int.from_bytes(digest, "little", signed=True),
            "frame": -1, "chosen": -1, "free": -1,
            "slot_size": size, "slot_count": count,
            "slots_at": self._slots.ctypes.data,
            "next_at": self._next.ctypes.data,
            "ends_at": self._ends.ctypes.data,
            "random_at": self._random.ctypes.data,
        }.items():  # fmt: skip
            self.record[0][name] = value

    def stashed(self) -> I64:
        """Return spikes and markers that wait for their turn, (inbound links, 2)."""
        counts: I64 = np.zeros_like(self._ends)
        add_kept(self.record.ctypes.data, self._node.ctypes.data, counts)
        return counts


def ordering(
    node: LinkBuffers, pump: Pump, settings: Mapping[str, Any]
) -> Ordering | None:
    """Put a worker's packets in order; return what the caller must keep, or None.

    Args:
        node: The links of a worker.
        pump: Turns them.
        settings: Of PREPARE: order, the seed or None.

    Raises:
        ConfigError: The seed is none.
    """
    seed = settings.get("order")
    if seed is None:
        return None
    if type(seed) is not int or not 0 <= seed < 1 << 63:
        message = f"order_seed is {seed!r}; give an integer from 0 on"
        raise ConfigError(message)
    node.record["linger_ns"] = FOR_EVER_NS
    made = Ordering(node, seed)
    pump.put_in_order(made.record)
    return made
