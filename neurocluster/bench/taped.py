"""Be a node of a small cluster whose calls are timed; see `bench.samples`.

``python -m neurocluster.bench.taped conv1.0 {...}``: the client, or the worker of a
partition, with the product's engine, pump and sockets and a tape between them. There is
no controller: links are made, then frames stream.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import uvloop

from neurocluster.bench.ends import Figures, turning, until_released
from neurocluster.bench.tape import Tape
from neurocluster.client.engine import Engine as ClientEngine
from neurocluster.coding.delay import rank_table
from neurocluster.dtypes import CLIENT, I64
from neurocluster.launch.warm import warm_engines
from neurocluster.link.buffers import LinkSpec
from neurocluster.link.records import NODE, SPANS
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import Plan, make_plan
from neurocluster.model.spec import partition_spec
from neurocluster.model.split import parse_splits
from neurocluster.simulate.meter import put_meter
from neurocluster.worker.engine import Engine

DRAINED: Final = 64
"""Turns after which results are taken; each may finish some frames."""
HANDLED_FRAMES: Final = list(NODE.names or ()).index("handled_frames")
SLEPT: Final = "voluntary_ctxt_switches:"


def scheduled() -> tuple[int, int, int, int]:
    """Return CPU time, ns, and sleeps of the main thread, then of all others."""
    found = {True: [0, 0], False: [0, 0]}
    for task in Path("/proc/self/task").iterdir():
        spent = int((task / "schedstat").read_text().split()[0])
        status = (task / "status").read_text()
        slept = int(status[status.index(SLEPT) :].split()[1])
        kind = found[int(task.name) == os.getpid()]
        kind[0], kind[1] = kind[0] + spent, kind[1] + slept
    return found[True][0], found[True][1], found[False][0], found[False][1]


class Taped:
    """Turn an engine; note what it did between the warm-up and the last frame."""

    def __init__(self, engine: Engine | ClientEngine, settings: Figures) -> None:
        """Take an engine, and how many frames there are."""
        meter = put_meter(engine) if isinstance(engine, Engine) else None
        self.node = engine.node
        self.tape = Tape(engine.node, engine.handler, meter)
        self.handler = self.tape.handler
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._engine = engine
        self._warm, self._frames = settings["warm"], settings["frames"]
        self._begin: tuple[Any, ...] | None = None
        self.figures: Figures = {}
        self.since: dict[str, int] = {}
        self._turns, self._fields = 0, self.node.record.view("i8").data
        self.wire: I64 = np.zeros(0, np.int64)

    def _look(self) -> tuple[Any, ...]:
        spans = self.node.spans[:, SPANS.index("wire")].sum(0)
        counts = self.tape.counts() | {"turns": self._turns}
        return (time.monotonic_ns(), *scheduled(), counts, spans)

    def after_turn(self) -> None:
        """Note where the time begins and ends."""
        self._turns += 1
        done = self._fields[HANDLED_FRAMES]
        if self._turns % DRAINED == 0:  # seldom: it is no work of the product
            self._engine.take_reports()
            if isinstance(self._engine, ClientEngine):
                self._engine.take_results()
        if self._begin is None and done >= self._warm:
            self._begin = self._look()
        if done >= self._frames and not self.done.done():
            begin, end = self._begin or self._look(), self._look()
            names = ("wall_ns", "main_ns", "main_sleeps", "others_ns", "others_sleeps")
            self.figures = {n: end[k] - begin[k] for k, n in enumerate(names)}
            self.since = begin[5]
            for name in ("flushes", "turns"):
                self.figures[name] = end[5][name] - begin[5][name]
            self.figures["reads_ns"] = self.tape.reads_ns
            self.wire = end[6].astype(np.int64) - begin[6]
            self.done.set_result(None)

    def result(self, settings: Figures, name: str) -> Figures:
        """Write the tables to a file; return the rest."""
        path = f"{settings['folder']}/{name}.npz"
        tables = {"wire": self.wire, **self.tape.tables(self.since)}
        np.savez(path, allow_pickle=False, **tables)
        return {"name": name, "tables": path, **self.figures}


def _engine(settings: Figures, plan: Plan, name: str) -> Engine | ClientEngine:
    graph = load_network(settings["network"])
    inbound = [LinkSpec(*link.row) for link in plan.inbound(name)]
    outbound = [LinkSpec(*link.row) for link in plan.outbound(name)]
    window, most = settings["window"], settings["max_spikes"]
    if name == CLIENT:
        return ClientEngine(
            inbound, outbound, ranks=rank_table(graph.input), window=window,
            max_spikes=most,
        )  # fmt: skip
    part = next(p for p in plan.partitions if p.name == name)
    spec = partition_spec(
        convert(graph), part, quantizer=settings["quantizer"], fire=settings["fire"],
        window=window, max_spikes=most,
    )  # fmt: skip
    return Engine(spec, inbound, outbound)


async def _run(settings: Figures, name: str) -> Figures:
    plan = make_plan(load_network(settings["network"]), parse_splits(settings["split"]))
    engine = _engine(settings, plan, name)
    taped = Taped(engine, settings)
    peers = [link.destination for link in plan.outbound(name)]
    client = isinstance(engine, ClientEngine)
    with turning(
        taped, settings, name, peers, client=client, tap=taped.tape.calls
    ) as wake:
        if isinstance(engine, ClientEngine):
            _stream(engine, settings, wake)
        await taped.done
        if not client:
            await until_released()
    return taped.result(settings, name)


def _stream(engine: ClientEngine, settings: Figures, wake: Callable[[], None]) -> None:
    images = np.load(settings["images"])
    engine.offer(np.resize(images, (settings["frames"], images.shape[1])))
    wake()


def main() -> None:
    """Be the node that the command line names."""
    _, name, text = sys.argv
    warm_engines()
    sys.stdout.write(json.dumps(uvloop.run(_run(json.loads(text), name))))


if __name__ == "__main__":
    main()
