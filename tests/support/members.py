"""Drive a member event by event, on a clock of the test's own."""

from __future__ import annotations

from neurocluster.member import state as m
from neurocluster.wire.control import Control, Kind

MS = 1_000_000
GENERATION, EPOCH, LEASE_MS = 5, 1, 800
REGISTER = {
    "role": "worker", "pid": 1, "host": "h", "slot": None, "version": "1",
    "replaces": None, "cause": "", "clock": "c",
}  # fmt: skip
PREPARE = {
    "node": "b.0", "partition": {"index": 1}, "settings": {}, "plan_hash": "p",
    "inbound": ((3, "a->b", 0, 9, 9, 2), (4, "c->b", 0, 9, 9, 4)),
    "outbound": ((5, "b->d", 0, 9, 9, 2),),
}  # fmt: skip
BODIES = {
    Kind.WELCOME: {"lease_ms": LEASE_MS, "cluster": "x"},
    Kind.REFUSE: {"reason": "no", "fatal": True},
    Kind.PREPARE: PREPARE,
    Kind.CONNECT: {
        "endpoints": ((5, "ipc://d"),),
        "clocks": ((3, ""),),
        "partners": (),
    },
    Kind.GO: {"roster": ({"partition": "b.0"},)},
    Kind.FRAMES: {"partition": 0, "rows": b""},
    Kind.DETAILS: {"partition": 0, "table": "spans", "missing": 0, "rows": b""},
    Kind.TABLES: {"reports": (), "refused": 0, "strangers": 0, "barrier": {}},
    Kind.FAILED: {"reason": "r", "partition": None},
    Kind.LOST: {"reason": "r", "partition": None},
    Kind.PROBE: {"link": 5, "asked_ns": 7},
    Kind.ECHO: {"link": 3, "asked_ns": 7, "heard_ns": 8, "answered_ns": 9},
    Kind.OPEN: {"round": 1, "started": 2},
}
NOT_FATAL = {"reason": "you are not a member any more", "fatal": False}


def control(kind, *, generation=GENERATION, epoch=EPOCH, body=None):
    return m.Received(
        Control(kind, BODIES.get(kind, {}) if body is None else body, generation, epoch)
    )


def hello(link, width, **changes):
    body = {"cluster": "x", "link": link, "width": width, "plan_hash": "p"}
    made = {"generation": GENERATION, "epoch": EPOCH} | {
        k: changes.pop(k) for k in ("generation", "epoch") if k in changes
    }
    return m.HelloReceived(Control(Kind.HELLO, body | changes, **made))


HELLOS = (hello(3, 2), hello(4, 4))
FAULT = m.LinkFault("a->b", 3, "gap", 1, 2)
UP = [
    control(Kind.WELCOME, epoch=0), control(Kind.PREPARE), m.Bound("ipc://b"),
    control(Kind.CONNECT), *HELLOS, control(Kind.GO),
]  # fmt: skip
STEPS = {
    m.Phase.JOINING: 0, m.Phase.STANDBY: 1, m.Phase.BUILDING: 2, m.Phase.BOUND: 3,
    m.Phase.LINKED: 6, m.Phase.RUNNING: 7,
}  # fmt: skip


class Driver:
    """A member and its time."""

    def __init__(self, role="worker", *, leased=True):
        self.member = m.Member(REGISTER | {"role": role}, leased=leased)
        self.now, self.actions = 10**9, []

    @property
    def phase(self):
        return self.member.phase

    def say(self, *events, after=MS):
        for event in events:
            self.now += after
            self.actions = self.member.handle(event, self.now)
        return self.actions

    def sent(self):
        return [a.message.kind for a in self.actions if isinstance(a, m.Send)]

    def ticks(self, milliseconds):
        """Let time pass with a tick every 50 ms; return all actions."""
        return [
            a
            for _ in range(milliseconds // 50)
            for a in self.say(m.Tick(), after=50 * MS)
        ]


def at(phase, role="worker"):
    """Return a driver whose member stands in a phase."""
    driver = Driver(role)
    steps = STEPS.get(phase, STEPS[m.Phase.RUNNING])
    driver.say(*UP[:steps])
    if phase is m.Phase.FAULTY:
        driver.say(FAULT)
    if phase is m.Phase.ENDED:
        driver.say(control(Kind.STOP))
    assert driver.member.phase is phase
    return driver
