"""The controller's table: every event in every phase is legal or changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.controller import events as e
from tests.support.controllers import (
    CLIENT,
    EVERYBODY,
    GENERATION,
    KILLED,
    MS,
    NODES,
    SPARE,
    STRANGER,
    A,
    B,
    Driver,
    K,
    P,
    Plan,
    at,
    finish,
    report,
)


def test_bring_up_step_by_step():
    d = Driver()
    d.say(K.REGISTER, A)
    assert d.sent(K.WELCOME) == {A}
    d.say(K.READY, A)
    d.say(K.REGISTER, CLIENT, B)
    d.say(K.READY, B)
    assert d.phase is P.GATHER
    d.say(K.READY, CLIENT)
    assert d.sent(K.PREPARE) == set(EVERYBODY)
    assert d.epoch == 1
    d.say(K.BOUND, A, B)
    assert not d.actions
    d.say(K.BOUND, CLIENT)
    assert d.sent(K.CONNECT) == set(EVERYBODY)
    found = {a.peer: a.message.body["endpoints"] for a in d.actions}
    assert found == {CLIENT: [[0, "ipc://2"]], A: [[1, "ipc://3"]], B: [[2, "ipc://1"]]}
    d.say(K.LINKED, A, CLIENT)
    assert d.phase is P.WIRE
    d.say(K.LINKED, B)
    assert d.sent(K.GO) == set(EVERYBODY)
    roster = d.messages(K.GO)[0].message.body["roster"]
    assert [entry["partition"] for entry in roster] == ["client", "a.0", "b.0"]


def test_the_end_step_by_step():
    d = at(P.RUN)
    d.say(K.FRAMES, A)
    assert d.sent(K.FRAMES) == {CLIENT}
    d.say(K.IDLE, CLIENT)
    assert d.sent(K.END) == {A, B}
    d.say(K.FRAMES, B)  # the last rows, before REPORT
    assert d.sent(K.FRAMES) == {CLIENT}
    d.say(K.DETAILS, B)
    assert d.sent(K.DETAILS) == {CLIENT}
    d.say(K.REPORT, B)
    assert not d.actions
    d.say(K.REPORT, A)
    assert d.sent(K.TABLES) == {CLIENT}
    assert d.sent(K.STOP) == {A, B}
    assert finish(d.actions) == [e.Finish(0, "done")]


def test_a_difference_is_told_before_the_tables():
    """The client may leave as soon as it has the tables."""
    d = at(P.RUN)
    d.say(K.IDLE, CLIENT)
    d.say(K.REPORT, A)
    d.say(K.REPORT, B, report=report(B, spikes=8))
    kinds = [a.message.kind for a in d.actions if isinstance(a, e.Send)]
    assert kinds[:2] == [K.FAILED, K.TABLES]
    (end,) = finish(d.actions)
    assert end.code == 1
    assert "a.0->b.0 carried 9 spikes at its source and 8" in end.text


LEGAL = {
    (P.GATHER, K.BYE): P.GATHER, (P.GATHER, K.BEAT): P.GATHER,
    (P.GATHER, K.FRAMES): P.GATHER, (P.GATHER, K.DETAILS): P.GATHER,
    (P.WIRE, K.DETAILS): P.WIRE, (P.RUN, K.DETAILS): P.RUN,
    (P.CLOSING, K.DETAILS): P.CLOSING,
    (P.WIRE, K.BOUND): P.WIRE, (P.WIRE, K.LINKED): P.WIRE, (P.WIRE, K.FAULT): P.WIRE,
    (P.WIRE, K.BYE): P.GATHER, (P.WIRE, K.BEAT): P.WIRE, (P.WIRE, K.FRAMES): P.WIRE,
    (P.RUN, K.FRAMES): P.RUN, (P.RUN, K.FAULT): P.WIRE, (P.RUN, K.BYE): P.GATHER,
    (P.RUN, K.BEAT): P.RUN,
    (P.WIRE, K.PROBE): P.WIRE, (P.WIRE, K.ECHO): P.WIRE, (P.RUN, K.PROBE): P.RUN,
    (P.RUN, K.ECHO): P.RUN, (P.RUN, K.DONE): P.RUN,
    (P.CLOSING, K.FRAMES): P.CLOSING, (P.CLOSING, K.REPORT): P.CLOSING,
    (P.CLOSING, K.BEAT): P.CLOSING, (P.CLOSING, K.BYE): P.CLOSING,
}  # fmt: skip


@pytest.mark.parametrize("phase", list(P))
@pytest.mark.parametrize("kind", [k for k in K if k is not K.REGISTER])
def test_every_message_of_a_worker_in_every_phase(phase, kind):
    d = at(phase)
    actions = d.say(kind, A)
    assert d.phase is LEGAL.get((phase, kind), phase)
    if (phase, kind) not in LEGAL:
        assert actions == []
    if kind is K.BEAT and phase is not P.ENDED:
        assert d.sent(K.ACK) == {A}


@pytest.mark.parametrize("phase", list(P))
@pytest.mark.parametrize("kind", list(K))
@pytest.mark.parametrize(
    ("peer", "generation"), [(STRANGER, GENERATION), (A, GENERATION + 1), (A, 0)]
)
def test_strangers_and_other_lives_change_nothing(phase, kind, peer, generation):
    if kind is K.REGISTER:
        return
    d = at(phase)
    before = repr(d.controller)
    actions = d.say(kind, peer, generation=generation)
    assert repr(d.controller) == before
    if kind is not K.BEAT or phase is P.ENDED:
        assert actions == []
        return
    (refusal,) = actions  # who beats must learn that it was given up
    assert refusal.message.kind is K.REFUSE
    assert refusal.message.body["fatal"] is False
    assert refusal.message.generation == generation


ANY_EPOCH = (K.REGISTER, K.READY, K.BEAT, K.BYE, K.FRAMES, K.DETAILS, K.IDLE, K.REPORT)


@pytest.mark.parametrize("phase", list(P))
@pytest.mark.parametrize("kind", [k for k in K if k not in ANY_EPOCH])
def test_another_epoch_changes_nothing(phase, kind):
    d = at(phase)
    before = repr(d.controller)
    for epoch in (0, 2):
        if epoch != d.epoch:
            assert d.say(kind, A, epoch=epoch) == []
    assert repr(d.controller) == before


def test_reports_of_an_epoch_that_is_over_keep_its_number():
    d = at(P.RUN)
    d.say(K.FAULT, A)
    d.say(K.FRAMES, A, epoch=1)
    (handed,) = d.messages(K.FRAMES)
    assert (handed.peer, handed.message.epoch, d.epoch) == (CLIENT, 1, 2)


@pytest.mark.parametrize("phase", [P.WIRE, P.RUN])
def test_questions_of_time_reach_a_links_source_and_answers_who_asked(phase):
    d = at(phase)
    d.say(K.PROBE, B, link=1)  # of the link from A to B
    (asked,) = d.messages(K.PROBE)
    assert (asked.peer, asked.message.body) == (A, {"link": 1, "asked_ns": 7})
    assert asked.message.epoch == d.epoch
    d.say(K.ECHO, A)
    (answer,) = d.messages(K.ECHO)
    assert (answer.peer, answer.message.body["answered_ns"]) == (B, 9)


@pytest.mark.parametrize(
    ("kind", "peer", "link"), [(K.PROBE, A, 1), (K.ECHO, B, 1), (K.PROBE, B, 9)]
)
def test_nobody_asks_on_a_link_that_is_not_its_own(kind, peer, link):
    assert at(P.RUN).say(kind, peer, link=link) == []


SENDERS = st.sampled_from((CLIENT, A, B, SPARE, STRANGER))
EVENTS = st.one_of(
    st.tuples(st.sampled_from(list(K)), SENDERS, st.sampled_from((5, 5, 5, 6)),
              st.sampled_from((None, None, None, 0, 1, 2))),
    st.builds(e.Exited, st.integers(1, 5), st.just(KILLED),
              st.sampled_from((None, 1, 2))),
    st.just(e.StopAsked()),
    st.just(e.Tick()),
)  # fmt: skip


def run(d, events):
    """Let events happen; yield the phase before each."""
    for event, milliseconds in events:
        before = d.phase
        if isinstance(event, tuple):
            kind, peer, generation, epoch = event
            d.now += milliseconds * MS
            d.say(kind, peer, generation=generation, epoch=epoch)
        else:
            d.event(event, after=milliseconds * MS)
        yield before


@given(
    st.lists(st.tuples(EVENTS, st.integers(0, 3000)), max_size=40),
    st.sampled_from([p for p in P if p is not P.ENDED]), st.booleans(),
)  # fmt: skip
def test_no_sequence_of_events_breaks_a_controller(events, phase, once):
    d = at(phase, once=once)
    ended, epoch = 0, d.epoch
    for before in run(d, events):
        assert d.epoch >= epoch
        owners = [m.message.body["node"] for m in d.messages(K.PREPARE)]
        assert len(owners) % 3 == 0  # two partitions and the client, each time
        ended += len(finish(d.actions))
        assert not (before is P.ENDED and d.actions)
        epoch = d.epoch
    assert ended == (d.phase is P.ENDED)


@given(st.lists(st.tuples(EVENTS, st.integers(0, 300)), max_size=20))
def test_every_controller_that_is_left_alone_ends(events):
    """Whatever happened before: once nobody speaks any more, no end waits for ever."""
    d = at(P.RUN)
    for _ in run(d, events):
        pass
    d.event(e.StopAsked())
    d.ticks(15_000)
    assert d.phase is P.ENDED


def rounds(actions):
    """Return who was told of which round, and how many frames were started."""
    return [
        (a.peer, a.message.body["round"], a.message.body["started"])
        for a in actions
        if isinstance(a, e.Send) and a.message.kind is K.OPEN
    ]


def done(d, peer, number, started=0):
    d.say(K.DONE, peer, round=number, started=started)
    return rounds(d.actions)


def test_a_round_opens_for_all_once_all_have_done_the_one_before(monkeypatch):
    monkeypatch.setattr(Plan, "clocked", True)
    d = at(P.RUN)
    assert done(d, A, 0) == []
    assert done(d, CLIENT, 0, started=1) == []
    assert done(d, A, 0) == []
    assert done(d, B, 0) == [(peer, 1, 1) for peer in EVERYBODY]
    assert done(d, B, 0) == [(B, 1, 1)]  # it did not hear of it
    assert done(d, STRANGER, 1) == []


def test_without_a_clock_no_round_opens():
    d = at(P.RUN)
    assert [done(d, peer, 0) for peer in EVERYBODY] == [[], [], []]


def test_nodes_that_tell_each_other_are_told_where():
    d = at(P.WIRE)
    for peer in EVERYBODY:
        d.say(K.BOUND, peer, ticks=f"ipc://t{NODES[peer]}")
    found = {m.peer: m.message.body["partners"] for m in d.messages(K.CONNECT)}
    # In the order of ranks: client, a.0, b.0; each tells the next one and the last.
    assert found == {
        CLIENT: ["ipc://ta.0", "ipc://tb.0"], A: ["ipc://tb.0", "ipc://tclient"],
        B: ["ipc://tclient", "ipc://ta.0"],
    }  # fmt: skip


def test_a_tick_that_does_not_arrive_ends_the_epoch_and_is_named():
    d = at(P.RUN, ticks=(("client", "a.0"), ("client", "b.0")))
    words = lambda *values: b"".join(v.to_bytes(8, "little") for v in values)  # noqa: E731
    found, well, late = [], words(3, 1, 4, 4, 4, 4), words(3, 1, 4, 4, 4, 3)
    for _ in range(25):
        found += d.ticks(100, CLIENT, A, rounds=well)
        found += d.say(K.BEAT, B, rounds=late)
    (lost,) = d.messages(K.LOST, found)
    assert lost.message.body["reason"] == (
        "the tick client->b.0 (on h) of round 3 has not arrived for 2 s"
    )
    assert d.epoch == 2
