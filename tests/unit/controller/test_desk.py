"""Questions of anybody."""

from neurocluster.controller.desk import Desk
from neurocluster.controller.events import Log, StopAsked
from neurocluster.wire.control import Kind, decode_control, encode_control
from tests.support.status import wire_status

ABOUT = {"pid": 1, "host": "h", "start": 2, "endpoint": "ipc://x", "version": "1"}


class State:
    def __init__(self):
        self.events = []

    def handle(self, event, now_ns):
        self.events.append((event, now_ns))
        return [Log("heard")]

    def status(self, _now_ns):
        return wire_status(())


def ask(what, peer=b"x", desk=None):
    desk = desk or Desk(State(), ABOUT)
    first, *rest = desk.ask(peer, what, 7)
    assert first.peer == peer
    message = decode_control(encode_control(first.message))
    assert message.kind is Kind.ANSWER
    assert message.body["controller"] == ABOUT
    assert message.body["code"] is None
    return message.body, rest, desk


def test_a_ping_is_answered_without_a_status():
    body, rest, _ = ask("ping")
    assert (body["status"], rest) == (None, [])


def test_a_status_is_the_states():
    body, rest, _ = ask("status")
    assert body["status"] == wire_status(())
    assert rest == []


def test_stop_drains_and_stop_now_does_not():
    stop = (StopAsked(0), 7)
    for what, events in (("stop", [stop]), ("stop now", [stop, stop])):
        desk = Desk(state := State(), ABOUT)
        body, rest, _ = ask(what, desk=desk)
        assert body["text"] == "the cluster is stopping"
        assert state.events == events
        assert rest == [Log("heard")] * len(events)


def test_who_asked_to_stop_is_told_how_it_ended():
    _, _, desk = ask("status", b"z")
    for peer in (b"x", b"y", b"x"):
        ask("stop", peer, desk)
    told = desk.ended(1, "too late")
    assert [send.peer for send in told] == [b"x", b"y"]
    assert {send.message.body["code"] for send in told} == {1}
    assert {send.message.body["text"] for send in told} == {"too late"}
