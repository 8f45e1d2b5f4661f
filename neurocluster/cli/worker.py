"""Do `neurocluster worker`; it imports no more than a worker needs."""

from __future__ import annotations

from neurocluster.member.meeting import Meeting


def worker_command(
    meeting: Meeting, slot: int | None, workers: int | None, spares: int,
    *, die_with_stdin: bool,
) -> int:  # fmt: skip
    """Run one worker, or a parent of several; return the exit code."""
    if workers is None and not spares and not die_with_stdin:
        return _one(meeting, slot)
    from neurocluster.launch.nanny import run_nanny

    first = range(slot, slot + (workers or 1)) if slot is not None else None
    slots: list[int | None] = list(first or [None] * (workers or 1))
    slots += [None] * spares
    return run_nanny(meeting, slots, die_with_stdin=die_with_stdin)


def _one(meeting: Meeting, slot: int | None) -> int:
    from neurocluster.worker.run import WorkerOptions, run_worker
    from neurocluster.worker.warm import warm_worker

    warm_worker()
    return run_worker(WorkerOptions(meeting, slot=slot, gives_up=True))
