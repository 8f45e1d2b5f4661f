"""One sentence for whatever a cluster does, or does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.cli.status_table import tables
from neurocluster.controller.connection import Connection
from neurocluster.controller.explain import explain, names, unanswered
from neurocluster.controller.status import Status
from tests.support.status import member, rows, spare, status, statuses

DIAMOND = (
    (0, "client", "a.0"), (1, "a.0", "b.0"), (2, "a.0", "b.1"), (3, "b.0", "c.0"),
    (4, "b.1", "c.0"), (5, "c.0", "client"),
)  # fmt: skip
OPEN = {"open_frames": 16, "frame": 812, "finished": 811}
LATE = {"moved_ms": 1200}


def chain(client=(), a=(), b=(), **changes):
    """A chain whose oldest frame, 812, is open at the client."""
    members = [
        member("client", 1, **{**OPEN, **LATE, "received": rows((2, 9, 812)),
                               "sent": rows((0, 50, 0)), **dict(client)}),
        member("a.0", 2, **{**LATE, "frame": 828, "received": rows((0, 50, 828)),
                            "sent": rows((1, 418, 0)), **dict(a)}),
        member("b.0", 3, **{**LATE, "frame": 828, "received": rows((1, 418, 828)),
                            "sent": rows((2, 9, 0)), **dict(b)}),
    ]  # fmt: skip
    return status(members, **changes)


def look(states):
    return lambda pid, _host: states.get(pid, "S")


# -- running -----------------------------------------------------------------------


def test_idle():
    found = status([member("client"), member("a.0"), member("b.0")])
    assert explain(found) == "nothing to do: no frames are open"


def test_idle_with_a_stopped_worker():
    found = status([member("client"), member("a.0", 7), member("b.0")])
    assert explain(found.seen(look({7: "T"}))) == (
        "nothing to do: no frames are open; "
        "a.0 (pid 7 on vm) is stopped (state T), silent for 0.1 s"
    )


def test_all_move():
    found = chain(*({"moved_ms": 80},) * 3)
    assert explain(found) == (
        "frame 812 is being computed; all partitions moved in the last 0.1 s"
    )


def test_the_client_gets_results_while_one_node_does_not_move():
    late = {"moved_ms": 900, "frame": 812}
    found = chain({"moved_ms": 80}, late, {"moved_ms": 80})
    assert explain(found) == "frame 812 is being computed; a.0 has not moved for 0.9 s"


def test_the_last_frames_of_a_stream():
    assert explain(chain({"moved_ms": 80})) == (
        "frame 812 is being computed; results come in, and some partitions have "
        "nothing left to do"
    )


def test_positions_are_those_of_the_stream_not_of_the_epoch():
    found = chain({"finished": 4011, "moved_ms": 0}, {"moved_ms": 0}, {"moved_ms": 0})
    assert "frame 4012 is being computed" in explain(found)


def test_a_silent_worker_holds_the_frame():
    a = {"frame": 812, "open_frames": 3, "heard_ms": 3100, "sent": rows((1, 418, 2))}
    found = chain(a=a, b={"frame": 812, "received": rows((1, 411, 812))})
    assert explain(found) == (
        "frame 812 waits for a.0 (pid 2 on vm), which has been silent for 3.1 s; "
        "its link to b.0 has delivered 411 of 418 spikes"
    )


def test_a_stopped_process_is_named_at_once():
    b = {"frame": 812, "open_frames": 2, "received": rows((1, 400, 813))}
    assert explain(chain(b=b).seen(look({3: "T"}))) == (
        "frame 812 waits for b.0 (pid 3 on vm), which is stopped (state T), silent for "
        "0.1 s; it has taken 400 of 418 spikes sent to it"
    )


def test_a_process_that_is_gone_but_not_yet_missed():
    b = {"frame": 812, "heard_ms": 600}
    text = explain(chain(b=b).seen(look({3: "gone"})))
    assert "waits for b.0 (pid 3 on vm), which is gone, silent for 0.6 s" in text


def test_a_pid_that_cannot_be_found_is_no_proof_while_beats_come():
    assert "gone" not in explain(chain(b={"frame": 812}).seen(look({3: "gone"})))


def test_a_slow_kernel():
    b = {"frame": 812, "open_frames": 16, "moved_ms": 90}
    assert explain(chain(b=b)) == (
        "frame 812 waits for b.0 (pid 3 on vm), which computes: it has 16 open frames "
        "and moved 0.1 s ago"
    )


def test_a_node_that_has_all_it_needs_and_does_nothing():
    b = {"frame": 812, "open_frames": 1, "moved_ms": 2300}
    assert explain(chain(b=b)) == (
        "frame 812 waits for b.0 (pid 3 on vm), which has all it needs but has not "
        "moved for 2.3 s: it has 1 open frame"
    )


def test_a_link_that_delivers_nothing():
    b = {"frame": 812, "received": rows((1, 411, 812)), "moved_ms": 1500}
    assert explain(chain(b=b)) == (
        "frame 812 waits for link a.0->b.0: it has delivered 411 of 418 spikes, and "
        "b.0 moved 1.5 s ago"
    )


def test_results_on_the_way_to_the_client():
    found = chain({"received": rows((2, 5, 812))})
    assert "waits for link b.0->client: it has delivered 5 of 9 spikes" in explain(
        found
    )


def test_a_full_link_is_its_destinations_fault():
    a = {"frame": 812, "blocked": True, "open_frames": 9, "sent": rows((1, 418, 12))}
    b = {"frame": 812, "received": rows((1, 300, 812)), "open_frames": 4}
    assert explain(chain(a=a, b=b)) == (
        "frame 812 waits for b.0 (pid 3 on vm), which takes nothing from a.0: "
        "12 packets wait on a full link"
    )


def test_a_full_link_to_a_silent_worker():
    a = {"frame": 812, "blocked": True, "sent": rows((1, 418, 1))}
    b = {"frame": 812, "received": rows((1, 300, 812)), "heard_ms": 700}
    text = explain(chain(a=a, b=b))
    assert "b.0 (pid 3 on vm), which has been silent for 0.7 s" in text
    assert "it has taken 300 of 418 spikes sent to it" in text


def diamond(**changes):
    parts = {
        "client": {**OPEN, "received": rows((5, 1, 812)), "sent": rows((0, 7, 0))},
        "a.0": {"frame": 830, "sent": rows((1, 5, 0), (2, 5, 0))},
        "b.0": {"frame": 830, "received": rows((1, 5, 830)), "sent": rows((3, 6, 0))},
        "b.1": {"frame": 830, "received": rows((2, 5, 830)), "sent": rows((4, 6, 0))},
        "c.0": {"frame": 812, "open_frames": 9,
                "received": rows((3, 6, 830), (4, 6, 830))},
    }  # fmt: skip
    return status(
        [
            member(name, pid, **{**LATE, **fields, **changes.get(name, {})})
            for pid, (name, fields) in enumerate(parts.items(), 1)
        ],
        DIAMOND,
    )


def test_of_two_branches_the_late_one_is_named():
    late = {"frame": 812, "received": rows((2, 5, 830)), "open_frames": 2}
    closing = {"received": rows((3, 6, 830), (4, 3, 812))}
    assert "waits for b.1 (pid 4" in explain(diamond(**{"b.1": late, "c.0": closing}))


def test_the_worst_of_several_causes_is_named():
    both = {"frame": 812, "open_frames": 2}
    closing = {"received": rows((3, 2, 812), (4, 3, 812))}
    found = diamond(
        **{"b.0": both | {"moved_ms": 9000}, "b.1": both | {"heard_ms": 400},
           "c.0": closing}
    )  # fmt: skip
    assert "waits for b.1 (pid 4 on vm), which has been silent" in explain(found)


def test_a_branch_that_nobody_runs():
    found = diamond(**{"c.0": {"received": rows((3, 6, 830), (4, 3, 812))}})
    rest = [m for m in found.members if m.node != "b.1"]
    lonely = Status(**{**_fields(found), "members": tuple(rest)})
    assert explain(lonely).startswith("frame 812 waits for b.1, which nobody runs")


def _fields(found):
    return {name: getattr(found, name) for name in found.__dataclass_fields__}


def test_a_blocked_diamond_is_followed_to_its_end():
    late = {"frame": 812, "blocked": True}
    found = diamond(
        **{"a.0": late | {"sent": rows((1, 5, 0), (2, 5, 3))},
           "b.1": late | {"sent": rows((4, 6, 8)), "received": rows((2, 1, 812))},
           "c.0": {"received": rows((3, 6, 830), (4, 3, 812))}}
    )  # fmt: skip
    assert "waits for c.0 (pid 5 on vm), which takes nothing from b.1" in explain(found)


def test_a_stopped_client():
    found = chain({"heard_ms": 500}).seen(look({1: "T"}))
    text = explain(found)
    assert "waits for the client (pid 1 on vm), which is stopped (state T)" in text


def test_an_epoch_that_has_just_begun():
    found = chain({"told": False, "open_frames": 0})
    assert explain(found) == "epoch 1 has just begun"


# -- bring-up, recovery, ends --------------------------------------------------------


def gather(members, **changes):
    return status(members, **{"phase": "gather", "epoch": 0, **changes})


CAME = member("client", linked=False, told=False, phase="standby")


def test_nobody_is_there():
    assert explain(gather([])) == (
        "waiting for workers: a.0 and b.0 are missing; no client is there"
    )


def test_one_worker_is_missing_and_its_wish_tells_which():
    found = gather([CAME, spare(slot=1)], left_ms=27_300)
    text = "waiting for workers: a.0 is missing, 27 s left"
    assert explain(found) == text
    twice = gather([spare(slot=1), spare(slot=1)], links=DIAMOND)
    assert twice.missing == ["b.1", "c.0"]


def test_workers_stand_by():
    found = gather([spare(3), spare(4)])
    text = "nothing to do: 2 workers stand by, no client is there"
    assert explain(found) == text


def test_a_member_is_not_ready():
    found = gather([CAME, spare(3), spare(4, ready=False)])
    assert explain(found) == "waiting for a spare (pid 4 on vm) to be ready"


REASON = "partition b.0 (worker pid 123 on vm) was killed by signal 9 (SIGKILL)"


def test_recovering_without_a_replacement():
    found = gather([CAME, member("a.0")], reason=REASON, left_ms=12_000)
    assert explain(found) == (
        f"recovering: {REASON}; waiting for workers: b.0 is missing, 12 s left"
    )


def test_who_was_lost_is_looked_at():
    lost = {"node": "b.0", "pid": 123, "host": "vm", "how": "x", "ago_ms": 900}
    found = gather([CAME, member("a.0")], reason=REASON, lost=(lost,))
    seen = explain(found.seen(look({123: "T"})))
    assert f"{REASON}; its process is stopped (state T); waiting" in seen


def test_a_session_that_ended_is_not_recovering():
    found = gather([spare(3), spare(4)], reason=REASON)
    assert explain(found).startswith("nothing to do")


def test_wiring():
    parts = [member("client", linked=False, phase="bound"), member("a.0"),
             member("b.0", linked=False, phase="building")]  # fmt: skip
    found = status(parts, phase="wire")
    assert explain(found) == "bringing up epoch 1: b.0 prepares its part"
    parts[2] |= {"phase": "bound"}
    found = status(parts, phase="wire", reason=REASON, epoch=2)
    assert explain(found) == (
        f"recovering: {REASON}; epoch 2: links not made yet: a.0->b.0 and b.0->client"
    )


def test_wiring_with_a_stopped_worker():
    parts = [member("client"), member("a.0", 7), member("b.0")]
    found = status(parts, phase="wire").seen(look({7: "T"}))
    assert "epoch 1: a.0 (pid 7 on vm) is stopped (state T)" in explain(found)


def test_ends():
    assert explain(chain(phase="closing")).startswith("the session ends")
    assert explain(chain(phase="ended")) == "the cluster has ended"
    text = explain(chain(*({"moved_ms": 0},) * 3, stopping=True))
    assert text.startswith("stopping: frame 812 is being computed")


# -- no answer -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("process", "words"),
    [
        ("T", "its process is stopped (state T)"),
        ("gone", "its process is gone"),
        ("Z", "its process has ended (state Z)"),
        ("R", "its process runs (state R)"),
        ("", "its process cannot be seen from here"),
        ("?", "its process is in state ?"),
    ],
)
def test_a_controller_that_does_not_answer(process, words):
    found = unanswered(Connection("ipc://x", 4711, "vm", 5), process)
    assert found == f"the controller (pid 4711 on vm) does not answer; {words}"


def test_an_endpoint_at_which_nobody_answers():
    text = unanswered(Connection("tcp://127.0.0.1:9"), "")
    assert text == "no controller answers at tcp://127.0.0.1:9"


# -- anything ------------------------------------------------------------------------


@given(statuses(), st.sampled_from(["", "S", "T", "gone", "Z"]))
def test_anything_gives_one_sentence_and_tables(body, process):
    found = Status.from_wire(body).seen(lambda _pid, _host: process)
    text = explain(found)
    assert text.strip()
    assert tables(found)


def test_a_chain_of_a_thousand_partitions_is_walked():
    names = ["client", *(f"p.{k}" for k in range(1000))]
    links = tuple(
        (k, source, to) for k, (source, to) in
        enumerate(zip(names, [*names[1:], "client"], strict=True))
    )  # fmt: skip
    members = [member("client", **OPEN, **LATE)]
    members += [member(name, frame=5, open_frames=1, **LATE) for name in names[1:]]
    text = explain(status(members, links))
    assert "waits for link client->p.0" in text


def test_names():
    assert names([]) == ""
    assert names(["a"]) == "a"
    assert names(list("abc")) == "a, b and c"
    assert names(list("abcdefg")) == "a, b, c, d and 3 more"


# -- under a clock -----------------------------------------------------------------


def rounds(*numbers):
    return {"rounds": b"".join(n.to_bytes(8, "little") for n in numbers)}


def test_a_round_waits_for_who_has_not_done_it():
    done, late = rounds(41, 1), rounds(41, 0)
    stashed = {"open_frames": 2, "frame": 812}
    found = chain(
        done, {**stashed, **late, "received": rows((0, 50, 813))}, {**stashed, **done}
    )
    assert explain(found) == (
        "frame 812 waits for the clock, whose round 41 waits for a.0 (pid 2 on vm), "
        "which has all it needs but has not moved for 1.2 s: it has 2 open frames"
    )


def test_a_round_waits_for_who_stands_still_whatever_it_said_last():
    found = chain(rounds(41, 1), rounds(41, 0), rounds(41, 1))
    assert explain(found.seen(look({3: "T"}))) == (
        "frame 812 waits for the clock, whose round 41 waits for b.0 (pid 3 on vm), "
        "which is stopped (state T), silent for 0.1 s"
    )


def test_all_have_done_a_round_and_a_tick_does_not_arrive():
    """Of three nodes each tells two; the last of each row were told, then heard."""
    found = chain(
        rounds(41, 1, 42, 42, 42, 41), rounds(41, 1, 42, 42, 42, 42),
        rounds(41, 1, 42, 42, 42, 42),
    )  # fmt: skip
    assert explain(found) == (
        "frame 812 waits for the clock: all have done round 41, and its tick "
        "a.0->client has not arrived"
    )


def test_between_two_rounds_it_is_as_without_a_clock():
    done = rounds(41, 1)
    assert explain(chain(done, done, done)) == explain(chain())
