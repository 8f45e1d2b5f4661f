"""A member that hears nobody: beats, leases, new lives, and when it gives up."""

import pytest

from neurocluster.member import state as m
from neurocluster.wire.control import Kind
from tests.support.members import (
    MS,
    NOT_FATAL,
    PREPARE,
    STEPS,
    UP,
    Driver,
    at,
    control,
)

P, K = m.Phase, Kind
WELCOMED = [p for p in P if p not in (P.JOINING, P.ENDED)]


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


@pytest.mark.parametrize("phase", WELCOMED)
def test_a_lease_that_is_over_closes_the_data_sockets_and_asks_again(phase):
    d = at(phase)
    assert m.CloseData() not in d.ticks(750)
    actions = d.ticks(200)
    assert actions.count(m.CloseData()) == 1
    assert d.phase is P.JOINING
    assert K.REGISTER in [a.message.kind for a in actions if isinstance(a, m.Send)]
    assert not any(isinstance(a, m.Beat) for a in d.ticks(500))
    d = at(phase)
    for _ in range(20):
        d.ticks(500)
        d.say(control(K.ACK))
    assert d.phase is phase


def test_a_new_life_starts_with_the_epochs_from_the_beginning():
    """Another controller counts its epochs from 1 again."""
    d = at(P.RUNNING)
    d.ticks(1000)
    for kind in (K.ACK, K.GO, K.END, K.STOP, K.PREPARE):
        assert d.say(control(kind)) == []
    d.say(control(K.WELCOME, generation=9, epoch=0))
    assert (d.phase, d.member.generation, d.member.epoch) == (P.STANDBY, 9, 0)
    assert d.say(control(K.PREPARE, generation=5, epoch=2)) == []
    assert d.say(control(K.PREPARE, generation=9))[1] == m.Build(1, PREPARE)


@pytest.mark.parametrize("phase", WELCOMED)
@pytest.mark.parametrize("role", ["worker", "client"])
def test_who_was_given_up_begins_a_new_life(phase, role):
    d = at(phase, role)
    assert d.say(control(K.REFUSE, body=NOT_FATAL)) == [m.CloseData()]
    assert d.phase is P.JOINING
    d.say(m.Tick())
    assert d.sent() == [K.REGISTER]
    assert d.say(control(K.REFUSE, body=NOT_FATAL)) == []
    d.say(control(K.WELCOME, epoch=0))
    assert d.phase is P.STANDBY


def test_a_client_under_another_generation_is_lost():
    """What it has in flight is unknown to the new controller."""
    d = at(P.RUNNING, "client")
    d.ticks(1000)
    assert d.say(control(K.WELCOME, generation=9, epoch=0)) == [
        m.Leave(75, "the controller is gone; another one took its place")
    ]


@pytest.mark.parametrize("phase", WELCOMED)
def test_a_client_without_a_controller_ends_with_75(phase):
    d = at(phase, "client")
    assert not any(isinstance(a, m.Leave) for a in d.ticks(1400))
    left = [a for a in d.ticks(200) if isinstance(a, m.Leave)]
    assert [a.code for a in left] == [75]


@pytest.mark.parametrize("phase", [P.JOINING, P.STANDBY, P.RUNNING])
def test_only_a_member_without_a_lease_pipe_gives_up(phase):
    for leased in (True, False):
        d = Driver(leased=leased)
        d.say(*UP[: STEPS[phase]])
        left = [a for a in d.ticks(31_000) if isinstance(a, m.Leave)]
        assert [a.code for a in left] == ([] if leased else [75])


@pytest.mark.parametrize("role", ["worker", "client"])
def test_own_pauses_are_no_silence_of_the_controller(role):
    """A stopped process hears nobody; ACKs wait in the socket meanwhile."""
    for pause in (900, 5000, 60_000):
        d = Driver(role, leased=False)
        d.say(*UP[:2])
        d.say(m.Bound("ipc://b"), after=pause * MS)
        d.say(m.Tick(), after=0)
        d.say(*UP[3:])
        assert d.phase is P.RUNNING
        d.say(m.Tick(), after=pause * MS)
        assert d.phase is P.RUNNING
        assert m.CloseData() in d.ticks(1000)


def test_a_refusal_that_is_certain_ends_who_joins_and_nobody_else():
    d = Driver()
    assert d.say(m.Refused("x asks for a key", certain=True)) == [
        m.Leave(77, "x asks for a key")
    ]
    d = at(P.RUNNING)
    assert d.say(m.Refused("x asks for a key", certain=True)) == []


@pytest.mark.parametrize("leased", [False, True])
def test_one_that_goes_on_is_why_a_member_gives_up(leased):
    d = Driver(leased=leased)
    left = []
    for _ in range(62):
        left += d.say(m.Refused("x hangs up", certain=False))
        left += [a for a in d.ticks(500) if isinstance(a, m.Leave)]
    assert left == [m.Leave(77, "x hangs up")]


def test_the_last_word_of_a_controller_that_ended_is_no_refusal():
    d = Driver(leased=False)
    d.say(m.Refused("x hangs up", certain=False))
    left = [a for a in d.ticks(31_000) if isinstance(a, m.Leave)]
    assert [a.code for a in left] == [75]
