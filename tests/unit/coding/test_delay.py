"""The delay code: who fires, in which order, and what cannot be encoded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from neurocluster.coding.delay import (
    check_image,
    input_order,
    input_spikes,
    intensity,
    plain_bytes,
    rank_table,
)
from neurocluster.errors import FrameError
from neurocluster.model.graph import Input, Shape

SOURCE = Input(Shape(4, 5, 1))
images = arrays.arrays(np.uint8, (4, 5, 1))
sources = st.builds(
    Input, st.just(Shape(4, 5, 1)), st.sampled_from((1 / 255, 1 / 128, -1 / 255, 0.01)),
    st.sampled_from((0.0, 1.0, -0.5, 0.2)),
)  # fmt: skip


def expected_order(image, source):
    x = [float(v) * source.scale + source.shift for v in image.reshape(-1).tolist()]
    return sorted((a for a in range(len(x)) if x[a] > 0.2), key=lambda a: (-x[a], a))


@given(images, sources)
def test_brighter_pixels_fire_first_and_ties_by_address(image, source):
    assert input_order(image, source).tolist() == expected_order(image, source)


@given(images, sources)
def test_the_rank_table_gives_the_same_order(image, source):
    x = intensity(image, source)
    if (x > 1).any():
        return  # such an image is refused
    ranks = rank_table(source)[image.reshape(-1)]
    fires = np.flatnonzero(ranks >= 0)
    order = fires[np.argsort(ranks[fires], kind="stable")]
    assert order.tolist() == expected_order(image, source)


@given(arrays.arrays(np.uint8, (3, 4, 5, 1)))
def test_who_fires_is_who_is_in_the_order(batch):
    spikes = input_spikes(batch, SOURCE)
    for image, fires in zip(batch, spikes, strict=True):
        assert set(np.flatnonzero(fires)) == set(input_order(image, SOURCE).tolist())


def test_pixel_51_never_fires_and_52_does():
    ranks = rank_table(SOURCE)
    assert (ranks[:52] == -1).all()
    assert ranks[52:].tolist() == list(range(203, -1, -1))
    image = np.array([51, 52, 255, 0], np.uint8)
    assert input_order(image, SOURCE).tolist() == [2, 1]


def test_floats_are_compared_in_float64_as_they_are():
    image = np.array([0.2, np.nextafter(0.2, 1), 1.0, 0.2000001], np.float64)
    assert input_order(image, SOURCE).tolist() == [2, 3, 1]
    assert intensity(np.array([3], np.uint8), Input(Shape(1, 1, 1), 2, 1))[0] == 7
    assert intensity(np.array([3.0]), Input(Shape(1, 1, 1), 2, 1))[0] == 3


def test_plain_bytes_need_no_check():
    shape = Shape(1, 1, 1)
    assert plain_bytes(Input(shape))
    for wrong in ((1 / 254, 0), (1 / 255, 0.1), (0, 0), (-1 / 255, 1)):
        assert not plain_bytes(Input(shape, *wrong))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 5, 1), np.uint8), np.zeros((4, 5), np.uint8),
        np.zeros(20, np.uint8), np.ones((4, 5)), np.full((4, 5), 255, np.int64),
        np.ones((4, 5), np.float32),
    ],
)  # fmt: skip
def test_good_images_pass(image):
    check_image(image, SOURCE, 3)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((5, 4), np.uint8), r"image of shape (5, 4), expected (4, 5, 1)"),
        (np.zeros((4, 5, 2), np.uint8), "expected (4, 5, 1)"),
        (np.zeros((4, 5), bool), "image of type bool; give integers or floats"),
        (np.zeros((4, 5), complex), "image of type complex128"),
        (np.full((4, 5), np.nan), "the image holds NaN"),
        (np.full((4, 5), np.inf), "intensities from inf to inf"),
        (np.full((4, 5), 1.0000001), "they must lie in [0, 1]"),
        (np.full((4, 5), -1e-9), "they must lie in [0, 1]"),
        (np.full((4, 5), 256, np.int64), "they must lie in [0, 1]"),
        (np.full((4, 5), -1, np.int8), "they must lie in [0, 1]"),
    ],
)
def test_a_bad_image_is_named_with_its_frame(image, words):
    with pytest.raises(FrameError) as caught:
        check_image(image, SOURCE, 3)
    assert words in str(caught.value)
    assert str(caught.value).startswith("frame 3: ")
    assert caught.value.frame == 3


def test_two_axes_are_enough_only_for_one_channel():
    with pytest.raises(FrameError, match=r"expected \(2, 2, 3\)"):
        check_image(np.zeros((2, 2), np.uint8), Input(Shape(2, 2, 3)), 0)


def test_bytes_that_scale_beyond_one_are_refused():
    image = np.array([0, 255], np.uint8)
    with pytest.raises(FrameError, match=r"from 0 to 2"):
        check_image(image, Input(Shape(1, 2, 1), 2 / 255), 0)
