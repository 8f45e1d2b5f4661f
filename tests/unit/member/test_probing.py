"""What is known of a clock: epochs are joined, the worst and the best of them kept."""

from neurocluster.member.probing import SHARED, UDP, ZMQ, Known


def test_epochs_are_joined():
    first = Known(UDP, round_trip=90, jumps=0, probes=20, busy=3)
    second = Known(ZMQ, round_trip=400, jumps=1, probes=5, busy=0)
    joined = Known(ZMQ, round_trip=90, jumps=1, probes=25, busy=3)
    assert first.and_also(second) == second.and_also(first) == joined


def test_an_epoch_without_probes_has_no_round_trip():
    probed = Known(UDP, round_trip=90, probes=20)
    assert Known().method == SHARED
    assert Known().and_also(probed) == probed
    assert Known().and_also(Known()) == Known()
