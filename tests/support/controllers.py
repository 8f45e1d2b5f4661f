"""Drive a controller event by event, on a clock of the test's own."""

from __future__ import annotations

import struct

from neurocluster.controller import events as e
from neurocluster.controller.state import Controller, Phase
from neurocluster.wire.control import Control, Kind

MS = 1_000_000
GENERATION = 5
LINKS = {0: ("client", "a.0"), 1: ("a.0", "b.0"), 2: ("b.0", "client")}
NAMES = ("a.0", "b.0")
CLIENT, A, B, SPARE, STRANGER = b"1", b"2", b"3", b"4", b"9"
EVERYBODY = (CLIENT, A, B)
NODES = {CLIENT: "client", A: "a.0", B: "b.0"}
DEADLINE_NS, RECOVERY_NS = 10_000 * MS, 6_000 * MS
KILLED = "was killed by signal 9 (SIGKILL)"
P, K = Phase, Kind


class Plan:
    """Two partitions in a row; ``ticks`` says who tells whom of rounds."""

    partitions = NAMES
    links = LINKS
    clocked, local_depths = False, {}

    def __init__(self, ticks=()):
        self.ticks = ticks

    def prepare(self, node):
        return {
            "node": node, "partition": None, "inbound": (), "outbound": (),
            "settings": {}, "plan_hash": "h",
        }  # fmt: skip


def rows(*triples):
    """Return rows of three uint64."""
    return b"".join(struct.pack("<QQQ", *row) for row in triples)


def report(peer, spikes=9, epoch=1):
    node = NODES.get(peer, "")
    return {
        "inbound": tuple((k, spikes) for k, (_, t) in LINKS.items() if t == node),
        "outbound": tuple((k, spikes) for k, (s, _) in LINKS.items() if s == node),
        "worker": {"epoch": epoch},
    }


def body(kind, peer, **changes):
    """Return the body of a message of a peer."""
    role = "client" if peer == CLIENT else "worker"
    return {
        K.REGISTER: {
            "role": role, "pid": int(peer), "host": "h", "slot": None, "version": "1",
            "replaces": None, "cause": "", "clock": "c",
        },
        K.BOUND: {"endpoint": f"ipc://{peer.decode()}", "echo": "", "ticks": ""},
        K.BEAT: {
            "received": b"", "sent": b"", "blocked": False, "open_frames": 0,
            "frame": 0, "packets": 0, "finished": -1, "phase": "running",
            "refused": 0, "strangers": 0, "rounds": b"", "asleep": False,
        },
        K.FRAMES: {"partition": 0, "rows": b""},
        K.DETAILS: {"partition": 0, "table": "turns", "missing": 0, "rows": b""},
        K.FAULT: {
            "link": "a.0->b.0", "frame": 3, "reason": "gap", "expected": 1, "got": 2,
        },
        K.IDLE: {"report": report(peer)},
        K.REPORT: {"report": report(peer)},
        K.BYE: {"reason": "SIGTERM received"},
        K.PROBE: {"link": 0, "asked_ns": 7},
        K.ECHO: {"link": 1, "asked_ns": 7, "heard_ns": 8, "answered_ns": 9},
        K.DONE: {"round": 0, "started": 0},
    }.get(kind, {}) | changes  # fmt: skip


class Driver:
    """A controller and its time."""

    def __init__(self, *, once=True, ticks=()):
        self.controller = Controller(
            Plan(ticks), generation=GENERATION, cluster="x", version="1", cores=2,
            deadline_ns=DEADLINE_NS, recovery_ns=RECOVERY_NS, once=once,
        )  # fmt: skip
        self.now, self.actions = 10**9, []

    @property
    def phase(self):
        return self.controller.phase

    @property
    def epoch(self):
        return self.controller.epoch

    def event(self, event, after=MS):
        self.now += after
        self.actions = self.controller.handle(event, self.now)
        return self.actions

    def say(self, kind, *peers, generation=GENERATION, epoch=None, **changes):
        """Send a message of each peer, of the present epoch; return the last's."""
        epoch = self.epoch if epoch is None else epoch
        for peer in peers:
            message = Control(kind, body(kind, peer, **changes), generation, epoch)
            self.event(e.Received(peer, message))
        return self.actions

    def sent(self, kind, actions=None):
        """Return who was sent a kind of message by the last event."""
        return {m.peer for m in self.messages(kind, actions)}

    def messages(self, kind, actions=None):
        """Return the messages of a kind that the last event sent."""
        found = self.actions if actions is None else actions
        return [a for a in found if isinstance(a, e.Send) and a.message.kind is kind]

    def logs(self):
        return [a.text for a in self.actions if isinstance(a, e.Log)]

    def ticks(self, milliseconds, *beating, **changes):
        """Let time pass; some peers send BEATs. Return all actions."""
        found = []
        for _ in range(milliseconds // 50):
            for peer in beating:
                self.now -= MS
                found += self.say(K.BEAT, peer, **changes)
            found += self.event(e.Tick(), after=50 * MS)
        return found

    def join(self, *peers, **changes):
        """Register peers and make them ready."""
        for peer in peers:
            self.say(K.REGISTER, peer, **changes)
            self.say(K.READY, peer)
        return self.actions

    def wire(self, *peers):
        """Let everybody bind and link; the epoch runs then."""
        self.say(K.BOUND, *peers)
        self.say(K.LINKED, *peers)
        return self.actions


def at(phase, *, once=True, spares=(), ticks=()):
    """Return a driver whose controller stands in a phase."""
    d = Driver(once=once, ticks=ticks)
    if phase is P.GATHER:
        d.join(CLIENT, A)
        return d
    d.join(*spares, *EVERYBODY) if not spares else d.join(A, B, *spares, CLIENT)
    if phase is not P.WIRE:
        d.wire(*EVERYBODY)
    if phase in (P.CLOSING, P.ENDED):
        d.say(K.IDLE, CLIENT)
    if phase is P.ENDED:
        d.say(K.REPORT, A, B)
    assert d.phase is phase
    return d


def finish(actions):
    """Return the ends of the process among actions."""
    return [a for a in actions if isinstance(a, e.Finish)]
