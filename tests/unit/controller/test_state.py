"""The controller's table: every event in every phase is legal or changes nothing."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.controller import state as c
from neurocluster.wire.control import Control, Kind

MS = 1_000_000
GENERATION = 5
LINKS = {0: ("client", "a.0"), 1: ("a.0", "b.0"), 2: ("b.0", "client")}
NAMES = ("a.0", "b.0")
CLIENT, A, B, STRANGER = b"1", b"2", b"3", b"9"
NODES = {CLIENT: "client", A: "a.0", B: "b.0"}
P, K = c.Phase, Kind


class Plan:
    partitions = NAMES
    links = LINKS

    def prepare(self, node):
        return {
            "node": node, "partition": None, "inbound": [], "outbound": [],
            "settings": {}, "plan_hash": "h",
        }  # fmt: skip


def pairs(counts):
    return b"".join(struct.pack("<QQ", *pair) for pair in counts.items())


def report(peer, spikes=9):
    node = NODES.get(peer, "")
    return {
        "inbound": [[k, spikes] for k, (_, t) in LINKS.items() if t == node],
        "outbound": [[k, spikes] for k, (s, _) in LINKS.items() if s == node],
        "worker": {},
    }


def body(kind, peer, **changes):
    role = "client" if peer == CLIENT else "worker"
    return {
        K.REGISTER: {
            "role": role, "pid": int(peer), "host": "h", "slot": None, "version": "1",
        },
        K.BOUND: {"endpoint": f"ipc://{peer.decode()}"},
        K.BEAT: {
            "received": b"", "sent": b"", "blocked": False, "open_frames": 0,
            "finished": 7 if peer == CLIENT else -1,
        },
        K.FRAMES: {"partition": 0, "rows": b""},
        K.FAULT: {
            "link": "a.0->b.0", "frame": 3, "reason": "gap", "expected": 1, "got": 2,
        },
        K.IDLE: {"report": report(peer)},
        K.STOPPED: {"report": report(peer)},
        K.BYE: {"reason": "SIGTERM received"},
    }.get(kind, {}) | changes  # fmt: skip


class Driver:
    """A controller and its time."""

    def __init__(self):
        self.controller = c.Controller(
            Plan(), generation=GENERATION, cluster="x", version="1", cores=2,
            deadline_ns=10**10,
        )  # fmt: skip
        self.now, self.actions = 10**9, []

    @property
    def phase(self):
        return self.controller.phase

    def event(self, event, after=MS):
        self.now += after
        self.actions = self.controller.handle(event, self.now)
        return self.actions

    def say(self, kind, *peers, generation=GENERATION, epoch=None, **changes):
        epoch = self.controller.epoch if epoch is None else epoch
        for peer in peers:
            message = Control(kind, body(kind, peer, **changes), generation, epoch)
            self.event(c.Received(peer, message))
        return self.actions

    def sent(self, kind):
        """Return who was sent a kind of message by the last event."""
        return {
            a.peer for a in self.actions
            if isinstance(a, c.Send) and a.message.kind is kind
        }  # fmt: skip

    def ticks(self, milliseconds, *beating):
        """Let time pass; some peers send BEATs. Return all actions."""
        found = []
        for _ in range(milliseconds // 50):
            for peer in beating:
                self.now -= MS
                self.say(K.BEAT, peer)
            found += self.event(c.Tick(), after=50 * MS)
        return found


EVERYBODY = (CLIENT, A, B)


def at(phase):
    d = Driver()
    if phase is P.GATHER:
        d.say(K.REGISTER, CLIENT, A)
        d.say(K.READY, CLIENT, A)
        return d
    d.say(K.REGISTER, *EVERYBODY)
    d.say(K.READY, *EVERYBODY)
    if phase is not P.WIRE:
        d.say(K.BOUND, *EVERYBODY)
        d.say(K.LINKED, *EVERYBODY)
    if phase in (P.STOPPING, P.ENDED):
        d.say(K.IDLE, CLIENT)
    if phase is P.FAILED:
        d.say(K.FAULT, A)
    if phase is P.ENDED:
        d.say(K.STOPPED, A, B)
    assert d.phase is phase
    return d


def finish(actions):
    return [a for a in actions if isinstance(a, c.Finish)]


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
    assert d.controller.epoch == 1
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
    roster = next(a.message.body["roster"] for a in d.actions if isinstance(a, c.Send))
    assert [e["partition"] for e in roster] == ["client", "a.0", "b.0"]


def test_the_end_step_by_step():
    d = at(P.RUN)
    d.say(K.FRAMES, A)
    assert d.sent(K.FRAMES) == {CLIENT}
    d.say(K.IDLE, CLIENT)
    assert d.sent(K.STOP) == {A, B}
    d.say(K.FRAMES, B)  # the last rows, before STOPPED
    assert d.sent(K.FRAMES) == {CLIENT}
    d.say(K.STOPPED, B)
    assert not d.actions
    d.say(K.STOPPED, A)
    assert d.sent(K.TABLES) == {CLIENT}
    assert finish(d.actions) == [c.Finish(0, "done")]


def test_a_difference_is_told_before_the_tables():
    """The client may leave as soon as it has the tables."""
    d = at(P.RUN)
    d.say(K.IDLE, CLIENT)
    d.say(K.STOPPED, A)
    d.say(K.STOPPED, B, report=report(B, spikes=8))
    kinds = [a.message.kind for a in d.actions if isinstance(a, c.Send)]
    assert kinds == [K.FAILED, K.TABLES]
    (end,) = finish(d.actions)
    assert end.code == 1


LEGAL = {
    (P.GATHER, K.BYE): P.GATHER, (P.GATHER, K.BEAT): P.GATHER,
    (P.WIRE, K.BOUND): P.WIRE, (P.WIRE, K.LINKED): P.WIRE,
    (P.WIRE, K.FAULT): P.FAILED, (P.WIRE, K.BYE): P.FAILED, (P.WIRE, K.BEAT): P.WIRE,
    (P.RUN, K.FRAMES): P.RUN, (P.RUN, K.FAULT): P.FAILED, (P.RUN, K.BYE): P.FAILED,
    (P.RUN, K.BEAT): P.RUN, (P.STOPPING, K.FRAMES): P.STOPPING,
    (P.STOPPING, K.STOPPED): P.STOPPING, (P.STOPPING, K.BEAT): P.STOPPING,
    (P.STOPPING, K.BYE): P.STOPPING, (P.FAILED, K.STOPPED): P.FAILED,
    (P.FAILED, K.BEAT): P.FAILED, (P.FAILED, K.BYE): P.FAILED,
}  # fmt: skip


@pytest.mark.parametrize("phase", list(P))
@pytest.mark.parametrize("kind", [k for k in K if k not in (K.REGISTER, K.IDLE)])
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
    assert d.say(kind, peer, generation=generation) == []
    assert repr(d.controller) == before


@pytest.mark.parametrize("phase", list(P))
@pytest.mark.parametrize("kind", [k for k in K if k not in (K.READY, K.BEAT, K.BYE)])
def test_another_epoch_changes_nothing(phase, kind):
    if kind is K.REGISTER:
        return
    d = at(phase)
    before = repr(d.controller)
    for epoch in (0, 2):
        if epoch != d.controller.epoch:
            assert d.say(kind, A, epoch=epoch) == []
    assert repr(d.controller) == before


@pytest.mark.parametrize("phase", [p for p in P if p is not P.ENDED])
def test_a_second_client_is_refused_in_every_phase(phase):
    d = at(phase)
    d.say(K.REGISTER, STRANGER, role="client")
    assert d.sent(K.REFUSE) == {STRANGER}
    words = d.actions[0].message.body["reason"]
    if phase is not P.FAILED:
        assert words == "cluster busy: held by client (pid 1 on h)"


def test_workers_too_many_and_other_versions_are_refused():
    d = Driver()
    d.say(K.REGISTER, *EVERYBODY)
    d.say(K.REGISTER, STRANGER)
    assert d.actions[0].message.body["reason"] == "all 2 partitions have a worker"
    d = Driver()
    d.say(K.REGISTER, A, version="2")
    assert (
        "version 2 does not fit the controller's 1"
        in (d.actions[0].message.body["reason"])
    )


@pytest.mark.parametrize(
    ("slots", "nodes"),
    [
        ((None, None), ("a.0", "b.0")), ((1, 0), ("b.0", "a.0")),
        ((1, None), ("b.0", "a.0")), ((1, 1), ("b.0", "a.0")),
        ((-1, 7), ("a.0", "b.0")), ((None, 0), ("b.0", "a.0")),
    ],
)  # fmt: skip
def test_a_slot_is_a_wish(slots, nodes):
    d = Driver()
    for peer, slot in zip((A, B), slots, strict=True):
        d.say(K.REGISTER, peer, slot=slot)
    d.say(K.REGISTER, CLIENT)
    d.say(K.READY, *EVERYBODY)
    found = {a.peer: a.message.body["node"] for a in d.actions}
    assert found == {CLIENT: "client", A: nodes[0], B: nodes[1]}


@pytest.mark.parametrize("peer", EVERYBODY)
@pytest.mark.parametrize("phase", [P.WIRE, P.RUN, P.STOPPING])
def test_an_exit_fails_the_run_and_names_who(phase, peer):
    d = at(phase)
    if phase is P.STOPPING and peer == CLIENT:
        return  # it has reported
    actions = d.event(c.Exited(int(peer), "was killed by signal 9 (SIGKILL)"))
    assert d.phase is P.FAILED
    assert d.sent(K.STOP) == {A, B} - {peer}
    assert d.sent(K.FAILED) == {CLIENT} - {peer}
    (log,) = [a.text for a in actions if isinstance(a, c.Log)]
    assert f"pid {int(peer)} on h) was killed by signal 9 (SIGKILL)" in log
    found = d.ticks(1000)
    assert [a.code for a in finish(found)] == [1]


@pytest.mark.parametrize("phase", list(P))
def test_a_stop_from_outside(phase):
    d = at(phase)
    actions = d.event(c.StopAsked())
    if phase in (P.GATHER, P.WIRE):
        assert finish(actions) == [c.Finish(130, "stopped on request")]
    elif phase is P.RUN:
        assert d.sent(K.DRAIN) == {CLIENT}
        d.say(K.IDLE, CLIENT)
        d.say(K.STOPPED, A, B)
        assert [a.code for a in finish(d.actions)] == [130]
    else:
        assert actions == []


def test_a_client_that_does_not_drain_fails_at_the_deadline():
    d = at(P.RUN)
    d.event(c.StopAsked())
    actions = d.ticks(6000, *EVERYBODY)
    assert "the client did not finish its frames in time" in finish(actions)[0].text


@pytest.mark.parametrize("peer", EVERYBODY)
def test_silence_in_a_run_is_found_within_a_second(peer):
    d = at(P.RUN)
    others = set(EVERYBODY) - {peer}
    assert not finish(d.ticks(900, *others))
    assert d.phase is P.RUN
    d.ticks(250, *others)
    assert d.phase is P.FAILED


def test_silence_does_not_count_while_the_controller_did_not_run():
    d = at(P.RUN)
    d.ticks(100, *EVERYBODY)
    d.event(c.Tick(), after=30_000 * MS)
    assert d.phase is P.RUN
    d.ticks(1200)
    assert d.phase is P.FAILED


def test_a_worker_that_fell_silent_before_the_start_is_replaced():
    d = at(P.GATHER)
    d.ticks(1200, CLIENT)
    assert d.phase is P.GATHER
    d.say(K.REGISTER, B, STRANGER)
    d.say(K.READY, B, STRANGER)
    assert d.phase is P.WIRE


def test_a_member_may_build_for_seconds():
    """It compiles beside its loop, so its beats go on."""
    d = at(P.WIRE)
    assert finish(d.ticks(6000, *EVERYBODY)) == []
    d.say(K.BOUND, *EVERYBODY)
    d.say(K.LINKED, *EVERYBODY)
    assert d.phase is P.RUN


def test_silence_counts_while_links_are_made():
    d = at(P.WIRE)
    d.say(K.BOUND, A)
    d.ticks(1200, CLIENT, B)
    assert d.phase is P.FAILED


def test_a_build_that_never_ends_meets_the_deadline():
    d = at(P.WIRE)
    d.say(K.BOUND, CLIENT, A)
    actions = d.ticks(12_000, *EVERYBODY)
    (end,) = finish(actions)
    assert "the cluster was not complete after 10 s" in end.text
    assert "a.0->b.0" in end.text


def test_a_link_on_which_nothing_arrives_is_stalled():
    d = at(P.RUN)

    def beat(sent, got, blocked=False):
        d.say(K.BEAT, A, sent=pairs({1: sent}))
        d.say(K.BEAT, B, received=pairs({1: got}), blocked=blocked)
        d.say(K.BEAT, CLIENT)
        d.event(c.Tick(), after=50 * MS)

    for k in range(100):
        beat(k + 5, k)  # behind, but moving
    for _ in range(100):
        beat(200, 100, blocked=True)
    assert d.phase is P.RUN
    for _ in range(45):
        beat(200, 100)
    assert d.phase is P.FAILED
    d.say(K.STOPPED, A, B)
    d.say(K.IDLE, CLIENT)
    (end,) = finish(d.actions)
    assert "link a.0->b.0 is stalled: 100 of 200 spikes arrived" in end.text


SENDERS = st.sampled_from((CLIENT, A, B, STRANGER))
EVENTS = st.one_of(
    st.tuples(st.sampled_from(list(K)), SENDERS, st.sampled_from((5, 5, 5, 6)),
              st.sampled_from((None, None, None, 0, 1, 2))),
    st.builds(c.Exited, st.integers(1, 4), st.just("ended"), st.booleans()),
    st.just(c.StopAsked()),
    st.just(c.Tick()),
)  # fmt: skip
ORDER = [P.GATHER, P.WIRE, P.RUN, P.STOPPING, P.FAILED, P.ENDED]


@given(
    st.lists(st.tuples(EVENTS, st.integers(0, 3000)), max_size=40),
    st.sampled_from([p for p in P if p is not P.ENDED]),
)
def test_no_sequence_of_events_breaks_a_controller(events, phase):
    d = at(phase)
    ended = 0
    for event, milliseconds in events:
        before = d.phase
        if isinstance(event, tuple):
            kind, peer, generation, epoch = event
            d.now += milliseconds * MS
            d.say(kind, peer, generation=generation, epoch=epoch)
        else:
            d.event(event, after=milliseconds * MS)
        assert ORDER.index(d.phase) >= ORDER.index(before)
        ended += len(finish(d.actions))
        assert not (before is P.ENDED and d.actions)
        assert d.controller.epoch <= 1
    assert ended == (d.phase is P.ENDED)


@given(st.lists(st.tuples(EVENTS, st.integers(0, 300)), max_size=20))
def test_every_controller_that_fails_or_stops_ends(events):
    """Whatever happened before, no end waits for ever."""
    d = at(P.RUN)
    for event, milliseconds in events:
        if isinstance(event, tuple):
            d.now += milliseconds * MS
            d.say(event[0], event[1], generation=event[2], epoch=event[3])
        else:
            d.event(event, after=milliseconds * MS)
    d.ticks(15_000)
    assert d.phase is P.ENDED
