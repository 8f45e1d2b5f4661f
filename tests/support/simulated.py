"""Build simulated clusters of small networks for tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from neurocluster.model.convert import convert
from neurocluster.model.graph import Dense, Graph, Input, Shape
from neurocluster.model.partition import make_plan
from neurocluster.simulate.cluster import Cluster
from neurocluster.simulate.costs import Cost, Costs, factors_of
from neurocluster.simulate.outcome import Outcome, outcome_of
from neurocluster.simulate.site import Site, spread
from neurocluster.simulate.work import Work
from tests.support.builders import planned, small_graph

US = 1000


def fixed(us: float, **terms: float) -> Cost:
    """Return a cost without variation, its fixed part in microseconds."""
    return Cost({"fixed": us * US, **terms})


def pipeline(stages: int = 2) -> Work:
    """Return dense layers that never fire: one packet a link and frame."""
    layers = tuple(
        Dense(f"d{k}", 4, k < stages - 1, np.full((4, 4), 1 / 64, np.float32),
              np.zeros(4, np.float32))
        for k in range(stages)
    )  # fmt: skip
    graph = Graph("pipe", Input(Shape(1, 1, 4), scale=1 / 255), layers)
    return Work(convert(graph), make_plan(graph), window=1)


def small_work(split: str = "", seed: int = 0, **settings) -> Work:
    """Return a small network of three stages."""
    graph = small_graph(seed)
    settings = {"window": 4, "max_spikes": 8, "hwm": 2} | settings
    return Work(convert(graph, [0.5]), planned(graph, split), **settings)


def frames_of(work: Work, count: int, seed: int = 0) -> np.ndarray:
    """Return random images, flat."""
    size = work.fixed.graph.input.shape.size
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, size)).astype(np.uint8)


def cluster_of(
    work: Work, costs: Costs, site: Site | None = None, *, copies: int = 1, **more
) -> Cluster:
    """Return a cluster whose partitions go to the hosts in turn."""
    site = site or Site(1, 16)
    share = max(site.hosts // copies, 1)
    one = {p.name: k % share for k, p in enumerate(work.plan.partitions)}
    return Cluster(work, site, costs, spread(one, copies, site.hosts), **more)


def simulate(
    work: Work, costs: Costs, site: Site | None = None, *, frames: int = 10, **more
) -> Outcome:
    """Run random frames."""
    cluster = cluster_of(work, costs, site, **more)
    images = frames_of(work, frames)
    cluster.run(lambda _copy: images, frames)
    return outcome_of(cluster, np.arange(frames))


@st.composite
def costs_strategy(draw) -> Costs:
    """Draw costs of up to some ten microseconds, with variation or without."""

    def cost(*terms: str) -> Cost:
        chosen = {term: draw(st.integers(0, 20_000)) / 100 for term in terms}
        samples = draw(st.lists(st.floats(0.1, 10), min_size=1, max_size=4))
        varied = factors_of(np.array(samples)) if draw(st.booleans()) else ()
        return Cost({"fixed": float(draw(st.integers(0, 10_000))), **chosen}, varied)

    return Costs(
        receive=cost("byte"), send=cost("byte"), wake=cost(), late=cost(),
        io=cost("byte"), io_late=cost(), io_wake=cost(), wire=cost("byte"),
        network=cost("byte"),
        layers={"others": cost("spike", "synop", "fired", "frame")}, beat=cost(),
        beat_answer=cost(), clock_hear=cost(), clock_tell=cost(), barrier_hear=cost(),
        barrier_tell=cost(), beat_ns=draw(st.sampled_from([0, 20_000_000])),
        kernel_bytes=draw(st.sampled_from([0, 65536])),
        quantum_ns=draw(st.sampled_from([0, 50_000, 3_000_000])),
    )  # fmt: skip


sites = st.builds(
    Site, hosts=st.integers(1, 3), cores=st.integers(1, 3),
    wire_ns=st.integers(0, 100_000), wire_jitter_ns=st.integers(0, 30_000),
    wire_jitter=st.sampled_from(["normal", "exponential", "heavy"]),
)  # fmt: skip
