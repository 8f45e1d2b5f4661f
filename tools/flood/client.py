"""Be the client of a cluster until SIGTERM; compare each result with one process's.

    python -m tools.flood.client CONNECTION

Prints one JSON object at the end.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any, Final

import uvloop

from neurocluster import load_dataset
from neurocluster.cli.reach import meeting_of
from neurocluster.client.reports import RECEIVED, SENT
from neurocluster.client.session import Session
from neurocluster.kernels.chain import Chain
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network

BLOCK: Final = 500
"""Frames that are submitted at a time."""


async def stream(connect: str) -> dict[str, Any]:
    """Stream the same frames again and again; return what came of it."""
    images = load_dataset().images[:BLOCK]
    truth = Chain(convert(load_network(None))).run(images)
    flat = images.reshape(len(images), -1)
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    meeting = meeting_of(
        connect, None, insecure=False, bind=None, advertise=None, interface=None,
        ports=None,
    )  # fmt: skip
    session = Session(meeting)
    await session.open()
    frames = wrong = 0
    while not end.is_set():
        session.submit(flat)
        async for chunk in session.chunks():
            at = chunk.frames % BLOCK
            equal = (chunk.counts == truth.counts[at]).all(1)
            equal &= (chunk.potentials == truth.potentials[at]).all(1)
            wrong += int((~equal).sum()) + len(chunk.errors)
            frames += len(chunk.frames)
    await session.close()
    links = session.link_counts()
    balanced = links is not None and bool((links[:, SENT] == links[:, RECEIVED]).all())
    return {
        "frames": frames, "wrong": wrong, "balanced": balanced,
        "recoveries": [recovery.reason for recovery in session.recoveries],
        "failure": str(session.failure or ""),
        "late_ms": max(r["worker"]["loop_lag_ns_max"] for r in session.reports) / 1e6,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(uvloop.run(stream(sys.argv[1]))))
