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
    assert made.ready
    made.assign()
    assert [m.node for m in made] == [*PARTITIONS, "client"]
    assert [line["partition"] for line in made.lines()] == ["client", *PARTITIONS]


def test_wishes_come_first_and_the_first_to_wish_wins():
    made = roster(2, 2, 9)
    made.assign()
    assert [m.node for m in made.workers] == ["b.1", "a.0", "b.0"]


def test_members_may_be_removed_while_one_looks():
    made = roster(None, None)
    assert not made.full
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
