"""Do the client's part of a cluster's life: what `member.run` asks of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neurocluster.client.course import Course, input_of
from neurocluster.client.engine import Engine, playback_of
from neurocluster.link.buffers import LinkSpec


class Duties:
    """Do the client's part of a cluster's life; see `member.duties.Duties`."""

    always_receive = True

    def __init__(self, course: Course, tu_s: float | None = None) -> None:
        """Tell a course what happens; play frames in a unit of time if there is one."""
        self._course, self._tu_s = course, tu_s
        self.after_turn, self.deliver = course.after_turn, course.deliver
        self.run, self.left = course.went, course.left

    def build(
        self, epoch: int, body: Mapping[str, Any], inbound: list[LinkSpec],
        outbound: list[LinkSpec],
    ) -> Engine:  # fmt: skip
        """Build the engine of an epoch."""
        settings = body["settings"]
        return Engine(
            inbound, outbound, ranks=np.frombuffer(settings["ranks"], np.int16),
            window=settings["window"], max_spikes=settings["max_spikes"], epoch=epoch,
            playback=playback_of(input_of(settings["network"]), self._tu_s),
        )  # fmt: skip

    def bound(self, body: Mapping[str, Any], engine: Any) -> None:
        """Give the course its next engine."""
        self._course.built(body["settings"]["network"], engine)

    def reports(self) -> Sequence[bytes]:
        """Return nothing: the client reports no frames."""
        return ()

    def beat(self) -> dict[str, Any]:
        """Return how far the session came, and how many frames are open."""
        course = self._course
        if course.stream is not None:
            course.stream.collect()  # so that finished and open frames fit together
        return {"finished": course.last_finished(), "open_frames": course.in_flight}
