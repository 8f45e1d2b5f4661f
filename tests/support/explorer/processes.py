"""Processes of a simulated cluster: each has its own clock, may stop, resume and die.

A process that is stopped does not run: its timers and messages wait, its sockets stay
open. A process that died has no sockets; what it sent is still on its way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neurocluster.controller import events as e
from neurocluster.controller.state import TRANSITIONS, Controller
from neurocluster.member import state as m
from neurocluster.wire.control import Control, Kind
from tests.support.explorer.network import MS, SECOND, Way
from tests.support.explorer.nodes import Node

if TYPE_CHECKING:
    from tests.support.explorer.world import World

TICK_MS = 50
DEADLINE_NS, RECOVERY_NS = 10 * SECOND, 5 * SECOND
NO_COUNTERS = {
    "received": b"", "sent": b"", "blocked": False, "open_frames": 0, "frame": 0,
    "packets": 0,
}  # fmt: skip


def trigger(event: Any) -> Any:
    """Return what a table of transitions calls an event."""
    message = getattr(event, "message", None)
    received = isinstance(event, e.Received | m.Received)
    return message.kind if received and message is not None else type(event)


def stepped(table: Any, before: Any, what: Any, after: Any) -> None:
    """Check that a table knows a change of phase."""
    if after is not before:
        assert after in table[before, what].to, f"{before}, {what}: to {after}"


class Process:
    """Something that runs, until it does not.

    Attributes:
        name: For transcripts.
        alive: It has not ended.
        stopped: It is alive and does not run.
    """

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        self.alive, self.stopped = True, False
        self._waiting: list[Callable[[], Any]] = []
        self._offset, self._ppm = world.clock_of(name)

    def clock(self) -> int:
        """Return this process's time, which compares with no other's."""
        now = self.world.loop.now
        return self._offset + now + now * self._ppm // 1_000_000

    def run(self, action: Callable[[], Any]) -> None:
        """Run an action now, or when the process resumes, or never."""
        if self.stopped:
            self._waiting.append(action)
        elif self.alive:
            action()
            self.world.checks.after(self)

    def later(self, delay_ns: int, action: Callable[[], Any]) -> None:
        """Run an action after a time."""
        self.world.loop.at(delay_ns, lambda: self.run(action))

    def stop(self) -> None:
        """Stop running, as by SIGSTOP."""
        self.stopped = self.alive

    def resume(self) -> None:
        """Run again; timers that are due come before or after what arrived."""
        if not self.stopped:
            return
        self.stopped = False
        waiting, self._waiting = self._waiting, []
        if self.world.loop.random.random() < 0.5:
            waiting.sort(key=lambda action: getattr(action, "__name__", "") != "tick")
        for action in waiting:
            self.run(action)

    def end(self) -> None:
        """Die."""
        self.alive = self.stopped = False
        self._waiting.clear()


class ControllerProcess(Process):
    """The real controller's state machine, and its timer."""

    def __init__(self, world: World, number: int, *, once: bool) -> None:
        super().__init__(world, f"controller:{number}")
        plan = world.plan
        self.state = Controller(
            plan, generation=1000 + number, cluster="x", version="1",
            cores=8, deadline_ns=DEADLINE_NS, recovery_ns=RECOVERY_NS, once=once,
        )  # fmt: skip
        self.finish: e.Finish | None = None
        self.later(MS, self.tick)

    def tick(self) -> None:
        """Let time pass."""
        self.later(TICK_MS * MS, self.tick)
        self.event(e.Tick())

    def event(self, event: e.Event) -> None:
        """Give the state machine an event and do what it says."""
        before, what = self.state.phase, trigger(event)
        actions = self.state.handle(event, self.clock())
        stepped(TRANSITIONS, before, what, self.state.phase)
        for action in actions:
            match action:
                case e.Send(peer, message):
                    self.world.checks.told(self, peer, message)
                    member = self.world.peers.get(peer)
                    if member is not None:
                        member.hear(message)
                case e.Log(text):
                    self.world.log(self.name, text)
                    self.world.checks.logged(self, text)
                case e.Finish():
                    self.finish = action
                    self.world.log(self.name, f"ends {action.code}: {action.text}")
                    self.end()


