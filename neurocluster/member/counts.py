"""Read what one epoch's links and process counted, for beats and reports."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from neurocluster.dtypes import I64, Records
from neurocluster.link.buffers import LinkBuffers
from neurocluster.member.probing import Clocks
from neurocluster.member.processor import Ran, thread_ran, told_apart
from neurocluster.member.totals import Received, Totals
from neurocluster.transport.pump import Pump

COUNTED: Final = ("spikes", "negative", "packets", "bytes")
OF_PROCESS: Final = {
    "frames": "handled_frames", "kernel_ns": "kernel_ns",
    "contexts_peak": "contexts_peak",
}  # fmt: skip


def counters(
    node: LinkBuffers, pump: Pump | None, stashed: I64 | None = None
) -> dict[str, Any]:
    """Return what a BEAT carries of the links.

    Args:
        node: The links.
        pump: Turns them; None before they are connected.
        stashed: (inbound links, 2) int64: spikes and markers that were received and
            wait for a clock or for their turn; None where none do.
    """
    inbound, outbound = node.inbound, node.outbound
    waiting = outbound["pieces_count"] - outbound["pieces_done"]
    spikes, markers = (0, 0) if stashed is None else stashed.T
    return {
        "received": _rows(
            inbound, inbound["spikes"] + spikes, inbound["next_close"] + markers
        ),
        "sent": _rows(outbound, outbound["spikes"], waiting),
        "blocked": pump is not None and pump.blocked,
        "asleep": pump is not None and pump.asleep,
        "open_frames": int(node.record["open_frames"][0]),
        "frame": int(node.record["next_frame"][0]),
        "packets": int(inbound["packets"].sum()),
    }


def add_counts(
    totals: Totals, node: LinkBuffers, pump: Pump | None, clocks: Clocks,
    since: Ran | None,
) -> None:  # fmt: skip
    """Add an epoch's counters to those of a session.

    Args:
        totals: Of the session.
        node: The epoch's links.
        pump: Turns them; None before they are connected.
        clocks: Of the links' sources.
        since: What the kernel had counted of this thread when the epoch ran.
    """
    for k, row in enumerate(node.inbound):
        counts = [int(row[name]) for name in (*COUNTED, "unclocked")]
        error = int(row["error_max"])
        totals.add_inbound(
            int(row["index"]),
            Received(
                counts, int(row["transit_max"]), error, clocks.known(k),
                node.spans[k].copy(),
            ),
        )  # fmt: skip
    for k, row in enumerate(node.outbound):
        blocked = pump.blocked_total(k) if pump is not None else 0
        counts = [*(int(row[name]) for name in COUNTED), blocked]
        totals.add_outbound(int(row["index"]), counts)
    totals.add_worker(_of_process(node, pump, since))


def spikes(node: LinkBuffers) -> dict[int, int]:
    """Return the spikes of an epoch by link."""
    ends = (*node.inbound, *node.outbound)
    return {int(row["index"]): int(row["spikes"]) for row in ends}


def _of_process(
    node: LinkBuffers, pump: Pump | None, since: Ran | None
) -> dict[str, int]:
    """Return what the worker table has of an epoch."""
    values = {name: int(node.record[field][0]) for name, field in OF_PROCESS.items()}
    if pump is None:
        return values
    turn_ns, waits, ends = pump.times()
    times = {"turn_ns": turn_ns, **waits}
    now = thread_ran()
    if since is not None and now is not None:
        ran = Ran(now.cpu_ns - since.cpu_ns, now.delay_ns - since.delay_ns)
        times = told_apart(turn_ns, waits, ends, ran)
    return {**values, **times, **pump.slept(), "turns": pump.turns}


def _rows(links: Records, spikes: I64, last: I64) -> bytes:
    """Return rows of link, spikes and a third column, little-endian uint64."""
    table = np.stack([links["index"], spikes, last], -1)
    return table.astype("<u8").tobytes()
