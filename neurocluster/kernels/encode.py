"""Encode a uint8 image into input spikes, compiled (README, "Input")."""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import U8
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import pointer, write_word

U = np.uint64


@jit
def encode_image(
    ranks_at: int, starts_at: int, live_at: int, rank_count: int,
    image: U8, words_at: int, width: int,
) -> int:  # fmt: skip
    """Write the words of an image's spikes, brightest first.

    A counting sort by rank: equal pixels go in ascending address.

    Args:
        ranks_at: Address of (256,) int16, see `coding.delay.rank_table`.
        starts_at: Address of (258,) int64 of scratch.
        live_at: Address of (pixels + 1,) int32 of scratch.
        rank_count: One more than the highest rank.
        image: (pixels,) uint8.
        words_at: Address of room for one word a pixel.
        width: Bytes of a word, 2 or 4.

    Returns:
        Number of words.
    """
    ranks = carray(pointer(ranks_at), 256, np.int16)
    starts = carray(pointer(starts_at), 258, np.int64)
    live = carray(pointer(live_at), image.size + 1, np.int32)
    for k in range(U(rank_count + 1)):
        starts[k] = 0
    kept = U(0)
    for i in range(U(image.size)):
        rank = ranks[image[i]]
        live[kept] = np.int32(i)
        kept += U(rank >= 0)
        starts[U(rank + 1)] += 1
    total = np.int64(0)
    for k in range(U(1), U(rank_count + 1)):
        count = starts[k]
        starts[k] = total
        total += count
    for j in range(kept):
        i = U(live[j])
        k = U(ranks[image[i]] + 1)
        at = U(starts[k])
        if width == 2:
            write_word(words_at, at, 2, i << U(1))
        else:
            write_word(words_at, at, 4, i << U(1))
        starts[k] += 1
    return np.int64(kept)