class MemberProcess(Process):
    """The real member's state machine and a modelled data path."""

    role = "worker"

    def __init__(
        self, world: World, name: str, pid: int, *, slot: int | None = None,
        former: tuple[int, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(world, name)
        self.pid, self.peer = pid, b"\1%d" % pid
        self.host = world.scenario.host(name)
        replaces, cause = former or (None, "")
        register = {
            "role": self.role, "pid": pid, "host": self.host, "slot": slot,
            "version": "1", "replaces": replaces, "cause": cause, "clock": "c",
        }  # fmt: skip
        self.state = m.Member(register, leased=self.role == "worker")
        self.node: Node | None = None
        self.last: Node | None = None
        loop = world.loop
        self.up = Way(loop, lambda message: world.to_controller(self, message))
        self.down = Way(loop, lambda message: self.run(lambda: self._heard(message)))
        self.service_ms = (0.02, 10.0 ** loop.random.uniform(-1.5, 0.7))
        self.later(loop.between(0, 20), self.tick)

    # -- events ----------------------------------------------------------------

    def tick(self) -> None:
        """Let time pass."""
        self.later(TICK_MS * MS, self.tick)
        self.event(m.Tick())

    def event(self, event: m.Event) -> None:
        """Give the state machine an event and do what it says."""
        before, what = self.state.phase, trigger(event)
        actions = self.state.handle(event, self.clock())
        stepped(m.TRANSITIONS, before, what, self.state.phase)
        if self.state.phase is not before:
            self.world.log(self.name, f"is {self.state.phase.value}, {self.state!r}")
        for action in actions:
            self._act(action)

    def hear(self, message: Control) -> None:
        """Let a message of the controller come its way."""
        self._note("<-", message, self.down.send(message))

    def _heard(self, message: Control) -> None:
        self.event(m.Received(message))

    def say(self, kind: Kind, body: dict[str, Any]) -> None:
        """Send a message of the present life to the controller."""
        self._say(Control(kind, body, self.state.generation, self.state.epoch))

    def _say(self, message: Control) -> None:
        self._note("->", message, self.up.send(message))

    def _note(self, way: str, message: Control, arrives: bool) -> None:
        if message.kind not in (Kind.BEAT, Kind.ACK):
            words = f"{way} {message.kind.name} epoch={message.epoch}"
            self.world.log(self.name, words + ("" if arrives else " (lost)"))

    def woken(self) -> None:
        """Look at the data sockets."""
        node = self.node
        if node is None:
            return
        if self.state.phase is m.Phase.RUNNING:
            node.wake()
        while self.state.phase is m.Phase.BOUND:
            item = node.inbox.take()
            if item is None:
                return
            if isinstance(item, Control):
                self.event(m.HelloReceived(item))

    # -- actions ---------------------------------------------------------------

    def _act(self, action: m.Action) -> None:
        match action:
            case m.Send(message):
                self._say(message)
            case m.Beat():
                counters = self.node.counters() if self.node else NO_COUNTERS
                body = {
                    **counters, "phase": self.state.phase.value, "refused": 0,
                    "strangers": 0, "rounds": b"", "asleep": False, **self._beat(),
                }  # fmt: skip
                self.say(Kind.BEAT, body)
                if self.node is not None and self.state.phase is m.Phase.RUNNING:
                    self.node.say_again()
            case m.Build(epoch, body):
                delay = self.world.loop.between(0.2, 4)
                if self.world.loop.random.random() < 0.02:
                    delay *= 100  # it compiles
                self.later(delay, lambda: self._built(epoch, body))
            case m.Connect(endpoints, hellos, _):
                if self.node is not None:
                    self.node.connect(endpoints, hellos)
                    self.woken()
            case m.Run():
                self._run()
            case m.OpenRound(message):
                if self.node is not None:
                    self.node.opened(message.body)
            case m.CloseData():
                self._close_data()
            case m.Report():
                self.say(Kind.REPORT, {"report": self.report()})
                self.last = None
            case m.Deliver(message):
                self._deliver(message)
            case m.Leave(code, text):
                self._left(code, text)

    def _built(self, epoch: int, body: Any) -> None:
        if epoch != self.state.epoch or self.state.phase is not m.Phase.BUILDING:
            return
        self.node = self.world.model.node(self, epoch, body)
        self.node.partition = body["node"]
        self.event(m.Bound(self.node.inbox.endpoint))

    def _run(self) -> None:
        if self.node is not None:
            self.node.on_packet = self.world.poisoned(self)
            self.node.start()

    def _close_data(self) -> None:
        if self.node is not None:
            self.last, self.node = self.node, None
            self.last.close()

    def report(self) -> dict[str, Any]:
        """Return the tables of this session."""
        node = self.node or self.last
        empty = {"inbound": (), "outbound": (), "worker": {}}
        return empty if node is None else node.report()

    def _beat(self) -> dict[str, Any]:
        return {"finished": -1}

    def _deliver(self, message: Control) -> None:
        pass

    def _left(self, code: int, text: str) -> None:
        self.world.log(self.name, f"leaves {code}: {text}")
        self.end()

    def end(self) -> None:
        """Die, and with it the data sockets."""
        super().end()
        self._close_data()
