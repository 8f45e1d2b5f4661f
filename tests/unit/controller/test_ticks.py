"""Ticks that do not arrive are found by what both ends say."""

from neurocluster.controller.ticks import (
    Missing,
    TickWatch,
    numbers,
    undelivered,
    ways_of,
)
from neurocluster.controller.watch import STALL_NS

ORDER = ("client", "a.0", "b.0")
WAYS = ways_of(ORDER)
STEP = STALL_NS // 4


def rounds(*values):
    return b"".join(value.to_bytes(8, "little") for value in values)


ALL_WELL = rounds(7, 1, 8, 8, 8, 8)


def test_what_one_end_told_and_the_other_did_not_hear():
    told = {name: numbers(ALL_WELL) for name in ORDER}
    assert list(undelivered(told, WAYS)) == []
    told["b.0"] = numbers(rounds(7, 1, 8, 0, 8, 7))
    # In step 1 a node tells the one before it, of three.
    assert list(undelivered(told, WAYS)) == [Missing("client", "b.0", 7)]
    told["b.0"] = ()
    assert list(undelivered(told, WAYS)) == []


def test_under_a_central_barrier_nobody_tells_another():
    told = {name: numbers(rounds(7, 1)) for name in ORDER}
    assert list(undelivered(told, WAYS)) == []


def watched(late):
    watch = TickWatch(ORDER)
    for name in ORDER:
        watch.beat(name, ALL_WELL)
    watch.beat("b.0", late)
    assert watch.stalled(0) is None
    return watch


def test_a_tick_is_late_after_as_long_as_a_link_may_stand_still():
    watch = watched(rounds(7, 1, 8, 8, 8, 7))
    assert watch.stalled(STALL_NS) is None
    assert watch.stalled(STALL_NS + 1) == Missing("client", "b.0", 7)


def test_a_tick_that_arrives_and_a_pause_of_the_controller_are_no_delay():
    watch = watched(rounds(7, 1, 8, 8, 8, 7))
    watch.beat("b.0", ALL_WELL)
    assert watch.stalled(STALL_NS // 2) is None
    watch.beat("b.0", rounds(7, 1, 8, 8, 7, 8))
    assert watch.stalled(STALL_NS) is None
    watch.pause(STALL_NS)
    assert watch.stalled(2 * STALL_NS + STEP) is None
    assert watch.stalled(3 * STALL_NS + 1) == Missing("a.0", "b.0", 7)
