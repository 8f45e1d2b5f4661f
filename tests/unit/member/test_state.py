"""A member's table: every event in every phase is legal or changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.member import state as m
from neurocluster.wire.control import Control, Kind

MS = 1_000_000
GENERATION, EPOCH, LEASE_MS = 5, 1, 800
REGISTER = {"role": "worker", "pid": 1, "host": "h", "slot": None, "version": "1"}
PREPARE = {
    "node": "b.0", "partition": {"index": 1}, "settings": {}, "plan_hash": "p",
    "inbound": ((3, "a->b", 0, 9, 9, 2), (4, "c->b", 0, 9, 9, 4)),
    "outbound": ((5, "b->d", 0, 9, 9, 2),),
}  # fmt: skip
BODIES = {
    Kind.WELCOME: {"lease_ms": LEASE_MS, "cluster": "x"},
    Kind.REFUSE: {"reason": "no", "fatal": True},
    Kind.PREPARE: PREPARE,
    Kind.CONNECT: {"endpoints": ((5, "ipc://d"),)},
    Kind.GO: {"roster": ({"partition": "b.0"},)},
    Kind.FRAMES: {"partition": 0, "rows": b""},
    Kind.TABLES: {"reports": ()},
    Kind.FAILED: {"reason": "r", "partition": None},
}


def control(kind, *, generation=GENERATION, epoch=EPOCH, body=None):
    return m.Received(
        Control(kind, BODIES.get(kind, {}) if body is None else body, generation, epoch)
    )


def hello(link, width, **changes):
    body = {"cluster": "x", "link": link, "width": width, "plan_hash": "p"}
    made = {"generation": GENERATION, "epoch": EPOCH} | {
        k: changes.pop(k) for k in ("generation", "epoch") if k in changes
    }
    return m.HelloReceived(Control(Kind.HELLO, body | changes, **made))


HELLOS = (hello(3, 2), hello(4, 4))
FAULT = m.LinkFault("a->b", 3, "gap", 1, 2)
UP = [
    control(Kind.WELCOME, epoch=0), control(Kind.PREPARE), m.Bound("ipc://b"),
    control(Kind.CONNECT), *HELLOS, control(Kind.GO),
]  # fmt: skip
STEPS = {
    m.Phase.JOINING: 0, m.Phase.STANDBY: 1, m.Phase.BUILDING: 2, m.Phase.BOUND: 3,
    m.Phase.LINKED: 6, m.Phase.RUNNING: 7,
}  # fmt: skip


class Driver:
    """A member and its time."""

    def __init__(self, role="worker", *, leased=True):
        self.member = m.Member(REGISTER | {"role": role}, leased=leased)
        self.now, self.actions = 10**9, []

    def say(self, *events, after=MS):
        for event in events:
            self.now += after
            self.actions = self.member.handle(event, self.now)
        return self.actions

    def sent(self):
        return [a.message.kind for a in self.actions if isinstance(a, m.Send)]


def at(phase, role="worker"):
    driver = Driver(role)
    steps = STEPS.get(phase, STEPS[m.Phase.RUNNING])
    driver.say(*UP[:steps])
    if phase is m.Phase.FAULTY:
        driver.say(FAULT)
    if phase is m.Phase.ENDED:
        driver.say(control(Kind.STOP))
    assert driver.member.phase is phase
    return driver


def test_bring_up_step_by_step():
    d = Driver()
    d.say(m.Tick())
    assert d.sent() == [Kind.REGISTER]
    d.say(UP[0])
    assert d.sent() == [Kind.READY]
    assert d.say(UP[1]) == [m.CloseData(), m.Build(PREPARE)]
    (bound,) = d.say(UP[2])
    assert bound.message == Control(
        Kind.BOUND, {"endpoint": "ipc://b"}, GENERATION, EPOCH
    )
    (connect,) = d.say(UP[3])
    assert connect.endpoints == ((5, "ipc://d"),)
    assert connect.hellos[5] == hello(5, 2).message
    assert d.say(HELLOS[0]) == []
    d.say(HELLOS[1])
    assert d.sent() == [Kind.LINKED]
    assert d.say(UP[-1]) == [m.Run(({"partition": "b.0"},))]


def test_hellos_that_outrun_connect_count():
    d = Driver()
    d.say(*UP[:3], *HELLOS)
    assert d.member.phase is m.Phase.BOUND
    d.say(control(Kind.CONNECT))
    assert d.sent() == [Kind.LINKED]


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
    assert d.member.phase is m.Phase.BOUND
    assert d.member.stale == 1
    d.say(HELLOS[1])
    assert d.member.phase is m.Phase.BOUND
    d.say(HELLOS[0])
    assert d.member.phase is m.Phase.LINKED


P, K = m.Phase, Kind
NEXT = {
    (P.JOINING, K.WELCOME): P.STANDBY,
    (P.JOINING, K.REFUSE): P.ENDED,
    (P.BOUND, K.CONNECT): P.BOUND,
    (P.LINKED, K.GO): P.RUNNING,
} | {(phase, K.STOP): P.ENDED for phase in P if phase is not P.JOINING}
SPEAKS = {K.FRAMES, K.TABLES, K.FAILED, K.DRAIN}


@pytest.mark.parametrize("phase", list(P))
@pytest.mark.parametrize("kind", list(K))
@pytest.mark.parametrize("role", ["worker", "client"])
def test_every_message_in_every_phase(phase, kind, role):
    d = at(phase, role)
    message = control(kind, epoch=d.member.epoch)
    actions = d.say(message)
    assert d.member.phase is NEXT.get((phase, kind), phase)
    if phase in (P.JOINING, P.ENDED) or kind not in SPEAKS:
        assert not any(isinstance(a, m.Deliver) for a in actions)
    else:
        assert actions == [m.Deliver(message.message)]
    if (phase, kind) not in NEXT and kind not in SPEAKS:
        assert actions == []


@pytest.mark.parametrize("phase", list(P))
@pytest.mark.parametrize("kind", list(K))
def test_another_generation_is_dropped_in_every_phase(phase, kind):
    if phase is P.JOINING and kind in (K.WELCOME, K.REFUSE):
        return  # the first word of a controller
    d = at(phase)
    stale = d.member.stale
    assert d.say(control(kind, generation=6, epoch=9)) == []
    assert d.member.phase is phase
    assert d.member.stale == stale + (phase is not P.ENDED)


@pytest.mark.parametrize("phase", [P.STANDBY, P.BOUND, P.LINKED, P.RUNNING, P.FAULTY])
def test_a_later_epoch_begins_anew_and_an_older_one_is_dropped(phase):
    d = at(phase)
    for epoch in (0, 1 if phase is not P.STANDBY else 0):
        assert d.say(control(K.PREPARE, epoch=epoch)) == []
    assert d.say(control(K.PREPARE, epoch=7)) == [m.CloseData(), m.Build(PREPARE)]
    d.say(m.Bound("ipc://new"))
    assert d.member.phase is P.BOUND
    for kind in (K.CONNECT, K.GO, K.FAILED, K.TABLES):
        assert d.say(control(kind, epoch=1)) == []
    d.say(control(K.CONNECT, epoch=7), *HELLOS)
    assert d.member.phase is P.BOUND  # HELLOs of the old epoch
    d.say(hello(3, 2, epoch=7), hello(4, 4, epoch=7))
    assert d.member.phase is P.LINKED


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


@pytest.mark.parametrize("phase", [P.BOUND, P.LINKED, P.RUNNING, P.FAULTY])
def test_a_fault_is_told_to_the_controller(phase):
    d = at(phase)
    (action,) = d.say(FAULT)
    assert action.message.body == {
        "link": "a->b", "frame": 3, "reason": "gap", "expected": 1, "got": 2,
    }  # fmt: skip
    assert d.member.phase is P.FAULTY


def test_a_stop_reports_and_a_refusal_does_not():
    assert at(P.RUNNING).say(control(K.STOP)) == [
        m.Leave(0, "stopped on request", report=True)
    ]
    assert Driver().say(control(K.REFUSE)) == [m.Leave(76, "no")]


def test_beats_every_100_ms_and_registers_until_welcome():
    d = Driver()
    kinds = [
        k for _ in range(40) for k in (d.say(m.Tick(), after=10 * MS), d.sent())[1]
    ]
    assert kinds == [K.REGISTER] * 4
    d = at(P.RUNNING)
    beats = 0
    for _ in range(40):
        d.say(control(K.ACK), after=0)
        beats += d.say(m.Tick(), after=10 * MS).count(m.Beat())
    assert beats == 4


def ticks(d, milliseconds):
    """Let time pass with a tick every 50 ms; return all actions."""
    return [
        a for _ in range(milliseconds // 50) for a in d.say(m.Tick(), after=50 * MS)
    ]


@pytest.mark.parametrize("phase", [P.BOUND, P.LINKED, P.RUNNING])
def test_a_lease_that_is_over_closes_the_data_sockets(phase):
    d = at(phase)
    assert m.CloseData() not in ticks(d, 750)
    assert m.CloseData() in ticks(d, 200)
    assert d.member.phase is P.FAULTY
    d = at(phase)
    for _ in range(20):
        ticks(d, 500)
        d.say(control(K.ACK))
    assert d.member.phase is phase


def test_a_controller_that_comes_back_is_told_that_the_links_are_closed():
    """Otherwise it would see beats for ever, and nobody would get anywhere."""
    d = at(P.RUNNING)
    ticks(d, 1000)
    assert d.member.phase is P.FAULTY
    d.say(control(K.ACK))
    (fault,) = d.actions
    assert fault.message.kind is K.FAULT
    assert "silent for longer than its lease" in fault.message.body["reason"]
    assert d.say(control(K.ACK)) == []


def test_a_client_without_a_controller_ends_with_75():
    d = at(P.RUNNING, "client")
    left = [a for a in ticks(d, 1000) if isinstance(a, m.Leave)]
    assert [a.code for a in left] == [75]


@pytest.mark.parametrize("phase", [P.JOINING, P.STANDBY, P.RUNNING])
def test_only_a_member_without_a_lease_pipe_gives_up(phase):
    for leased in (True, False):
        d = Driver(leased=leased)
        d.say(*UP[: STEPS[phase]])
        left = [a for a in ticks(d, 31_000) if isinstance(a, m.Leave)]
        assert [a.code for a in left] == ([] if leased else [75])


def test_own_pauses_are_no_silence_of_the_controller():
    """A stopped process hears nobody; ACKs wait in the socket meanwhile."""
    for pause in (900, 5000, 60_000):
        d = Driver("client", leased=False)
        d.say(*UP[:2])
        d.say(m.Bound("ipc://b"), after=pause * MS)
        d.say(m.Tick(), after=0)
        d.say(*UP[3:])
        assert d.member.phase is P.RUNNING
        d.say(m.Tick(), after=pause * MS)
        assert d.member.phase is P.RUNNING
        assert m.CloseData() in ticks(d, 1000)


EVENTS = st.one_of(
    st.builds(
        control, st.sampled_from(list(BODIES)), generation=st.sampled_from((5, 5, 6)),
        epoch=st.integers(0, 3),
    ),
    st.builds(control, st.sampled_from([k for k in K if k not in BODIES])),
    st.sampled_from((*UP, FAULT, m.StopAsked("s", 0))),
    st.just(m.Tick()),
    st.builds(hello, st.integers(2, 5), st.sampled_from((2, 4))),
)  # fmt: skip


@given(
    st.lists(st.tuples(EVENTS, st.integers(0, 2000)), max_size=40),
    st.sampled_from(("worker", "client")), st.booleans(), st.integers(0, 7),
)  # fmt: skip
def test_no_sequence_of_events_breaks_a_member(events, role, leased, steps):
    d = Driver(role, leased=leased)
    d.say(*UP[:steps])
    left, epoch = 0, d.member.epoch
    linked = d.member.phase is P.LINKED
    for event, milliseconds in events:
        ended = d.member.phase is P.ENDED
        actions = d.say(event, after=milliseconds * MS)
        left += sum(isinstance(a, m.Leave) for a in actions)
        assert not (ended and actions)
        assert d.member.epoch >= epoch
        epoch = d.member.epoch
        if m.CloseData() in actions and not any(
            isinstance(a, m.Build) for a in actions
        ):
            assert d.member.phase in (P.FAULTY, P.ENDED)
        if any(isinstance(a, m.Run) for a in actions):
            assert linked
            linked = False
        linked = linked or K.LINKED in d.sent()
    assert left == (d.member.phase is P.ENDED)
