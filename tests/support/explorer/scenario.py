"""Say what a run is made of, and what goes wrong in it: as values and as text.

A script is the text of a `Scenario`; `tests/simulation/transcripts` holds some. The
moment of a fault is a trigger (``go:2``: epoch 2 began to run) and a time after it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

GRAPHS = {
    "pair": (("client", "a.0"), ("a.0", "b.0"), ("b.0", "client")),
    "single": (("client", "a.0"), ("a.0", "client")),
    "chain": (
        ("client", "conv.0"), ("conv.0", "hidden.0"), ("hidden.0", "out.0"),
        ("out.0", "client"),
    ),
    "diamond": (
        ("client", "a.0"), ("a.0", "b.0"), ("a.0", "b.1"), ("b.0", "c.0"),
        ("b.1", "c.0"), ("c.0", "client"),
    ),
    "wide": (
        ("client", "a.0"), ("client", "a.1"), ("a.0", "b.0"), ("a.1", "b.0"),
        ("a.0", "b.1"), ("a.1", "b.1"), ("b.0", "client"), ("b.1", "client"),
    ),
}  # fmt: skip
KINDS = (
    "crash", "leave", "stall", "lose", "late", "cut", "tamper", "poison", "worker",
    "client", "stop", "path", "away",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        after: Trigger: start, prepare:N, go:N, lost:N, frame:N, idle, fault:N.
        ms: Time after the trigger.
        kind: One of `KINDS`.
        who: ``worker:2``, ``client``, ``controller``, a link's number, a host
            (``n1``), two of them (``n1:ctl``).
        how: Words by kind: ``told``, ``untold``, ``up``, ``down``, a tampering.
        for_ms: How long; for a crash until the restart. -1: for ever.
    """

    after: str
    ms: float
    kind: str
    who: str
    how: str = "-"
    for_ms: float = -1

    def __str__(self) -> str:
        """Return its line of a script."""
        return (
            f"at {self.after} + {self.ms:g} {self.kind} {self.who} {self.how} "
            f"{self.for_ms:g}"
        )


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run.

    Attributes:
        seed: Of everything random that is not a fault: delays, service times, clocks.
        graph: Name of a graph of `GRAPHS`.
        frames: How many the client streams.
        feed: ``array`` or ``iterator``.
        window: Frames in flight.
        hwm: Packets that a link holds.
        spares: Workers more than partitions.
        once: The controller ends with its first session.
        clocks: ``same``; ``offset``: they start apart; ``drift``: and run apart.
        hosts: On which the workers are, in turn; 1: all members are on one.
        faults: In no order.
    """

    seed: int
    graph: str = "pair"
    frames: int = 6
    feed: str = "array"
    window: int = 2
    hwm: int = 2
    spares: int = 0
    once: bool = True
    clocks: str = "drift"
    hosts: int = 1
    faults: tuple[Fault, ...] = ()

    @property
    def links(self) -> dict[int, tuple[str, str]]:
        """Return source and destination of each link."""
        return dict(enumerate(GRAPHS[self.graph]))

    @property
    def partitions(self) -> tuple[str, ...]:
        """Return the partitions in order."""
        names = dict.fromkeys(name for link in GRAPHS[self.graph] for name in link)
        return tuple(sorted(name for name in names if name != "client"))

    def host(self, name: str) -> str:
        """Return the host of a member; the client's is the controller's."""
        number = name.removeprefix("worker:")
        if self.hosts == 1 or number == name:
            return "ctl"
        return f"n{(int(number) - 1) % self.hosts + 1}"

    @property
    def places(self) -> tuple[str, ...]:
        """Return all hosts, the controller's first."""
        return ("ctl", *(f"n{k}" for k in range(1, self.hosts + 1)))

    def without(self, fault: Fault) -> Scenario:
        """Return the scenario less a fault."""
        return replace(self, faults=tuple(f for f in self.faults if f is not fault))

    def __str__(self) -> str:
        """Return the text of its script."""
        lines = [
            f"{field.name} {getattr(self, field.name)}"
            for field in fields(self)
            if field.name != "faults"
        ]
        return "\n".join([*lines, *map(str, self.faults)]) + "\n"


def parse(text: str) -> Scenario:
    """Read a script; lines that begin with ``#`` are remarks."""
    values: dict[str, object] = {}
    faults = []
    types = {field.name: field.type for field in fields(Scenario)}
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "at":
            _, after, _, ms, kind, who, how, for_ms = words
            faults.append(Fault(after, float(ms), kind, who, how, float(for_ms)))
            continue
        name, value = words
        convert = {"int": int, "bool": lambda v: v == "True"}.get(str(types[name]), str)
        values[name] = convert(value)
    return Scenario(**values, faults=tuple(faults))  # type: ignore[arg-type]
