"""Do `neurocluster worker`; it imports no more than a worker needs."""

from __future__ import annotations

from neurocluster.cli.endpoint import endpoint_of
from neurocluster.worker.run import run_worker
from neurocluster.worker.warm import warm_worker


def worker_command(connect: str, slot: int | None) -> int:
    """Run one worker; return its exit code."""
    endpoint = endpoint_of(connect)
    warm_worker()
    return run_worker(endpoint, slot=slot, leased=False)
