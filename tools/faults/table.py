"""Run cases, judge them and print the table of the README."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from neurocluster import LocalCluster, load_dataset
from neurocluster.cluster.base import Cluster
from neurocluster.config import RunConfig
from neurocluster.dtypes import U8
from neurocluster.launch.warm import warm_engines, warm_layers
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits
from tools.faults.byhand_cases import CASES, words
from tools.faults.byhand_cases import undisturbed as undisturbed_by_hand
from tools.faults.cases import Case, cases
from tools.faults.watched import FIRST, LAST, Watch, Watched

HEADER: Final = (
    "| fault | when | detected after, s | recovered after, s | frames lost "
    "| results |\n|---|---|---|---|---|---|"
)
CHAIN_FRAMES: Final = 4000
CUT_FRAMES: Final = 400
LONG: Final = 10
"""How often a long stream repeats these frames."""
CUT: Final[dict[str, Any]] = {"quantizer": "floor", "fire": "settle"}
"""With these every count of a cut network is the chain's, whatever the order."""


@dataclass(frozen=True)
class Verdict:
    """What came of a case.

    Attributes:
        line: Of the table.
        problems: What is not as it must be; empty if all is.
        said: The error or reason that a user reads.
    """

    line: str
    problems: list[str]
    said: str


def warm(split: str, settings: dict[str, Any]) -> None:
    """Compile what a cluster needs, lest its workers do so during a case."""
    config = RunConfig().replace(split=split, **settings)
    graph = load_network(config.network)
    plan = make_plan(graph, parse_splits(config.split))
    warm_engines()
    layers = warm_layers(convert(graph), plan, config.quantizer, config.fire)
    for name in layers:
        print(f"kernels of {name} are ready", file=sys.stderr)


async def undisturbed(images: U8, split: str, settings: dict[str, Any]) -> Watched:
    """Return the results of a run to which nothing happens."""

    async def nothing(_cluster: Cluster) -> None:
        return

    seen = await Watch(
        LocalCluster(split=split, **settings), images, FIRST, nothing
    ).run()
    if seen.error is not None:
        raise seen.error
    return seen


def said(seen: Watched) -> str:
    """Return what a user reads of a fault."""
    if seen.error is not None:
        return str(seen.error)
    return seen.recoveries[0].reason if seen.recoveries else ""


def judge(case: Case, seen: Watched, good: Watched) -> Verdict:
    """Compare what came with what must come."""
    problems = [f"{seen.repeated} results came twice"] if seen.repeated else []
    text = said(seen)
    # At the end of a stream a fault may come too late to matter.
    needless = case.moment == LAST and not seen.lost and not seen.recoveries
    if not needless and not re.search(case.words, text):
        problems.append(f"{text!r} is not as {case.words!r}")
    if "Traceback" in text:
        problems.append("a traceback")
    if seen.error is not None and case.survived:
        problems.append(f"it was not survived: {seen.error}")
    if seen.error is None and seen.lost:
        problems.append(f"{seen.lost} frames lost without an error")
    if seen.failed:
        problems.append(f"frames failed alone: {seen.failed}")
    order = seen.positions
    same = order == sorted(order) and len(order) > 0
    like = [position % good.frames for position in order]
    same = same and bool((seen.counts == good.counts[like]).all())
    same = same and bool((seen.potentials == good.potentials[like]).all())
    if not same and order:
        problems.append("results differ from those of the undisturbed run")
    late = seen.detected_s(case.faults)
    bound = None if needless else case.detected_s
    if bound is not None and (late is None or late > bound):
        problems.append(f"detected after {late} s, not {case.detected_s}")
    return Verdict(_line(case, seen, same=same), problems, text)


def _show(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _line(case: Case, seen: Watched, *, same: bool) -> str:
    results = "identical" if same else "differ"
    lost = str(seen.lost)
    if seen.error is not None:
        lost, results = f"0 ({seen.lost:,} named)", f"{results}, those that came"
    return (
        f"| {case.fault} | {case.moment} | {_show(seen.detected_s(case.faults))} | "
        f"{_show(seen.recovered_s)} | {lost} | {results} |"
    )


async def run_table(*, short: bool, seed: int, only: str) -> list[str]:
    """Run all cases and print a line each; return what is not as it must be."""
    images = load_dataset().images
    goods: dict[str, Watched] = {}
    problems = []
    print(HEADER, flush=True)
    with ExitStack() as undo:
        for case in chosen(cases(seed, undo), short=short, only=only):
            settings = CUT if case.split else {}
            frames = images[: CUT_FRAMES if case.split else CHAIN_FRAMES]
            if case.split not in goods:
                warm(case.split, settings)
                goods[case.split] = await undisturbed(frames, case.split, settings)
            if case.long:
                frames = np.tile(frames, (LONG, 1, 1, 1))
            cluster = LocalCluster(split=case.split, spares=case.spares, **settings)
            try:
                seen = await Watch(cluster, frames, case.moment, case.act).run()
            except PermissionError as error:
                print(f"({case.fault}: left out, {error})", flush=True)
                continue
            verdict = judge(case, seen, goods[case.split])
            print(verdict.line, flush=True)
            problems += [f"{case.fault}, {case.moment}: {p}" for p in verdict.problems]
    return problems


def chosen(found: Iterable[Case], *, short: bool, only: str) -> Iterable[Case]:
    """Return the cases of the short form, or those whose words match."""
    return [c for c in found if (c.short or not short) and only in c.fault]


def run_by_hand(*, short: bool, only: str) -> list[str]:
    """Run the cases of clusters started by hand; return what is wrong."""
    found = [
        c for c, brief in CASES.items() if (brief or not short) and only in words(c)
    ]
    problems, good = [], undisturbed_by_hand() if found else []
    for case in found:
        try:
            told = case(good)
        except PermissionError as error:
            print(f"({words(case)}: left out, {error})", flush=True)
            continue
        except TimeoutError as error:
            problems.append(f"{words(case)}: {error}")
            continue
        print(
            f"| {words(case)} | {told.when} | {_show(told.detected_s)} "
            f"| {_show(told.recovered_s)} | {told.lost} | {told.results} |",
            flush=True,
        )
        problems += [f"{words(case)}: {problem}" for problem in told.problems]
    return problems


def main(*, short: bool, seed: int, only: str) -> int:
    """Print the table; return 1 if something is not as it must be."""
    problems = asyncio.run(run_table(short=short, seed=seed, only=only))
    problems += run_by_hand(short=short, only=only)
    for problem in problems:
        print(f"WRONG: {problem}")
    return 1 if problems else 0
