"""The client's process: the real stream on a modelled engine, and a small session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neurocluster.client.stream import Stream
from neurocluster.member.state import EXIT_LOST
from neurocluster.wire.control import Control, Kind
from tests.support.explorer.network import MS
from tests.support.explorer.processes import MemberProcess

if TYPE_CHECKING:
    from tests.support.explorer.world import World

CLOSE_MS, FAILED_MS = 3000, 800


class ClientProcess(MemberProcess):
    """Stream the scenario's frames, end the session, keep what came.

    Attributes:
        outcome: How the session ended: ``done``, an error, or empty before.
    """

    role = "client"

    def __init__(self, world: World, name: str, pid: int) -> None:
        super().__init__(world, name, pid)
        self.outcome = ""
        self.results: list[tuple[int, object]] = []
        self.stream: Stream | None = None
        self._failed = False
        self._closing = False

    @property
    def done(self) -> int:
        """Return how many frames have a result."""
        return len(self.results)

    def _run(self) -> None:
        super()._run()
        model, node = self.world.model, self.node
        if node is None:
            return
        engine = model.engine(self, node)
        node.after_turn = self._after_turn
        if self.stream is None:
            self.stream = Stream(
                engine, model.source, why_failed=lambda _row, _frame: "overflow",
                later=lambda s, action: self.later(int(s * 1e9), action),
                on_news=self._news,
            )  # fmt: skip
            images = model.images(self.name)
            feed = self.world.scenario.feed
            self.stream.submit(images if feed == "array" else iter(images))
        else:
            self.stream.restart(engine)
        if self._closing:  # the IDLE of before was of a session that is over
            self._idle()
        self._news()

    def _after_turn(self) -> None:
        if self.stream is not None:
            self.stream.after_turn()

    def _news(self) -> None:
        stream = self.stream
        if stream is None:
            return
        while stream.chunks:
            for result in stream.chunks.popleft().results():
                output = None if result.error else result.counts.tolist()
                self.results.append((result.frame, output))
                self.world.checks.delivered(self, result.frame, output)
        if stream.ended and not self._closing and not self._failed:
            self._closing = True
            self.later(self.world.loop.between(0, 3), self._close)

    # -- ends --------------------------------------------------------------------

    def _close(self) -> None:
        if not self._failed and self.alive:
            self._idle()
            self.later(CLOSE_MS * MS, lambda: self._leave("sent no final tables"))

    def _idle(self) -> None:
        self.world.fire("idle")
        self.say(Kind.IDLE, {"report": self.report()})

    def _deliver(self, message: Control) -> None:
        match message.kind:
            case Kind.TABLES if not self._failed:
                self._leave("done")
            case Kind.TABLES:
                self._leave(self.failure)
            case Kind.DRAIN if self.stream is not None:
                self.stream.stop()
            case Kind.FAILED if not self._failed:
                self._failed, self.failure = True, str(message.body["reason"])
                self._idle()
                self.later(FAILED_MS * MS, lambda: self._leave(self.failure))

    def _left(self, code: int, text: str) -> None:
        prefix = "controller lost: " if code == EXIT_LOST else ""
        self._leave(prefix + text)

    def _leave(self, outcome: str) -> None:
        if not self.outcome:
            self.outcome = outcome
            self.world.log(self.name, f"ends: {outcome}")
            self.end()

    def _beat(self) -> dict[str, Any]:
        stream = self.stream
        if stream is not None:
            stream.collect()
        return {
            "finished": -1 if stream is None else stream.last,
            "open_frames": 0 if stream is None else stream.in_flight,
        }
