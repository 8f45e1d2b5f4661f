"""What a clock lets a node do when nobody has anything to do."""

from neurocluster.member.rounds import IDLE, rounds_of


def settings(depth):
    return {"window": 16, "clock": {"mode": IDLE, "depth": depth, "deepest": 1}}


def test_an_idle_client_waits_for_a_frame_once():
    client = rounds_of(settings(0))
    client.opened(0, 0, 0)
    assert client.limit == 16
    assert not client.is_done(0, 0)
    assert client.is_done(1, 1)
    for number in range(1, 100):
        client.opened(number, 1, int(number < 3))
        assert client.limit == 1
        assert client.is_done(1, int(number < 3))


def test_an_idle_worker_handles_the_frame_that_was_started():
    worker = rounds_of(settings(1))
    assert worker.limit == 0
    worker.opened(1, 1)
    worker.opened(2, 1)
    assert worker.limit == 1
