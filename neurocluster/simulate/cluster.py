"""Build a simulated cluster of real engines, and stream frames through it.

A cluster is one or more copies of a plan, side by side. Each copy has a client of its
own, since one that feeds them all would be what is measured; but they have one window,
as the one client of a larger network has. A frame is shown to every copy and is done
when the last one has done it. Copies share hosts and a clock, and no link.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from neurocluster.client.engine import Engine as ClientEngine
from neurocluster.client.records import RESULTS
from neurocluster.coding.delay import rank_table
from neurocluster.dtypes import CLIENT, U8
from neurocluster.errors import ClusterError
from neurocluster.link.buffers import LinkSpec
from neurocluster.model.partition import Link, depths
from neurocluster.model.spec import PartitionSpec
from neurocluster.simulate.clock import CENTRAL, CLOCKS, Clock, Node, Starts
from neurocluster.simulate.costs import CLIENT_LAYER, Cost, Costs, mean_of
from neurocluster.simulate.hindering import hindrance_of
from neurocluster.simulate.loop import DONE, HEARD, MORE, TURNED
from neurocluster.simulate.machine import Machine
from neurocluster.simulate.meter import put_meter
from neurocluster.simulate.replay import Recorder, ReplayedLayer, Trace
from neurocluster.simulate.site import OWN_HOST, Site, client_host
from neurocluster.simulate.work import Copy, Work
from neurocluster.worker.engine import Engine
from neurocluster.worker.room import most_payload

CONTROLLER: Final = 0
"""Its process."""
SHIFT: Final = 7
"""Frames between what neighbouring copies are shown."""
CLOCKED: Final = ("pipeline", "layer")
"""Clocks that open rounds."""
LOOK: Final = 4096
"""Answers to the loop between two looks at how far it is."""
DRAIN: Final = RESULTS // 2
"""Finished frames of a client that are taken at the latest."""


class Cluster:
    """Run copies of a plan on a simulated site.

    Attributes:
        copies: Each with its engines and what they gave.
        machine: Hosts, threads, links.
        placement: Host of each partition, by copy.
        work: What it runs.
        site: On what.
        costs: Of everything.
        plan: Of each copy.
        clock: Of all copies, or None.
    """

    def __init__(
        self, work: Work, site: Site, costs: Costs,
        placement: Sequence[Mapping[str, int]], *, seed: int = 0,
        traces: Mapping[str, Trace] | None = None, record: bool = False,
        barrier: str = CENTRAL,
    ) -> None:  # fmt: skip
        """Build everything.

        Args:
            work: What is run.
            site: On what.
            costs: Of everything.
            placement: Host of each partition, for each copy.
            seed: Of what is drawn.
            traces: Of each partition, replayed in place of the real kernels.
            record: Write down what the kernels do.
            barrier: Of the clock, one of `clock.BARRIERS`.
        """
        self.work, self.site, self.costs = work, site, costs
        self.plan, self.placement = work.plan, placement
        copies, plan = len(placement), work.plan
        members = copies * (len(plan.partitions) + 1)
        kind = CLOCKS[barrier] if work.clock in CLOCKED else None
        links = copies * len(plan.links)
        links += kind.links(members) if kind is not None else 0
        self.machine = Machine(site.all_cores, members + 1, links, costs, seed)
        self._layers = work.layers() if traces is None else {}
        self._traces = traces or {}
        self._recorders: dict[str, Recorder] | None = {} if record else None
        self._specs = work.specs()
        self._kept: list[object] = []
        self._depths = depths(plan)
        controller = self._controller(members)
        self.clock = kind(self.machine, controller) if kind is not None else None
        self._joint = 0
        self.copies = [self._copy(k) for k in range(copies)]
        self._by_client = {copy.client_process: copy for copy in self.copies}

    def _controller(self, members: int) -> int:
        answer = self.costs.beat_answer["fixed"] * members
        return self.machine.add(OWN_HOST, Cost(), beat_ns=answer, controls=True)

    def _copy(self, number: int) -> Copy:
        plan, machine, costs = self.work.plan, self.machine, self.costs
        beat, where = costs.beat["fixed"], self.hosts_of(number)
        process = {
            name: machine.add(
                host, costs.layer(name.rpartition(".")[0] or CLIENT_LAYER), beat_ns=beat
            )
            for name, host in where.items()
        }  # fmt: skip
        payloads = {spec.name: most_payload(spec) for spec in self._specs}
        links = {
            link.name: machine.join(
                process[link.source], process[link.destination], self.work.hwm,
                max(self.work.max_spikes * link.width, payloads.get(link.source, 8)),
                self.site.wire(costs, where[link.source], where[link.destination]),
            )
            for link in plan.links
        }  # fmt: skip
        engines = [
            self._worker(spec, number, process[spec.name], links)
            for spec in self._specs
        ]
        inbound, outbound = plan.inbound(CLIENT), plan.outbound(CLIENT)
        client = ClientEngine(
            _ends(inbound), _ends(outbound),
            ranks=rank_table(self.work.fixed.graph.input), window=self.work.window,
            max_spikes=self.work.max_spikes, clock=machine.clock(process[CLIENT]),
        )  # fmt: skip
        starts = Starts(
            client, machine, process[CLIENT], costs.layer(CLIENT_LAYER)
        )  # fmt: skip
        made = Copy(
            client, engines, [process[spec.name] for spec in self._specs],
            process[CLIENT], list(links.values()), starts,
            reports=[[] for _ in engines],
        )  # fmt: skip
        self._hinder(CLIENT, number, process[CLIENT], client)
        for spec, engine in zip(self._specs, engines, strict=True):
            self._hinder(spec.name, number, process[spec.name], engine)
        machine.start(
            process[CLIENT], client.node, client.handler,
            [links[k.name] for k in outbound], client=True,
        )  # fmt: skip
        return made

    def _hinder(
        self, name: str, copy: int, process: int, engine: Engine | ClientEngine
    ) -> None:
        """Delay what a member sends, or slow it down."""
        engine.node.record["linger_ns"] = round(self.work.linger_us * 1000)
        hindrance = hindrance_of(
            name, copy, engine.node, self.work.impairments, self.hosts_of(copy)
        )
        if hindrance is not None:
            self.machine.hinder(process, hindrance)

    def _join_clock(self, clock: Clock) -> None:
        """Put all members of all copies under the clock."""
        machine, copies = self.machine, self.copies
        hosts = machine.threads["host"][::2].tolist()

        def join(source: int, target: int) -> int:
            wire = self.site.wire(self.costs, hosts[source], hosts[target])
            return machine.join_control(source, target, wire)

        members = [p for copy in copies for p in (copy.client_process, *copy.processes)]
        clock.join(members, join)
        names = [CLIENT, *(part.name for part in self.plan.partitions)]
        for number, copy in enumerate(copies):
            engines: list[Engine | Starts] = [copy.starts, *copy.engines]
            processes = [copy.client_process, *copy.processes]
            for name, process, engine in zip(names, processes, engines, strict=True):
                full = member_name(name, number, len(copies))
                node = Node(full, process, number)
                clock.add(node, engine, self._clock_settings(name))

    def _clock_settings(self, name: str) -> dict[str, Any]:
        clock = {
            "mode": self.work.clock, "depth": self._depths[name],
            "deepest": max(self._depths.values()), "phases": 1,
        }  # fmt: skip
        return {"window": self.work.window, "clock": clock}

    def hosts_of(self, number: int) -> dict[str, int]:
        """Return the host of each process of a copy, the client last."""
        workers = self.placement[number]
        own = client_host(len(self.placement), self.site.hosts, list(workers.values()))
        return {**workers, CLIENT: own}

    def _worker(
        self, spec: PartitionSpec, copy: int, process: int, links: Mapping[str, int]
    ) -> Engine:
        plan, machine = self.work.plan, self.machine
        inbound, outbound = plan.inbound(spec.name), plan.outbound(spec.name)
        trace = self._traces.get(spec.name)
        replayed = None
        if trace is not None:
            replayed = ReplayedLayer(trace, spec.max_spikes, shift_of(copy, trace))
        engine = Engine(
            spec, _ends(inbound), _ends(outbound), clock=machine.clock(process),
            layer=self._layers[spec.name] if replayed is None else replayed.layer,
        )  # fmt: skip
        if replayed is not None:
            replayed.bind(engine)
        if self._recorders is not None:
            self._recorders[spec.name] = Recorder(engine)
        self._kept += [replayed, put_meter(engine, machine.process_at(process))]
        machine.start(
            process, engine.node, engine.handler, [links[k.name] for k in outbound]
        )
        return engine

    def run(
        self, images: Callable[[int], U8], frames: int,
        progress: Callable[[int], None] = lambda _done: None,
    ) -> None:  # fmt: skip
        """Stream frames through every copy until all are done.

        Args:
            images: Returns a copy's frames, (frames, pixels) uint8.
            frames: How many.
            progress: Told how many frames every copy has done, now and then.

        Raises:
            ClusterError: An engine failed, or the cluster stands still.
        """
        machine = self.machine
        machine.processes["now"] = machine.now
        if self.clock is not None:
            self._join_clock(self.clock)
        machine.close_up()
        if len(self.copies) > 1:
            machine.share(frames, len(self.copies))
        for k, copy in enumerate(self.copies):
            self._offer(copy, images(k), frames)
        if self.clock is not None:
            self.clock.begin()
        code, answers = -1, 0
        while code != DONE:
            code = machine.run()
            if machine.faulty >= 0:
                raise self._fault(machine.faulty)
            answers += 1
            if code == HEARD and self.clock is not None:
                self.clock.heard()
            full = code == TURNED and self._turned(machine.caller)
            if code == MORE:
                full = any(copy.client.finished >= DRAIN for copy in self.copies)
            if full:
                self._drain()
            if code in (MORE, DONE) or answers % LOOK == 0:
                progress(min(self._done(copy) for copy in self.copies))
        self._drain()

    def _drain(self) -> None:
        for copy in self.copies:
            copy.drain()

    def _offer(self, copy: Copy, images: U8, frames: int) -> None:
        """Start a client's first frames, which it sends when it wakes up."""
        if len(self.copies) > 1:
            copy.starts.shared = self.work.window
            copy.starts.look()
        packed = copy.spikes
        copy.client.offer(images)
        process = self.machine.processes[copy.client_process]
        process["wanted"] = frames
        handle = self.costs.layer(CLIENT_LAYER)
        started = {"frame": copy.client.in_flight, "fired": copy.spikes - packed}
        process["odd_ns"] = round(mean_of(handle, {**started, "fixed": 0}))
        self.machine.wake(copy.client_process)

    def _turned(self, process: int) -> bool:
        """Let members decide at the end of a turn; tell if results have to be taken."""
        machine, copy = self.machine, self._by_client.get(process)
        joint = int(machine.loop[0]["joint"])
        if joint > self._joint:
            self._joint = joint
            for each in self.copies:
                each.starts.shared = joint + self.work.window
                each.starts.look()
        if self.clock is not None:
            self.clock.turned(process)
        machine.go_on()
        return copy is not None and copy.client.finished >= DRAIN

    def traces(self, frames: int) -> dict[str, Trace]:
        """Return what was recorded of the first frames of the first copy."""
        recorders = self._recorders or {}
        return {name: recorder.trace(frames) for name, recorder in recorders.items()}

    def _done(self, copy: Copy) -> int:
        return int(copy.client.node.record["handled_frames"][0])

    def _fault(self, process: int) -> ClusterError:
        for number, copy in enumerate(self.copies):
            engines: dict[int, Engine | ClientEngine] = {
                **dict(zip(copy.processes, copy.engines, strict=True)),
                copy.client_process: copy.client,
            }
            if process in engines:
                message = f"copy {number}: {link_words(engines[process])}"
                return ClusterError(message)
        return ClusterError(f"process {process} failed")


def link_words(engine: Engine | ClientEngine) -> str:
    """Return what an engine says of its fault, whatever the code was."""
    state = engine.node.record[0]
    return (
        f"link {int(state['fault_link'])}, frame {int(state['fault_frame'])}: expected "
        f"{int(state['fault_expected'])}, got {int(state['fault_got'])}"
    )


def member_name(name: str, copy: int, copies: int) -> str:
    """Return how a member is called among those of all copies."""
    return name if copies == 1 else f"{name} of copy {copy}"


def _ends(links: Sequence[Link]) -> list[LinkSpec]:
    return [LinkSpec(*link.row) for link in links]


def shift_of(copy: int, trace: Trace) -> int:
    """Return by how many frames a copy is ahead, so that copies do different work."""
    return copy * SHIFT % len(trace.offset)


def turned(images: U8, copy: int) -> U8:
    """Return the frames that a copy of so many is shown, see `shift_of`."""
    return np.roll(images, -(copy * SHIFT % len(images)), axis=0)
