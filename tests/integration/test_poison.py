"""A frame with which workers die again and again fails alone."""

import signal

from neurocluster import LocalCluster, load_dataset
from neurocluster.kernels.chain import Chain
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from tests.support.processes import kill

BEFORE, FRAMES, PARTITION = 40, 200, "fc1.0"


async def test_a_frame_that_kills_workers_is_given_up_alone():
    """Whoever computes it dies: it is tried twice, once more alone, then never."""
    images = load_dataset().images[:FRAMES]
    kills, results = [], []

    def poison():
        kills.append(cluster.pids[PARTITION])
        kill(kills[-1], signal.SIGKILL)

    def recovery(told):
        if told.seconds is not None and len(kills) < 3:
            poison()  # before the frame can get there

    async with LocalCluster(window=1) as cluster:
        cluster.session.on_recovery(recovery)
        async for result in cluster.stream(images):
            results.append(result)
            if len(results) == BEFORE:
                poison()  # results come some milliseconds late: it is a later frame
        recoveries = cluster.session.recoveries
    assert [result.frame for result in results] == list(range(FRAMES))
    (poisoned,) = (r for r in results if r.error is not None)
    assert poisoned.frame >= BEFORE
    assert poisoned.error == (
        f"frame {poisoned.frame}: given up; 3 times in a row the cluster failed while "
        "it was the oldest open frame, the last time alone"
    )
    assert len(recoveries) == len(set(kills)) == 3
    counts = Chain(convert(load_network(None))).run(images).counts
    good = [r for r in results if r.error is None]
    assert all((r.counts == counts[r.frame]).all() for r in good)
