"""Own the buffers and records behind one node's links for one epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurocluster.dtypes import I64, U8, U32, Records
from neurocluster.errors import RemoteLinkError
from neurocluster.kernels.clock import monotonic_clock
from neurocluster.link.records import CONTEXT, FAULTS, INBOUND, NODE, OUTBOUND, SPANS
from neurocluster.link.room import CONTROL_BYTES, outbox_packets, packet_room
from neurocluster.metrics.histogram import BINS
from neurocluster.wire.packet import HEADER_BYTES


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """Describe one end of a link.

    Attributes:
        index: Number of the link in the plan.
        name: ``source->destination``.
        first: First address carried.
        last: One past the last address carried.
        size: Addresses of the source layer.
        width: Bytes of a word, 2 or 4.
    """

    index: int
    name: str
    first: int
    last: int
    size: int
    width: int


@dataclass(frozen=True, slots=True)
class Handler:
    """Say by address what a turn calls.

    Attributes:
        receive_at: Function (handles, size) -> code: handle the packet in the
            message buffer.
        flush_at: Function (handles) -> code: note that the inbox is empty.
        handles_at: Array that both take.
        owner: Owns that array and what it leads to; whoever turns must hold it.
    """

    receive_at: int
    flush_at: int
    handles_at: int
    owner: object


class LinkBuffers:
    """Hold the records that compiled link code works on; owns all their memory.

    Attributes:
        record: (1,) NODE.
        inbound: (inbound links,) INBOUND.
        outbound: (outbound links,) OUTBOUND.
        contexts: (window,) CONTEXT.
        message: Buffer that the transport receives into.
        outboxes: One buffer a link, out of which the transport sends.
        pieces: One (n, 2) table a link: start and size of each packet.
        spans: (inbound links, SPANS, BINS) uint32, see `records.SPANS`.
        needs_time: Its owner wants turns at times, see ``linger_due``.
    """

    def __init__(
        self,
        inbound: Sequence[LinkSpec],
        outbound: Sequence[LinkSpec],
        *,
        window: int,
        max_spikes: int,
        epoch: int,
        burst_words: int,
        payload_bytes: int = 0,
        clock: tuple[int, I64] | None = None,
    ) -> None:
        """Allocate everything.

        Args:
            inbound: Links that end here.
            outbound: Links that start here.
            window: Frames in flight.
            max_spikes: Spikes of a full packet.
            epoch: Number of the epoch; its mark, too, until `mark` sets one.
            burst_words: Most spikes that one received packet can cause.
            payload_bytes: Largest payload other than spikes.
            clock: Address of a clock function and its memory; default monotonic.
        """
        self.inbound_specs, self.outbound_specs = tuple(inbound), tuple(outbound)
        self.epoch, self.needs_time = epoch, False
        self.record: Records = np.zeros(1, NODE)
        self.inbound: Records = np.zeros(len(inbound), INBOUND)
        self.outbound: Records = np.zeros(len(outbound), OUTBOUND)
        self.contexts: Records = np.zeros(window, CONTEXT)
        self._kept: list[npt.NDArray[np.generic]] = []
        address, scratch = clock or (monotonic_clock(), np.zeros(2, np.int64))
        widest = max((link.width for link in inbound), default=2)
        body = HEADER_BYTES + max(max_spikes * widest, payload_bytes)
        self.message: U8 = np.zeros(body + CONTROL_BYTES, np.uint8)
        limit = 1 + max((link.index for link in inbound), default=0)
        slots = np.full(limit, -1, np.int64)
        for slot, link in enumerate(inbound):
            slots[link.index] = slot
        node = self.record[0]
        for name, value in {
            "clock_at": address,
            "epoch": epoch,
            "window": window,
            "max_spikes": max_spikes,
            "inbound_count": len(inbound),
            "outbound_count": len(outbound),
            "free_count": window,
            "link_limit": limit,
            "message_size": body,
            "message_room": body + CONTROL_BYTES,
            "phases": 1,
        }.items():
            node[name] = value
        for name, array in {
            "clock_scratch_at": scratch,
            "inbound_at": self.inbound,
            "outbound_at": self.outbound,
            "contexts_at": self.contexts,
            "free_at": np.arange(window)[::-1].astype(np.int64),
            "slots_at": np.full(window, -1, np.int64),
            "link_slots_at": slots,
            "message_at": self.message,
        }.items():
            node[name] = self._keep(array)
        self.spans: U32 = np.zeros((len(inbound), len(SPANS), BINS), np.uint32)
        for k, link in enumerate(inbound):
            self._inbound(k, link, window)
        self.outboxes: list[U8] = []
        self.pieces: list[I64] = []
        for k, link in enumerate(outbound):
            self._outbound(k, link, window, max_spikes, burst_words, payload_bytes)

    def mark(self, mark: int) -> None:
        """Set what packets carry of this epoch; others' are dropped."""
        self.record["epoch"] = mark

    def _keep(self, array: npt.NDArray[np.generic]) -> int:
        self._kept.append(array)
        return int(array.ctypes.data)

    def _inbound(self, k: int, link: LinkSpec, window: int) -> None:
        record = self.inbound[k]
        record["index"], record["width"] = link.index, link.width
        record["first_word"], record["last_word"] = 2 * link.first, 2 * link.last
        record["sequence"] = 1
        record["received_at"] = self._keep(np.zeros(window, np.int64))
        record["counted_at"] = self._keep(np.zeros(window, np.int64))
        record["spans_at"] = self._keep(self.spans[k])
        self.set_clock(k, 0, 0)

    def _outbound(
        self, k: int, link: LinkSpec, window: int, most: int, burst: int, payload: int
    ) -> None:
        record = self.outbound[k]
        packet = packet_room(link.width, most, payload)
        packets = outbox_packets(window, most, burst)
        # Untouched pages of these buffers cost no memory.
        outbox = np.empty(packets * packet, np.uint8)
        pieces = np.zeros((packets, 2), np.int64)
        self.outboxes.append(outbox)
        self.pieces.append(pieces)
        for name, value in {
            "index": link.index,
            "first_word": 2 * link.first,
            "last_word": 2 * link.last,
            "everything": int(link.first == 0 and link.last == link.size),
            "width": link.width,
            "sequence": 1,
            "pending_at": self._keep(np.empty(window * most * link.width, np.uint8)),
            "pending_count_at": self._keep(np.zeros(window, np.int64)),
            "sent_at": self._keep(np.zeros(window, np.int64)),
            "signs_at": self._keep(np.zeros(window, np.int64)),
            "counted_at": self._keep(np.zeros((window, 2), np.int64)),
            "created_at": self._keep(np.zeros(window, np.int64)),
            "outbox_at": self._keep(outbox),
            "outbox_size": outbox.nbytes,
            "pieces_at": self._keep(pieces),
            "pieces_size": packets,
        }.items():
            record[name] = value

    def set_clock(
        self, slot: int, offset_ns: int, error_ns: int, *, at_ns: int = 0, ppm: int = 0
    ) -> None:
        """Say what is known of the clock of an inbound link's source; first ours.

        Args:
            slot: Of the link.
            offset_ns: That clock minus ours.
            error_ns: How far that may be off.
            at_ns: When it was found, by our clock.
            ppm: By how much the clocks may drift apart since.
        """
        record = self.inbound[slot]
        record["clock_offset"], record["clock_error"] = offset_ns, error_ns
        record["clock_ns"], record["clock_ppm"] = at_ns, ppm
        record["clock_known"] = 1

    def forget_clock(self, slot: int) -> None:
        """Say that nothing is known of that clock: its times cannot be told."""
        self.inbound[slot]["clock_known"] = 0

    @property
    def inbound_names(self) -> str:
        """Return the links that end here, for faults whose link is unknown."""
        return " or ".join(link.name for link in self.inbound_specs)

    @property
    def counts(self) -> int:
        """Return how many counts `link.sender.write_counts` writes for a frame."""
        return len(self.inbound) + 2 * len(self.outbound)

    @property
    def waiting(self) -> int:
        """Return how many links have packets to send."""
        return int(self.record["outboxes"][0])


def link_fault(node: LinkBuffers, code: int) -> RemoteLinkError:
    """Translate a fault of compiled code; names the link, the frame, both values."""
    state = node.record[0]
    number = int(state["fault_link"])
    specs = (*node.inbound_specs, *node.outbound_specs)
    names = {link.index: link.name for link in specs}
    unknown = node.inbound_names if number < 0 else str(number)
    frame = int(state["fault_frame"])
    return RemoteLinkError(
        names.get(number, unknown),
        FAULTS[code],
        frame if frame >= 0 else None,
        int(state["fault_expected"]),
        int(state["fault_got"]),
    )
