"""What ends an epoch, and what comes after it."""

import pytest

from neurocluster.controller import events as e
from neurocluster.controller.epochs import MOST_BARREN
from tests.support.controllers import (
    CLIENT,
    EVERYBODY,
    KILLED,
    MS,
    RECOVERY_NS,
    SPARE,
    A,
    B,
    Driver,
    K,
    P,
    at,
    finish,
    rows,
)

LOSSES = {
    "exit": lambda d: d.event(e.Exited(2, KILLED)),
    "bye": lambda d: d.say(K.BYE, A),
    "silence": lambda d: d.ticks(1200, CLIENT, B, *d.spares),
}


def driver(phase, spares=()):
    d = at(phase, spares=spares)
    d.spares = spares
    return d


@pytest.mark.parametrize("how", LOSSES)
@pytest.mark.parametrize("phase", [P.WIRE, P.RUN])
def test_a_lost_worker_is_waited_for_and_its_successor_makes_the_next_epoch(phase, how):
    d = driver(phase)
    LOSSES[how](d)
    assert (d.phase, d.epoch) == (P.GATHER, 1)
    d.join(SPARE)
    assert (d.phase, d.epoch) == (P.WIRE, 2)
    assert d.sent(K.PREPARE) == {CLIENT, B, SPARE}
    d.wire(CLIENT, B, SPARE)
    assert d.phase is P.RUN


@pytest.mark.parametrize("how", LOSSES)
def test_a_spare_takes_the_place_at_once(how):
    d = driver(P.RUN, spares=(SPARE,))
    LOSSES[how](d)
    assert (d.phase, d.epoch) == (P.WIRE, 2)


@pytest.mark.parametrize("phase", [P.WIRE, P.RUN])
def test_a_fault_begins_the_next_epoch_with_the_same_members(phase):
    d = driver(phase)
    d.say(K.FAULT, B)
    assert d.sent(K.PREPARE) == set(EVERYBODY)
    (lost,) = d.messages(K.LOST)
    assert "found a fault on link a.0->b.0, frame 3: gap" in lost.message.body["reason"]
    for kind in (K.FAULT, K.BOUND, K.LINKED):  # of the epoch before
        assert d.say(kind, A, epoch=1) == []


def test_a_fault_that_was_lost_is_made_good_by_a_beat():
    d = driver(P.RUN)
    d.say(K.BEAT, B, phase="faulty")
    assert (d.phase, d.epoch) == (P.WIRE, 2)
    d.say(K.BEAT, B, phase="faulty", epoch=1)
    assert d.epoch == 2


def test_a_go_that_was_lost_is_made_good_by_a_beat():
    d = driver(P.RUN)
    d.say(K.BEAT, B, phase="linked")
    assert d.sent(K.GO) == {B}
    d.say(K.BEAT, B)
    assert d.sent(K.GO) == set()


def test_a_link_on_which_nothing_arrives_ends_the_epoch():
    d = driver(P.RUN)

    def beat(sent, got, blocked=False):
        d.say(K.BEAT, A, sent=rows((1, sent, 0)))
        d.say(K.BEAT, B, received=rows((1, got, 0)), blocked=blocked)
        d.say(K.BEAT, CLIENT)
        d.event(e.Tick(), after=50 * MS)

    for k in range(100):
        beat(k + 5, k)  # behind, but moving
    for _ in range(100):
        beat(200, 100, blocked=True)
    assert d.phase is P.RUN
    reasons = []
    for _ in range(45):
        beat(200, 100)
        reasons += [m.message.body["reason"] for m in d.messages(K.LOST)]
    assert d.epoch == 2


@pytest.mark.parametrize("peer", [A, B])
def test_silence_in_a_run_is_found_within_a_second(peer):
    d = driver(P.RUN)
    others = set(EVERYBODY) - {peer}
    d.ticks(900, *others)
    assert d.phase is P.RUN
    d.ticks(250, *others)
    assert d.phase is P.GATHER


def test_silence_does_not_count_while_the_controller_did_not_run():
    d = driver(P.RUN)
    d.ticks(100, *EVERYBODY)
    d.event(e.Tick(), after=30_000 * MS)
    assert d.phase is P.RUN
    d.ticks(1200)
    assert d.phase is P.GATHER


def test_a_member_may_build_for_seconds():
    """It compiles beside its loop, so its beats go on."""
    d = driver(P.WIRE)
    assert finish(d.ticks(9000, *EVERYBODY, phase="building")) == []
    assert d.epoch == 1
    d.wire(*EVERYBODY)
    assert d.phase is P.RUN


def test_a_build_that_never_ends_meets_the_deadline():
    d = driver(P.WIRE)
    d.say(K.BOUND, CLIENT, A)
    (end,) = finish(d.ticks(12_000, *EVERYBODY, phase="building"))
    assert "the cluster was not complete after 10 s" in end.text
    assert "a.0->b.0" in end.text


