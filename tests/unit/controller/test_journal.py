"""What a controller remembers for its status."""

from neurocluster.controller.journal import MOST_KEPT, MS, Journal
from neurocluster.controller.roster import Member
from neurocluster.controller.status import Status
from neurocluster.wire.control import Control, Kind
from neurocluster.wire.shapes import is_status
from tests.support.status import rows, wire_status

A = Member(b"a", "worker", 7, "vm", None, 0, ready=True, node="a.0")
BEAT = {
    "received": rows((0, 5, 3)), "sent": rows((1, 9, 2)), "blocked": True,
    "open_frames": 4, "frame": 3, "packets": 8, "finished": -1, "phase": "running",
    "refused": 3, "strangers": 4, "rounds": b"", "asleep": False,
}  # fmt: skip


def beat(journal, now_ms, epoch=1, **changes):
    journal.beat(A, Control(Kind.BEAT, BEAT | changes, 5, epoch), now_ms * MS)


def read(journal, now_ms, epoch=1):
    tables = journal.tables([A], epoch, now_ms * MS)
    body = wire_status((), epoch=epoch) | {k: tuple(v) for k, v in tables.items()}
    assert is_status(body)
    return Status.from_wire(body)


def test_counters_are_those_of_the_last_beat():
    journal = Journal()
    beat(journal, 10)
    (member,) = read(journal, 60).members
    assert member.told
    assert (member.blocked, member.open_frames, member.frame) == (True, 4, 3)
    assert (member.received, member.sent) == ({0: (5, 3)}, {1: (9, 2)})
    assert (member.heard_ms, member.moved_ms, member.waiting) == (60, 50, 2)


def test_a_node_moves_when_any_counter_does():
    journal = Journal()
    beat(journal, 10)
    beat(journal, 110)
    beat(journal, 210, blocked=False, open_frames=3)
    assert read(journal, 300).members[0].moved_ms == 290
    beat(journal, 310, packets=9)
    assert read(journal, 320).members[0].moved_ms == 10


def test_counters_of_another_epoch_are_not_told():
    journal = Journal()
    beat(journal, 10)
    (member,) = read(journal, 60, epoch=2).members
    assert not member.told
    assert (member.open_frames, member.received) == (0, {})
    assert member.phase == "running"


def test_recoveries_are_survived_when_an_epoch_runs():
    journal = Journal()
    journal.failed("one", 100 * MS)
    journal.failed("another", 150 * MS)
    assert read(journal, 200).recoveries[0].took_ms == -1
    journal.runs(300 * MS)
    (found,) = read(journal, 400).recoveries
    assert (found.ago_ms, found.took_ms, found.reason) == (300, 200, "another")
    journal.begin_session()
    assert read(journal, 400).recoveries == ()


def test_losses_are_kept_within_bounds():
    journal = Journal()
    beat(journal, 1)
    for _ in range(MOST_KEPT + 5):
        journal.lost(A, "was silent", 5 * MS)
    found = read(journal, 9)
    assert len(found.lost) == MOST_KEPT
    assert (found.lost[0].node, found.lost[0].ago_ms) == ("a.0", 4)
    assert not found.members[0].told
