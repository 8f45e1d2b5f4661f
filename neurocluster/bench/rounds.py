"""Run steps in interleaved rounds: what is compared runs side by side.

Steps of a group are compared with each other, so they run one after the other; every
second round turns their order round, and each round begins with another group. What a
slow spell of the machine does to one, it then does to the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rich.console import Console

from neurocluster.errors import ConfigError, NeuroclusterError

Samples = dict[str, float]


@dataclass(frozen=True, slots=True)
class Step:
    """One measurement.

    Attributes:
        name: For the progress and for reasons.
        run: Measures; returns samples by name.
    """

    name: str
    run: Callable[[], Samples]


Group = tuple[Step, ...]


@dataclass(slots=True)
class Measured:
    """What all rounds found.

    Attributes:
        rounds: Samples by name, a map a round.
        failures: By step, why it last failed.
    """

    rounds: list[Samples] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def order(groups: Sequence[Group], number: int) -> list[Step]:
    """Return the steps of a round in their order."""
    first = number % max(len(groups), 1)
    turned = (*groups[first:], *groups[:first])
    return [step for group in turned for step in group[:: -1 if number % 2 else 1]]


def measure(groups: Sequence[Group], rounds: int, console: Console) -> Measured:
    """Run all rounds; tell the progress.

    A step that fails leaves its figures out, and says why; the others go on.

    Raises:
        ConfigError: A yardstick cannot be run.
    """
    measured = Measured()
    for number in range(rounds):
        samples: Samples = {}
        steps = order(groups, number)
        for place, step in enumerate(steps):
            label = f"round {number + 1}/{rounds}, step {place + 1}/{len(steps)}"
            begin = time.monotonic()
            end = "done"
            with console.status(f"{label}: {step.name}"):
                try:
                    samples |= step.run()
                except ConfigError:
                    raise
                except NeuroclusterError as error:
                    measured.failures[step.name] = str(error).splitlines()[0]
                    end = f"failed: {measured.failures[step.name]}"
            spent = time.monotonic() - begin
            console.print(f"{label}: {step.name}: {end} ({spent:.1f} s)")
        measured.rounds.append(samples)
    return measured
