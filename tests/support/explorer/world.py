"""One cluster on a virtual clock, and the faults of a scenario happening to it."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

from neurocluster.controller.epochs import TOGETHER_NS
from neurocluster.controller.events import Exited, Received, StopAsked
from neurocluster.member.state import LinkFault
from neurocluster.member.state import StopAsked as MemberStopAsked
from neurocluster.wire.control import Control
from tests.support.explorer.client import ClientProcess
from tests.support.explorer.invariants import Checks
from tests.support.explorer.modelled import Modelled
from tests.support.explorer.network import MS, SECOND, Loop, Network, Packet, Way
from tests.support.explorer.processes import (
    ControllerProcess,
    MemberProcess,
    Process,
)
from tests.support.explorer.scenario import Fault, Scenario

KILLED = "was killed by signal 9 (SIGKILL)"
PATIENCE_NS = 60 * SECOND
"""Whoever has not come to an end so long after the last fault waits for ever."""
AFTER_NS = 2_500 * MS
"""How long the others may take to notice that a client is gone."""
MOST_STEPS = 400_000
LASTING = ("cut", "late", "path", "away")
"""Faults that may cost some epochs in a row."""


class World:
    """Run one scenario; `run` raises AssertionError where an invariant breaks.

    Attributes:
        lines: The transcript: time, who, what.
        applied: Faults that happened, with their time.
        given_up: Frames that ended in an error.
        crashed: Names of clients that were killed.
        asked_to_stop: Controllers that were asked to.
        troubles: Epochs that faults may have cost.
        strikes: Epochs in a row that they may have cost without a finished frame;
            what dies together is one, and a poisoned frame alone is none.
    """

    def __init__(self, scenario: Scenario, model: Any = None) -> None:
        self.scenario = scenario
        self.model = model or Modelled(scenario)
        self.model.world, self.plan = self, self.model.plan
        self.loop = Loop(scenario.seed)
        self.net = Network(self.loop, scenario.hwm)
        self.lines: list[str] = []
        self.applied: list[tuple[int, Fault]] = []
        self.given_up: list[int] = []
        self.crashed: set[str] = set()
        self.asked_to_stop: list[ControllerProcess] = []
        self.troubles = self.strikes = 0
        self._struck_ns = -SECOND
        self._quiet_ns = 0
        self._pids = 10
        self._fired: set[str] = set()
        self._due = defaultdict(list)
        for fault in scenario.faults:
            self._due[fault.after].append(fault)
        self._pending: list[tuple[MemberProcess, Control]] = []
        self._starting = 0
        self.checks = Checks(self)
        self.peers: dict[bytes, MemberProcess] = {}
        self.members: list[MemberProcess] = []
        self.clients: list[ClientProcess] = []
        self.workers: dict[str, MemberProcess] = {}
        self.controllers = [ControllerProcess(self, 1, once=scenario.once)]
        for k in range(len(self.plan.partitions) + scenario.spares):
            self.start_worker(f"worker:{k + 1}")
        self.start_client("client")
        self.fire("start")

    # -- processes -------------------------------------------------------------

    def clock_of(self, name: str) -> tuple[int, int]:
        """Return where a process's clock starts, and its error in ppm."""
        mine = random.Random(f"clock {self.scenario.seed} {name}")
        offset, ppm = mine.randrange(10**15), mine.randint(-500, 500)
        return {"same": (0, 0), "offset": (offset, 0), "drift": (offset, ppm)}[
            self.scenario.clocks
        ]

    @property
    def controller(self) -> ControllerProcess:
        """Return the controller that was started last."""
        return self.controllers[-1]

    def _add(self, member: MemberProcess) -> None:
        self.peers[member.peer] = member
        self.members.append(member)

    def pid(self) -> int:
        """Return a new process number."""
        self._pids += 1
        return self._pids

    def start_worker(
        self, name: str, *, slot: int | None = None,
        former: tuple[int, str] | None = None,
    ) -> None:  # fmt: skip
        """Start a worker."""
        worker = MemberProcess(self, name, self.pid(), slot=slot, former=former)
        self.workers[name] = worker
        self._add(worker)
        self.log(name, f"starts as pid {worker.pid}")

    def start_client(self, name: str) -> None:
        """Start a client."""
        client = ClientProcess(self, name, self.pid())
        self.clients.append(client)
        self._add(client)

    def to_controller(self, member: MemberProcess, message: Control) -> None:
        """Deliver a message, or keep it until there is a controller again."""
        controller = self.controller
        if not controller.alive:
            self._pending.append((member, message))
        else:
            event = Received(member.peer, message)
            controller.run(partial(controller.event, event))

    def poisoned(self, member: MemberProcess) -> Callable[[Packet], bool]:
        """Return what a member does with a packet before it takes it."""
        node = member.node
        found = [
            f for f in self.scenario.faults
            if f.kind == "poison" and node is not None and f.who == node.partition
        ]  # fmt: skip
        if not found:
            return lambda _packet: True
        fault = found[0]
        frame, how = fault.how.split(":")
        value = self.model.values("client").get(int(frame))

        def take(packet: Packet) -> bool:
            if packet.origin != value or not value:
                return True
            self._note(fault)
            if how == "crash":
                self._crash_worker(member, fault.for_ms, told=True)
            elif node is not None:
                node.started = False
                member.event(LinkFault("poison", packet.frame, "bad", 0, 1))
            return False

        return take

    # -- faults ----------------------------------------------------------------

    def fire(self, trigger: str) -> bool:
        """Let the faults happen that wait for a trigger; True the first time."""
        if trigger in self._fired:
            return False
        self._fired.add(trigger)
        for fault in self._due.pop(trigger, ()):
            self.loop.at(int(fault.ms * MS), partial(self._apply, fault))
            self._quiet(int(fault.ms * MS))
        return True

    def happened(self, *words: str) -> bool:
        """Tell whether a fault of such a kind, or of such a process, happened."""
        return any(
            f.kind in words or f.who.split(":")[0] in words for _, f in self.applied
        )

    def _quiet(self, after_ns: int) -> None:
        self._quiet_ns = max(self._quiet_ns, self.loop.now + after_ns)

    def _note(self, fault: Fault) -> None:
        self.log("FAULT", str(fault))
        self.applied.append((self.loop.now, fault))
        self.troubles += 4 if fault.kind in LASTING else 1
        self._strike(fault)
        self._quiet(int(max(fault.for_ms, 0) * MS))
        self.fire(f"fault:{len(self.applied)}")

    def _strike(self, fault: Fault) -> None:
        now = self.loop.now
        if fault.kind in LASTING:
            self.strikes += 4
        elif fault.kind != "poison" and now - self._struck_ns > TOGETHER_NS:
            self.strikes += 1
            self._struck_ns = now if fault.kind == "crash" else -SECOND

    def _apply(self, fault: Fault) -> None:
        if fault.kind != "poison":
            self._note(fault)
            getattr(self, f"_{fault.kind}")(fault)

    def _find(self, who: str) -> Process | None:
        if who == "controller":
            return self.controller
        if who == "client":
            return self.clients[0]
        return self.workers.get(who)

    def _after(self, ms: float, action: Callable[[], Any]) -> None:
        if ms >= 0:
            self.loop.at(int(ms * MS), action)

    def _crash(self, fault: Fault) -> None:
        process = self._find(fault.who)
        if process is None or not process.alive:
            return
        told = fault.how == "told"
        if isinstance(process, ControllerProcess):
            process.end()
            self._after(fault.for_ms, self._next_controller)
        elif isinstance(process, ClientProcess):
            self.crashed.add(process.name)
            process.end()
            self._tell(Exited(process.pid, KILLED) if told else None)
        elif isinstance(process, MemberProcess):
            self._crash_worker(process, fault.for_ms, told=told)

    def _crash_worker(self, worker: MemberProcess, ms: float, *, told: bool) -> None:
        worker.end()
        if ms >= 0:
            self._starting += 1
            former = (worker.pid, KILLED)
            self._after(ms, partial(self._restart, worker.name, former))
        left = sum(w.alive for w in self.workers.values()) + self._starting
        self._tell(Exited(worker.pid, KILLED, left) if told else None)

    def _leave(self, fault: Fault) -> None:
        """Let a member end as by SIGTERM; whoever starts it again does not tell."""
        member = self._find(fault.who)
        if isinstance(member, MemberProcess) and member.alive:
            event = MemberStopAsked("SIGTERM received", 0)
            member.run(partial(member.event, event))
            if fault.who != "client":
                self._after(fault.for_ms, partial(self.start_worker, fault.who))

    def _restart(self, name: str, former: tuple[int, str]) -> None:
        self._starting -= 1
        self.start_worker(name, former=former)

    def _tell(self, event: Exited | None) -> None:
        controller = self.controller
        if event is not None:
            controller.later(
                self.loop.between(0.1, 2), partial(controller.event, event)
            )

    def _next_controller(self) -> None:
        if self.controller.alive:
            return
        number = len(self.controllers) + 1
        self.controllers.append(ControllerProcess(self, number, once=False))
        self.log(self.controller.name, "starts")
        pending, self._pending = self._pending, []
        for member, message in pending:
            self.to_controller(member, message)

    def _stall(self, fault: Fault) -> None:
        process = self._find(fault.who)
        if process is not None:
            process.stop()
            self._after(fault.for_ms, process.resume)

    def _lose(self, fault: Fault) -> None:
        member = self._find(fault.who)
        if isinstance(member, MemberProcess):
            getattr(member, fault.how).lose += 1

    def _late(self, fault: Fault) -> None:
        member, (way, ms) = self._find(fault.who), fault.how.split(":")
        if isinstance(member, MemberProcess):
            channel = getattr(member, way)
            channel.late_ns = int(ms) * MS
            self._after(fault.for_ms, lambda: setattr(channel, "late_ns", 0))

    def _cut(self, fault: Fault) -> None:
        link = int(fault.who)
        if fault.for_ms < 0:  # the connection of this epoch
            if link in self.net.pipes:
                self.net.pipes[link].cut = True
            return
        self.net.cut.add(link)
        self._after(fault.for_ms, lambda: self.net.cut.discard(link))

    def _path(self, fault: Fault) -> None:
        """Cut the data links between two hosts; their members hear the controller."""
        pair = frozenset(fault.who.split(":"))
        self.net.apart.add(pair)
        self._after(fault.for_ms, lambda: self.net.apart.discard(pair))

    def _away(self, fault: Fault) -> None:
        """Cut a host off: no data, and what its members say waits for the network."""
        pairs = {frozenset((fault.who, other)) for other in self.scenario.places}
        ways = [
            way
            for member in self.members
            if member.host == fault.who
            for way in (member.up, member.down)
        ]
        self.net.apart |= pairs
        for way in ways:
            way.held = []
        self._after(fault.for_ms, lambda: self._heal(pairs, ways))

    def _heal(self, pairs: set[frozenset[str]], ways: list[Way]) -> None:
        self.net.apart -= pairs
        for way in ways:
            way.release()

    def _tamper(self, fault: Fault) -> None:
        self.net.tamper[int(fault.who)] = fault.how

    def _worker(self, fault: Fault) -> None:
        slot = int(fault.who.split(":")[1])
        self.start_worker(f"worker:{len(self.workers) + 1}", slot=slot)

    def _client(self, _fault: Fault) -> None:
        self.start_client(f"client:{len(self.clients) + 1}")

    def _stop(self, _fault: Fault) -> None:
        controller = self.controller
        self.asked_to_stop.append(controller)
        controller.run(partial(controller.event, StopAsked()))

    # -- the run ---------------------------------------------------------------

    def log(self, who: str, what: str) -> None:
        """Add a line to the transcript."""
        self.lines.append(f"{self.loop.now / MS:10.2f} {who}: {what}")

    @property
    def _over(self) -> bool:
        return all(not client.alive for client in self.clients)

    def run(self) -> World:
        """Run until all clients have ended, and a little longer."""
        over_ns = None
        for _ in range(MOST_STEPS):
            if not self.loop.step():
                break
            now = self.loop.now
            if over_ns is None and now > self._quiet_ns and self._over:
                over_ns = now + AFTER_NS
            if over_ns is not None and not self._over:
                over_ns = None
            limit = self._quiet_ns + PATIENCE_NS if over_ns is None else over_ns
            if now > limit:
                break
        else:
            raise AssertionError("too many steps")
        self.checks.at_the_end()
        return self
