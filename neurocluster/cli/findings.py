"""Print what the doctor found: a list a host for a person, JSON for machines."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from neurocluster.doctor.findings import Finding, Level, verdict, worst
from neurocluster.doctor.needs import Needs
from neurocluster.doctor.seen import Seen

STYLES: Final = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "bold red"}
QUICK_S: Final = 2.0
"""Who waits longer is told for what."""
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
        console.print(_table(list(group)))
    console.print(Text(verdict(findings), style=STYLES[worst(findings)]))


def _table(findings: Sequence[Finding]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(no_wrap=True, width=7)
    table.add_column(no_wrap=True, width=10)
    table.add_column(overflow="fold")
    for finding in findings:
        text = Text(finding.text)
        if finding.remedy:
            text.append(f"\n-> {finding.remedy}", style="bold")
        level = Text(finding.level.name.lower(), style=STYLES[finding.level])
        table.add_row("", level, Text(finding.subject), text)
    return table


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
    """Say on standard error what is going on, once that takes a while; `close` it."""

    def __init__(self, console: Console) -> None:
        """Begin to count the time."""
        self._console = console
        self._next_s = time.monotonic() + QUICK_S
        self._status: Status | None = None
        self._told = ""

    def tell(self, text: str) -> None:
        """Take what is going on now."""
        now_s = time.monotonic()
        if text == self._told or now_s < self._next_s:
            return
        self._told = text
        if not self._console.is_terminal:
            self._next_s = now_s + PAUSE_S
            self._console.print(Text(text))
        elif self._status is None:
            self._status = self._console.status(Text(text))
            self._status.start()
        else:
            self._status.update(Text(text))

    def close(self) -> None:
        """Give the line back; may be called twice."""
        if self._status is not None:
            self._status.stop()
