"""Print what the doctor found: a list a host for a person, JSON for machines."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from neurocluster.doctor.findings import Finding, Level, verdict, worst
from neurocluster.doctor.needs import Needs
from neurocluster.doctor.seen import Seen

STYLES: Final = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "bold red"}
LEAST_WIDTH: Final = 20
QUICK_S: Final = 2.0
"""Who waits longer is told for what."""
REFRESH_S: Final = 0.1
PAUSE_S: Final = 3.0
"""Between two lines about it, where there is no terminal to write them over."""


def print_findings(
    console: Console, findings: Sequence[Finding], *, every: bool
) -> None:
    """Print findings by host, then one sentence.

    Args:
        console: Where to.
        findings: In the order to be shown; those of a host together.
        every: Show what is well, too.
    """
    shown = [f for f in findings if every or f.level is not Level.OK]
    for where, group in itertools.groupby(shown, lambda f: f.where):
        console.print(Text(where, style="bold"))
        for finding in group:
            console.print(_lines(finding, console))
    console.print(Text(verdict(findings), style=STYLES[worst(findings)]))


def _lines(finding: Finding, console: Console) -> Text:
    """Return a finding in lines that are no wider than the console."""
    told = Text(finding.text)
    if finding.remedy:
        told.append(f"\n-> {finding.remedy}", style="bold")
    head = Text.assemble(
        "  ", (f"{finding.level.name.lower():<8}", STYLES[finding.level]),
        f"{finding.subject:<11}",
    )  # fmt: skip
    lines = told.wrap(console, max(console.width - len(head), LEAST_WIDTH))
    for line in lines:
        line.rstrip()
    return head + Text("\n" + " " * len(head)).join(lines)


def as_json(findings: Sequence[Finding], seen: Seen, needs: Needs) -> dict[str, Any]:
    """Return all that was found as plain data."""
    return {
        "verdict": verdict(findings),
        "level": worst(findings).name.lower(),
        "findings": [asdict(f) | {"level": f.level.name.lower()} for f in findings],
        "hosts": {
            host: {
                "machine": machine.to_wire(),
                "runs": list(needs.hosts[host].runs),
                "spares": needs.hosts[host].spares,
            }
            for host, machine in seen.machines.items()
        },
        "ways": [
            {
                "source": source,
                "destination": to,
                "links": list(needs.ways.get((source, to), ())),
                **trial.to_wire(),
            }
            for (source, to), trial in seen.trials.items()
        ],
    }


class Progress:
    """Say on standard error what is going on, once that takes a while.

    Whoever is told writes nothing; `show` does, as long as it is awaited.
    """

    def __init__(self, console: Console) -> None:
        """Take where to write."""
        self._console = console
        self._text = self._shown = ""

    def tell(self, text: str) -> None:
        """Take what is going on now."""
        self._text = text

    async def show(self) -> None:
        """Write what is going on until this is cancelled."""
        await asyncio.sleep(QUICK_S)
        if not self._console.is_terminal:
            while True:
                if self._text != self._shown:
                    self._console.print(Text(self._text))
                    self._shown = self._text
                await asyncio.sleep(PAUSE_S)
        with self._console.status("") as status:
            while True:
                status.update(Text(self._text))
                await asyncio.sleep(REFRESH_S)
