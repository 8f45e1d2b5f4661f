"""Offer a cluster far more than it can do, lose a worker; print who was who, and how.

Run as a program: ``python -m tests.support.overload CONFIG``.
"""

import asyncio
import json
import os
import signal
import sys

from neurocluster import LocalCluster, load_dataset
from neurocluster.config import load_config

FAST = 1000
"""Images of an iterator that has the next one at once."""
VICTIM = "fc1.0"


async def main(path):
    config = load_config(path)
    images = load_dataset().images[: config.frames]
    told = {"pids": {}, "array": 0, "iterator": 0, "drawn_first": 0, "errors": 0}

    def note():
        told["pids"] |= {pid: slot for slot, pid in cluster.pids.items()}

    async with LocalCluster(config) as cluster:
        session = cluster.session
        note()
        async for result in cluster.stream(images):
            told["array"] += 1
            told["errors"] += result.error is not None
            if told["array"] == len(images) // 2:
                os.kill(cluster.pids[VICTIM], signal.SIGKILL)
        note()
        drawn = 0

        def fast():
            nonlocal drawn
            for image in images[:FAST]:
                drawn += 1
                yield image / 255

        async for result in cluster.stream(fast()):
            told["drawn_first"] = told["drawn_first"] or drawn
            told["iterator"] += 1
            told["errors"] += result.error is not None
    told["recoveries"] = len(session.recoveries)
    rows = [row for report in session.reports for row in report["outbound"]]
    told["blocked_ns"] = sum(row[5] for row in rows)
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
