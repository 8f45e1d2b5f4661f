"""A timer that asyncio's loop watches: once, in time, replaced, closed."""

import asyncio
import time

import pytest
import uvloop

from neurocluster.transport.timer import Timer


async def fired(make):
    """Return the times, ns after the start, at which a timer called."""
    begin, times = time.monotonic_ns(), []
    timer = Timer(time.monotonic_ns, lambda: times.append(time.monotonic_ns() - begin))
    make(timer, begin)
    await asyncio.sleep(0.1)
    timer.close()
    timer.close()
    await asyncio.sleep(0.02)
    return times


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_it_calls_once_and_not_before_its_time(loop):
    with asyncio.Runner(loop_factory=loop) as runner:
        (after,) = runner.run(fired(lambda t, begin: t.arm(begin + 3_000_000)))
    assert after >= 3_000_000


async def test_a_later_wish_takes_the_place_of_an_earlier_one():
    def make(timer, begin):
        timer.arm(begin + 1_000_000)
        timer.arm(begin + 30_000_000)
        timer.arm(begin + 30_000_000)

    (after,) = await fired(make)
    assert after >= 30_000_000


async def test_a_time_that_is_past_calls_at_once():
    assert len(await fired(lambda t, begin: t.arm(begin - 5))) == 1


async def test_what_is_closed_calls_nobody():
    def make(timer, begin):
        timer.arm(begin + 1_000_000)
        timer.close()

    assert await fired(make) == []
