"""Hold the senders' delay lines against the kernel's netem: the same runs over both.

    sudo python -m tools.netem --delay-us 1000
    sudo python -m tools.netem --delay-us 2000 --jitter-us 200 --rounds 7

Each round streams the same frames three times through the reference network on four
workers, all links over TCP on the loopback of a network namespace: as it is, delayed by
the senders (`--delay-us`), delayed by the kernel (`deploy/netem.sh`). What both add to
the one-way time of packets and to the latency of frames is compared, in medians of
rounds. They agree if the ratio of what they add is within the tolerance.

Jitter differs in kind: netem's is around the delay, and lets the network's packets
overtake each other, which TCP puts in order; the senders' is added and keeps the order.
Loss is left out: what follows on it is TCP's retransmission there, `resend_us` here.

It needs root, and a kernel with sch_netem; without, it says so and ends with 1.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parents[1]
SCRIPT: Final = HERE / "deploy" / "netem.sh"
INSIDE: Final = "--inside"
ADDRESS: Final = "10.78.0.1"
COMMAND: Final = (sys.executable, "-m", "neurocluster")
PLAIN, SENDER, KERNEL = WAYS = ("plain", "sender", "kernel")
WAIT_S: Final = 60.0
Times = Mapping[str, float]
"""By quantity, us."""


def refusal() -> str:
    """Return why netem cannot be had here; empty if it can."""
    done = subprocess.run(
        [SCRIPT, "check"], capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stderr.strip()


# -- in the namespace ------------------------------------------------------------


def make_network() -> None:
    """Bring up the loopback with an address that links go over by TCP."""
    for words in (
        ("link", "set", "lo", "up"),
        ("addr", "add", f"{ADDRESS}/24", "dev", "lo"),
        ("link", "set", "lo", "mtu", "1500"),
    ):
        subprocess.run(["ip", *words], check=True)


@contextlib.contextmanager
def delayed(way: str, options: Sequence[str]) -> Iterator[None]:
    """Have the kernel delay what crosses the loopback, if that is the way."""
    if way == KERNEL:
        subprocess.run([SCRIPT, "set", "lo", *options], check=True)
    try:
        yield
    finally:
        subprocess.run(
            [SCRIPT, "clear", "lo"], check=True, stdout=subprocess.DEVNULL
        )  # fmt: skip


def run(way: str, options: Sequence[str], frames: int, folder: Path) -> Times:
    """Stream frames through a cluster; return median times.

    Args:
        way: Who delays.
        options: --delay-us and --jitter-us.
        frames: How many.
        folder: For everything that the run leaves.
    """
    connection, out = folder / "c.json", folder / "run"
    hindered = options if way == SENDER else ()
    started = [
        subprocess.Popen(
            [*COMMAND, *words, "--insecure", "--log-level", "error"], cwd=HERE,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for words in (
            ("controller", "--connection", str(connection), "--once", "--bind",
             f"tcp://{ADDRESS}:*", *hindered),
            ("worker", "--connect", str(connection), "--workers", "4"),
        )
    ]  # fmt: skip
    try:
        with delayed(way, options):
            subprocess.run(
                [*COMMAND, "stream", "--connect", str(connection), "--frames",
                 str(frames), "--no-compare", "--out", str(out), "--insecure", "-q"],
                cwd=HERE, check=True, timeout=WAIT_S + frames,
            )  # fmt: skip
        return times_of(out)
    finally:
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def times_of(out: Path) -> Times:
    """Return the medians of a run: one-way time of packets over links, latency."""
    with (out / "links.csv").open(encoding="utf-8") as file:
        transits = [float(row["transit_ns_p50"]) for row in csv.DictReader(file)]
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return {
        "transit of packets": statistics.median(transits) / 1e3,
        "latency of frames": summary["latency_ns"]["p50"] / 1e3,
    }


def rounds(options: Sequence[str], frames: int, count: int) -> dict[str, list[Times]]:
    """Make all runs, each way once a round."""
    make_network()
    found: dict[str, list[Times]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory(prefix="netem-") as folder:
        for number in range(count):
            for way in WAYS[number % 3 :] + WAYS[: number % 3]:
                place = Path(folder) / f"{number}-{way}"
                place.mkdir()
                found[way].append(run(way, options, frames, place))
                time.sleep(0.2)
    return found


# -- outside ---------------------------------------------------------------------


def compared(
    found: Mapping[str, Sequence[Times]], tolerance: float
) -> tuple[str, bool]:
    """Return what is to be said of all runs, and whether both ways agree."""
    lines, agree = [], True
    for quantity in found[PLAIN][0]:
        pairs = zip(*(found[way] for way in WAYS), strict=True)
        added = [(s[quantity] - p[quantity], k[quantity] - p[quantity])
                 for p, s, k in pairs]  # fmt: skip
        ratios = [by_sender / by_kernel for by_sender, by_kernel in added if by_kernel]
        ratio = statistics.median(ratios)
        good = abs(ratio - 1) <= tolerance
        agree &= good
        sender, kernel = (
            statistics.median(column) for column in zip(*added, strict=True)
        )
        lines.append(
            f"{quantity}: the sender adds {sender:,.0f} us, the kernel {kernel:,.0f} "
            f"us; ratio {ratio:.3f} ({min(ratios):.3f} to {max(ratios):.3f}): "
            f"{'they agree' if good else 'THEY DIFFER'} within {tolerance:g}"
        )
    return "\n".join(lines), agree


def number(value: float) -> str:
    """Return a number as `deploy/netem.sh` reads it: without an exponent."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def inside(options: Sequence[str], given: argparse.Namespace) -> int:
    """Make all runs in this network namespace; print them for who started us."""
    try:
        print(json.dumps(rounds(options, given.frames, given.rounds)))
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        words = " ".join(map(str, error.cmd))
        print(f"error: a run failed: {words}: {error}", file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """Do what the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(
        "tools.netem", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--delay-us", type=float, default=1000.0)
    parser.add_argument("--jitter-us", type=float, default=0.0)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tolerance", type=float, default=0.15)
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if (
        min(given.rounds, given.frames) < 1
        or given.delay_us <= 0
        or given.jitter_us < 0
    ):
        parser.error("give a delay, and at least one frame and round")
    options = ["--delay-us", number(given.delay_us)]
    if given.jitter_us:
        options += ["--jitter-us", number(given.jitter_us)]
    if given.inside:
        return inside(options, given)
    if why := refusal():
        print(f"{why}\nNothing was compared.", file=sys.stderr)
        return 1
    again = [sys.executable, "-m", "tools.netem", INSIDE, *sys.argv[1:]]
    done = subprocess.run(
        ["unshare", "--net", *again], cwd=HERE, stdout=subprocess.PIPE, text=True,
        check=False, env=os.environ,
    )  # fmt: skip
    if done.returncode:
        return done.returncode
    said, agree = compared(json.loads(done.stdout.splitlines()[-1]), given.tolerance)
    print(said)
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
