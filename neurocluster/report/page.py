"""Make the page: one file that needs no network, no script and no other file."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from neurocluster.report.attached import Attached
from neurocluster.report.figure import Drawn, inline
from neurocluster.report.palette import variables, with_variables
from neurocluster.version import VERSION

TEMPLATE: Final = "page.html"
FILES: Final = "files"
"""Folder beside the page of what other programs open."""
Cell = str | tuple[str, str]
"""Text, or text and a smaller one below it."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text.

    Attributes:
        title: What it shows.
        header: A name a column.
        rows: As many cells each.
        folded: Show it only when asked for, and on paper not at all.
        numeric: Columns but the first hold numbers.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    folded: bool = False
    numeric: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: remarks, tables, figures.

    Attributes:
        title: Its heading.
        source: Folder that it is about, or None.
        again: Command that makes what is reported anew; empty without one.
        remarks: What must be known when its figures are read.
        tables: Shown before the figures; folded ones behind them.
        drawn: Its figures with their drawings as SVG text; "" without one.
        attached: Files that other programs open.
        headline: The finding, in a sentence; empty without one.
    """

    title: str
    source: Path | None = None
    again: str = ""
    remarks: Sequence[str] = ()
    tables: Sequence[Table] = ()
    drawn: Sequence[tuple[Drawn, str]] = field(default_factory=list)
    attached: Sequence[Attached] = ()
    headline: str = ""


def page(title: str, sections: Sequence[Section], command: str, out: Path) -> str:
    """Return the page's HTML.

    Args:
        title: Of the page.
        sections: In order.
        command: That made the report.
        out: Folder of the page: links to files are relative to it.
    """
    environment = Environment(
        autoescape=True, loader=FileSystemLoader(Path(__file__).parent),
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(TEMPLATE).render(
        title=title, command=command, version=VERSION,
        light=Markup(variables(dark=False)), dark=Markup(variables(dark=True)),
        sections=[_section(section, k, out) for k, section in enumerate(sections)],
    )  # fmt: skip


def _section(section: Section, number: int, out: Path) -> dict[str, Any]:
    return {
        "title": section.title,
        "id": f"part{number}",
        "source": None if section.source is None else _link(section.source, out),
        "again": section.again,
        "headline": section.headline,
        "remarks": section.remarks,
        "tables": [t for t in section.tables if not t.folded],
        "folded": [t for t in section.tables if t.folded],
        "attached": [_attached(found, out) for found in section.attached],
        "figures": [_figure(drawn, svg, out) for drawn, svg in section.drawn],
    }


def _attached(found: Attached, out: Path) -> dict[str, Any]:
    return {
        "title": found.title,
        "sentence": found.sentence,
        "data": _link(found.data, out),
        "files": [{"text": k, "to": f"{FILES}/{quote(k)}"} for k in found.files],
    }


def _figure(drawn: Drawn, svg: str, out: Path) -> dict[str, Any]:
    title = str(escape(drawn.title))
    # The drawing is ours: matplotlib has escaped what it shows of the files.
    shown = Markup(inline(with_variables(svg), title)) if svg else None
    return {
        "name": drawn.name,
        "title": drawn.title,
        "sentence": drawn.sentence,
        "svg": shown,
        "data": [_link(path, out) for path in dict.fromkeys(drawn.data)],
    }


def _link(path: Path, out: Path) -> dict[str, str]:
    """Return a file's name with its folder's, and where it is as seen from the page."""
    path = path.resolve()
    relative = os.path.relpath(path, out.resolve())
    return {"text": f"{path.parent.name}/{path.name}", "to": quote(relative)}


def command_of(arguments: Sequence[str]) -> str:
    """Return a command line as it would be typed."""
    return shlex.join(arguments)
