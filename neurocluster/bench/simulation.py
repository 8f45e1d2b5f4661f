"""Hold the simulation against a few real runs, as a row of the bench."""

from __future__ import annotations

from typing import Final

from rich.console import Console

from neurocluster.bench.costs import measure_costs
from neurocluster.bench.validation import compare, flat, measured, predicted
from neurocluster.config import RunConfig
from neurocluster.data.idx import load_dataset
from neurocluster.simulate.costs import Costs

CELLS: Final = (
    {"clock": "none"}, {"clock": "none", "window": 1}, {"clock": "pipeline"},
)  # fmt: skip
FEW: Final = 5
"""One frame of so many is enough."""


class Simulation:
    """Measure costs once, then compare predictions with runs in each round."""

    def __init__(self, config: RunConfig, frames: int) -> None:
        """Take the settings of a cluster."""
        self._config, self._frames = config.replace(compare=False), frames
        self._costs: Costs | None = None

    def step(self) -> dict[str, float]:
        """Return the worst error of what is judged, %.

        Raises:
            ClusterError: A process failed.
        """
        if self._costs is None:
            quiet = Console(quiet=True)
            self._costs = measure_costs(self._config, self._frames, quiet)
        data = load_dataset(self._config.data)
        images = flat(data.images, max(self._frames // FEW, 100))
        errors = []
        for settings in CELLS:
            config = self._config.replace(**settings)
            said = predicted(config, self._costs, images)
            lines = compare("", said, [measured(config, images)])
            errors += [abs(line["error"]) for line in lines if line["judged"]]
        return {"simulation_error_percent": 100 * max(errors)}
