"""Hold the one-way time of every packet against the truth, idle and with load.

    python -m tools.latency                    # a minute each; writes docs/latency.*
    python -m tools.latency --seconds 5 --out /tmp/latency
    python -m tools.latency --no-namespaces    # offsets injected, too: needs no root

A chain of four workers on tcp; the clocks of three are wrong by a known amount: by an
offset (a Linux time namespace each) and by a drift of 50 ppm, one fast, one slow. The
truth comes from the one real clock. Three times: on an idle network of five hosts
(network namespaces, each 100 us from the others), on the idle loopback of this
machine, and there with load. Without load processors are kept awake: what they need to
wake up is no property of a network. Exit code 1 if the truth is outside of the bound
in any packet, if on the network a bound exceeds 1.5 halves of the shortest round trip
in any packet, or if links.csv says other than these; 2 if it cannot run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from neurocluster.errors import NeuroclusterError
from tools.latency.clocks import Wrong
from tools.latency.cluster import Phase, Setting, run_phase
from tools.latency.figure import draw
from tools.latency.judge import Judged, judge, problems

DRAWN: Final = 1
"""The link that the figure shows: from a fast clock to a slow one."""
TAIL: Final = 5
"""Lines of each log that are shown when a cluster fails."""
OFFSETS_S: Final = (5_000, 86_400, 1_000, 0)
"""Of the clocks of the four workers; the last one reads ours, as the client does."""


def clocks(ppm: int) -> tuple[Wrong, ...]:
    """Return how the workers' clocks are wrong, from now on."""
    begin_ns = time.monotonic_ns()
    drifts = (ppm, -ppm, 0, 0)
    return tuple(
        Wrong(seconds, drift, begin_ns)
        for seconds, drift in zip(OFFSETS_S, drifts, strict=True)
    )


def run(
    options: argparse.Namespace, *, load: bool = False, wire_us: float = 0
) -> tuple[Phase, list[Judged]]:
    """Run one phase in a folder of its own."""
    namespaces = not options.no_namespaces
    wrongs = clocks(options.ppm)
    setting = Setting(options.seconds, load, wrongs, namespaces, wire_us)
    with tempfile.TemporaryDirectory(prefix="nc-latency-") as name:
        folder = Path(name)
        try:
            phase = asyncio.run(run_phase(setting, folder))
        except (NeuroclusterError, RuntimeError):
            for log in sorted(folder.glob("*.log")):
                lines = log.read_text(encoding="utf-8").splitlines()
                print(f"{log.name}:", *lines[-TAIL:], sep="\n  ", file=sys.stderr)
            raise
    return phase, judge(phase)


def show(name: str, phase: Phase, links: list[Judged]) -> dict[str, Any]:
    """Print what came of a phase; return it."""
    print(f"{name}: {phase.frames:,} frames in {phase.setting.seconds:g} s")
    found = {}
    for link in links:
        s = found[link.name] = link.summary()
        half = s["half_trip_us"]
        bound = f"bound {s['bound_us_p50']:.1f} (largest {s['bound_us_largest']:.1f})"
        tight = (
            f"; {s['bound_to_half_trip_p50']:.2f} (largest "
            f"{s['bound_to_half_trip_largest']:.2f}) halves of a round trip, within "
            f"1.5 in {100 * s['tight_share']:.1f} %"
            if half
            else ""
        )
        print(
            f"  {link.name} ({s['clock']}): {s['packets']:,} packets, "
            f"{s['outside']} outside; us: truth {s['truth_us_p50']:.1f}, told "
            f"{s['told_us_p50']:.1f}, off by {s['off_us_largest']:.1f} at most, "
            f"{bound}{tight}"
        )
    return {"frames": phase.frames, "links": found}


def main() -> int:
    """Run both phases; draw, write, judge."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.latency", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--seconds", type=float, default=60, help="of each phase")
    parser.add_argument("--ppm", type=int, default=50, help="drift of two clocks")
    parser.add_argument(
        "--wire-us", type=float, default=100, metavar="US",
        help="from host to host, on the network",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=Path("docs/latency"), metavar="NAME",
        help="writes NAME.png, NAME.svg and NAME.json",
    )  # fmt: skip
    parser.add_argument(
        "--no-namespaces",
        action="store_true",
        help="inject the offsets, too; no network",
    )
    options = parser.parse_args()
    runs = {}
    try:
        if not options.no_namespaces:
            runs["network"] = run(options, wire_us=options.wire_us)
        runs["idle"] = run(options)
        runs["load"] = run(options, load=True)
    except (NeuroclusterError, RuntimeError) as error:
        print(f"latency: {error}", file=sys.stderr)
        return 2
    wrong: list[str] = []
    summary: dict[str, Any] = {
        "seconds": options.seconds, "ppm": options.ppm, "wire_us": options.wire_us
    }  # fmt: skip
    for name, (phase, links) in runs.items():
        summary[name] = show(name, phase, links)
        wrong += [f"{name}: {text}" for text in problems(phase, links)]
    summary["problems"] = wrong
    drawn = [(phase, links[DRAWN]) for phase, links in runs.values()]
    write(options.out, summary, drawn)
    print("\n".join(wrong) or "in every packet the truth lies within the bound")
    return 1 if wrong else 0


def write(
    out: Path, summary: dict[str, Any], drawn: list[tuple[Phase, Judged]]
) -> None:
    """Write the figure and the summary."""
    out.parent.mkdir(parents=True, exist_ok=True)
    phase, link = drawn[0]
    source, to = (phase.clocks[name] for name in link.name.split("->"))
    title = (
        f"{link.name} over tcp; their clocks are {source.seconds:,} s and "
        f"{to.seconds:,} s ahead and drift by {source.ppm:+d} and {to.ppm:+d} ppm"
    )
    draw(drawn, title, [out.with_suffix(".png"), out.with_suffix(".svg")])
    text = json.dumps(summary, indent=1)
    out.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
