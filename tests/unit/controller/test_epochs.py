"""Which epochs count as barren."""

from neurocluster.controller.epochs import TOGETHER_NS, Epochs

LATER = TOGETHER_NS + 1


class Driver(Epochs):
    """Epochs on a clock of the test's own."""

    now = 0

    def try_one(self, *, running=True, lasts=LATER, progress=False):
        self.begin(self.now)
        if progress:
            self.progress()
        self.now += lasts
        return self.fail("r", self.now, running=running)


def test_epochs_that_finish_no_frame_are_counted():
    epochs = Driver()
    assert epochs.begin(0) is False
    assert [epochs.try_one(running=k % 2 == 0) for k in range(4)] == [1, 2, 3, 4]
    assert epochs.begin(epochs.now) is True
    assert (epochs.number, epochs.reason) == (6, "r")


def test_an_epoch_that_finished_a_frame_is_not_barren_itself():
    epochs = Driver()
    assert [epochs.try_one(progress=k == 2) for k in range(4)] == [1, 2, 0, 1]


def test_an_epoch_with_nothing_to_finish_does_not_count():
    epochs = Driver()
    epochs.busy = False
    assert epochs.try_one() == 0
    assert epochs.try_one(running=False) == 1


def test_losses_that_come_together_are_one_failure():
    epochs = Driver()
    assert epochs.try_one(lasts=5) == 1
    for _ in range(9):
        assert epochs.try_one(running=False, lasts=5) == 1
    assert epochs.try_one(running=False) == 2


def test_a_frame_is_taken_to_be_open_until_the_client_says_otherwise():
    """The first epoch may fail before the client's first BEAT in it."""
    epochs = Driver()
    assert epochs.try_one(lasts=1) == 1


def test_a_session_begins_without_the_failures_of_others():
    epochs = Driver()
    epochs.busy = False
    epochs.try_one(running=False)
    epochs.begin_session()
    assert epochs.busy
    assert epochs.begin(0) is False
    assert epochs.number == 2
    assert epochs.try_one() == 1
