"""Make a scenario that breaks an invariant as small as it can be, and print it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.support.explorer.scenario import Fault, Scenario
from tests.support.explorer.world import World

MOST_TRIES = 300


def problem(scenario: Scenario, model: Any = None) -> str:
    """Run a scenario; return what breaks, or nothing."""
    try:
        World(scenario, model).run()
    except Exception as error:  # noqa: BLE001 - whatever breaks is what is looked for
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {where.name}: {error}"
    return ""


def shrink(scenario: Scenario) -> Scenario:
    """Return a smaller scenario in which the same breaks."""
    tries, kind = 0, _kind(problem(scenario))
    while True:
        for smaller in candidates(scenario):
            tries += 1
            if _kind(problem(smaller)) == kind:
                scenario = smaller
                break
        else:
            return scenario
        if tries > MOST_TRIES:
            return scenario


def _kind(found: str) -> str:
    """Return what breaks without numbers and names."""
    return "".join(c for c in found if not c.isdigit())[:60]


def candidates(scenario: Scenario) -> Iterator[Scenario]:
    """Yield scenarios with fewer faults, fewer frames, earlier moments."""
    for fault in scenario.faults:
        yield scenario.without(fault)
    for name, least in (("frames", 1), ("spares", 0), ("window", 1), ("hwm", 1)):
        value = getattr(scenario, name)
        for less in {least, value - 1}:
            if least <= less < value:
                yield replace(scenario, **{name: less})
    if scenario.clocks != "same":
        yield replace(scenario, clocks="same")
    for k, fault in enumerate(scenario.faults):
        for earlier in _earlier(fault):
            faults = (*scenario.faults[:k], earlier, *scenario.faults[k + 1 :])
            yield replace(scenario, faults=faults)


def _earlier(fault: Fault) -> Iterator[Fault]:
    if fault.ms:
        yield replace(fault, ms=0)
        if fault.ms > 1:
            yield replace(fault, ms=round(fault.ms / 2, 2))
    if fault.for_ms > 10:
        yield replace(fault, for_ms=round(fault.for_ms / 2))


def explain(scenario: Scenario) -> str:
    """Return the script and the transcript of a scenario, and what breaks in it."""
    world = World(scenario)
    try:
        world.run()
        found = "nothing breaks"
    except Exception as error:  # noqa: BLE001 - whatever breaks is what is looked for
        found = f"{type(error).__name__}: {error}"
    return "\n".join([str(scenario), *world.lines, "", found])
