"""Silence and stalled links on a clock of our own."""

import struct

from neurocluster.controller.roster import Member
from neurocluster.controller.watch import (
    SILENCE_NS,
    STALL_NS,
    TOGETHER_NS,
    Counts,
    LinkWatch,
    Silence,
    unequal,
)

LINKS = {0: ("client", "a.0"), 1: ("a.0", "client")}
STEP = SILENCE_NS // 4


def member(heard_ns=0):
    return Member(b"1", "worker", 1, "h", None, heard_ns)


def body(
    *, sent=(), received=(), blocked=False, asleep=False, frame=0, open_frames=0
):  # fmt: skip
    """Return a BEAT's body; rows are link and spikes, of an inbound link frames too."""
    sent = b"".join(struct.pack("<3Q", *row, 0) for row in sent)
    received = b"".join(struct.pack("<3Q", *(*row, 0)[:3]) for row in received)
    return {
        "sent": sent, "received": received, "blocked": blocked, "frame": frame,
        "open_frames": open_frames, "asleep": asleep,
    }  # fmt: skip


def test_silence_is_found_after_its_limit():
    one, silence = member(), Silence(1, 1)
    for now in range(0, SILENCE_NS + 1, STEP):
        silence.listen([one], now)
        assert not list(silence.find([one], now))
    now = SILENCE_NS + STEP
    silence.listen([one], now)
    assert list(silence.find([one], now)) == [(one, now)]


def test_who_is_about_to_be_lost_goes_with_those_who_are():
    """A host's members are heard last within two beats of each other."""
    limit = SILENCE_NS
    lost, soon, late = member(0), member(TOGETHER_NS // 2), member(limit // 2)
    silence, everybody = Silence(1, 1), (soon, late, lost)
    assert not list(silence.find(everybody, limit))
    found = [one for one, _ in silence.find(everybody, limit + 1)]
    assert found == [lost, soon]


def test_a_pause_of_the_controller_is_nobodys_silence():
    one, silence = member(), Silence(1, 1)
    silence.listen([one], 0)
    silence.listen([one], 60 * SILENCE_NS)
    assert not list(silence.find([one], 60 * SILENCE_NS))


def test_who_has_reported_may_be_silent():
    one, silence = member(), Silence(1, 1)
    one.report = {}
    assert not list(silence.find([one], 9 * SILENCE_NS))


def test_what_stalls_for_one_cause_is_suspected_together():
    links = {0: ("client", "a.0"), 1: ("a.0", "b.0"), 2: ("b.0", "client")}
    watch = LinkWatch(links)
    watch.beat("client", body(sent=[(0, 9)], received=[(2, 4)]))
    watch.beat("a.0", body(sent=[(1, 7)], received=[(0, 9)]))
    watch.beat("b.0", body(sent=[(2, 4)], received=[(1, 5)]))
    watch.stalled(0)
    watch.beat("b.0", body(sent=[(2, 8)], received=[(1, 5)]))
    watch.stalled(STALL_NS // 10)
    watch.beat("client", body(sent=[(0, 12)], received=[(2, 4)]))
    watch.stalled(STALL_NS)
    assert watch.stalled(STALL_NS + 1) == Counts(1, 7, 5)
    assert watch.suspects(STALL_NS + 1) == [1, 2]


def test_many_workers_on_few_cores_get_more_time():
    assert Silence(4, 2).limit_ns == SILENCE_NS
    assert Silence(100, 2).limit_ns > 2 * SILENCE_NS


def test_a_link_is_stalled_when_spikes_wait_and_nothing_arrives():
    watch = LinkWatch(LINKS)
    watch.beat("client", body(sent=[(0, 9)]))
    watch.beat("a.0", body(received=[(0, 5)]))
    assert watch.stalled(0) is None
    assert watch.stalled(STALL_NS) is None
    assert watch.stalled(STALL_NS + 1) == Counts(0, 9, 5)


def test_an_arrival_or_a_full_target_is_no_stall():
    watch = LinkWatch(LINKS)
    watch.beat("client", body(sent=[(0, 9)]))
    watch.stalled(0)
    watch.beat("a.0", body(received=[(0, 1)]))
    assert watch.stalled(STALL_NS + 1) is None
    watch.beat("a.0", body(received=[(0, 1)], blocked=True))
    assert watch.stalled(3 * STALL_NS) is None
    watch.beat("a.0", body(received=[(0, 1)]))
    assert watch.stalled(4 * STALL_NS) is None


def test_frames_that_are_closed_without_a_spike_count_too():
    """Their close is all that a link carries of them; it may be lost, too."""
    watch = LinkWatch(LINKS)
    watch.beat("client", body(sent=[(0, 9)], frame=1, open_frames=2))
    watch.beat("a.0", body(received=[(0, 9, 3)], sent=[(1, 4)], frame=1))
    watch.beat("client", body(received=[(1, 4, 1)], frame=1, open_frames=2))
    assert watch.stalled(0) is None
    assert watch.stalled(2 * STALL_NS) is None  # a.0 has frames open, nothing waits
    watch.beat("a.0", body(received=[(0, 9, 3)], sent=[(1, 4)], frame=2))
    assert watch.stalled(2 * STALL_NS) is None
    assert watch.stalled(3 * STALL_NS + 1) == Counts(1, 4, 4)


def test_a_pause_of_the_controller_stalls_no_link():
    watch = LinkWatch(LINKS)
    watch.beat("client", body(sent=[(0, 9)]))
    watch.stalled(0)
    watch.pause(9 * STALL_NS)
    assert watch.stalled(10 * STALL_NS) is None
    watch.pause(0)
    assert watch.stalled(10 * STALL_NS + 1) == Counts(0, 9, 0)


def tables(sent, got, epochs=(1, 1)):
    first, second = ({"epoch": epoch} for epoch in epochs)
    return [
        {"outbound": [[0, 9, sent]], "inbound": [[1, 4, 4]], "worker": first},
        {"outbound": [[1, 4, 4]], "inbound": [[0, 9, got]], "worker": second},
    ]


def test_ends_are_compared_as_they_count_in_the_last_epoch():
    assert unequal(LINKS, tables(7, 7)) is None
    assert unequal(LINKS, tables(7, 6)) == Counts(0, 7, 6)


def test_ends_of_other_epochs_and_ends_that_are_gone_cannot_be_compared():
    assert unequal(LINKS, tables(7, 6, epochs=(1, 2))) is None
    assert unequal(LINKS, tables(7, 6)[:1]) is None
    assert unequal(LINKS, []) is None


def test_a_blocked_client_receives_all_the_same():
    """So its inbound links are stalled when nothing arrives; a worker's are paused."""
    for to, link, found in (("client", 1, True), ("a.0", 0, False)):
        watch = LinkWatch(LINKS)
        for node in ("client", "a.0"):
            blocked = node == to
            watch.beat(
                node, body(sent=[(link, 9)], received=[(link, 5)], blocked=blocked)
            )
        assert watch.stalled(0) is None
        assert (watch.stalled(2 * STALL_NS) is not None) is found


def test_who_was_made_slow_neither_reads_nor_sends_meanwhile():
    for sleeper, stalls in (("a.0", False), ("client", False), (None, True)):
        watch = LinkWatch(LINKS)
        for now in range(0, 2 * STALL_NS, STALL_NS // 10):
            watch.beat("client", body(sent=[(0, 9)], asleep=sleeper == "client"))
            watch.beat("a.0", body(received=[(0, 3)], asleep=sleeper == "a.0"))
            found = watch.stalled(now)
        assert (found is not None) == stalls
