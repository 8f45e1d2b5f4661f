"""Lay out the state of a node's links: one NODE, many INBOUND, OUTBOUND, CONTEXT.

A node is a worker or the client. Fields named ``*_at`` are addresses of arrays that
`link.buffers.LinkBuffers` owns. All counters are totals of one epoch.
"""

from __future__ import annotations

from typing import Final

from neurocluster.kernels.records import record

NODE: Final = record(
    "clock_at",  # function: scratch address -> nanoseconds
    "clock_scratch_at",
    "epoch",  # what packets carry of it, see `wire.packet.mark_of`
    "window",
    "max_spikes",
    "inbound_at",
    "inbound_count",
    "outbound_at",
    "outbound_count",
    "contexts_at",
    "free_at",  # int64 (window,): stack of free contexts
    "free_count",
    "slots_at",  # int64 (window,): context of frame % window, or -1
    "link_slots_at",  # int64 (link_limit,): inbound slot of a link, or -1
    "link_limit",
    "message_at",
    "message_size",  # of the largest packet
    "message_room",  # of the buffer
    "next_frame",  # the oldest frame not yet closed
    "open_frames",
    "partials",  # partial packets waiting for an idle inbox
    "outboxes",  # links with packets to send
    "linger_ns",  # how long a partial packet may wait for more; 0: not at all
    "linger_due",  # when the next partial packet has waited so long, or 0
    "idle",  # the next packet meets an idle inbox
    "stale",  # packets without this epoch's mark, dropped
    "strangers",  # messages that are no packets, dropped
    "fault_link",
    "fault_frame",
    "fault_expected",
    "fault_got",
    "kernel_ns",
    "handled_frames",
    "contexts_peak",
    "phases",  # of a frame; 1 unless a clock steps through them
    "next_phase",  # how many of the oldest open frame's phases are closed
)
INBOUND: Final = record(
    "index",
    "first_word",
    "last_word",
    "width",
    "sequence",  # of the next packet
    "next_close",  # frame whose marker comes next
    "next_phase",  # its phase that packets are of
    "received_at",  # int64 (window,): words by context
    "counted_at",  # int64 (window,): the same of a frame that this link has closed
    "spikes",
    "negative",
    "packets",
    "bytes",
    "spans_at",  # uint32 (len(SPANS), BINS): histograms
    "transit_max",
    "clock_known",  # 1 if the next four are: times of the source can be told
    "clock_offset",  # the source's clock minus ours
    "clock_error",  # how far that may be off, at clock_ns by our clock
    "clock_ns",
    "clock_ppm",  # by how much the clocks may drift apart since
    "error_max",  # the largest error that a packet met
    "unclocked",  # packets that came while the clock was not known
)
SPANS: Final = ("batching", "transit", "wire", "service")
"""Spans of a packet's time: from its first spike to being sent, on to being received
(of all packets; of those that met an idle inbox), on to being handled."""
BATCHING, TRANSIT, WIRE, SERVICE = range(4)
OUTBOUND: Final = record(
    "index",
    "first_word",
    "last_word",
    "everything",  # 1 if the link carries the whole layer
    "width",
    "sequence",
    "pending_at",  # words (window, max_spikes)
    "pending_count_at",  # int64 (window,)
    "sent_at",  # int64 (window,): words sent, by context
    "signs_at",  # int64 (window,): negative words, sent or pending, by context
    "counted_at",  # int64 (window, 2): words and negative words of a closed frame
    "created_at",  # int64 (window,): time of the first pending word
    "outbox_at",
    "outbox_size",
    "outbox_used",
    "pieces_at",  # int64 (pieces, 2): start and size of each packet
    "pieces_size",
    "pieces_count",
    "pieces_done",
    "spikes",
    "negative",
    "packets",
    "bytes",
)
CONTEXT: Final = record(
    "frame",
    "is_open",
    "missing",  # inbound links that have not closed the frame
    "failed",  # 0, or 1 + index of the partition at fault
    "failed_neuron",
    "opened_ns",
    "service_ns",
    "sent_spikes",
    "phase",  # that is handled, and sent
    "waiting",  # inbound links that have not closed this phase
)

# Results of `receive` and its like; negative values are faults.
MORE: Final = 0
FRAME_CLOSED: Final = 1  # of `receiver.close_link`: the last marker came
NOT_CANONICAL: Final = 2
STALE: Final = 3
PHASE_CLOSED: Final = 4  # of `receiver.close_link`: a phase, but not the frame's last
BAD_LINK: Final = -1
BAD_SEQUENCE: Final = -2
BAD_FRAME: Final = -3
BAD_ADDRESS: Final = -4
BAD_COUNT: Final = -5
BAD_ORDER: Final = -6
BAD_KIND: Final = -7
FULL: Final = -8
BAD_SOCKET: Final = -9
BAD_STASH: Final = -10
BAD_PHASE: Final = -11
FAULTS: Final = {
    BAD_LINK: "packet of a link that is not ours",
    BAD_SEQUENCE: "packet lost, repeated or out of order",
    BAD_FRAME: "frame outside the window",
    BAD_ADDRESS: "spike outside the link's addresses",
    BAD_COUNT: "spikes received differ from spikes sent",
    BAD_ORDER: "frames closed out of order",
    BAD_KIND: "packet of a kind that this link does not carry",
    FULL: "outbox full",
    BAD_SOCKET: "the socket failed",
    BAD_STASH: "more bytes wait for their turn than may",
    BAD_PHASE: "phase out of order",
}
