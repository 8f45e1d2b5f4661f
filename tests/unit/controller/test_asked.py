"""What the controller's machine says and does when somebody asks from outside."""

from neurocluster.controller.events import Finish, Send, StopAsked, Tick
from neurocluster.controller.status import Status
from neurocluster.wire.control import Kind
from neurocluster.wire.shapes import is_status
from tests.support.controllers import CLIENT, EVERYBODY, A, B, Driver, rows


def running():
    driver = Driver(once=False)
    driver.join(*EVERYBODY)
    driver.wire(*EVERYBODY)
    driver.say(Kind.BEAT, *EVERYBODY)
    return driver


def status(driver):
    found = driver.controller.status(driver.now)
    found = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
    assert is_status(found)
    return Status.from_wire(found)


def test_a_status_before_and_in_an_epoch():
    driver = Driver()
    assert status(driver).missing == ["a.0", "b.0"]
    driver.join(A, B)
    assert (status(driver).phase, status(driver).missing) == ("gather", [])
    found = status(running())
    assert (found.phase, found.epoch, found.left_ms) == ("run", 1, -1)
    assert {name: m.pid for name, m in found.nodes.items()} == {
        "client": 1, "a.0": 2, "b.0": 3,
    }  # fmt: skip
    assert all(m.told for m in found.members)


def test_links_are_put_together_from_both_ends():
    driver = running()
    driver.say(Kind.BEAT, A, sent=rows((1, 40, 3)))
    driver.say(Kind.BEAT, B, received=rows((1, 37, 8)))
    link = status(driver).links[1]
    assert (link.sent, link.received, link.waiting, link.closing) == (40, 37, 3, 8)


def test_who_is_no_member_is_counted():
    driver = running()
    driver.say(Kind.BEAT, A, B, refused=3, strangers=4)
    for kind in (Kind.BEAT, Kind.READY, Kind.IDLE):
        driver.say(kind, b"9")
    driver.say(Kind.BEAT, A, generation=1)
    driver.event(Tick(7, 20))
    found = status(driver)
    assert (found.refused, found.strangers) == (7, 24)
    assert [(m.refused, m.strangers) for m in found.workers] == [(3, 4)] * 2
    driver.say(Kind.IDLE, CLIENT)
    driver.say(Kind.REPORT, A, B)
    (tables,) = driver.messages(Kind.TABLES)
    assert (tables.message.body["refused"], tables.message.body["strangers"]) == (7, 24)


def test_what_a_member_counted_is_told_in_the_next_epoch_too():
    driver = running()
    driver.say(Kind.BEAT, A, refused=3, strangers=4)
    driver.say(Kind.BYE, B)
    driver.join(B)
    (first, *_) = status(driver).workers
    assert (first.told, first.refused, first.strangers) == (False, 3, 4)


def test_a_lost_worker_is_a_recovery():
    driver = running()
    driver.say(Kind.BYE, B)
    found = status(driver)
    assert (found.phase, found.missing) == ("gather", ["b.0"])
    assert (found.lost[0].node, found.recoveries[0].took_ms) == ("b.0", -1)
    assert "b.0 (worker pid 3 on h) left: SIGTERM received" in found.reason
    assert found.left_ms == 6000
    driver.join(B)
    driver.wire(*EVERYBODY)
    assert status(driver).recoveries[0].took_ms > 0


def test_a_stop_drains_only_what_has_begun():
    driver = Driver()
    driver.join(CLIENT, A)
    assert driver.event(StopAsked(0))[-1] == Finish(0, "stopped on request")
    assert driver.sent(Kind.STOP) == {CLIENT, A}


def test_a_stop_while_frames_flow_asks_the_client():
    driver = running()
    (told,) = driver.event(StopAsked(0))
    assert isinstance(told, Send)
    assert (told.peer, told.message.kind) == (CLIENT, Kind.DRAIN)
    assert status(driver).stopping
    assert driver.event(StopAsked(0))[-1] == Finish(0, "stopped on request")
