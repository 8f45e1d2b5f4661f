"""Settings that are not simulated are refused; those that mean nothing are not."""

import pytest

from neurocluster.config import RunConfig
from neurocluster.errors import ConfigError
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.simulate.clock import CENTRAL, FREE
from neurocluster.simulate.costs import Costs
from neurocluster.simulate.site import Site
from neurocluster.simulate.study import REAL_ONLY, check_simulated, study_of


@pytest.fixture(scope="module")
def study():
    graph = load_network(None)
    fixed, plan = convert(graph, None, 0.0), make_plan(graph, {})

    def study(given="", **settings):
        config = RunConfig().replace(**settings)
        return study_of(config, fixed, plan, Site(1, 2), Costs(), barrier=given)

    return study


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"order_seed": 3}, "order_seed: 3 is not simulated; leave it out"),
        ({"dilation": 2.5}, "dilation: 2.5 is not simulated; leave it out"),
        ({"tu": 0.01}, "tu: 0.01 is not simulated; leave it out"),
        ({"trace": 5}, "trace: 5 is not simulated; leave it out"),
        ({"clock": "step"}, "clock: step is not simulated; none, pipeline, layer"),
        (
            {"clock": "layer", "barrier": "dissemination"},
            "barrier: 'dissemination' is none of central, free",
        ),
    ],
)
def test_what_is_not_simulated_is_refused(study, settings, words):
    with pytest.raises(ConfigError, match=words):
        study(**settings)


def test_defaults_of_what_is_refused_are_those_of_a_run():
    assert {name: getattr(RunConfig(), name) for name in REAL_ONLY} == REAL_ONLY
    check_simulated(RunConfig())


@pytest.mark.parametrize("clock", ["none", "frame"])
def test_a_barrier_means_nothing_where_no_clock_opens_rounds(study, clock):
    assert study(clock=clock, barrier="dissemination").barrier == CENTRAL
    with pytest.raises(ConfigError, match=f"clock {clock} opens none; leave it out"):
        study(FREE, clock=clock)


def test_a_barrier_that_is_given_counts_for_more(study):
    assert study(FREE, clock="layer").barrier == FREE
    assert study(clock="layer").barrier == CENTRAL
