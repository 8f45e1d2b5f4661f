"""Do `neurocluster worker`; it imports no more than a worker needs."""

from __future__ import annotations

from neurocluster.cli.endpoint import FROM_ENVIRONMENT
from neurocluster.errors import ConfigError
from neurocluster.member.meeting import Meeting


def wishes_of(
    slot: int | None, slots: str | None, workers: int | None, spares: int
) -> list[int | None]:
    """Return the partition that each worker wishes for; None leaves it open.

    Raises:
        ConfigError: The options contradict each other, or are no numbers.
    """
    if slots is None:
        count = workers or 1
        first = [None] * count if slot is None else list(range(slot, slot + count))
    elif slot is not None or workers is not None:
        message = (
            "slots: it says how many workers there are; leave out --slot, --workers"
        )
        raise ConfigError(message)
    elif slots == FROM_ENVIRONMENT:
        from neurocluster.launch.slurm import share_of_this_node

        share = share_of_this_node()
        first, spares = [*share.slots], share.spares
    else:
        words = slots.split(",")
        if not all(word.isdecimal() for word in words):
            message = f"slots: {slots!r} is no list of numbers such as 0,1,4"
            raise ConfigError(message)
        first = [int(word) for word in words]
    return [*first, *[None] * spares]


def worker_command(
    meeting: Meeting, wishes: list[int | None], *, alone: bool, die_with_stdin: bool
) -> int:
    """Run workers; return the exit code.

    Args:
        meeting: How they meet their controller.
        wishes: See `wishes_of`.
        alone: There is one, and nobody starts it again when it crashes.
        die_with_stdin: End when standard input does.
    """
    if alone and len(wishes) == 1 and not die_with_stdin:
        return _one(meeting, wishes[0])
    from neurocluster.launch.nanny import run_nanny

    return run_nanny(meeting, wishes, die_with_stdin=die_with_stdin)


def _one(meeting: Meeting, slot: int | None) -> int:
    from neurocluster.worker.run import WorkerOptions, run_worker
    from neurocluster.worker.warm import warm_worker

    warm_worker()
    return run_worker(WorkerOptions(meeting, slot=slot, gives_up=True))
