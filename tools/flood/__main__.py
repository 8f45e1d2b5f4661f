"""Flood every socket of a running cluster, and print what came of it.

    python -m tools.flood                      # a million messages to each, minutes
    python -m tools.flood --messages 5000      # the short form

A controller, four workers and a client run on this machine, over tcp and with a key;
the client streams all the while. Each listening socket gets arbitrary messages from
those who have no key (before authentication) and from one who has it and is not in the
roster (after). Run by root, one worker has a clock of its own, so that the sockets for
time probes are there, too. In the end 500 connections to each socket stay half open.

Exit code 1 if a result differs, an epoch failed, something was not counted, a process
took more memory than ``describe`` says, or a descriptor was left.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator
from typing import Final

from neurocluster.config import RunConfig
from neurocluster.launch.memory import MemoryBound
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from tools.flood.course import Course, Row, leave, sizes, verdict
from tools.flood.site import Flooded

HEADER: Final = (
    "| socket | stranger | messages | counted | frames/s meanwhile | s | effect |\n"
    "|---|---|---|---|---|---|---|"
)
QUIET_S: Final = 3.0
"""After which every handshake is over."""
MANY: Final = 65_536
"""Descriptors that this process may need."""


def line(row: Row) -> str:
    """Return a line of the table."""
    return (
        f"| {row.socket} | {row.kind} | {row.messages:,} | {row.counted} "
        f"| {row.frames:,.0f} | {row.seconds:.1f} | {row.wrong or 'none'} |"
    )


def bounds() -> dict[str, int]:
    """Return how many KiB each process may take, by its name."""
    config = RunConfig(spares=1, compare=False)
    graph = load_network(config.network)
    bound = MemoryBound(config, convert(graph), make_plan(graph))
    processes = bound.cluster(frames=0, launched=False).processes
    found = {process.name: process.total // 1024 for process in processes}
    return found | {"spare": found["spare.0"]}


def left_over(flooded: Flooded, before: dict[str, int]) -> Iterator[str]:
    """Yield what processes have more than they may: memory, descriptors."""
    limits, names = bounds(), flooded.processes()
    for pid, peak in flooded.peaks.items():
        name = names.get(pid, "client")
        print(f"{name}: {peak:,} KiB of at most {limits[name]:,}")
        if peak > limits[name]:
            yield f"{name} took {peak:,} KiB, at most {limits[name]:,} were told"
    for name, count in sizes(flooded).items():
        if count > before.get(name, count):
            yield f"{name} has {count} descriptors open, {before[name]} before"


def flood(messages: int) -> list[str]:
    """Do all of it; return what went wrong."""
    with Flooded() as flooded:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(MANY, most), most))
        course, before = Course(flooded, messages), sizes(flooded)
        print(HEADER)
        problems = []
        for row in course.rows():
            print(line(row), flush=True)
            problems += [f"{row.socket}, {row.kind}: {row.wrong}"] if row.wrong else []
        row, client = course.half_open(flooded.streams)
        print(line(row), end="\n\n", flush=True)
        problems += [f"half-open: {row.wrong}"] if row.wrong else []
        time.sleep(QUIET_S)
        problems += left_over(flooded, before)
        problems += filter(None, [verdict(leave(client))])
        if "Traceback" in flooded.text:
            problems.append(f"a traceback was written:\n{flooded.text}")
    return problems


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.flood", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "--messages", type=int, default=1_000_000, help="to each socket, each way"
    )
    options = parser.parse_args()
    try:
        problems = flood(options.messages)
    except KeyboardInterrupt:
        return 130
    print("\n".join(problems) or "nothing but counters moved")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
