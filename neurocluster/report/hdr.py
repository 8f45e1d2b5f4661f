"""Write the times of links as HdrHistogram logs, one a link, a tag a span."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogWriter

from neurocluster.metrics.histogram import lower_edges
from neurocluster.results.spans import Bin

DIGITS: Final = 3
"""Significant; our own bins have two, so they lose nothing."""
MOST_NS: Final = 1 << 44
"""Above the last bin of `metrics.histogram`."""
MILLISECOND: Final = 1e6
"""The column of the largest value is in ms, as HdrHistogram's own logs have it."""


def to_logs(bins: Mapping[Bin, int], seconds: float) -> dict[str, str]:
    """Return the contents of each log, by its name; values are ns.

    Args:
        bins: Packets, see `results.spans.read_spans`.
        seconds: How long the run took: the one interval of each log.
    """
    links: dict[tuple[str, str], dict[str, HdrHistogram]] = {}
    middles = _middles()
    for (source, to, span, low), count in Counter(bins).items():
        spans = links.setdefault((source, to), {})
        if span not in spans:
            spans[span] = HdrHistogram(1, MOST_NS, DIGITS)
        spans[span].record_value(middles[low], count)
    return {f"{a}--{b}.hlog": _log(spans, seconds) for (a, b), spans in links.items()}


def _middles() -> dict[int, int]:
    """Return by a bin's beginning the value that `metrics.percentile` tells of it."""
    edges = lower_edges().tolist()
    found = {a: (a + b) // 2 for a, b in pairwise(edges)}
    return found | {edges[-1]: edges[-1]}


def _log(spans: Mapping[str, HdrHistogram], seconds: float) -> str:
    file = io.StringIO()
    writer = HistogramLogWriter(file)
    writer.output_log_format_version()
    writer.output_comment("[Times of packets in ns, a tag a span]")
    writer.output_base_time(0)
    writer.output_legend()
    for span, histogram in spans.items():
        file.write(f"Tag={span},")  # the library reads tags and writes none
        writer.output_interval_histogram(histogram, 0, seconds, MILLISECOND)
    return file.getvalue()
