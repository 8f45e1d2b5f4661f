"""Say what options there are to hinder links and workers, and for a clock."""

from __future__ import annotations

from typing import Annotated, Final

import typer

PANEL: Final = "Impairments (of an otherwise perfect network)"

Linger = Annotated[
    float | None,
    typer.Option(
        "--max-linger-us",
        help="Microseconds that spikes may wait for others to fill their packet.",
    ),
]
Clock = Annotated[
    str | None,
    typer.Option(
        metavar="MODE",
        help="Put the workers under a clock, for comparison: none, pipeline, layer, "
        "step, step-batch, neighbour or frame (one frame in flight).",
    ),
]
OrderSeed = Annotated[
    int | None,
    typer.Option(
        "--order-seed",
        help="Draw the order in which workers handle packets of different links by "
        "this seed, in place of that in which they arrive: same seed, same spikes.",
    ),
]
BarrierOption = Annotated[
    str | None,
    typer.Option(
        "--barrier",
        metavar="KIND",
        help="How a clock finds that all have done a round: central (through the "
        "controller) or dissemination (from node to node).",
    ),
]
Phases = Annotated[
    int | None,
    typer.Option(help="Phases of a frame under the clocks step and step-batch."),
]
Delay = Annotated[
    float | None,
    typer.Option(
        "--delay-us", rich_help_panel=PANEL,
        help="Microseconds that each packet takes longer on its link.",
    ),
]  # fmt: skip
Jitter = Annotated[
    float | None,
    typer.Option(
        "--jitter-us", rich_help_panel=PANEL,
        help="Mean of what is added to that at random; a link's order stays.",
    ),
]  # fmt: skip
JitterShape = Annotated[
    str | None,
    typer.Option(
        "--jitter", metavar="SHAPE", rich_help_panel=PANEL,
        help="exponential, normal or heavy.",
    ),
]  # fmt: skip
Rate = Annotated[
    float | None,
    typer.Option(
        "--rate-mbit", rich_help_panel=PANEL, help="Megabits a second of each link."
    ),
]
Loss = Annotated[
    float | None,
    typer.Option(
        rich_help_panel=PANEL,
        help="Probability that a packet is lost; it is sent again.",
    ),
]
Straggler = Annotated[
    str | None,
    typer.Option(
        metavar="PARTITION=FACTOR,...", rich_help_panel=PANEL,
        help="Workers that take so many times their own time, asleep.",
    ),
]  # fmt: skip
Service = Annotated[
    float | None,
    typer.Option(
        "--service-us", rich_help_panel=PANEL,
        help="Mean microseconds that each frame takes longer in each worker.",
    ),
]  # fmt: skip
ServiceVariation = Annotated[
    float | None,
    typer.Option(
        "--service-cv", rich_help_panel=PANEL,
        help="Coefficient of variation of that (log-normal).",
    ),
]  # fmt: skip
Dilation = Annotated[
    float | None,
    typer.Option(
        metavar="D", rich_help_panel=PANEL,
        help="Make all times D times as long: each worker sleeps until its turns took "
        "D times their processor time, and delays are D times as long. Two cores carry "
        "many workers so; divide times by D.",
    ),
]  # fmt: skip
Tu = Annotated[
    float | None,
    typer.Option(
        "--tu", metavar="SECONDS",
        help="Play each frame's input over real time: a pixel of intensity x fires "
        "(1 - x) SECONDS after its frame began. Frames do not overlap.",
    ),
]  # fmt: skip
Impair = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", rich_help_panel=PANEL,
        help="TOML file of rules for single links, pairs of hosts and workers.",
    ),
]  # fmt: skip
Seed = Annotated[
    int | None,
    typer.Option(rich_help_panel=PANEL, help="Of everything random in these."),
]
