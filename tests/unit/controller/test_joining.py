"""Who may join, who gets which part, who takes whose place."""

import pytest

from neurocluster.controller import events as e
from tests.support.controllers import (
    CLIENT,
    DEADLINE_NS,
    EVERYBODY,
    KILLED,
    MS,
    SPARE,
    STRANGER,
    A,
    B,
    Driver,
    K,
    P,
    at,
    finish,
)


def nodes(d, actions=None):
    return {m.peer: m.message.body["node"] for m in d.messages(K.PREPARE, actions)}


@pytest.mark.parametrize("phase", [p for p in P if p is not P.ENDED])
def test_a_second_client_is_refused_in_every_phase(phase):
    d = at(phase)
    d.say(K.REGISTER, STRANGER, role="client")
    (refusal,) = d.messages(K.REFUSE)
    assert refusal.peer == STRANGER
    assert refusal.message.body == {
        "reason": "cluster busy: held by client (pid 1 on h)", "fatal": True,
    }  # fmt: skip


def test_another_version_is_refused_and_workers_are_spares():
    d = Driver()
    d.say(K.REGISTER, A, version="2")
    words = d.actions[0].message.body["reason"]
    assert "version 2 does not fit the controller's 1" in words
    d.join(*(b"%d" % k for k in range(20, 92)))
    assert d.sent(K.WELCOME) == set()
    d.say(K.REGISTER, STRANGER)
    assert d.messages(K.REFUSE)[0].message.body["reason"].startswith("72 workers")


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        ((None, None), ("a.0", "b.0")), ((1, 0), ("b.0", "a.0")),
        ((1, None), ("b.0", "a.0")), ((1, 1), ("b.0", "a.0")),
        ((-1, 7), ("a.0", "b.0")), ((None, 0), ("b.0", "a.0")),
    ],
)  # fmt: skip
def test_a_slot_is_a_wish(slots, expected):
    d = Driver()
    for peer, slot in zip((A, B), slots, strict=True):
        d.say(K.REGISTER, peer, slot=slot)
    d.say(K.REGISTER, CLIENT)
    d.say(K.READY, *EVERYBODY)
    assert nodes(d) == {CLIENT: "client", A: expected[0], B: expected[1]}


def test_a_register_that_is_repeated_is_one_member():
    """WELCOME may be lost; the member asks again until it hears one."""
    d = Driver()
    for _ in range(3):
        d.say(K.REGISTER, *EVERYBODY)
        assert len(d.messages(K.WELCOME)) == 1
    d.say(K.READY, *EVERYBODY)
    assert d.phase is P.WIRE


def test_a_beat_makes_good_a_ready_that_was_lost():
    d = at(P.GATHER)
    d.say(K.REGISTER, B)
    d.say(K.BEAT, B, phase="standby", epoch=0)
    assert d.phase is P.WIRE


def test_a_duplicate_worker_with_the_same_wish_is_a_spare():
    d = at(P.RUN)
    d.join(SPARE, slot=0)
    assert d.phase is P.RUN
    assert not d.messages(K.PREPARE)
    d.event(e.Exited(3, KILLED))
    assert nodes(d) == {CLIENT: "client", A: "a.0", SPARE: "b.0"}


def test_whoever_has_a_part_keeps_it_in_the_next_epoch():
    d = at(P.RUN, spares=(SPARE,))
    d.join(STRANGER, slot=0)
    d.event(e.Exited(2, KILLED))
    assert nodes(d) == {CLIENT: "client", B: "b.0", STRANGER: "a.0"}


def test_who_replaces_a_process_takes_its_place_and_tells_its_end():
    d = at(P.RUN)
    d.say(K.REGISTER, SPARE, replaces=2, cause=KILLED)
    assert d.phase is P.GATHER
    (lost,) = d.messages(K.LOST)
    assert lost.peer == CLIENT
    assert f"partition a.0 (worker pid 2 on h) {KILLED}" in lost.message.body["reason"]
    d.say(K.READY, SPARE)
    assert nodes(d)[SPARE] == "a.0"
    d.event(e.Exited(2, KILLED, left=2))  # the launcher tells it later
    assert (d.phase, d.epoch) == (P.WIRE, 2)


def test_a_process_of_another_host_is_not_replaced():
    d = at(P.RUN)
    d.say(K.REGISTER, SPARE, replaces=2, cause=KILLED, host="g")
    assert d.phase is P.RUN


@pytest.mark.parametrize("peer", [A, B])
@pytest.mark.parametrize("phase", [P.WIRE, P.RUN])
def test_a_worker_that_comes_back_ends_the_epoch_and_may_have_its_part_again(
    phase, peer
):
    """It closed its links when its lease was over: the epoch is broken."""
    d = at(phase)
    d.say(K.REGISTER, peer)
    assert d.phase is P.GATHER
    d.say(K.READY, peer)
    assert (d.phase, d.epoch) == (P.WIRE, 2)
    assert nodes(d) == {CLIENT: "client", A: "a.0", B: "b.0"}


@pytest.mark.parametrize("once", [True, False])
def test_a_client_that_fell_silent_comes_back_with_its_session(once):
    d = at(P.RUN, once=once)
    d.ticks(1200, A, B)
    assert d.phase is P.GATHER
    d.say(K.BEAT, CLIENT)
    assert d.sent(K.REFUSE) == {CLIENT}
    d.say(K.REGISTER, CLIENT)
    assert d.sent(K.WELCOME) == {CLIENT}
    d.say(K.READY, CLIENT)
    assert (d.phase, d.epoch) == (P.WIRE, 2)
    d.wire(*EVERYBODY)
    d.say(K.IDLE, CLIENT)
    d.say(K.REPORT, A, B)
    assert [f.code for f in finish(d.actions)] == ([0] if once else [])


def test_a_client_may_come_back_while_its_old_life_is_in_the_roster():
    d = at(P.RUN)
    d.say(K.REGISTER, CLIENT)
    assert d.sent(K.END) == {A, B}
    assert d.sent(K.WELCOME) == {CLIENT}
    d.say(K.READY, CLIENT)
    assert (d.phase, d.epoch) == (P.WIRE, 2)


def test_who_is_missing_is_named_at_the_deadline():
    d = at(P.GATHER)
    actions = d.ticks(DEADLINE_NS // MS + 100, CLIENT, A)
    (end,) = finish(actions)
    assert "1 of 2 workers are there; nobody runs b.0" in end.text
    assert d.sent(K.FAILED, actions) == {CLIENT}


def test_without_a_client_the_controller_waits():
    d = Driver()
    d.join(A, B)
    assert not finish(d.ticks(3 * DEADLINE_NS // MS, A, B))


def test_who_leaves_before_welcome_reaches_it_has_left():
    d = Driver()
    d.join(CLIENT)
    d.say(K.REGISTER, A)
    d.say(K.BYE, A, generation=0)
    (line,) = (a.text for a in d.actions if isinstance(a, e.Log))
    assert line.startswith("a spare (worker pid 2 on h) left: SIGTERM received")
    d.say(K.READY, A)
    d.join(B)
    assert d.sent(K.PREPARE) == set()
    d.say(K.BYE, B, generation=1)
    assert not any(isinstance(a, e.Log) for a in d.actions)
