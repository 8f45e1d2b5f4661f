"""A member's table: every event in every phase is legal or changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.member import state as m
from neurocluster.wire.control import Control, Kind
from tests.support.members import (
    BODIES,
    EPOCH,
    FAULT,
    GENERATION,
    HELLOS,
    MS,
    NOT_FATAL,
    PREPARE,
    UP,
    Driver,
    at,
    control,
    hello,
)

P, K = m.Phase, Kind


def test_bring_up_step_by_step():
    d = Driver()
    d.say(m.Tick())
    assert d.sent() == [K.REGISTER]
    d.say(UP[0])
    assert d.sent() == [K.READY]
    assert d.say(UP[1]) == [m.CloseData(), m.Build(EPOCH, PREPARE), m.Beat()]
    (bound,) = d.say(UP[2])
    assert bound.message == Control(
        K.BOUND, {"endpoint": "ipc://b", "echo": "", "ticks": ""}, GENERATION, EPOCH
    )  # fmt: skip
    (connect,) = d.say(UP[3])
    assert connect.endpoints == ((5, "ipc://d"),)
    assert connect.clocks == ((3, ""),)
    assert connect.hellos[5] == hello(5, 2).message
    assert d.say(HELLOS[0]) == []
    d.say(HELLOS[1])
    assert d.sent() == [K.LINKED]
    assert d.say(UP[-1]) == [m.Run(({"partition": "b.0"},))]


def test_hellos_that_outrun_connect_count():
    d = Driver()
    d.say(*UP[:3], *HELLOS)
    assert d.phase is P.BOUND
    d.say(control(K.CONNECT))
    assert d.sent() == [K.LINKED]


@pytest.mark.parametrize(
    "wrong",
    [
        hello(3, 4), hello(9, 2), hello(5, 2), hello(3, 2, cluster="y"),
        hello(3, 2, plan_hash="q"), hello(3, 2, generation=6), hello(3, 2, epoch=2),
    ],
)  # fmt: skip
def test_a_hello_that_differs_links_nothing(wrong):
    d = Driver()
    d.say(*UP[:4], wrong, HELLOS[1])
    assert d.phase is P.BOUND
    assert d.member.stale == 1
    d.say(HELLOS[1])
    assert d.phase is P.BOUND
    d.say(HELLOS[0])
    assert d.phase is P.LINKED


WELCOMED = [p for p in P if p not in (P.JOINING, P.ENDED)]
NEXT = {
    (P.JOINING, K.WELCOME): P.STANDBY,
    (P.JOINING, K.REFUSE): P.ENDED,
    (P.BOUND, K.CONNECT): P.BOUND,
    (P.LINKED, K.GO): P.RUNNING,
}
NEXT |= {(phase, K.STOP): P.ENDED for phase in WELCOMED}
NEXT |= {(phase, K.END): P.STANDBY for phase in WELCOMED}
NEXT |= {(phase, K.REFUSE): P.JOINING for phase in WELCOMED}
NEXT |= {(P.STANDBY, K.PREPARE): P.BUILDING}  # elsewhere it is of the same epoch
SPEAKS = {K.FRAMES, K.DETAILS, K.TABLES, K.FAILED, K.DRAIN, K.LOST}
OF_TIME = {(p, k) for p in (P.BOUND, P.LINKED, P.RUNNING) for k in (K.PROBE, K.ECHO)}


@pytest.mark.parametrize("phase", list(P))
@pytest.mark.parametrize("kind", list(K))
@pytest.mark.parametrize("role", ["worker", "client"])
def test_every_message_in_every_phase(phase, kind, role):
    d = at(phase, role)
    epoch = 1 if (phase, kind) == (P.STANDBY, K.PREPARE) else d.member.epoch
    message = control(kind, epoch=epoch)
    actions = d.say(message)
    assert d.phase is NEXT.get((phase, kind), phase)
    if phase in (P.JOINING, P.ENDED) or kind not in SPEAKS:
        assert not any(isinstance(a, m.Deliver) for a in actions)
    else:
        assert actions == [m.Deliver(message.message)]
    if (phase, kind) in OF_TIME:
        assert actions == [m.TellTime(message.message)]
    elif (phase, kind) == (P.RUNNING, K.OPEN):
        assert actions == [m.OpenRound(message.message)]
    elif (phase, kind) not in NEXT and kind not in SPEAKS:
        assert actions == []


@pytest.mark.parametrize("phase", WELCOMED)
@pytest.mark.parametrize("kind", list(K))
def test_another_generation_is_dropped_in_every_phase(phase, kind):
    d = at(phase)
    stale = d.member.stale
    assert d.say(control(kind, generation=6, epoch=9)) == []
    assert d.phase is phase
    assert d.member.stale == stale + 1


ANY_EPOCH = (K.STOP, K.END, K.REFUSE, *SPEAKS)


@pytest.mark.parametrize("phase", WELCOMED)
@pytest.mark.parametrize("kind", [k for k in K if k not in ANY_EPOCH])
@pytest.mark.parametrize("epoch", [-1, 1])
def test_another_epoch_is_dropped_in_every_phase(phase, kind, epoch):
    d = at(phase)
    if kind is K.PREPARE and epoch > 0:
        return
    stale = d.member.stale
    assert d.say(control(kind, epoch=d.member.epoch + epoch)) == []
    assert d.member.stale == stale + 1


@pytest.mark.parametrize(
    "phase", [P.STANDBY, P.BUILDING, P.BOUND, P.LINKED, P.RUNNING, P.FAULTY]
)
def test_a_later_epoch_begins_anew_and_an_older_one_is_dropped(phase):
    d = at(phase)
    for epoch in (0, 1 if phase is not P.STANDBY else 0):
        assert d.say(control(K.PREPARE, epoch=epoch)) == []
    assert d.say(control(K.PREPARE, epoch=7)) == [
        m.CloseData(),
        m.Build(7, PREPARE),
        m.Beat(),
    ]
    d.say(m.Bound("ipc://new"))
    assert d.phase is P.BOUND
    for kind in (K.CONNECT, K.GO):
        assert d.say(control(kind, epoch=1)) == []
    d.say(control(K.CONNECT, epoch=7), *HELLOS)
    assert d.phase is P.BOUND  # HELLOs of the old epoch
    d.say(hello(3, 2, epoch=7), hello(4, 4, epoch=7))
    assert d.phase is P.LINKED


@pytest.mark.parametrize("phase", list(P))
def test_a_stop_from_outside_says_bye_and_ends(phase):
    d = at(phase)
    actions = d.say(m.StopAsked("SIGTERM received", 0))
    if phase is P.ENDED:
        assert actions == []
        return
    assert d.sent() == [K.BYE]
    assert actions[-1] == m.Leave(0, "SIGTERM received")
    assert d.say(m.Tick(), control(K.STOP), m.StopAsked("again", 0)) == []


@pytest.mark.parametrize("phase", list(P))
def test_a_fault_is_told_to_the_controller_by_who_runs(phase):
    d = at(phase)
    actions = d.say(FAULT)
    assert len(actions) == (phase is P.RUNNING)
    assert d.phase is (P.FAULTY if phase is P.RUNNING else phase)
    for action in actions:
        assert action.message.body == {
            "link": "a->b", "frame": 3, "reason": "gap", "expected": 1, "got": 2,
        }  # fmt: skip


@pytest.mark.parametrize("phase", WELCOMED)
def test_an_end_reports_and_stands_by_for_the_next_session(phase):
    d = at(phase)
    assert d.say(control(K.END)) == [m.CloseData(), m.Report()]
    assert d.phase is P.STANDBY
    assert d.say(m.Bound("ipc://late"), *HELLOS) == []
    d.say(control(K.PREPARE, epoch=2))
    assert d.phase is P.BUILDING


@pytest.mark.parametrize("phase", WELCOMED)
def test_a_stop_of_the_controller_says_bye(phase):
    d = at(phase)
    actions = d.say(control(K.STOP))
    assert d.sent() == [K.BYE]
    assert actions[-1] == m.Leave(0, "stopped on request")


def test_a_refusal_of_who_joins_ends_it():
    assert Driver().say(control(K.REFUSE)) == [m.Leave(76, "no")]
    assert Driver().say(control(K.REFUSE, body=NOT_FATAL)) == []


EVENTS = st.one_of(
    st.builds(
        control, st.sampled_from(list(BODIES)), generation=st.sampled_from((5, 5, 6)),
        epoch=st.integers(0, 3),
    ),
    st.builds(control, st.sampled_from([k for k in K if k not in BODIES])),
    st.just(control(K.REFUSE, body=NOT_FATAL)),
    st.sampled_from((*UP, FAULT, m.StopAsked("s", 0))),
    st.builds(m.Refused, st.just("r"), certain=st.booleans()),
    st.just(m.Tick()),
    st.builds(hello, st.integers(2, 5), st.sampled_from((2, 4))),
)  # fmt: skip
WITHOUT_SOCKETS = (P.JOINING, P.STANDBY, P.BUILDING, P.ENDED)


@given(
    st.lists(st.tuples(EVENTS, st.integers(0, 2000)), max_size=40),
    st.sampled_from(("worker", "client")), st.booleans(), st.integers(0, 7),
)  # fmt: skip
def test_no_sequence_of_events_breaks_a_member(events, role, leased, steps):
    d = Driver(role, leased=leased)
    d.say(*UP[:steps])
    left, life = 0, (d.member.generation, d.member.epoch)
    linked = d.phase is P.LINKED
    for event, milliseconds in events:
        before = d.phase
        actions = d.say(event, after=milliseconds * MS)
        left += sum(isinstance(a, m.Leave) for a in actions)
        assert not (before is P.ENDED and actions)
        if before is not P.JOINING:
            assert (d.member.generation, d.member.epoch) >= life
        life = (d.member.generation, d.member.epoch)
        if m.CloseData() in actions:
            assert d.phase in WITHOUT_SOCKETS
        if any(isinstance(a, m.Run) for a in actions):
            assert linked
            linked = False
        linked = K.LINKED in d.sent() or (linked and d.phase is P.LINKED)
    assert left == (d.phase is P.ENDED)
