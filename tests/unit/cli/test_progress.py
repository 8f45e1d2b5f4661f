"""What the progress of frames says."""

import io

import numpy as np
from rich.console import Console

from neurocluster.cli import progress
from neurocluster.client.engine import RESULT
from neurocluster.client.results import Chunk


def chunk(frames, classes):
    counts = np.eye(10, dtype=np.int32)[classes]
    return Chunk(frames, np.zeros(len(frames), RESULT), counts, counts)


def shown(labels, monkeypatch):
    monkeypatch.setattr(progress, "REFRESH_S", -1.0)
    file = io.StringIO()
    console = Console(file=file, width=100, force_terminal=True, color_system=None)
    with progress.FrameProgress(console, 4, labels) as bar:
        bar.add(chunk([0, 1], [3, 4]))
        bar.add(chunk([2, 3], [5, 5]))
        bar.finish()
    return file.getvalue()


def test_rate_and_share_of_right_frames(monkeypatch):
    text = shown(np.array([3, 4, 5, 6]), monkeypatch)
    assert text.count("First result after") == 1
    assert "frames/s, 100.00 % right" in text
    assert "frames/s, 75.00 % right" in text


def test_without_labels_nothing_is_right(monkeypatch):
    text = shown(None, monkeypatch)
    assert "frames/s" in text
    assert "right" not in text
