"""Check the invariants of recovery after every event of a run.

I1 RUNNING(e) holds only sockets made in e. I2 one owner per (epoch, partition). I3
each frame delivered once, in order, from one epoch, with its result. I4 open frames
never exceed the window. I5 every epoch ends in a finished frame or counts as barren.
(I6, that no decision compares clocks of two processes, is a test of its own.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurocluster.controller.epochs import MOST_BARREN
from neurocluster.member.state import Phase
from neurocluster.wire.control import Control, Kind
from tests.support.explorer.client import ClientProcess
from tests.support.explorer.network import SECOND, Packet
from tests.support.explorer.nodes import Node
from tests.support.explorer.processes import (
    ControllerProcess,
    MemberProcess,
    Process,
)

if TYPE_CHECKING:
    from tests.support.explorer.world import World

MOST_EPOCHS_A_FAULT = 4
"""A fault may cost an epoch, those that fail while links are cut, and a quarantine."""

QUARANTINE = 3
"""Epochs that a poisoned frame fails until it is given up."""


class Checks:
    """Look at a world after each event; raise AssertionError at a violation."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._owners: dict[tuple[int, int, str], object] = {}
        self._epochs = 0
        self._failed_in_a_row = 0
        self.failed_at: list[tuple[int, str]] = []
        self.runs_at: list[int] = []

    def after(self, process: Process) -> None:
        """Check what an event of a process may have broken."""
        if not isinstance(process, MemberProcess) or process.node is None:
            return
        node, state = process.node, process.state
        if state.phase is Phase.RUNNING:
            sockets = [node.inbox.epoch, *(pipe.epoch for pipe in node.pipes)]
            assert {node.epoch, *sockets} == {state.epoch}, "I1: sockets of old epochs"
            assert len(node.outbound) == len(node.pipes), "I1: a link without a socket"
        assert node.open_frames <= node.window, "I4: more frames open than the window"
        assert state.phase not in (Phase.JOINING, Phase.STANDBY, Phase.ENDED), (
            "data sockets are open without an epoch"
        )

    def told(
        self, controller: ControllerProcess, peer: bytes, message: Control
    ) -> None:
        """Check what a controller tells a peer."""
        if message.kind is Kind.PREPARE:
            node = message.body["node"]
            key = (message.generation, message.epoch, node)
            owner = self._owners.setdefault(key, peer)
            assert owner == peer, f"I2: {node} has two owners in epoch {message.epoch}"
            self._world.fire(f"prepare:{message.epoch}")
        elif message.kind is Kind.GO and self._world.fire(f"go:{message.epoch}"):
            self.runs_at.append(self._world.loop.now)

    def logged(self, controller: ControllerProcess, text: str) -> None:
        """Count epochs that fail."""
        if not text.startswith("epoch ") or " failed: " not in text:
            return
        self.failed_at.append((self._world.loop.now, text))
        self._epochs += 1
        self._failed_in_a_row += 1
        limit = 2 + MOST_EPOCHS_A_FAULT * max(self._world.troubles, 1)
        assert self._epochs <= limit, f"I5: {self._epochs} epochs failed"
        assert self._failed_in_a_row <= 3 * MOST_BARREN, "I5: epochs fail for ever"
        self._world.fire(f"lost:{controller.state.epoch}")

    def accepted(self, node: Node, packet: Packet) -> None:
        """Check that a packet comes from who owns its source in this epoch."""
        sender = packet.sender
        assert isinstance(sender, MemberProcess)
        source = self._world.scenario.links[packet.link][0]
        key = (node.owner.state.generation, node.epoch, source)
        assert self._owners.get(key) == sender.peer, (
            f"I3: a packet of {sender.name}, which does not own {source}"
        )

    def delivered(self, client: ClientProcess, frame: int, output: object) -> None:
        """Check a frame that the client was given."""
        world = self._world
        assert frame == len(client.results) - 1, f"I3: frame {frame} out of order"
        self._failed_in_a_row = 0
        if client.name == "client":
            world.fire(f"frame:{frame + 1}")
        if output is None:
            world.given_up.append(frame)
            return
        wanted = world.model.expected(client.name, frame)
        assert output == wanted, f"I3: frame {frame} has a wrong result"

    def at_the_end(self) -> None:
        """Check that everybody came to an end, and why."""
        world = self._world
        for client in world.clients:
            if client.name in world.crashed:
                continue
            assert client.outcome, f"{client.name} waits for ever"
            if client.outcome == "done":
                wanted = world.scenario.frames
                stopped = world.happened("stop")
                assert client.done == wanted or stopped, "frames are missing"
            else:
                assert justified(world, client.outcome), (
                    f"without need: {client.outcome}"
                )
        if world.asked_to_stop and world.controller in world.asked_to_stop:
            controller = world.controller
            assert not controller.alive or controller.stopped, "it does not stop"
        if world.given_up:
            assert world.happened("poison") or world.troubles > 2, "given up too early"
        for member in world.members:
            if member.alive and not member.stopped:
                assert member.node is None, f"{member.name} keeps its data sockets"
        self._in_time()

    def _in_time(self) -> None:
        """Check how soon the only fault of a run was found."""
        world = self._world
        if len(world.applied) != 1 or not self.runs_at:
            return
        (at, fault), limit = world.applied[0], 2 * SECOND
        if fault.kind == "cut" and fault.for_ms < 0:
            limit = 3 * SECOND
        elif fault.kind != "crash" or not fault.who.startswith("worker"):
            return
        found = [time for time, _ in self.failed_at if time >= at]
        if found:
            assert found[0] - at < limit, f"found after {(found[0] - at) / 1e9:.2f} s"


def justified(world: World, outcome: str) -> bool:
    """Tell whether what went wrong explains why a session failed."""
    happened, left = world.happened, world.controller.finish is not None
    poisons = len({f for _, f in world.applied if f.kind == "poison"})
    absent = any(f.who == "client" and f.for_ms > 1000 for _, f in world.applied)
    reasons: dict[str, Any] = {
        "controller lost": left or happened("lose", "late", "controller"),
        "sent no final tables": (
            left or absent or happened("lose", "late", "controller")
        ),
        "lost touch and came back": happened("stop"),
        "not started again": happened("crash"),
        "SIGTERM received": happened("leave"),
        "was not complete": happened(
            "crash", "leave", "stall", "lose", "late", "cut", "path", "away"
        ),
        "times in a row": world.strikes + QUARANTINE * poisons > QUARANTINE,
        "busy": len(world.clients) > 1,
        "the cluster is ending": happened("stop"),
        "stopped on request": happened("stop"),
        "did not finish its frames in time": happened("stop"),
    }
    return any(words in outcome and why for words, why in reasons.items())
