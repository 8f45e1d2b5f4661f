"""Which host runs what: loads even, neighbours together, pins kept."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.errors import PartitionError
from neurocluster.model.partition import Link, Partition, Plan
from neurocluster.model.placement import SLACK, Host, check_pins, place


def chain(count):
    """Return a plan of partitions in a row, with a link between neighbours."""
    parts = tuple(
        Partition(k, f"p{k}.0", k, (0, 1), (0, 1), (0, 1)) for k in range(count)
    )
    links = tuple(
        Link(k, f"p{k}.0", f"p{k + 1}.0", 0, 1, 1, 2) for k in range(count - 1)
    )  # fmt: skip
    return Plan(parts, links)


def placed(costs, traffic, cores, pins=None):
    plan = chain(len(costs))
    hosts = [Host(f"h{k}", n) for k, n in enumerate(cores)]
    cost = {f"p{k}.0": c for k, c in enumerate(costs)}
    return list(place(plan, hosts, cost=cost, traffic=traffic, pins=pins).values())


def test_equal_hosts_share_equally():
    assert placed([1] * 6, [1] * 5, [2, 2, 2]) == [
        "h0", "h0", "h1", "h1", "h2", "h2",
    ]  # fmt: skip


def test_more_cores_take_more():
    assert placed([1] * 8, [1] * 7, [6, 2]).count("h0") == 6


def test_within_a_tenth_the_cut_with_less_traffic_wins():
    even = placed([10, 10, 10, 11], [1, 1, 1], [1, 1])
    assert even == ["h0", "h0", "h1", "h1"]
    # Cutting the thick link in the middle would be a little more even.
    costs, traffic = [48, 5, 5, 48], [1, 1000, 1]
    assert placed(costs, traffic, [1, 1]) == ["h0", "h1", "h1", "h1"]


def test_more_hosts_than_partitions():
    found = placed([1, 1], [1], [1, 1, 1])
    assert len(set(found)) == 2


def test_pins_are_kept_and_count_as_load():
    found = placed([1, 1, 1, 1], [1] * 3, [1, 1], {"p0.0": "h1", "p1.0": "h1"})
    assert found == ["h1", "h1", "h0", "h0"]


def test_a_layer_is_pinned_as_a_whole_but_for_those_named_themselves():
    plan = replace(
        chain(4),
        partitions=tuple(
            replace(part, name=f"p{k // 2}.{k % 2}")
            for k, part in enumerate(chain(4).partitions)
        ),
        links=(),
    )
    cost = dict.fromkeys((p.name for p in plan.partitions), 1)
    found = place(
        plan, [Host("h0", 1), Host("h1", 1)], cost=cost, traffic=[],
        pins={"p0": "h1", "p0.1": "h0"},
    )  # fmt: skip
    assert found["p0.0"] == "h1"
    assert found["p0.1"] == "h0"


def test_without_other_hosts_there_is_nothing_to_pin():
    with pytest.raises(PartitionError, match=r"all workers run on this machine; name"):
        check_pins(chain(1), (), {"p0": "h1"})


@pytest.mark.parametrize(
    ("pins", "words"),
    [
        ({"x": "h0"}, "no partition or layer 'x'; there are p0.0, p1.0"),
        ({"p0.0": "h9"}, "p0.0 is to run on 'h9', which is none of h0"),
    ],
)
def test_what_a_pin_cannot_say(pins, words):
    with pytest.raises(PartitionError, match=words):
        placed([1, 1], [1], [1], pins)


@given(
    costs=st.lists(st.integers(1, 50), min_size=1, max_size=6),
    cores=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    data=st.data(),
)
def test_no_cut_is_better(costs, cores, data):
    """Compared with every way to cut: the load within a tenth, then the traffic."""
    n = len(costs)
    traffic = data.draw(st.lists(st.integers(0, 100), min_size=n - 1, max_size=n - 1))
    found = placed(costs, traffic, cores)
    assert found == sorted(found)  # neighbours together

    def busiest(hosts):
        return max(
            sum(c for c, h in zip(costs, hosts, strict=True) if h == f"h{k}") / n
            for k, n in enumerate(cores)
        )

    def cut(hosts):
        pairs = itertools.pairwise(hosts)
        return sum(t for t, (a, b) in zip(traffic, pairs, strict=True) if a != b)

    names = [f"h{k}" for k in range(len(cores))]
    every = [
        hosts for hosts in itertools.product(names, repeat=n)
        if list(hosts) == sorted(hosts)
    ]  # fmt: skip
    least = min(map(busiest, every))
    assert busiest(found) <= least * SLACK + 1e-9
    allowed = [hosts for hosts in every if busiest(hosts) <= least * SLACK - 1e-9]
    assert cut(found) <= min(map(cut, allowed), default=cut(found))
