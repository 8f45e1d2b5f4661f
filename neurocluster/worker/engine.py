"""Run one partition: packet in, packets out; compiled, no I/O.

`Engine.receive` handles the packet that the transport put into the message buffer:
check it, give its spikes to the kernel, pack what fires, close frames. What must be
sent lies in the outboxes afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from neurocluster.dtypes import I64, Records
from neurocluster.errors import RemoteLinkError
from neurocluster.kernels.layer import CompiledLayer
from neurocluster.kernels.tables import compile_layer
from neurocluster.link.buffers import Handler, LinkBuffers, LinkSpec, link_fault
from neurocluster.model.spec import PartitionSpec
from neurocluster.worker.packets import flush, receive, turn_functions
from neurocluster.worker.records import ENGINE, REPORT_FIELDS
from neurocluster.worker.room import REPORTS, most_payload, most_words


class Engine:
    """Own the arrays of one partition and turn packets into packets.

    Attributes:
        node: The links; the transport uses its message buffer and outboxes.
        spec: The partition.
    """

    def __init__(
        self,
        spec: PartitionSpec,
        inbound: Sequence[LinkSpec],
        outbound: Sequence[LinkSpec],
        *,
        epoch: int = 1,
        clock: tuple[int, I64] | None = None,
        layer: CompiledLayer | None = None,
    ) -> None:
        """Compile or load the kernels and allocate all contexts."""
        self.spec = spec
        out = outbound[0].width
        self.layer = layer or compile_layer(spec, inbound[0].width, out)
        neurons = len(self.layer.neuron_cells)
        words = most_words(spec, self.layer.most_touched, self.layer.most_firings)
        payload = most_payload(spec)
        self.node = LinkBuffers(
            inbound, outbound, window=spec.window, max_spikes=spec.max_spikes,
            epoch=epoch, burst_words=2 * words, payload_bytes=payload, clock=clock,
        )  # fmt: skip
        self.states, self._kept = self.layer.new_states(spec.window)
        self._scratch = np.empty((words + 64) * out, np.uint8)
        self._output = np.zeros(max(payload // 4, 2), np.int32)
        self._cells = self.layer.neuron_cells.astype(np.int64)
        width = REPORT_FIELDS + self.node.counts
        self._reports = np.zeros((REPORTS, width), np.uint64)
        self._result = np.zeros(8, np.int64)
        self.record: Records = np.zeros(1, ENGINE)
        start, sweep = self.layer.start, self.layer.sweep
        for name, value in {
            "kernel_at": self.layer.kernel.address,
            "reset_at": self.layer.reset.address,
            "start_at": start.address if start is not None else 0,
            "sweep_at": sweep.address if sweep is not None else 0,
            "layer_at": self.layer.record.ctypes.data,
            "states_at": self.states.ctypes.data,
            "scratch_at": self._scratch.ctypes.data,
            "partition": spec.index,
            "is_output": int(spec.is_output),
            "neurons": neurons,
            "neuron_cells_at": self._cells.ctypes.data,
            "fast": int(self.layer.fast),
            "raised": int(self.layer.raised),
            "reports_at": self._reports.ctypes.data,
            "report_size": REPORTS,
            "report_width": width,
            "output_at": self._output.ctypes.data,
        }.items():
            self.record[0][name] = value
        addresses = [self.node.record, self.record, self._result]
        self._handles = np.array([a.ctypes.data for a in addresses], np.int64)
        self.receive: Callable[[int], int] = partial(receive, self._handles)
        self._functions = turn_functions()
        self.flush: Callable[[], int] = partial(flush, self._handles)

    @property
    def handler(self) -> Handler:
        """Return what a turn calls."""
        return Handler(*self._functions, int(self._handles.ctypes.data), self)

    def take_reports(self) -> npt.NDArray[np.uint64]:
        """Return and forget the reports of frames closed since last.

        Returns:
            (n, columns) uint64: `wire.shapes.FRAME_ROW`, then what
            `link.sender.write_counts` writes.
        """
        count = int(self.record["report_count"][0])
        self.record["report_count"] = 0
        return self._reports[:count].copy()

    def fault(self, code: int) -> RemoteLinkError:
        """Return the error that a negative result stands for."""
        return link_fault(self.node, code)
