"""Draw the state diagrams of controller and member into ARCHITECTURE.md.

The diagrams come from the tables that the code runs by. Run it after a change of one:

    python tools/draw_states.py           write
    python tools/draw_states.py --check   end with 1 if the file is out of date
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final

from neurocluster.controller import state as controller
from neurocluster.member import state as member

FILE: Final = Path(__file__).parents[1] / "ARCHITECTURE.md"
BEGIN: Final = "<!-- states: written by tools/draw_states.py -->"
END: Final = "<!-- end of states -->"
MOST_LABELS: Final = 4
"""Longer labels break Mermaid's lines; the rest is on the next one."""


def diagram(table: Mapping[tuple[Any, Any], Any], first: Enum) -> str:
    """Return a Mermaid diagram of a table of transitions, an edge a pair of phases."""
    edges: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (phase, what), step in table.items():
        for to in step.to:
            if to is not phase:
                edges[phase.value, to.value].append(words(what))
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first.value}"]
    for (source, to), labels in edges.items():
        lines.append(f"    {source} --> {to} : {_label(labels)}")
    return "\n".join([*lines, "    ended --> [*]", "```"])


def words(what: Enum | type) -> str:
    """Return a message's name in capitals, another event's as words."""
    if isinstance(what, Enum):
        return what.name
    name = what.__name__
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()


def _label(labels: list[str]) -> str:
    rows = [
        ", ".join(labels[k : k + MOST_LABELS])
        for k in range(0, len(labels), MOST_LABELS)
    ]
    return ",<br>".join(rows)


def section() -> str:
    """Return what stands between the marker comments."""
    drawn: list[tuple[str, Mapping[tuple[Any, Any], Any], Enum]] = [
        ("Controller", controller.TRANSITIONS, controller.Phase.GATHER),
        ("Member", member.TRANSITIONS, member.Phase.JOINING),
    ]
    parts = [f"{name}:\n\n{diagram(table, first)}" for name, table, first in drawn]
    return "\n\n".join([BEGIN, *parts, END])


def redrawn(text: str) -> str:
    """Return a document with its diagrams drawn anew.

    Raises:
        ValueError: A marker comment is missing.
    """
    before, found, rest = text.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        message = f"{FILE.name} lacks a marker comment: {BEGIN} or {END}"
        raise ValueError(message)
    return before + section() + after


def main() -> int:
    """Write the file, or compare it."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    old = FILE.read_text()
    new = redrawn(old)
    if parser.parse_args().check:
        print("up to date" if new == old else f"{FILE.name} is out of date")
        return int(new != old)
    FILE.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