def test_wiring_that_gets_nowhere_is_tried_again():
    """A message may be lost: nobody builds, nobody is silent, nothing comes."""
    d = driver(P.WIRE)
    d.ticks(1900, *EVERYBODY, phase="bound")
    assert d.epoch == 1
    actions = d.ticks(300, *EVERYBODY, phase="bound")
    assert d.epoch == 2
    assert d.sent(K.PREPARE, actions) == set(EVERYBODY)


def test_nobody_in_the_place_of_a_worker_fails_the_session():
    d = driver(P.RUN)
    d.event(e.Exited(2, KILLED))
    actions = d.ticks(RECOVERY_NS // MS + 700, CLIENT, B)
    (end,) = finish(actions)
    assert KILLED in end.text
    assert "then the cluster was not complete after 6 s" in end.text
    assert "nobody runs a.0" in end.text
    assert d.sent(K.FAILED, actions) == {CLIENT}


@pytest.mark.parametrize("left", [None, 0, 1, 2])
def test_a_worker_that_nobody_starts_again_fails_the_session_at_once(left):
    d = driver(P.RUN)
    d.event(e.Exited(2, KILLED, left=left))
    hopeless = left is not None and left < 2
    assert d.phase is (P.CLOSING if hopeless else P.GATHER)
    if hopeless:
        (failed,) = d.messages(K.FAILED)
        assert failed.message.body["reason"].endswith("it is not started again")
        assert failed.message.body["partition"] is None or KILLED in d.logs()[0]


def test_a_process_that_dies_before_it_registers_is_told():
    d = at(P.GATHER)
    d.event(e.Exited(77, KILLED, left=2))
    assert d.logs() == [f"a worker (pid 77) {KILLED}; another is started"]
    d.event(e.Exited(78, KILLED, left=1))
    assert d.phase is P.ENDED


def fail_running(d, *, finished=-1, open_frames=1):
    """Let an epoch run and fail, and the client tell how far it came."""
    d.wire(*EVERYBODY)
    d.say(K.FAULT, A)
    assert d.phase is P.WIRE
    d.say(
        K.BEAT, CLIENT, phase="building", open_frames=open_frames, finished=finished
    )  # fmt: skip


def test_epochs_without_a_finished_frame_fail_the_session():
    d = at(P.WIRE)
    for _ in range(MOST_BARREN - 1):
        fail_running(d)
        assert d.phase is P.WIRE
    fail_running(d)
    assert d.phase is P.CLOSING
    (failed,) = d.messages(K.FAILED)
    words = f"{MOST_BARREN} times in a row no frame was finished"
    assert words in failed.message.body["reason"]
    assert failed.message.body["partition"] == "a.0"


def test_epochs_with_a_finished_frame_may_fail_for_ever():
    d = at(P.WIRE)
    for k in range(3 * MOST_BARREN):
        fail_running(d, finished=k)
        assert d.phase is P.WIRE


def test_epochs_with_nothing_to_finish_may_fail_for_ever():
    d = at(P.WIRE)
    for _ in range(3 * MOST_BARREN):
        fail_running(d, open_frames=0)
        assert d.phase is P.WIRE


def test_a_stream_that_begins_is_no_progress():
    """Positions count from -1 again then."""
    d = at(P.WIRE)
    fail_running(d, finished=7)
    for _ in range(MOST_BARREN):
        if d.phase is P.WIRE:
            fail_running(d)
    assert d.phase is P.CLOSING


def test_the_members_of_a_host_are_lost_together():
    """Spares for all of them must do, however many epochs begin in between."""
    d = at(P.RUN, spares=(SPARE, b"5", b"6", b"7", b"8", b"30"))
    for pid in (2, 3, 4, 5, 6, 7):
        d.event(e.Exited(pid, KILLED))
        assert d.phase is P.WIRE
    d.say(K.BEAT, CLIENT, phase="building", open_frames=1)
    assert d.phase is P.WIRE
    d.wire(CLIENT, b"8", b"30")
    assert d.phase is P.RUN


def test_who_falls_silent_together_costs_one_epoch():
    d = at(P.RUN, spares=(SPARE, b"5"))
    d.ticks(1200, CLIENT, SPARE, b"5")
    assert (d.phase, d.epoch) == (P.WIRE, 2)


def test_a_zombie_is_told_to_register_again_and_is_a_spare_then():
    d = driver(P.RUN)
    d.ticks(1200, CLIENT, B)
    d.join(SPARE)
    d.wire(CLIENT, B, SPARE)
    assert (d.phase, d.epoch) == (P.RUN, 2)
    d.say(K.BEAT, A, epoch=1)
    (refusal,) = d.messages(K.REFUSE)
    assert refusal.message.body["fatal"] is False
    d.join(A)
    assert (d.phase, d.epoch) == (P.RUN, 2)


def test_a_driver_of_a_gathering_controller_ignores_faults():
    d = Driver()
    d.join(A, B)
    assert d.say(K.FAULT, A, epoch=0) == []
