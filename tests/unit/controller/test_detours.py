"""Hosts that do not reach each other: spares lead links around them, or it is told."""

from tests.support.controllers import (
    CLIENT,
    MS,
    SPARE,
    A,
    B,
    Driver,
    K,
    P,
    e,
    finish,
    report,
    rows,
)


def driver(*spares):
    """Return a driver of a running cluster on n1 and n2; spares are on n1."""
    d = Driver()
    d.join(A, host="n1")
    d.join(B, host="n2")
    d.join(*spares, host="n1")
    d.join(CLIENT, host="ctl")
    d.wire(CLIENT, A, B)
    assert d.phase is P.RUN
    return d


def stall(d, spares=()):
    """Let the link between the partitions stand still; return the loss."""
    actions = []
    for _ in range(45):
        actions += d.say(K.BEAT, A, sent=rows((1, 200, 0)))
        actions += d.say(K.BEAT, B, received=rows((1, 100, 0)))
        for peer in (CLIENT, *spares):
            actions += d.say(K.BEAT, peer)
        d.event(e.Tick(), after=50 * MS)
    (lost,) = d.messages(K.LOST, actions)
    return lost.message.body


def test_a_stalled_link_is_named_with_its_hosts():
    body = stall(driver())
    assert body["partition"] == "b.0"
    assert body["reason"] == (
        "link a.0->b.0 (n1 to n2) is stalled: 100 of 200 spikes arrived and nothing "
        "for 2 s"
    )


def test_a_spare_on_the_other_side_takes_the_place():
    d = driver(SPARE)
    stall(d, [SPARE])
    assert d.epoch == 2
    d.wire(CLIENT, A, SPARE)
    assert d.phase is P.RUN


def test_who_stands_back_is_told_so_and_its_tables_are_kept():
    d = driver(SPARE)
    stall(d, [SPARE])
    d.say(K.BEAT, B, epoch=1)
    assert d.sent(K.END) == {B}
    d.say(K.REPORT, B, report=report(B, 77))
    d.say(K.REPORT, B, report=report(B, 0))  # it may be told twice
    d.wire(CLIENT, A, SPARE)
    d.say(K.BEAT, B, phase="standby")
    assert d.sent(K.END) == set()
    d.say(K.IDLE, CLIENT)
    d.say(K.REPORT, A, SPARE)
    (tables,) = d.messages(K.TABLES)
    reports = tables.message.body["reports"]
    assert reports[0] == report(B, 77)
    assert len(reports) == 4


def test_links_that_cannot_be_made_are_led_around_too():
    d = Driver()
    d.join(A, host="n1")
    d.join(B, host="n2")
    d.join(SPARE, host="n1")
    d.join(CLIENT, host="ctl")
    d.say(K.BOUND, CLIENT, A, B)
    d.say(K.LINKED, A)
    d.ticks(2100, CLIENT, B, SPARE, A, phase="bound")
    assert d.epoch == 2
    d.wire(CLIENT, A, SPARE)
    assert d.phase is P.RUN


def test_where_nobody_heard_of_any_link_no_path_is_blamed():
    """One member never bound, so nobody was told where to connect."""
    d = Driver()
    d.join(A, host="n1")
    d.join(B, host="n2")
    d.join(SPARE, host="n1")
    d.join(CLIENT, host="ctl")
    d.say(K.BOUND, CLIENT, A)
    d.ticks(2100, CLIENT, B, SPARE, A, phase="bound")
    assert d.epoch == 2
    assert d.wire(CLIENT, A, B)
    assert d.phase is P.RUN


def test_without_spares_it_ends_in_an_error_that_names_link_and_hosts():
    d = driver()
    stall(d)
    d.say(K.BEAT, CLIENT, phase="building", open_frames=1)
    actions = []
    for _ in range(4):
        d.say(K.BOUND, CLIENT, A, B)
        d.say(K.LINKED, A)
        actions += d.ticks(2300, CLIENT, A, B, phase="bound", open_frames=1)
    (end,) = finish(actions)
    assert "4 times in a row no frame was finished" in end.text
    assert "links not made: a.0->b.0 (n1 to n2), b.0->client (n2 to ctl)" in end.text
    assert "have workers stand by on others (--spares)" in end.text
