"""Render a run for a terminal: summary, links, workers; fits 100 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from neurocluster.results.layout import dense_table
from neurocluster.results.times import LEGEND, clocks_table, name_of, times_table

WIDTH: Final = 100
MILLIONS: Final = 100_000_000
"""Counts from here on are shown in millions; the files have them in full."""


def _fixed(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _count(value: int | None) -> str:
    if value is not None and value >= MILLIONS:
        return f"{value / 1e6:,.0f} M"
    return _fixed(value, ",")


def _share(part: int | None, whole: int | None) -> str:
    return f"{100 * part / whole:.1f}" if whole and part is not None else "-"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f} %"


def _us(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e3:,.0f}"


def print_report(
    console: Console, summary: Mapping[str, Any], links: Sequence[Mapping[str, Any]],
    workers: Sequence[Mapping[str, Any]],
) -> None:  # fmt: skip
    """Print the report of a finished run."""
    console.print(_summary_table(summary))
    console.print(_link_table(links))
    console.print(times_table(links))
    if (clocks := clocks_table(links)) is not None:
        console.print(clocks)
        console.print(LEGEND)
    console.print(_worker_table(workers))
    sent, received = summary["spikes_sent"], summary["spikes_received"]
    if sent is not None and sent == received:
        console.print(f"Nothing lost: {sent:,} spikes sent, {received:,} received.")
    if unknown := summary["frames_unreported"]:
        console.print(
            f"Of {unknown:,} frames the worker that counted their spikes was lost; no "
            "sum has them in it."
        )
    if any((strangers := summary["strangers"]).values()):
        console.print(
            f"Strangers: {strangers['connections_refused']:,} connections turned away,"
            f" {strangers['messages_dropped']:,} messages dropped."
        )
    if summary["oversubscribed"]:
        console.print(
            f"Note: {summary['workers']} workers and a client share "
            f"{summary['cores']} cores; speeds are those of an oversubscribed machine."
        )


def _summary_table(s: Mapping[str, Any]) -> Table:
    table = Table(title="Run", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    thresholds = ", ".join(f"{t:g}" for t in dict.fromkeys(s["thresholds"]))
    latency = s["latency_ns"]
    quantised = s["accuracy_qann"]
    lines = {
        "network": f"{s['network']}, thresholds {thresholds}, {s['quantizer']}, "
        f"{s['fire_policy']}, offset {s['offset']:g}",
        "frames": f"{s['frames']:,} ({s['frames_failed']} failed)",
        **_recoveries(s),
        "window": f"{s['window']} frames in flight",
        "accuracy by count": _percent(s["accuracy_by_count"]),
        "accuracy by potential": _percent(s["accuracy_by_potential"]),
        "ANN; Q-ANN floor / round": f"{_percent(s['accuracy_ann'])}; "
        f"{_percent(quantised['floor'])} / {_percent(quantised['round'])}",
        "same in one process": _one_process(s),
        "spikes per neuron": f"{_fixed(s['spikes_per_neuron'], '.4f')} "
        f"(with pooling units {_fixed(s['spikes_per_neuron_with_pool'], '.4f')})",
        "SynOps per frame": f"{_fixed(s['synops_per_frame'], ',.0f')} "
        f"(the ANN: {s['macs_ann']:,} MACs)",
        "frames per second": _fixed(s["frames_per_second"], ",.0f"),
        "latency us p50 / p99 / max": f"{_us(latency['p50'])} / {_us(latency['p99'])} "
        f"/ {_us(latency['max'])}",
        **_played(s),
        **_undilated(s),
    }
    for name, text in lines.items():
        table.add_row(name, text)
    return table


def _played(s: Mapping[str, Any]) -> dict[str, str]:
    """Return a line of paced playback, if that was."""
    late = s.get("latency_after_input_ns")
    if late is None:
        return {}
    return {
        "after the last input spike": f"{_us(late['p50'])} / {_us(late['p99'])} / "
        f"{_us(late['max'])}; input was played, TU = {s['tu_seconds']:g} s"
    }


def _undilated(s: Mapping[str, Any]) -> dict[str, str]:
    """Return what times are without dilation, if there was one."""
    plain = s.get("undilated")
    if plain is None:
        return {}
    latency = plain["latency_ns"]
    return {
        f"all divided by {s['dilation']:g}": "the times above and below are dilated; "
        f"undilated {_fixed(plain['frames_per_second'], ',.0f')} frames/s, latency us "
        f"{_us(latency['p50'])} / {_us(latency['p99'])} / {_us(latency['max'])}"
    }


def _recoveries(s: Mapping[str, Any]) -> dict[str, str]:
    found = [recovery["seconds"] for recovery in s["recoveries"]]
    if not found:
        return {}
    known = [seconds for seconds in found if seconds is not None]
    longest = f", the longest after {max(known):.2f} s" if known else ""
    return {"faults survived": f"{len(known)} of {len(found)}{longest}"}


def _one_process(s: Mapping[str, Any]) -> str:
    found, total = s["one_process"], s["frames"] - s["frames_failed"]
    if found["frames_equal"] is None:
        return "-"
    return (
        f"{found['frames_equal']:,} of {total:,} frames in every count; "
        f"{found['decisions_flipped']:,} decisions differ"
    )


def _link_table(links: Sequence[Mapping[str, Any]]) -> Table:
    table = dense_table("Links")
    table.add_column("link", no_wrap=True)
    for name in ("spikes", "neg. %", "packets", "B/spike", "blocked ms"):
        table.add_column(name, justify="right", no_wrap=True)
    for link in links:
        spikes, size = link["spikes_sent"], link["bytes"]
        blocked = link["blocked_ns"]
        table.add_row(
            name_of(link),
            _count(spikes),
            _share(link["spikes_negative"], spikes),
            _count(link["packets"]),
            f"{size / spikes:.2f}" if spikes and size else "-",
            "-" if blocked is None else f"{blocked / 1e6:,.1f}",
        )
    return table


def _worker_table(workers: Sequence[Mapping[str, Any]]) -> Table:
    table = dense_table("Processes")
    table.add_column("partition", no_wrap=True)
    for name in ("pid", "frames", "spikes", "SynOps", "kernel ms", "CPU ms", "MiB"):
        table.add_column(name, justify="right", no_wrap=True)
    for worker in workers:
        kernel, cpu, rss = worker["kernel_ns"], worker["cpu_ns"], worker["rss_kib"]
        table.add_row(
            worker["partition"],
            str(worker["pid"]),
            _count(worker["frames"]),
            _count(worker["spikes"]),
            _count(worker["synops"]),
            "-" if kernel is None else f"{kernel / 1e6:,.0f}",
            "-" if cpu is None else f"{cpu / 1e6:,.0f}",
            "-" if rss is None else f"{rss / 1024:,.0f}",
        )
    return table
