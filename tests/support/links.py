"""Drive one node's link code as engines do, packet by packet, on a virtual clock."""

from __future__ import annotations

import numpy as np

from neurocluster.kernels.clock import virtual_clock
from neurocluster.link import records as r
from neurocluster.link.buffers import LinkBuffers, LinkSpec, link_fault
from neurocluster.link.receiver import accept, close_link, free_context, open_context
from neurocluster.link.sender import close_frame, close_with, flush_partials, send_words
from neurocluster.wire.packet import SPIKES, Packet, decode_packet, encode_packet

EPOCH = 3


def words_of(spikes, width=2):
    """Return (address, sign) pairs as a packet's payload."""
    words = [address << 1 | (sign < 0) for address, sign in spikes]
    return np.array(words, f"<u{width}").tobytes()


def packet(link=0, frame=0, sequence=1, close=0, payload=b"", **fields):
    """Return the bytes of a packet."""
    values = {"kind": SPIKES, "epoch": EPOCH, "phase": 0, "sent_ns": 1000, "held_us": 0}
    values |= fields
    made = Packet(
        link=link, frame=frame, sequence=sequence, close=close, payload=payload,
        **values,
    )  # fmt: skip
    return encode_packet(made)


class Node:
    """A node whose partition does nothing: links alone.

    Attributes:
        buffers: Its records.
        result: What `accept` wrote last.
    """

    def __init__(self, inbound=(), outbound=(), *, window=2, max_spikes=4, burst=64):
        self.now = np.array([1000], np.int64)
        self.buffers = LinkBuffers(
            inbound, outbound, window=window, max_spikes=max_spikes, epoch=EPOCH,
            burst_words=burst, payload_bytes=64, clock=(virtual_clock(), self.now),
        )  # fmt: skip
        self.record = self.buffers.record[0]
        self.result = np.zeros(8, np.int64)

    def accept(self, data):
        """Check one packet; return the code."""
        held = min(len(data), len(self.buffers.message))
        self.buffers.message[:held] = np.frombuffer(data[:held], np.uint8)
        return accept(self.record, len(data), self.result)

    def receive(self, data):
        """Check one packet and take its marker; free a frame that is complete."""
        code = self.accept(data)
        if code or not self.result[4]:
            return code
        code = close_link(self.record, self.result)
        if code == r.FRAME_CLOSED:
            free_context(self.record, self.result[0], self.result[7])
        return code

    def fault(self, code):
        """Return the error of a negative code."""
        return link_fault(self.buffers, code)

    def open(self, frame):
        """Open a frame; return its context."""
        index = open_context(self.record, frame, int(self.now[0]))
        return int(index) % self.buffers.record["window"][0]

    def send(self, frame, spikes, width=2):
        """Hand spikes to the outgoing links."""
        words = np.frombuffer(words_of(spikes, width), np.uint8).copy()
        return send_words(
            self.record, self.open(frame), frame, words.ctypes.data, len(spikes),
            int(self.now[0]),
        )  # fmt: skip

    def flush(self):
        """Note that the inbox is empty."""
        return flush_partials(self.record)

    def close(self, frame):
        """Close a frame on every link and forget it."""
        index = self.open(frame)
        code = close_frame(self.record, index, frame, int(self.now[0]))
        free_context(self.record, index, frame)
        return code

    def close_with(self, frame, kind, payload):
        """Close a frame with a packet of another kind."""
        data, index = np.frombuffer(payload, np.uint8).copy(), self.open(frame)
        code = close_with(
            self.record, index, frame, kind, data.ctypes.data, len(data),
            int(self.now[0]),
        )  # fmt: skip
        free_context(self.record, index, frame)
        return code

    def outbox(self, link=0, *, most=None):
        """Take packets that wait on a link, as the transport does."""
        record = self.buffers.outbound[link]
        done, count = int(record["pieces_done"]), int(record["pieces_count"])
        last = count if most is None else min(count, done + most)
        found = []
        for start, size in self.buffers.pieces[link][done:last]:
            data = self.buffers.outboxes[link][start : start + size].tobytes()
            found.append(decode_packet(data, 1 << 20))
        record["pieces_done"] = last
        if count and last == count:
            record["pieces_count"] = record["pieces_done"] = record["outbox_used"] = 0
            self.buffers.record["outboxes"] -= 1
        return found


def link(index=0, name="a->b", first=0, last=100, size=100, width=2):
    """Return one end of a link."""
    return LinkSpec(index, name, first, last, size, width)
