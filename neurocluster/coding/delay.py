"""Code intensities as delays: one spike a pixel, the brightest first.

A pixel of intensity x in [0, 1] fires at (1 - x) TU; x <= 0.2 never fires; equal
intensities go in ascending address (Yousefzadeh et al., AICAS 2019, section II).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from neurocluster.dtypes import F64, I16, U32, Bool
from neurocluster.errors import FrameError
from neurocluster.model.graph import Input

LOWEST: Final = 0.2
"""Intensity up to which a pixel never fires."""
Image = npt.NDArray[np.generic]


def intensity(images: npt.NDArray[Any], source: Input) -> F64:
    """Return x as float64: integers scaled and shifted, floats as they are."""
    values = images.astype(np.float64)
    if images.dtype.kind in "iu":
        return values * source.scale + source.shift
    return values


def rank_table(source: Input) -> I16:
    """Return (256,) int16: a uint8 pixel's rank in firing order, -1 for never."""
    x = intensity(np.arange(256, dtype=np.uint8), source)
    fires = (x > LOWEST) & (x <= 1)
    levels = np.unique(x[fires])[::-1]
    ranks = np.full(256, -1, np.int16)
    ranks[fires] = np.searchsorted(-levels, -x[fires])
    return ranks


def rank_times(source: Input) -> F64:
    """Return (ranks,) float64: when pixels of each rank fire, in units of TU."""
    x = intensity(np.arange(256, dtype=np.uint8), source)
    return np.asarray(1 - np.unique(x[(x > LOWEST) & (x <= 1)])[::-1], np.float64)


def input_order(image: Image, source: Input) -> U32:
    """Return the addresses of an image's spikes in firing order, uint32."""
    x = intensity(image.reshape(-1), source)
    order = np.argsort(-x, kind="stable")
    return order[x[order] > LOWEST].astype(np.uint32)


def input_spikes(images: npt.NDArray[Any], source: Input) -> Bool:
    """Return (frames, addresses) bool: which pixels fire at all."""
    flat = images.reshape(len(images), -1)
    return intensity(flat, source) > LOWEST


def plain_bytes(source: Input) -> bool:
    """Tell whether every uint8 value has an intensity in [0, 1]."""
    return source.shift == 0 and 0 < source.scale * 255 <= 1


def image_shapes(source: Input) -> tuple[tuple[int, ...], ...]:
    """Return the shapes that an image may have; the first one is the input's own."""
    shape = source.shape
    plane = (shape.height, shape.width, shape.channels)
    flat: tuple[int, ...] = (shape.size,)
    return (plane, flat, plane[:2]) if shape.channels == 1 else (plane, flat)


def check_image(image: npt.NDArray[Any], source: Input, frame: int) -> None:
    """Refuse an image that cannot be encoded.

    Raises:
        FrameError: Its shape, type or a value is wrong.
    """
    allowed = image_shapes(source)
    if image.shape not in allowed:
        message = f"frame {frame}: image of shape {image.shape}, expected {allowed[0]}"
        raise FrameError(message, frame)
    if image.dtype.kind not in "iuf":
        message = f"frame {frame}: image of type {image.dtype}; give integers or floats"
        raise FrameError(message, frame)
    if image.dtype == np.uint8 and plain_bytes(source):
        return
    x = intensity(image, source)
    if np.isnan(x).any():
        message = f"frame {frame}: the image holds NaN"
        raise FrameError(message, frame)
    if (x < 0).any() or (x > 1).any():
        message = (
            f"frame {frame}: intensities from {x.min():g} to {x.max():g}; they must "
            "lie in [0, 1]"
        )
        raise FrameError(message, frame)
