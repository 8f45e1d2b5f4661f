"""Lay out a simulation: one LOOP, many HOST, THREAD, PROCESS, LINK; COSTS, METER.

Fields named ``*_at`` are addresses of arrays that `simulate.machine.Machine` owns,
those of `REALS` are float64; all others are int64. Times are ns of virtual time.
"""

from __future__ import annotations

from typing import Final

import numpy as np

REALS: Final = frozenset(
    f"{part}_{what}"
    for part in (
        "receive",
        "send",
        "handle",
        "wake",
        "late",
        "io",
        "io_wake",
        "io_late",
        "wire",
        "hear",
        "tell",
    )
    for what in ("fixed", "byte", "spike", "synop", "fired", "frame")
) | {"factor"}


def _fields(*names: str) -> np.dtype[np.void]:
    def kind(name: str) -> str:
        return "f8" if name in REALS else "u8" if name.endswith("_at") else "i8"

    return np.dtype([(name, kind(name)) for name in names])


LOOP: Final = _fields(
    "now",
    "heap_at",  # int64 (heap_size, 3): time, number, 8 * index + kind
    "heap_size",
    "heap_count",
    "number",  # of the next event, so that equal times keep their order
    "hosts_at",
    "threads_at",
    "processes_at",
    "links_at",
    "quantum_ns",
    "beat_ns",  # between two beats of a process; 0 without
    "open_clients",
    "events",
    "faulty",  # 1 + process whose turn failed
    "caller",  # thread for which `loop.run` asks; see HEARD and TURNED
    "priced",  # members tell the controller by messages what they have done
    "joint_at",  # int64 (joint_count,): how many clients have done each frame; or 0
    "joint_count",
    "joint",  # frames that all clients have done
    "clients",
)
HOST: Final = _fields(
    "cores",
    "cores_at",  # int64 (cores,): thread on each, or -1
    "busy",
    "queue_at",  # int64 (queue_size,): threads that wait for a core
    "queue_size",
    "queue_count",
    "virtual",  # mean virtual time of those who have a core or wait for one
)
THREAD: Final = _fields(
    "host",
    "process",
    "is_io",
    "state",
    "since",  # when it came into its state; of one that runs, until when it works
    "cause",  # for which it sleeps, see `transport.turn.CAUSES`
    "slice_end",
    "began",  # to run, on the core that it has
    "virtual",  # time that it has used, up to then; see `processors`
    "lag",  # how much less than others it had used when it fell asleep
    "rest",  # of a step that was interrupted
    "stale",  # events of such steps
    "yields",  # it leaves its core at the end of its step
    "turning",  # BETWEEN, IN_TURN or ENDED; of a main thread
    "woken",  # its next job is the first after a sleep; of an I/O thread
    "cpu_ns",
    "loop_ns",  # slept, by cause
    "input_ns",
    "outbound_ns",
    "sleep_ns",
    "clock_ns",
    "processor_ns",  # could have run
    "wakes",
    "jobs_at",  # int64 (jobs_size,): 2 * link + (0 send, 1 receive); of an I/O thread
    "jobs_size",
    "jobs_first",
    "jobs_count",
    "job",  # 1 + the one that is being done
)
SLEEPS, READY, RUNS = range(3)
BETWEEN, IN_TURN, ENDED = range(3)
PROCESS: Final = _fields(
    "now",  # first: what engines read as their clock
    "begin",  # of the present step
    "loop_at",
    "index",
    "turn_at",  # TURN; 0 for a process that only does odd work
    "again_at",  # functions for `turn.errno_at`
    "interrupted_at",
    "costs_at",
    "inbox_at",  # int64 (inbox_count,): links
    "inbox_count",
    "inbox_next",
    "arrived",  # packets that can be received
    "took",  # this step received a packet
    "moved",  # this step received or sent one
    "sends",  # this step sent something
    "freed",  # 1 + link that has room again since this step
    "roomy",  # a full link has room again since this turn began
    "receive_at",  # the engine's own functions, see `link.buffers.Handler`
    "flush_at",
    "handles_at",
    "node_at",
    "is_client",
    "wanted",  # frames that a client is to finish
    "random",
    "factor",  # of the packet being handled
    "charged",  # its fixed costs were
    "odd_ns",  # work beside packets that has to be done
    "beat_cost_ns",
    "turn_packets",
    "packets",
    "timer",  # when it is to be woken, or 0
    "times_at",  # int64 (most_timers,): of its timer events, the latest first
    "timers",
    "most_timers",
    "clocked",  # by a gate, or by the client's rounds; see GATED
    "told",  # that this round is done; of a worker
    "free_wake",  # this wake-up costs nothing, since a clock without a price caused it
    "mail_at",  # int64 (mail_size,): links of control messages that wait
    "mail_size",
    "mail_first",
    "mail",
    "heard",  # 1 + link of the control message that is being read
    "upward",  # 1 + link to the controller
    "handled",  # frames that were noted in ``joint_at``
)
LINK: Final = _fields(
    "loop_at",
    "index",  # among all links
    "source",
    "target",
    "ring_at",  # bytes (ring_size, slot)
    "sizes_at",  # int64 (ring_size,)
    "ring_size",
    "slot",
    "room",  # packets that fit beside what the kernel takes
    "kernel_bytes",
    "low",  # packets at which a full link has room again
    "first",
    "ready",  # of them can be received
    "count",
    "to_send",  # of them are still with the sender's I/O thread
    "to_wire",  # of them have not arrived at the receiver's
    "full",
    "waiting",
    "blocked_since",
    "blocked_ns",
    "arrival",  # of the packet before
    "wire_fixed",
    "wire_byte",
    "wire_factors_at",
    "wire_jitter",  # ns by which the factors are scaled
    "control",  # its packets are control messages
)
COSTS: Final = _fields(
    "receive_fixed", "receive_byte", "receive_factors_at",
    "send_fixed", "send_byte", "send_factors_at",
    "handle_fixed", "handle_spike", "handle_synop", "handle_fired", "handle_frame",
    "handle_factors_at",
    "wake_fixed", "wake_factors_at",
    "late_fixed", "late_factors_at",
    "io_fixed", "io_byte", "io_factors_at",
    "io_wake_fixed", "io_late_fixed", "hear_fixed", "tell_fixed",
)  # fmt: skip
METER: Final = _fields(
    "kernel_at", "reset_at", "start_at", "layer_at",  # what is metered
    "words", "synops", "fired",  # of the packet being handled
    "process_at",  # 0: only count
)  # fmt: skip
FACTORS: Final = 256
"""Steps of a table of factors: quantiles at 0, 1/256, ..., 1, mean 1."""
TURN_END, HANDED, ARRIVES, BEAT, TIMER = range(5)
"""Kinds of events: of a thread, a link, a link, a process, a process."""
GATED, CLIENT_ROUNDS = 1, 2
"""What a clock does with a process."""
