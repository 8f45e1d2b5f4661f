"""Write and read the histograms of links that members hand in: spans.csv."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from neurocluster.errors import DataError
from neurocluster.link.records import SPANS
from neurocluster.member.details import Detail
from neurocluster.metrics.histogram import lower_edges
from neurocluster.model.partition import is_node
from neurocluster.results.folder import RunFolder

SPAN_FILE: Final = "spans.csv"
SPAN_COLUMNS: Final = ("source", "destination", "span", "from_ns", "packets")
"""``from_ns`` is where a bin of `metrics.histogram` begins; empty ones are left out."""
MOST_PACKETS: Final = 1 << 48
"""Of a bin: the sums of all bins are then far below 2^63."""
Bin = tuple[str, str, str, int]


def write_spans(
    folder: RunFolder, network: Mapping[str, Any], details: Sequence[Detail]
) -> None:
    """Write how long packets took on each link; add to what earlier sessions wrote.

    Raises:
        ConfigError: The file cannot be written.
        DataError: What earlier sessions wrote is damaged.
    """
    ends = {row[0]: (str(row[2]), str(row[3])) for row in network["links"]}
    edges, counts = lower_edges(), read_spans(folder.path / SPAN_FILE)
    for detail in details:
        if detail.table == "spans":
            for link, span, place, count in detail.rows.tolist():
                known = link in ends and 0 <= span < len(SPANS)
                if known and 0 <= place < len(edges) and count > 0:
                    key = (*ends[link], SPANS[span], int(edges[place]))
                    counts[key] += count
    if counts:
        rows = [(*key, count) for key, count in sorted(counts.items())]
        folder.write_csv(SPAN_FILE, SPAN_COLUMNS, rows)


def read_spans(path: Path) -> Counter[Bin]:
    """Return packets by link, span and bin; nothing if there is no file.

    Names become names of files, and a library in C takes the rest as it is: so all of
    it is checked here.

    Raises:
        DataError: It is damaged.
    """
    if not path.exists():
        return Counter()
    found: Counter[Bin] = Counter()
    edges, number = frozenset(lower_edges().tolist()), 1
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            for line in reader:
                number = reader.line_num
                key, count = _bin_of(line, edges)
                found[key] = count
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        said = f"no {error}" if isinstance(error, KeyError) else str(error)
        message = f"{path}, line {number}: {said}; it is damaged: remove it"
        raise DataError(message) from error
    return found


def _bin_of(line: Mapping[str, str], edges: Collection[int]) -> tuple[Bin, int]:
    """Return a bin and its packets.

    Raises:
        KeyError: A column is missing.
        ValueError: A value is none that `write_spans` writes.
    """
    source, to, span, begin, packets = (line[name] for name in SPAN_COLUMNS)
    for name in (source, to):
        if not is_node(name):
            message = f"{name!r} is no partition"
            raise ValueError(message)
    if span not in SPANS:
        message = f"span {span!r} is none of {', '.join(SPANS)}"
        raise ValueError(message)
    if not begin.isdecimal() or int(begin) not in edges:
        message = f"from_ns {begin!r} is where no bin begins"
        raise ValueError(message)
    if not packets.isdecimal() or not 1 <= int(packets) <= MOST_PACKETS:
        message = f"packets {packets!r} is no number from 1 to {MOST_PACKETS}"
        raise ValueError(message)
    return (source, to, span, int(begin)), int(packets)
