"""Lay out the client's compiled state: CLIENT, and a row of RESULT a frame.

Fields named ``*_at`` are addresses of arrays that `client.engine.Engine` owns.
"""

from __future__ import annotations

from typing import Final

from neurocluster.kernels.records import record

RESULT: Final = record(
    "frame", "started_ns", "first_output_ns", "decided_ns", "done_ns", "failed",
    "failed_neuron", "input_spikes", "input_ns",
)  # fmt: skip
# ``phase`` of the frame that is being sent is sent next, 0 if none is; ``words`` are
# that frame's. ``start_limit`` counts phases, frame by frame.
CLIENT: Final = record(
    "outputs", "counts_at", "potentials_at", "leaders_at", "results_at",
    "result_counts_at", "result_potentials_at", "result_count", "result_size",
    "words_at", "starts_at", "ranks_at", "pixels", "width", "rank_count", "live_at",
    "started", "images_at", "image_count", "image_next", "reports_at", "report_width",
    "report_count", "start_limit", "phases", "phase", "words",
    # of paced playback, see `client.playback`
    "tu_ns", "offsets_at", "dues_at", "playing", "play_index", "play_frame",
    "play_next", "play_count", "play_start", "play_end", "play_last",
)  # fmt: skip
NO_LEADER: Final = -1
RESULTS: Final = 4096
"""Finished frames that the engine's table holds; they must be taken earlier."""
