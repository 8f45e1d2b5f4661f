"""Compare the speed of two commits: frames per second and CPU, as paired ratios.

    python tools/versus.py HEAD~1              that commit against this tree
    python tools/versus.py HEAD~1 --rounds 5   less exact, sooner done

A round starts one cluster of each side and streams the same images through both in
turn; neighbours make a pair. Rounds start new processes, for where memory happens to
lie differs between starts more than between pairs. A ratio is this tree's value over
the other's: the geometric mean, and the 95 % interval of a bootstrap over rounds. The
more rounds, the narrower.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import uvloop

HERE: Final = Path(__file__).resolve().parents[1]
SERVE: Final = "--serve"
RESAMPLES: Final = 10_000
Values = dict[str, float]


# -- one side -------------------------------------------------------------------


def cpu_us(pid: int) -> float:
    """Return the CPU time that a process has used, us."""
    tasks = Path(f"/proc/{pid}/task")
    texts = ((task / "schedstat").read_text() for task in tasks.iterdir())
    return sum(int(text.split()[0]) for text in texts) / 1e3


async def serve() -> None:
    """Stream through a cluster for each line of standard input; print what it took."""
    from neurocluster import LocalCluster, load_dataset

    images = load_dataset().images
    async with LocalCluster() as cluster:
        session = cluster.session
        if session is None:
            raise RuntimeError
        while line := await asyncio.to_thread(sys.stdin.readline):
            if recoveries := getattr(session, "recoveries", None):
                sys.exit(f"versus: not undisturbed: {recoveries}")
            pids = {entry["partition"]: entry["pid"] for entry in session.roster}
            pids["controller"] = session.controller["pid"]
            frames = int(line)
            before = {name: cpu_us(pid) for name, pid in pids.items()}
            session.submit(images[:frames])
            rows = [chunk.rows async for chunk in session.chunks()]
            span_ns = int(rows[-1]["done_ns"][-1]) - int(rows[0]["started_ns"][0])
            values = {"frames/s": frames / span_ns * 1e9}
            for name, pid in pids.items():
                values[f"CPU {name}"] = (cpu_us(pid) - before[name]) / frames
            print(json.dumps(values), flush=True)


class Side:
    """Run `serve` with the package of one tree; `close` ends it."""

    def __init__(self, tree: Path) -> None:
        """Start it."""
        self._tree = tree
        self._process = subprocess.Popen(
            [sys.executable, __file__, SERVE], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, cwd=tree,
            env=os.environ | {"PYTHONPATH": str(tree)},
        )  # fmt: skip

    def stream(self, frames: int) -> Values:
        """Return frames per second, and CPU per frame (us) of each process."""
        process = self._process
        if process.stdin is None or process.stdout is None:
            return {}
        process.stdin.write(f"{frames}\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            sys.exit(f"versus: the cluster of {self._tree} failed; see above")
        values: Values = json.loads(line)
        values["CPU all"] = sum(v for k, v in values.items() if k.startswith("CPU"))
        return values

    def close(self) -> None:
        """End it: its input is at its end."""
        self._process.communicate(timeout=30)


# -- both -----------------------------------------------------------------------


def compare_once(trees: tuple[Path, Path], pairs: int, frames: int) -> list[Any]:
    """Return a round: for each pair, the values of both sides."""
    with ExitStack() as stack:
        sides = [Side(tree) for tree in trees]
        for side in sides:
            stack.callback(side.close)
        for side in sides * 2:  # warm-up: kernels, buffers, branch predictors
            side.stream(frames)
        found = []
        for pair in range(pairs):
            order = (0, 1) if pair % 2 else (1, 0)
            values = {k: sides[k].stream(frames) for k in order}
            found.append((values[0], values[1]))
        return found


def ratio(logs: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Return mean and 95 % interval of a ratio, given the log of each round's."""
    random = np.random.default_rng(0)
    picks = random.integers(0, len(logs), (RESAMPLES, len(logs)))
    low, high = np.quantile(logs[picks].mean(1), (0.025, 0.975))
    return float(np.exp(logs.mean())), float(np.exp(low)), float(np.exp(high))


def report(rounds: list[list[tuple[Values, Values]]]) -> Iterator[str]:
    """Yield a line for each value."""
    yield f"{'':16}{'before':>10}{'after':>10}{'ratio':>9}   95 % interval"
    for name in rounds[0][0][0]:
        pairs = [np.array([(a[name], b[name]) for a, b in one]) for one in rounds]
        logs = np.array([np.log(p[:, 1] / p[:, 0]).mean() for p in pairs])
        before, after = np.median(np.concatenate(pairs), 0)
        mean, low, high = ratio(logs)
        yield (
            f"{name:16}{before:>10.2f}{after:>10.2f}{mean:>9.4f}   "
            f"{low:.4f} to {high:.4f}"
        )


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """Check a commit out into a folder of its own, for as long as it is needed."""
    git = ["git", "-C", str(HERE), "worktree"]
    with tempfile.TemporaryDirectory(prefix="versus-") as folder:
        tree = Path(folder) / "tree"
        subprocess.run([*git, "add", "--quiet", "--detach", tree, commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", tree], check=True)


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("commit", help="compare this tree with it")
    parser.add_argument("--rounds", type=int, default=30, help="default 30")
    parser.add_argument("--pairs", type=int, default=10, help="of a round; default 10")
    parser.add_argument("--frames", type=int, default=4000, help="default 4000")
    options = parser.parse_args()
    rounds: list[list[tuple[Values, Values]]] = []
    try:
        with checked_out(options.commit) as tree:
            for number in range(options.rounds):
                rounds.append(compare_once((tree, HERE), options.pairs, options.frames))
                if sys.stderr.isatty():
                    done = f"round {number + 1} of {options.rounds}"
                    print(f"\r{done}", end="", file=sys.stderr, flush=True)
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    except KeyboardInterrupt:
        if not rounds:
            return 130
    print(f"\n{len(rounds)} rounds of {options.pairs} pairs, CPU in us per frame:")
    print("\n".join(report(rounds)))
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == [SERVE]:
        uvloop.run(serve())
    else:
        sys.exit(main())
