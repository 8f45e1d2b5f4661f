"""Refuse settings that do not go together."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from neurocluster.dtypes import BATCH, NEIGHBOUR, STEPPED
from neurocluster.errors import ConfigError

WITHOUT_ROUNDS: Final = ("none", "frame")
"""Clocks that open no rounds."""


def check_together(config: Any) -> None:
    """Refuse settings of which one has no place beside another.

    Raises:
        ConfigError: There are such; the first is named.
    """
    for message in _conflicts(config):
        raise ConfigError(message)


def _conflicts(config: Any) -> Iterator[str]:
    clock = config.clock
    if clock == BATCH and config.fire != "once":
        yield (
            f"fire: {config.fire!r} does not go with clock {BATCH}, under which a "
            "neuron fires at most once a phase; leave fire at once, or use clock step"
        )
    if clock == NEIGHBOUR and config.barrier != "central":
        yield (
            f"barrier: {config.barrier} is between all nodes; with clock {NEIGHBOUR}, "
            "under which each waits for its neighbours only, leave it at central"
        )
    if config.order_seed is not None and clock not in WITHOUT_ROUNDS:
        yield (
            f"order_seed: a clock ({clock}) has an order of its own; use clock "
            "= 'none', or leave order_seed out"
        )
    if config.tu is not None and clock != "none":
        yield (
            f"tu: paced playback has no place under a clock ({clock}); use "
            "clock = 'none', or leave tu out"
        )
    if config.tu is not None and config.dilation > 1:
        yield (
            f"tu: playback at {config.tu:g} s a unit keeps real time, which dilation "
            f"{config.dilation:g} makes longer; leave one of them out"
        )


def check_used(config: Any, given: Collection[str]) -> None:
    """Refuse what was given by hand and would change nothing.

    A file of settings may hold such: an experiment runs it under several clocks.

    Args:
        config: All settings.
        given: Names of those that were given by hand.

    Raises:
        ConfigError: There is one.
    """
    if "phases" in given and config.clock not in STEPPED:
        message = (
            f"phases: clock {config.clock} has none; add --clock "
            f"{' or '.join(STEPPED)}, or leave --phases out"
        )
        raise ConfigError(message)
    if "barrier" in given and config.clock in WITHOUT_ROUNDS:
        message = (
            f"barrier: clock {config.clock} opens no rounds; add --clock pipeline, "
            "or leave --barrier out"
        )
        raise ConfigError(message)
