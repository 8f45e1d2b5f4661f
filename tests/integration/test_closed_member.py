"""A member that is closed while its engine is built beside the loop."""

import asyncio

from neurocluster.member import state as s
from neurocluster.member.meeting import Meeting
from neurocluster.member.run import MemberRunner
from neurocluster.worker.run import WorkerDuties


async def test_what_is_built_too_late_is_dropped():
    """Its sockets are gone; it must not complain that it cannot open some."""
    runner = MemberRunner(
        WorkerDuties(), "worker", Meeting("tcp://127.0.0.1:9"), slot=None, leased=True,
        version="1",
    )  # fmt: skip
    runner.state.phase, runner.state.epoch = s.Phase.BUILDING, 1
    runner.close()
    runner._built(1, {"partition": None}, OSError("no more sockets"))
    await asyncio.sleep(0)
    assert not runner.done.done()
