"""Encode frames into spikes and read results; compiled, no I/O.

The client is the source and the sink of the graph. `Engine.offer` takes images of
which `Engine.receive` starts the next whenever a frame finishes; frames that need a
check first are started one by one by `start` and `start_order`. Finished frames wait
in a table until `take_results`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from neurocluster.client.records import CLIENT, RESULT, RESULTS
from neurocluster.client.sink import flush, receive, turn_functions
from neurocluster.client.source import can_start, fill, start_image, start_words
from neurocluster.coding.delay import rank_times
from neurocluster.dtypes import I16, I32, I64, U8, U32, U64, Records
from neurocluster.errors import RemoteLinkError
from neurocluster.link.buffers import Handler, LinkBuffers, LinkSpec, link_fault
from neurocluster.link.records import NODE
from neurocluster.model.graph import Input

STARTED: Final = list(CLIENT.names or ()).index("started")
START_LIMIT: Final = list(CLIENT.names or ()).index("start_limit")
PHASE: Final = list(CLIENT.names or ()).index("phase")
PHASES: Final = list(CLIENT.names or ()).index("phases")
UNLIMITED: Final = 1 << 62
REPORT_COUNT: Final = list(CLIENT.names or ()).index("report_count")
RESULT_COUNT: Final = list(CLIENT.names or ()).index("result_count")
NEXT_FRAME: Final = list(NODE.names or ()).index("next_frame")


@dataclass(frozen=True, slots=True)
class Playback:
    """How a frame's input is spread over time.

    Attributes:
        tu_ns: The unit of time; the next frame begins after it at the earliest.
        offsets: (ranks,) int64, when pixels of each rank fire, ns.
    """

    tu_ns: int
    offsets: I64


def playback_of(source: Input, tu_s: float | None) -> Playback | None:
    """Return how input is played; None without a unit of time."""
    if tu_s is None:
        return None
    tu_ns = round(tu_s * 1e9)
    return Playback(tu_ns, np.round(rank_times(source) * tu_ns).astype(np.int64))


class Engine:
    """Own the client's links; start frames, collect results.

    Attributes:
        node: The links; the transport uses its message buffer and outboxes.
        paced: Input is played over real time; frames must be images then.
    """

    def __init__(
        self,
        inbound: Sequence[LinkSpec],
        outbound: Sequence[LinkSpec],
        *,
        ranks: I16,
        window: int,
        max_spikes: int,
        epoch: int = 1,
        clock: tuple[int, I64] | None = None,
        playback: Playback | None = None,
    ) -> None:
        """Allocate.

        Args:
            inbound: Links from the output partitions.
            outbound: Links to the input partitions.
            ranks: (256,) int16, see `coding.delay.rank_table`.
            window: Frames in flight.
            max_spikes: Spikes of a full packet.
            epoch: Number of the epoch.
            clock: See `link.buffers.LinkBuffers`.
            playback: How input is spread over time; None: as fast as links take it.
        """
        pixels, outputs = outbound[0].size, inbound[0].size
        self.outputs, self.window = outputs, window
        self.node = LinkBuffers(
            inbound, outbound, window=window, max_spikes=max_spikes, epoch=epoch,
            burst_words=window * pixels, payload_bytes=max(4 * outputs, 8), clock=clock,
        )  # fmt: skip
        size = RESULTS
        self._results: Records = np.zeros(size, RESULT)
        self._counts: I32 = np.zeros((size, outputs), np.int32)
        self._potentials: I32 = np.zeros((size, outputs), np.int32)
        self._reports: U64 = np.zeros((size, 1 + self.node.counts), np.uint64)
        self._result = np.zeros(8, np.int64)
        self.record: Records = np.zeros(1, CLIENT)
        arrays: dict[str, npt.NDArray[Any]] = {
            "counts_at": np.zeros((window, outputs), np.int32),
            "potentials_at": np.zeros((window, outputs), np.int32),
            "leaders_at": np.zeros((window, 3), np.int64),
            "results_at": self._results,
            "result_counts_at": self._counts,
            "result_potentials_at": self._potentials,
            "reports_at": self._reports,
            "words_at": np.zeros(pixels, np.uint32),
            "starts_at": np.zeros(258, np.int64),
            "ranks_at": ranks.astype(np.int16),
            "live_at": np.zeros(pixels + 1, np.int32),
            "offsets_at": np.zeros(1, np.int64),
            "dues_at": np.zeros(pixels, np.int64),
        }
        self.paced = playback is not None
        if playback is not None:
            arrays["offsets_at"] = playback.offsets
            self.record[0]["tu_ns"] = playback.tu_ns
            self.node.needs_time = True
        self._kept = arrays
        for name, array in arrays.items():
            self.record[0][name] = array.ctypes.data
        for name, value in {
            "outputs": outputs,
            "result_size": size,
            "report_width": self._reports.shape[1],
            "pixels": pixels,
            "width": outbound[0].width,
            "rank_count": int(ranks.max()) + 1,
            "start_limit": UNLIMITED,
            "phases": 1,
        }.items():
            self.record[0][name] = value
        addresses = [self.node.record, self.record, self._result]
        self._handles = np.array([a.ctypes.data for a in addresses], np.int64)
        self._fields = self.record.view("i8").data
        self._node_fields = self.node.record.view("i8").data
        self._image: U8 = np.zeros(pixels, np.uint8)
        self._images: U8 = np.zeros((0, pixels), np.uint8)
        self.receive: Callable[[int], int] = partial(receive, self._handles)
        self._functions = turn_functions()
        self.flush: Callable[[], int] = partial(flush, self._handles)

    @property
    def handler(self) -> Handler:
        """Return what a turn calls."""
        return Handler(*self._functions, int(self._handles.ctypes.data), self)

    @property
    def started(self) -> int:
        """Return how many frames were started; the next one's number."""
        return self._fields[STARTED]

    @property
    def in_flight(self) -> int:
        """Return how many started frames have not finished."""
        return self._fields[STARTED] - self._node_fields[NEXT_FRAME]

    @property
    def finished(self) -> int:
        """Return how many finished frames `take_results` would return."""
        return self._fields[RESULT_COUNT]

    @property
    def unreported(self) -> int:
        """Return how many rows `take_reports` would return."""
        return self._fields[REPORT_COUNT]

    @property
    def can_start(self) -> bool:
        """Tell whether the window has room for another frame, and a clock lets it.

        Of frames that are played one is in flight.
        """
        if self.paced:
            return bool(can_start(self._handles))
        free = self.in_flight < self.window and self._fields[PHASE] == 0
        return free and self.steps < self._fields[START_LIMIT]

    @property
    def steps(self) -> int:
        """Return how many phases of frames were sent; frames where each has one."""
        fields = self._fields
        ahead = fields[PHASES] - fields[PHASE] if fields[PHASE] else 0
        return fields[STARTED] * fields[PHASES] - ahead

    def step_through(self, phases: int) -> None:
        """Send each frame in so many phases from now on."""
        self._fields[PHASES] = phases
        self.node.record["phases"] = phases

    def let_start(self, limit: int) -> None:
        """Send steps below a limit only; frames offered that may now start do."""
        self._fields[START_LIMIT] = limit
        self._check(fill(self._handles))

    def open_since(self) -> list[int]:
        """Return when each frame in flight was started, ns, oldest first."""
        contexts = self.node.contexts
        opened = np.sort(contexts[contexts["is_open"] != 0], order="frame")
        return [int(time_ns) for time_ns in opened["opened_ns"]]

    @property
    def epoch(self) -> int:
        """Return the epoch that this engine is of."""
        return self.node.epoch

    def offer(self, images: U8) -> None:
        """Stream images: start as many as the window takes, the rest by and by.

        Args:
            images: (n, pixels) uint8, C order; kept until all are started. What an
                earlier offer left is forgotten.
        """
        self._images = np.ascontiguousarray(images)
        record = self.record[0]
        record["images_at"] = self._images.ctypes.data
        record["image_next"], record["image_count"] = 0, len(images)
        self._check(fill(self._handles))

    def withdraw(self) -> int:
        """Start no more of the offered images; return how many that leaves out."""
        record = self.record[0]
        left = int(record["image_count"] - record["image_next"])
        record["image_count"] = record["image_next"]
        return left

    def start(self, image: U8) -> None:
        """Encode a flat uint8 image and start its frame."""
        # One layout, writable: for any other the compiler would run here.
        self._image[:] = image
        self._check(start_image(self._handles, self._image))

    def start_order(self, addresses: U32) -> None:
        """Start a frame given as uint32 addresses in firing order."""
        self._check(start_words(self._handles, addresses))

    def _check(self, code: int) -> None:
        if code:
            raise self.fault(int(code))

    def take_results(self) -> tuple[Records, I32, I32]:
        """Return and forget finished frames: RESULT rows, counts, potentials."""
        count, self._fields[RESULT_COUNT] = self._fields[RESULT_COUNT], 0
        return (
            self._results[:count].copy(),
            self._counts[:count].copy(),
            self._potentials[:count].copy(),
        )

    def take_reports(self) -> U64:
        """Return and forget what the links carried of finished frames.

        It must be called before they are `records.RESULTS`.

        Returns:
            (n, columns) uint64: the frame, then what `link.sender.write_counts` writes.
        """
        count, self._fields[REPORT_COUNT] = self._fields[REPORT_COUNT], 0
        return self._reports[:count].copy()

    def fault(self, code: int) -> RemoteLinkError:
        """Return the error that a negative result stands for."""
        return link_fault(self.node, code)
