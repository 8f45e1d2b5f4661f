"""Copies replay what one copy computed: the same spikes, at times of their own."""

import numpy as np
import pytest

from neurocluster.errors import ConfigError
from neurocluster.simulate.cluster import turned
from neurocluster.simulate.site import Site, span_of, spread
from tests.support.simulated import cluster_of, frames_of, small_work
from tests.unit.simulate.test_cluster import SPLITS, VARIED


def run(cluster, images):
    cluster.run(lambda copy: turned(images, copy), len(images))
    return cluster


@pytest.mark.parametrize("fire", ["once", "settle"])
@pytest.mark.parametrize("split", SPLITS)
def test_a_replayed_copy_is_the_recorded_one(split, fire):
    work = small_work(split, fire=fire)
    images = frames_of(work, 20)
    real = run(cluster_of(work, VARIED, Site(), record=True), images)
    traces = real.traces(20)
    again = run(cluster_of(work, VARIED, Site(), traces=traces), images)
    one, other = real.copies[0], again.copies[0]
    for a, b in zip(one.reports, other.reports, strict=True):
        assert np.concatenate(a).tolist() == np.concatenate(b).tolist()
    assert np.concatenate(one.rows).tolist() == np.concatenate(other.rows).tolist()
    assert np.concatenate(one.counts).tolist() == np.concatenate(other.counts).tolist()


@pytest.mark.parametrize("split", SPLITS)
def test_copies_do_the_work_of_their_own_frames_whatever_the_timing(split):
    work = small_work(split)
    images = frames_of(work, 20)
    first = run(cluster_of(work, VARIED, Site(), record=True), images)
    many = run(
        cluster_of(
            work, VARIED, Site(2, 1, 40_000), copies=3, traces=first.traces(20), seed=9
        ),
        images,
    )
    counts = np.concatenate(first.copies[0].counts)
    for number, copy in enumerate(many.copies):
        found = np.concatenate(copy.counts)
        assert found.tolist() == turned(counts, number).tolist()
        for a, b in zip(first.copies[0].reports, copy.reports, strict=True):
            wanted = turned(np.concatenate(a)[:, 1:4], number)
            assert np.concatenate(b)[:, 1:4].tolist() == wanted.tolist()


def test_copies_are_spread_evenly_and_whole_where_hosts_are_few():
    placed = spread({"a": 0, "b": 0}, 6, 3)
    assert [p["a"] for p in placed] == [1, 1, 2, 2, 3, 3]
    assert all(p["a"] == p["b"] for p in placed)


def test_few_copies_have_a_share_of_the_hosts_each():
    placed = spread({"a": 0, "b": 1}, 2, 4)
    assert placed == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


def test_copies_that_span_hosts_go_on_behind_the_last_with_the_first():
    placed = spread({"a": 0, "b": 1}, 3, 3)
    assert placed == [{"a": 1, "b": 2}, {"a": 2, "b": 3}, {"a": 3, "b": 1}]


def test_one_copy_has_all_hosts_and_many_a_host_a_layer():
    assert span_of(1, 8, 4) == 8
    assert span_of(2, 50, 4) == 25
    assert span_of(100, 50, 4) == 4
    assert span_of(100, 50, 4, 1) == 1
    with pytest.raises(ConfigError, match="give 1 to 2"):
        span_of(100, 2, 4, 3)


def test_one_host_has_all():
    assert spread({"a": 0, "b": 0}, 2, 1) == [{"a": 0, "b": 0}] * 2
