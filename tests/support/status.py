"""Build the status of a cluster, as a controller tells it."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from neurocluster.controller.status import Status
from neurocluster.dtypes import CLIENT
from neurocluster.wire.shapes import LOST, MEMBER, STATUS, is_status

CHAIN = ((0, "client", "a.0"), (1, "a.0", "b.0"), (2, "b.0", "client"))


def rows(*table):
    """Return rows of uint64 as BEAT has them."""
    return b"".join(struct.pack("<3Q", *row) for row in table)


def member(node, pid=1, **changes):
    """Return what an ANSWER says of a member that runs and has just moved."""
    return {
        "node": node, "role": "client" if node == CLIENT else "worker", "pid": pid,
        "host": "vm", "slot": -1, "ready": True, "linked": True, "told": True,
        "phase": "running", "heard_ms": 50, "moved_ms": 50, "blocked": False,
        "open_frames": 0, "frame": 0, "finished": -1, "packets": 0, "received": b"",
        "sent": b"", "refused": 0, "strangers": 0, "rounds": b"",
    } | changes  # fmt: skip


def spare(pid=9, **changes):
    """Return a worker without a part."""
    return member("", pid, linked=False, phase="standby", **changes)


def wire_status(members, links=CHAIN, **changes):
    """Return the status in an ANSWER."""
    names = dict.fromkeys(name for _, *ends in links for name in ends)
    body = {
        "phase": "run", "epoch": 1, "stopping": False, "reason": "", "left_ms": -1,
        "refused": 0, "strangers": 0,
        "partitions": tuple(name for name in names if name != CLIENT), "links": links,
        "members": tuple(members), "lost": (), "recoveries": (),
    } | changes  # fmt: skip
    assert is_status(body)
    return body


def status(members, links=CHAIN, **changes):
    """Return a status as commands read it."""
    return Status.from_wire(wire_status(members, links, **changes))


NAMES = st.sampled_from([CLIENT, "a.0", "b.0", "c.0", ""])
COUNTS = st.integers(0, 5) | st.integers(0, 2**64 - 1)
ROWS = st.lists(st.tuples(st.integers(0, 6), COUNTS, COUNTS), max_size=6)
ROUNDS = (
    st.integers(0, 5)
    .flatmap(lambda k: st.lists(COUNTS, min_size=2 * k, max_size=2 * k))
    .map(lambda found: struct.pack(f"<{len(found)}Q", *found))
)
PHASES = st.sampled_from(["gather", "wire", "run", "closing", "ended", "?"])
TEXTS = st.sampled_from(["", "running", "building", "x"]) | st.text(max_size=9)
SMALL = st.integers(-5, 2000)


def entries(fields, **strategies):
    """Return a strategy of maps with fields of given types."""
    kinds = {int: SMALL, str: TEXTS, bool: st.booleans()}
    plain = {k: kinds[kind] for k, kind in fields.items() if k not in strategies}
    return st.fixed_dictionaries(plain | strategies)


def statuses():
    """Return a strategy of anything that a controller may tell."""
    words = ROWS.map(lambda found: rows(*found))
    members = entries(
        MEMBER, node=NAMES, role=st.sampled_from(["client", "worker"]),
        received=words, sent=words, rounds=ROUNDS,
    )  # fmt: skip
    few = {"max_size": 5}
    return entries(
        STATUS, phase=PHASES,
        partitions=st.lists(NAMES, **few).map(tuple),
        links=st.lists(st.tuples(st.integers(0, 6), NAMES, NAMES), **few).map(tuple),
        members=st.lists(members, **few).map(tuple),
        lost=st.lists(entries(LOST), **few).map(tuple),
        recoveries=st.lists(st.tuples(SMALL, SMALL, TEXTS), **few).map(tuple),
    ).filter(is_status)  # fmt: skip
