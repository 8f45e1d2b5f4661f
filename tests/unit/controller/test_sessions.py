"""How sessions end, and what a controller does after one."""

import pytest

from neurocluster.controller import events as e
from tests.support.controllers import (
    CLIENT,
    EVERYBODY,
    KILLED,
    SPARE,
    STRANGER,
    A,
    B,
    K,
    P,
    at,
    finish,
)


def test_a_service_goes_on_with_the_next_client():
    d = at(P.RUN, once=False)
    d.say(K.IDLE, CLIENT)
    d.say(K.REPORT, A, B)
    assert d.sent(K.TABLES) == {CLIENT}
    assert finish(d.actions) == []
    assert d.phase is P.GATHER
    d.join(STRANGER, role="client")
    assert (d.phase, d.epoch) == (P.WIRE, 2)
    assert d.sent(K.PREPARE) == {STRANGER, A, B}
    d.wire(STRANGER, A, B)
    assert d.phase is P.RUN


def test_a_failed_session_leaves_the_service_for_the_next_client():
    d = at(P.RUN, once=False)
    d.event(e.Exited(2, KILLED, left=1))
    d.say(K.IDLE, CLIENT)
    d.say(K.REPORT, B)
    assert d.phase is P.GATHER
    assert d.sent(K.TABLES) == {CLIENT}
    d.join(A, STRANGER, role="worker")
    d.join(CLIENT)
    assert d.phase is P.WIRE


@pytest.mark.parametrize("phase", [P.GATHER, P.WIRE, P.RUN])
def test_a_client_that_leaves_ends_its_session(phase):
    d = at(phase, once=False)
    d.say(K.BYE, CLIENT)
    assert d.sent(K.END) == (set() if phase is P.GATHER else {A, B})
    assert d.phase is P.GATHER
    d = at(phase)
    d.say(K.BYE, CLIENT)
    (end,) = finish(d.actions)
    assert end.code == 1
    assert "client (pid 1 on h) left: SIGTERM received" in end.text


@pytest.mark.parametrize("told", [True, False])
def test_a_client_that_is_gone_ends_a_controller_of_one_session(told):
    d = at(P.RUN)
    found = d.event(e.Exited(1, KILLED)) if told else d.ticks(9000, A, B)
    (end,) = finish(found)
    assert end.code == 1
    assert (KILLED if told else "silent") in end.text


def test_an_end_before_the_cluster_ran():
    d = at(P.WIRE)
    d.say(K.IDLE, CLIENT)
    assert d.phase is P.CLOSING
    d.say(K.REPORT, A, B)
    assert [f.code for f in finish(d.actions)] == [0]


@pytest.mark.parametrize("failed", [True, False])
def test_who_does_not_report_is_waited_for_and_named(failed):
    d = at(P.RUN)
    if failed:
        d.event(e.Exited(2, KILLED, left=0))
        d.say(K.IDLE, CLIENT)
    else:
        d.say(K.IDLE, CLIENT)
        d.say(K.REPORT, A)
    actions = d.ticks(2200, B)
    assert d.phase is P.ENDED
    assert d.sent(K.TABLES, actions) == {CLIENT}
    assert any("no tables came from partition b.0" in str(a) for a in actions)


@pytest.mark.parametrize("loss", ["exit", "bye", "back"])
def test_who_is_lost_while_a_session_ends_is_not_waited_for(loss):
    d = at(P.CLOSING)
    d.say(K.REPORT, B)
    if loss == "exit":
        d.event(e.Exited(2, KILLED))
    else:
        d.say(K.BYE if loss == "bye" else K.REGISTER, A)
    assert [f.code for f in finish(d.actions)] == [0]


@pytest.mark.parametrize("phase", list(P))
def test_a_stop_from_outside(phase):
    d = at(phase)
    d.event(e.StopAsked())
    if phase is P.RUN:
        assert d.sent(K.DRAIN) == {CLIENT}
        d.say(K.IDLE, CLIENT)
    if phase in (P.RUN, P.CLOSING):
        d.say(K.REPORT, A, B)
        assert [f.code for f in finish(d.actions)] == [130]
    if phase is P.ENDED:
        assert d.actions == []


@pytest.mark.parametrize("once", [True, False])
def test_a_service_without_a_client_stops_at_once(once):
    d = at(P.GATHER, once=once)
    d.say(K.BYE, CLIENT)
    d.event(e.StopAsked(0))
    assert d.phase is P.ENDED
    if not once:
        assert d.sent(K.STOP) == {A}
        assert finish(d.actions) == [e.Finish(0, "stopped on request")]


def test_a_second_stop_does_not_wait():
    d = at(P.RUN)
    d.event(e.StopAsked())
    d.event(e.StopAsked())
    assert d.sent(K.STOP) == set(EVERYBODY)
    assert [f.code for f in finish(d.actions)] == [130]


def test_no_client_joins_a_cluster_that_ends_but_who_takes_a_lost_place_does():
    d = at(P.RUN)
    d.event(e.StopAsked())
    d.say(K.REGISTER, STRANGER, role="client")
    assert d.messages(K.REFUSE)[0].message.body["reason"] == "the cluster is ending"
    d.event(e.Exited(2, KILLED))
    d.join(SPARE)
    assert (d.phase, d.epoch) == (P.WIRE, 2)


def test_a_client_that_does_not_drain_fails_at_the_deadline():
    d = at(P.RUN)
    d.event(e.StopAsked())
    actions = d.ticks(6000, *EVERYBODY)
    assert "the client did not finish its frames in time" in finish(actions)[0].text


def test_a_recovery_goes_on_while_the_client_drains():
    d = at(P.RUN)
    d.event(e.StopAsked())
    d.say(K.FAULT, A)
    d.wire(*EVERYBODY)
    d.say(K.IDLE, CLIENT)
    d.say(K.REPORT, A, B)
    assert [f.code for f in finish(d.actions)] == [130]


def test_tables_that_go_on_to_come_have_their_time_and_no_more():
    d = at(P.RUN)
    d.say(K.IDLE, CLIENT)
    begun, found = d.now, d.say(K.REPORT, A)
    while d.phase is P.CLOSING and d.now - begun < 60e9:
        found += d.ticks(1500, *EVERYBODY)
        found += d.say(K.DETAILS, B)
    assert 25e9 <= d.now - begun < 28e9
    assert d.sent(K.DETAILS, found) == d.sent(K.TABLES, found) == {CLIENT}
    d = at(P.RUN)
    d.say(K.IDLE, CLIENT)
    d.say(K.DETAILS, A)
    d.ticks(2200, *EVERYBODY)
    assert d.phase is P.ENDED
