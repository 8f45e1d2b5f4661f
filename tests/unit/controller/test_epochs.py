"""Which epochs count as barren."""

from neurocluster.controller.epochs import Epochs


def test_an_epoch_that_failed_before_it_ran_is_barren():
    epochs = Epochs()
    assert epochs.begin() is False
    assert epochs.fail("r", running=False) == 1
    assert epochs.begin() is True
    assert epochs.fail("r", running=False) == 2
    assert (epochs.number, epochs.reason) == (2, "r")


def test_a_session_begins_without_the_failures_of_others():
    epochs = Epochs()
    epochs.begin()
    epochs.fail("r", running=False)
    epochs.begin_session()
    assert epochs.begin() is False
    assert epochs.number == 2
    assert epochs.fail("r", running=False) == 1
