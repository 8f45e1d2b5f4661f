"""Predict clusters that are not there, with a band for every parameter.

    FILE=configs/simulation/thousand.toml
    python -m tools.predict $FILE --costs costs.json --out thousand

Every case is simulated at each time on the wire, as it is and with each parameter
halved and doubled, one at a time: work for packets, kernels, turns, the time that idle
cores take to begin, the barrier's messages, the way between hosts. The band is the
least and the greatest of all of them; of ratios to the first case, those of runs with
the same parameter. Beside each prediction stand the bounds: of throughput by the
busiest resource, of latency by the critical path. No prediction is better than the
validation of its costs (`tools.validate_simulation`).

What is done is kept in the folder after each run: the same command goes on where it
was. It leaves `runs.csv` and `prediction.csv`, a line a case and quantity.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import multiprocessing
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Final

from neurocluster.bench.kept import Kept
from neurocluster.bench.prediction import (
    RUN_COLUMNS,
    WORDS,
    File,
    key_of,
    lines_of,
    read_file,
    simulate,
)
from neurocluster.errors import ConfigError, NeuroclusterError
from neurocluster.launch.warm import warm_engines
from neurocluster.simulate.costs import Costs, read_costs

EXIT_INTERRUPTED: Final = 130


def run_all(file: File, costs: Costs, runs: Kept, jobs: int) -> None:
    """Simulate what is left.

    Raises:
        ConfigError: A process of the pool was killed.
    """
    done = {key_of(line) for line in runs.lines}
    left = [task for task in file.tasks if task.key not in done]
    begin = time.monotonic()
    # A Ctrl-C of the terminal's reaches them, too: they need no traceback.
    quiet = (signal.SIGINT, signal.SIG_DFL)
    with ProcessPoolExecutor(jobs, None, signal.signal, quiet) as pool:
        futures = [pool.submit(simulate, task, file, costs) for task in left]
        try:
            for count, future in enumerate(as_completed(futures), 1):
                line = future.result()
                runs.add(line)
                wait = (time.monotonic() - begin) / count * (len(left) - count)
                which = f"{line['parameter'] or 'as it is'} x {line['factor']:g}"
                print(
                    f"{count}/{len(left)}, {wait:.0f} s left: {line['case']}, "
                    f"{line['wire_us']:g} us, {which}: "
                    f"{line['frames_per_second']:,.0f}/s",
                    file=sys.stderr, flush=True,
                )  # fmt: skip
        except BrokenProcessPool as error:
            message = (
                "a simulation was killed, perhaps for want of memory; try --jobs 1"
            )
            raise ConfigError(message) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()


def show(file: File, lines: Sequence[Mapping[str, Any]]) -> None:
    """Print every case, wire and quantity with its band."""
    print(f"{file.copies} copies on {file.site.hosts} hosts of {file.site.cores} cores")
    print("case, us on the wire, quantity: predicted (least to greatest of the band)")
    for line in lines:
        form = ",.0f" if abs(line["predicted"]) >= 100 else ".3g"
        low, high = f"{line['low']:{form}}", f"{line['high']:{form}}"
        print(
            f"{line['case']:<28}{line['wire_us']:>7,.0f}  {line['quantity']:<26}"
            f"{line['predicted']:>12{form}}  ({low} to {high})"
        )


def predict(given: argparse.Namespace) -> None:
    """Do what arguments say."""
    file, costs = read_file(given.file), read_costs(given.costs)
    inputs = {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in (("the file", given.file), ("costs", given.costs))
    }
    runs = Kept(given.out / "runs.csv", RUN_COLUMNS, WORDS, inputs)
    warm_engines()
    run_all(file, costs, runs, given.jobs)
    lines = lines_of(file, runs.lines)
    with (given.out / "prediction.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    show(file, lines)


def main() -> int:
    """Simulate all cases; print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--costs", type=Path, default=Path("costs.json"))
    parser.add_argument("--out", type=Path, default=Path("prediction"))
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    given = parser.parse_args()
    if given.jobs < 1:
        parser.error(f"--jobs: {given.jobs} must be at least 1")
    try:
        predict(given)
    except (NeuroclusterError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on where it was", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
