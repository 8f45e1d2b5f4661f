"""Which links do without a path that does not work."""

from neurocluster.controller.paths import Paths
from neurocluster.controller.roster import Member, Roster

LINKS = (("client", "a"), ("a", "b"), ("b", "c"), ("c", "client"))
HOSTS = {"client": "ctl", "a": "n1", "b": "n2", "c": "n3"}


def detours(broken, spares, hosts=HOSTS, links=LINKS):
    paths = Paths()
    paths.fail(broken)
    moves = paths.detours(hosts, spares, links, ("client",))
    where = hosts | {node: spares[k] for node, k in moves.items()}
    left = [link for link in links if paths.broken(*(where[end] for end in link))]
    return moves, where, left


def test_nothing_moves_while_all_paths_work():
    assert detours([], ["n1", "n2", "n3"])[0] == {}
    assert detours([("n1", "n9")], ["n1", "n2", "n3"])[0] == {}


def test_one_end_of_a_broken_path_goes_elsewhere():
    moves, _, left = detours([("n2", "n1")], ["n1", "n2", "n3"])
    assert len(moves) == 1
    assert not left


def test_a_host_that_nobody_reaches_is_left():
    """Only b moves: its host is an end of both broken paths."""
    moves, where, left = detours([("n1", "n2"), ("n2", "n3")], ["n2", "n3", "n1"])
    assert list(moves) == ["b"]
    assert where["b"] in ("n1", "n3")
    assert not left


def test_the_client_stays_where_it_is():
    moves, _, left = detours([("ctl", "n1")], ["n1", "n2"])
    assert moves == {"a": 1}
    assert not left


def test_where_no_spare_helps_nobody_moves():
    assert detours([("n1", "n2")], [])[0] == {}
    broken = [("n1", "n2"), ("n1", "n3"), ("ctl", "n3")]
    moves, _, left = detours(broken, ["n3"], HOSTS | {"c": "n2"})
    assert moves == {}
    assert left == [("a", "b")]


def test_neighbours_leave_a_host_together_where_neither_gains_alone():
    """Either would leave the other behind a path that is broken, too."""
    hosts = HOSTS | {"b": "n2", "c": "n2", "a": "n3"}
    broken = [("n1", "n2"), ("n3", "n2"), ("ctl", "n2")]
    moves, where, left = detours(broken, ["n1", "n3", "n1"], hosts)
    assert set(moves) == {"b", "c"}
    assert "n2" not in where.values()
    assert not left


def test_spares_are_given_once():
    """Both partitions of n3 must go, and there are two spares on one host."""
    links = (("client", "a"), ("client", "b"), ("a", "client"), ("b", "client"))
    hosts = {"client": "ctl", "a": "n3", "b": "n3"}
    moves, _, left = detours([("ctl", "n3")], ["n3", "n1", "n1"], hosts, links)
    assert sorted(moves.values()) == [1, 2]
    assert not left


def test_who_moves_twice_frees_the_first_place():
    paths = Paths()
    paths.fail([("n1", "n2"), ("n1", "n4"), ("n2", "n4"), ("n3", "n4"), ("n3", "n2")])
    moves = paths.detours(
        {"client": "ctl", "a": "n1", "b": "n2", "c": "n4"}, ["n3", "n1"], LINKS,
        ("client",),
    )  # fmt: skip
    assert len(set(moves.values())) == len(moves)


def test_within_a_host_no_path_is_to_blame():
    paths = Paths()
    paths.fail([("n1", "n1")])
    assert not paths.broken("n1", "n1")


def test_a_link_that_was_made_mends_its_path():
    paths = Paths()
    paths.fail([("n1", "n2"), ("n2", "n3")])
    paths.mend([("n2", "n1"), ("n4", "n5")])
    assert repr(paths) == "<Paths broken=[['n2', 'n3']]>"


def test_a_roster_exchanges_places():
    roster, paths = Roster(("a", "b")), Paths()
    for k, host in enumerate(("n1", "n2", "n1")):
        roster.add(Member(bytes([k]), "worker", k, host, None, 0, ready=True))
    roster.add(Member(b"c", "client", 99, "ctl", None, 0, ready=True))
    roster.assign()
    paths.fail([("n1", "n2")])
    moves = roster.detour(paths, [("client", "a"), ("a", "b"), ("b", "client")])
    assert [(old.host, new.host) for old, new in moves] == [("n2", "n1")]
    assert [m.node for m in roster] == ["a", "", "b", "client"]
    assert roster.hosts == {"client": "ctl", "a": "n1", "b": "n1"}
