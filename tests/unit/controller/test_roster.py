"""Who gets which partition."""

from neurocluster.controller.roster import Member, Roster

PARTITIONS = ("a.0", "b.0", "b.1")


def roster(*slots):
    made = Roster(PARTITIONS)
    for k, slot in enumerate(slots):
        made.add(Member(bytes([k]), "worker", k, "h", slot, 0, ready=True))
    made.add(Member(b"c", "client", 99, "h", None, 0, ready=True))
    return made


def test_workers_take_partitions_in_the_order_they_came():
    made = roster(None, None, None)
    assert made.complete
    made.assign()
    assert [m.node for m in made] == [*PARTITIONS, "client"]
    assert [line["partition"] for line in made.lines()] == ["client", *PARTITIONS]


def test_wishes_come_first_and_the_first_to_wish_wins():
    made = roster(2, 2, 9)
    made.assign()
    assert [m.node for m in made.workers] == ["b.1", "a.0", "b.0"]


def test_members_may_be_removed_while_one_looks():
    made = roster(None, None)
    assert not made.complete
    for member in made:
        made.remove(member)
    assert made.client is None


def test_endpoints_are_known_once_all_are_bound():
    made = roster(None, None, None)
    made.assign()
    for member in made:
        assert made.endpoints() is None
        member.endpoint = f"ipc://{member.node}"
    assert made.endpoints()["b.0"] == "ipc://b.0"


def test_who_has_a_partition_keeps_it_and_spares_fill_the_gaps():
    made = roster(None, None, None, 1, None)
    made.assign()
    second = made.workers[1]
    made.remove(second)
    assert (second.node, made.missing) == ("b.1", [])
    made.assign()
    assert [m.node for m in made.workers] == ["a.0", "b.1", "b.0", ""]


def test_a_wish_for_a_free_partition_comes_before_the_order():
    made = roster(None, None, None, None, 2)
    made.assign()
    made.remove(made.workers[2])
    made.assign()
    assert [m.node for m in made.workers] == ["a.0", "b.0", "", "b.1"]


def test_only_who_is_ready_gets_a_partition():
    made = roster(None, None, None)
    made.workers[0].ready = False
    assert not made.complete
    assert made.missing == ["b.1"]
    made.add(Member(b"x", "worker", 7, "h", None, 0, ready=True))
    assert made.complete
    made.client.ready = False
    assert not made.complete


def test_an_assignment_forgets_what_was_of_the_epoch_before():
    made = roster(None, None, None)
    made.assign()
    for member in made:
        member.endpoint, member.linked, member.phase = "e", True, "building"
        member.report = {}
    assert made.linked
    assert made.building
    assert made.unreported == []
    made.assign()
    assert made.endpoints() is None
    assert not made.linked
    assert not made.building
    assert len(made.unreported) == 4


def test_a_process_is_known_by_pid_and_host():
    made = roster(None, None)
    assert made.process(1).pid == 1
    assert made.process(1, "h").pid == 1
    assert made.process(1, "g") is None
    assert made.process(50) is None


def test_a_spare_that_was_not_heard_of_late_comes_last():
    """A host is lost: its spare is silent too, but not yet for long enough."""
    made = roster(None, None, None, None, None)
    made.assign()
    quiet, other = made.workers[3:]
    for member in made:
        member.heard_ns = 900_000_000
    quiet.heard_ns = 0
    made.remove(made.workers[0])
    made.assign()
    assert (quiet.node, other.node) == ("", "a.0")
    made.remove(made.workers[0])
    made.assign()
    assert quiet.node == "b.0"
