"""Find what a run that did not finish has still to do."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from neurocluster.config import RunConfig, load_config
from neurocluster.data.idx import Dataset
from neurocluster.dtypes import I64
from neurocluster.errors import ConfigError
from neurocluster.launch.slurm import started_again
from neurocluster.results.folder import RunFolder, make_folder
from neurocluster.results.part import Part, load

FREE: Final = ("compare", "deadline_s", "recovery_s", "spares", "memory")
"""Settings that may differ when a run goes on."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a client has to do.

    Attributes:
        config: Settings.
        folder: Takes the results.
        data: Data set.
        frames: (n,) int64, indices in it of the frames to stream.
        before: What earlier sessions of this run left, or None.
    """

    config: RunConfig
    folder: RunFolder
    data: Dataset
    frames: I64
    before: Part | None = None


def resumed_settings(run: Path, given: Mapping[str, Any]) -> RunConfig:
    """Return the settings of a run that is to go on.

    Args:
        run: Its folder.
        given: Options of this command.

    Raises:
        ConfigError: It is no run's folder, or an option contradicts it.
    """
    file = run / "config.toml"
    if not file.exists():
        message = f"resume: {run} is no folder of a run: it has no config.toml"
        raise ConfigError(message)
    for name, value in given.items():
        if value is not None and name not in FREE:
            option = name.replace("_", "-")
            message = f"resume: {run} has its own settings; leave out --{option}"
            raise ConfigError(message)
    return load_config(file).replace(
        **{name: value for name, value in given.items() if value is not None}
    )


def run_of_this_job(out: str | None) -> Path | None:
    """Return the run that this job had begun when Slurm started it again; say so.

    A job's script gives the same options each time; those of the run hold.

    Args:
        out: Folder that the options name; no other can be found again.
    """
    if out is None or not started_again():
        return None
    run = Path(out)
    if not (run / "config.toml").exists():
        return None
    print(f"Slurm started this job again: going on with {run}", file=sys.stderr)
    return run


def work_of(config: RunConfig, data: Dataset, frames: I64, resume: Path | None) -> Work:
    """Return what there is to do, in a new run or in one that goes on.

    Args:
        config: Settings.
        data: Data set.
        frames: All frames of the run.
        resume: Folder of the run that goes on, or None to make a new one.

    Raises:
        ConfigError: The folder cannot be made, or what is in it is damaged.
    """
    if resume is None:
        folder = make_folder(config.out, config.name)
        folder.write_text("config.toml", config.to_toml())
        return Work(config, folder, data, frames)
    folder = RunFolder(resume)
    before = load(folder)
    if before is not None:
        frames = np.setdiff1d(frames, before.table.frames)
    elif (resume / "summary.json").exists():
        frames = frames[:0]
    return Work(config, folder, data, frames, before)
