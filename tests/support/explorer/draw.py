"""Draw a scenario from a seed: faults of every kind at every moment of a run."""

from __future__ import annotations

import random
from dataclasses import replace

from tests.support.explorer.scenario import GRAPHS, Fault, Scenario

STALLS_MS = (10, 60, 150, 250, 500, 800, 950, 1100, 1500, 2500, 4000, 8000, 40_000)
STALL_WEIGHTS = (4, 4, 4, 4, 4, 6, 6, 6, 6, 3, 2, 1, 0.3)
TAMPERINGS = ("double", "drop", "count", "sequence", "frame")


def draw(seed: int) -> Scenario:
    """Return the scenario of a seed."""
    rng = random.Random(seed)
    made = Scenario(
        seed=seed,
        graph=rng.choice(tuple(GRAPHS)),
        frames=rng.choice((1, 2, 3, 5, 8, 12)),
        feed=rng.choice(("array", "iterator")),
        window=rng.randint(1, 4),
        hwm=rng.randint(1, 3),
        spares=rng.choice((0, 0, 1, 2)),
        once=rng.random() < 0.6,
    )
    count = rng.choices((0, 1, 2, 3, 4), (1, 10, 8, 4, 2))[0]
    faults = tuple(fault(rng, made, k) for k in range(count))
    if rng.random() < 0.03:
        return host_lost(rng, made)
    if rng.random() < 0.06:
        return hosts_apart(rng, made)
    return replace(made, faults=faults)


def host_lost(rng: random.Random, made: Scenario) -> Scenario:
    """Return a scenario in which several workers die together; there are spares."""
    workers = len(made.partitions)
    after, ms = moment(rng, made, 0)
    lost = rng.sample(range(1, 2 * workers + 1), rng.randint(2, max(workers, 2)))
    how = rng.choice(("told", "untold"))
    faults = tuple(
        Fault(after, round(ms + rng.uniform(0, 20), 2), "crash", f"worker:{k}", how)
        for k in lost
    )
    return replace(made, spares=workers, faults=faults)


def hosts_apart(rng: random.Random, made: Scenario) -> Scenario:
    """Return a scenario of three hosts whose network is cut, and more may fail."""
    made = replace(made, hosts=3, spares=rng.choice((0, 1, 3)))
    faults = []
    for number in range(rng.choice((1, 1, 2))):
        after, ms = moment(rng, made, number)
        ms_long = rng.choice((200, 900, 1500, 3000, 8000, -1))
        kind = rng.choice(("path", "away"))
        one, *other = rng.sample(made.places, 2)
        if kind == "away":
            who = one if one != "ctl" else other[0]
        else:
            who = ":".join((one, *other))
        faults.append(Fault(after, ms, kind, who, "-", ms_long))
    if rng.random() < 0.4:
        faults.append(fault(rng, made, len(faults)))
    return replace(made, faults=tuple(faults))


def moment(rng: random.Random, made: Scenario, number: int) -> tuple[str, float]:
    """Return when the fault of a number happens."""
    triggers = [
        ("start", rng.uniform(0, 60)),
        (f"prepare:{rng.randint(1, 3)}", rng.uniform(0, 12)),
        (f"go:{rng.choice((1, 1, 1, 2, 3))}", rng.uniform(0, 8)),
        (f"frame:{rng.randint(1, made.frames)}", rng.uniform(0, 2)),
        (f"frame:{made.frames}", rng.uniform(0, 2)),
        (f"lost:{rng.randint(1, 2)}", rng.choice((0, 1, 5, 50)) * rng.random()),
        ("idle", rng.uniform(0, 6)),
    ]
    if number:
        triggers += [(f"fault:{rng.randint(1, number)}", rng.uniform(0, 3))] * 3
        triggers.append((f"fault:{rng.randint(1, number)}", rng.uniform(0, 2500)))
    after, ms = rng.choice(triggers)
    return after, round(ms, 2)


def fault(rng: random.Random, made: Scenario, number: int) -> Fault:
    """Return one fault."""
    after, ms = moment(rng, made, number)
    workers = len(made.partitions) + made.spares
    worker = f"worker:{rng.randint(1, workers)}"
    member = rng.choice((worker, worker, "client"))
    link = str(rng.randrange(len(made.links)))
    stall = rng.choices(STALLS_MS, STALL_WEIGHTS)[0]
    kind = rng.choices(
        ("crash", "leave", "stall", "lose", "late", "cut", "tamper", "poison",
         "worker", "client", "stop"),
        (8, 2, 6, 3, 2, 3, 3, 1, 1, 1, 1),
    )[0]  # fmt: skip
    match kind:
        case "crash":
            who = rng.choices((worker, "client", "controller"), (8, 1, 1))[0]
            restart = rng.choice((-1, 0, 5, 40, 300, 1500, 4000))
            if who == worker and restart < 0:
                restart = rng.choice((-1, 20))
            how = rng.choice(("told", "untold"))
            return Fault(after, ms, kind, who, how, restart)
        case "leave":
            return Fault(after, ms, kind, member, "-", rng.choice((-1, 20, 300)))
        case "stall":
            who = rng.choice((worker, worker, "client", "controller"))
            return Fault(after, ms, kind, who, "-", stall)
        case "lose":
            return Fault(after, ms, kind, member, rng.choice(("up", "down")))
        case "late":
            way, by = rng.choice(("up", "down")), rng.choice((20, 200, 700, 1200))
            return Fault(after, ms, kind, member, f"{way}:{by}", stall)
        case "cut":
            return Fault(after, ms, kind, link, "-", rng.choice((-1, -1, 100, 3000)))
        case "tamper":
            return Fault(after, ms, kind, link, rng.choice(TAMPERINGS))
        case "poison":
            who = rng.choice(made.partitions)
            how = f"{rng.randrange(made.frames)}:{rng.choice(('crash', 'fault'))}"
            return Fault("start", 0, kind, who, how, rng.choice((5, 40)))
        case "worker":
            slot = rng.randrange(len(made.partitions))
            return Fault(after, ms, kind, f"slot:{slot}")
        case "client":
            return Fault(after, ms, kind, "second")
        case _:
            return Fault(after, ms, "stop", "controller")
