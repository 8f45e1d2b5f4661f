"""The proof of one-way times: wrong clocks are turned back, what is wrong is found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import call1
from neurocluster.metrics.histogram import BINS, percentile, record
from neurocluster.results.tables import LINK_COLUMNS
from neurocluster.wire.shapes import PACKET_ROW
from tools.latency.clocks import SECOND_NS, Wrong
from tools.latency.cluster import REAL, Phase, Setting
from tools.latency.judge import KNOWN, judge, problems

BEGIN = 10**13
FAST, SLOW = Wrong(5000, 50, BEGIN), Wrong(1000, -50, BEGIN)


def stamp(wrong, real_ns):
    """Return what a clock shows at a time."""
    ahead_ns = wrong.seconds * SECOND_NS
    return real_ns + ahead_ns + (real_ns - BEGIN) * wrong.ppm // 1_000_000


@given(st.integers(0, 10**6), st.integers(-2000, 2000), st.integers(0, 600 * SECOND_NS))
def test_every_stamp_is_turned_back_to_the_nanosecond(seconds, ppm, after):
    wrong = Wrong(seconds, ppm, BEGIN)
    told = wrong.real(np.array([stamp(wrong, BEGIN + after)]))
    assert abs(int(told[0]) - BEGIN - after) <= 1


def test_the_real_clock_needs_no_turning_back():
    stamps = np.array([0, 10**14, 2**62])
    assert REAL.real(stamps).tolist() == stamps.tolist()


@jit
def look(function, memory):
    return call1(np.uint64(function), np.uint64(memory))


@pytest.mark.parametrize("namespace", [False, True])
@pytest.mark.parametrize("wrong", [FAST, SLOW])
def test_compiled_code_and_python_read_the_same_wrong_clock(wrong, namespace):
    clock = wrong.clock(namespace=namespace)
    function, memory = clock.native
    for _ in range(10):
        before = clock.read()
        compiled = look(function, memory.ctypes.data)
        assert before <= compiled <= clock.read()
    assert clock.name != REAL.clock(namespace=False).name


def phase(rows, *, wire_us=50, half_trip=60_000):
    """Return a phase of one link, from a fast clock to a slow one.

    Args:
        rows: Of transit, offset told minus the true one, and bound, ns.
        wire_us: See `Setting`.
        half_trip: Half the shortest round trip, ns.
    """
    found = Phase(
        Setting(1, load=False, wrongs=(FAST, SLOW), namespaces=True, wire_us=wire_us),
        begin_ns=BEGIN,
    )
    found.clocks = {"a.0": FAST, "b.0": SLOW}
    table = []
    for k, (transit, off, error) in enumerate(rows):
        sent = BEGIN + SECOND_NS + k * 1000
        received = stamp(SLOW, sent + transit)
        # The offset with which the receiver would tell the very transit.
        exact = transit - (received - stamp(FAST, sent))
        row = {"link": 3, "sent": stamp(FAST, sent), "received": received}
        row |= {"known": 1, "offset": exact + off, "error": error}
        table.append([row.get(name, 0) for name in PACKET_ROW])
    found.rows = {3: np.array(table, np.int64)}
    told = [transit + off for transit, off, _ in rows]
    spans = np.zeros(BINS, np.uint32)
    for value in told:
        record(np.uint64(spans.ctypes.data), value)
    line = dict.fromkeys(LINK_COLUMNS) | {
        "link": 3, "source": "a.0", "destination": "b.0", "packets": len(rows),
        "transit_error_ns": max(error for _, _, error in rows), "clock": "udp",
        "transit_ns_p50": percentile(spans, 50), "round_trip_ns": 2 * half_trip,
        "transit_ns_p99": percentile(spans, 99),
    }  # fmt: skip
    found.links = [line]
    return found


GOOD = [(90_000, 20_000, 61_000), (95_000, -20_000, 89_000), (400_000, 0, 70_000)]


def test_what_lies_within_its_bound_is_no_problem():
    found = phase(GOOD)
    (link,) = judge(found)
    assert list(problems(found, [link])) == []
    assert link.name == "a.0->b.0"
    assert np.abs(link.truth - [90_000, 95_000, 400_000]).max() <= 2
    assert np.abs(link.off - [20_000, -20_000, 0]).max() <= 2
    summary = link.summary()
    assert (summary["packets"], summary["outside"]) == (3, 0)
    assert summary["bound_to_half_trip_largest"] == pytest.approx(89 / 60)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((90_000, 61_100, 61_000), "the truth is outside in 1 packets"),
        ((90_000, -61_100, 61_000), "the truth is outside in 1 packets"),
        ((-5_000, 0, 61_000), "a packet came 5000 ns before it was sent"),
        ((90_000, 0, 91_000), "the bound was tight in 75.00 % of the packets only"),
    ],
)
def test_what_is_wrong_is_named(change, words):
    found = phase([*GOOD, change])
    (problem,) = problems(found, judge(found))
    assert problem == f"a.0->b.0: {words}"


def test_on_one_host_a_bound_may_be_wider():
    found = phase([*GOOD, (90_000, 0, 400_000)], wire_us=0)
    assert list(problems(found, judge(found))) == []


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("packets", 4, "4 packets, others were written down"),
        ("transit_error_ns", 88_999, "another largest bound than that of its packets"),
        ("transit_ns_p50", 123_000, "p50 is 123000, of its packets 110000"),
        ("transit_ns_p99", None, "p99 is None, of its packets 400000"),
        ("round_trip_ns", None, "no probe was answered"),
    ],
)
def test_a_table_that_says_other_than_the_packets_is_named(column, value, words):
    found = phase(GOOD)
    found.links[0][column] = value
    (problem,) = problems(found, judge(found))
    assert problem.startswith(f"a.0->b.0: {words[:-4]}")


def test_a_packet_of_an_unknown_clock_is_counted_and_nothing_more():
    found = phase(GOOD)
    found.rows[3][0, KNOWN] = 0
    (link,) = judge(found)
    assert (len(link.truth), link.unknown) == (2, 1)
    found.rows[3][:, KNOWN] = 0
    (problem,) = problems(found, judge(found))
    assert problem == "a.0->b.0: nothing was told of any packet"
