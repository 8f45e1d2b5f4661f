"""Recovery explored: thousands of seeded runs in which things go wrong.

A seed that breaks an invariant is shrunk and printed as a script; put that into
``transcripts`` with a line that says what it was, so that it stays found.
"""

import os
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.explorer.compiled import Compiled
from tests.support.explorer.draw import draw
from tests.support.explorer.scenario import KINDS, Fault, parse
from tests.support.explorer.shrink import explain, problem, shrink
from tests.support.explorer.world import World

SEEDS = int(os.environ.get("NEUROCLUSTER_SEEDS", "20000"))
BLOCK = 250
TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


def broken(first):
    """Return the first seed of a block that breaks something, and what."""
    for seed in range(first, first + BLOCK):
        if found := problem(draw(seed)):
            return seed, found
    return None


def test_no_seed_breaks_an_invariant():
    with ProcessPoolExecutor() as pool:
        for found in pool.map(broken, range(0, SEEDS, BLOCK)):
            if found is not None:
                seed, what = found
                pytest.fail(f"seed {seed}: {what}\n\n{explain(shrink(draw(seed)))}")


@pytest.mark.parametrize("first", range(0, 200, 25))
def test_real_engines_and_pumps_recover(first):
    """Results are those of one process; both ends of each link count the same."""
    for seed in range(first, first + 25):
        drawn = draw(seed)
        faults = tuple(f for f in drawn.faults if f.kind != "poison")
        frames = 4 * drawn.frames
        scenario = replace(drawn, graph="chain", frames=frames, faults=faults)
        found = problem(scenario, Compiled(scenario))
        assert not found, f"seed {seed}: {found}\n{scenario}"


@pytest.mark.parametrize("clock", [("pipeline", 1), ("step", 3), ("neighbour", 1)])
def test_clusters_under_a_clock_recover(clock):
    """Members are lost in the middle of frames, and of phases."""
    for seed in range(25):
        drawn = draw(seed)
        faults = tuple(f for f in drawn.faults if f.kind != "poison")
        scenario = replace(drawn, graph="chain", frames=4 * drawn.frames, faults=faults)
        found = problem(scenario, Compiled(scenario, *clock))
        assert not found, f"seed {seed}: {found}\n{scenario}"


@pytest.mark.parametrize("first", range(0, 300, 50))
def test_a_path_that_is_cut_is_led_around_where_spares_stand_by(first):
    """Two hosts reach the controller and not each other; a spare is on each host."""
    for seed in range(first, first + 50):
        drawn = draw(seed)
        one, other = random.Random(seed).sample(("ctl", "n1", "n2", "n3"), 2)
        cut = Fault("go:1", seed % 7, "path", f"{one}:{other}")
        scenario = replace(drawn, hosts=3, spares=3, faults=(cut,))
        world = World(scenario).run()
        assert world.clients[0].outcome == "done", explain(scenario)
        assert len(world.checks.failed_at) <= 2, explain(scenario)


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_a_host_that_only_the_controller_reaches_is_left(first):
    """Its links work with no other host, the client's included."""
    for seed in range(first, first + 50):
        drawn, hosts = draw(seed), ["ctl", "n1", "n2", "n3"]
        cut = hosts.pop(1 + seed % 3)
        faults = tuple(
            Fault("go:1", seed % 7, "path", f"{cut}:{other}") for other in hosts
        )
        scenario = replace(drawn, hosts=3, spares=3, frames=3, faults=faults)
        assert World(scenario).run().clients[0].outcome == "done", explain(scenario)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_what_was_found_once_stays_found(path):
    scenario = parse(path.read_text())
    assert parse(str(scenario)) == scenario
    assert not problem(scenario), explain(scenario)


@pytest.mark.parametrize("seed", range(0, 2000, 10))
def test_no_decision_depends_on_where_clocks_start(seed):
    """I6: the same run with clocks that agree and with clocks that do not."""
    same, apart = (
        World(replace(draw(seed), clocks=clocks)).run() for clocks in ("same", "offset")
    )
    assert same.lines == apart.lines


def test_the_same_seed_replays_the_same_run():
    for seed in range(20):
        first, second = World(draw(seed)), World(draw(seed))
        assert first.run().lines == second.run().lines


def test_every_kind_of_fault_is_drawn_and_happens():
    seen = set()
    for seed in range(400):
        seen |= {fault.kind for _, fault in World(draw(seed)).run().applied}
    assert seen == set(KINDS)
