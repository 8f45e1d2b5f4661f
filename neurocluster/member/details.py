"""Make tables of what a member keeps beside its report: histograms, its trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from neurocluster.dtypes import I64
from neurocluster.member.totals import Totals
from neurocluster.member.trace import Trace
from neurocluster.wire.control import ROWS_LIMIT
from neurocluster.wire.shapes import DETAILS, SPAN_ROW


class Detail(NamedTuple):
    """One table of a member.

    Attributes:
        node: Index of its partition, -1 for the client.
        table: Name in `wire.shapes.DETAILS`, which has the columns.
        lost: Rows that there was no room for.
        rows: (n, columns) int64.
    """

    node: int
    table: str
    lost: int
    rows: I64


def span_rows(totals: Totals) -> I64:
    """Return the filled bins of all histograms, `SPAN_ROW`."""
    tables = []
    for link, received in totals.inbound.items():
        span, bins = np.nonzero(received.spans)
        counts = received.spans[span, bins].astype(np.int64)
        tables.append(np.column_stack([np.full(len(span), link), span, bins, counts]))
    return np.concatenate([*tables, np.zeros((0, len(SPAN_ROW)), np.int64)])


def details(node: int, totals: Totals, trace: Trace | None) -> list[Detail]:
    """Return a member's tables; those of a trace only if it made one."""
    found = [Detail(node, "spans", 0, span_rows(totals))]
    if trace is not None:
        both = zip(("packets", "turns"), trace.lost, trace.tables(), strict=True)
        found += [Detail(node, *table) for table in both]
    return found


def to_wire(found: list[Detail]) -> Iterator[dict[str, Any]]:
    """Yield bodies of DETAILS, in pieces; the first of a table tells what was lost."""
    for node, table, lost, rows in found:
        most = ROWS_LIMIT // (8 * len(DETAILS[table]))
        for k in range(0, max(len(rows), 1), most):
            piece = rows[k : k + most].astype("<i8").tobytes()
            missing = 0 if k else lost
            yield {
                "partition": node, "table": table, "missing": missing, "rows": piece,
            }  # fmt: skip


def from_wire(body: Mapping[str, Any]) -> Detail | None:
    """Return a piece of a table; None if its rows have not their columns."""
    width = len(DETAILS[body["table"]])
    if len(body["rows"]) % (8 * width):
        return None
    rows = np.frombuffer(body["rows"], "<i8").reshape(-1, width).astype(np.int64)
    return Detail(body["partition"], body["table"], body["missing"], rows)
