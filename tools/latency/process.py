"""Be a process of the cluster: the controller, or a worker with a wrong clock.

    python -m tools.latency.process '{"role": "controller", ...}'

The whole of the product runs here as it does everywhere: only the clock is another
one, and a tape stands between turn and engine. Standard input is a lease: a process
ends with its parent.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import uvloop

from neurocluster.controller.run import ControllerOptions, run_controller
from neurocluster.launch.roles import build_plan, log_to_stderr
from neurocluster.link.tape import Tape
from neurocluster.member.meeting import Meeting
from neurocluster.member.run import MemberRunner
from neurocluster.member.state import EXIT_LOST, StopAsked
from neurocluster.version import VERSION
from neurocluster.worker.run import WorkerDuties
from neurocluster.worker.warm import warm_worker
from tools.latency.clocks import Wrong
from tools.latency.tape import ROOM, TapedDuties, whole

STDIN: Final = 0


def controller(arguments: dict[str, Any]) -> int:
    """Serve one session, its links on tcp."""
    plan = build_plan(arguments["options"] | {"where": "tcp"}, arguments["folder"])
    return run_controller(
        plan,
        ControllerOptions(
            f"tcp://{arguments['host']}:*", Path(arguments["connection"]),
            deadline_s=60, recovery_s=10, leased=True, once=True, insecure=True,
        ),
    )  # fmt: skip


async def worker(arguments: dict[str, Any]) -> int:
    """Run one partition by a wrong clock; leave the tape in a file."""
    wrong = Wrong(*arguments["wrong"])
    clock = wrong.clock(namespace=arguments["namespace"])
    tape = Tape(ROOM)
    warm_worker()  # later beats must go on
    runner = MemberRunner(
        TapedDuties(WorkerDuties(clock), tape), "worker",
        Meeting(arguments["endpoint"]), slot=arguments["slot"], leased=True,
        version=VERSION, clock=clock,
    )  # fmt: skip
    loop = asyncio.get_running_loop()

    def lease() -> None:
        if not os.read(STDIN, 4096):
            loop.remove_reader(STDIN)
            runner.event(StopAsked("its parent is gone", EXIT_LOST))

    loop.add_reader(STDIN, lease)
    try:
        return await runner.done
    finally:
        runner.close()
        np.save(Path(arguments["tape"]), whole(tape))


def main() -> int:
    """Do what the one argument says."""
    arguments = json.loads(sys.argv[1])
    log_to_stderr("info")
    if arguments["role"] == "controller":
        return controller(arguments)
    return uvloop.run(worker(arguments))


if __name__ == "__main__":
    sys.exit(main())
