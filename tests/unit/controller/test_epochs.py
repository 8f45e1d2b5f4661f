"""Which epochs count as barren, and when that is known."""

from neurocluster.controller.epochs import MOST_BARREN, TOGETHER_NS, Epochs

LATER = TOGETHER_NS + 1


class Driver(Epochs):
    """Epochs on a clock of the test's own."""

    now = 0

    def try_one(self, *, running=True, lasts=LATER, progress=False):
        self.begin(self.now)
        if progress:
            self.progress()
        self.now += lasts
        self.fail("r", "a.0", self.now, running=running)
        return self

    def judged(self, *, busy=True):
        self.judge(busy=busy)
        return self.barren


def test_epochs_that_finish_no_frame_are_counted():
    epochs = Driver()
    assert epochs.begin(0) is False
    for k in range(MOST_BARREN - 1):
        assert epochs.try_one(running=k % 2 == 0).judge(busy=True) is False
    assert epochs.try_one().judge(busy=True) is True
    assert epochs.begin(epochs.now) is True
    assert (epochs.number, epochs.reason, epochs.partition) == (6, "r", "a.0")


def test_an_epoch_that_finished_a_frame_is_not_barren_itself():
    epochs = Driver()
    found = [epochs.try_one(progress=k == 2).judged() for k in range(4)]
    assert found == [1, 2, 0, 1]


def test_what_finished_may_be_known_only_when_the_epoch_is_over():
    """Its BEATs may be fewer than the epochs."""
    epochs = Driver()
    for _ in range(3 * MOST_BARREN):
        epochs.try_one(lasts=5)
        epochs.progress()
        assert epochs.judge(busy=True) is False
    assert epochs.try_one().judged() == 1


def test_a_running_epoch_is_judged_once_however_often_the_client_beats():
    epochs = Driver()
    epochs.try_one()
    assert [epochs.judged() for _ in range(3)] == [1, 1, 1]


def test_an_epoch_with_nothing_to_finish_does_not_count():
    epochs = Driver()
    assert epochs.try_one().judged(busy=False) == 0
    assert epochs.try_one(running=False).judged(busy=False) == 1


def test_losses_that_come_together_are_one_failure():
    epochs = Driver()
    epochs.try_one(lasts=5)
    for _ in range(9):
        epochs.try_one(running=False, lasts=5)
    assert epochs.judged() == 1
    assert epochs.try_one(running=False).judged() == 2


def test_a_session_begins_without_the_failures_of_others():
    epochs = Driver()
    epochs.try_one(running=False)
    epochs.begin_session()
    assert epochs.begin(0) is False
    assert epochs.number == 2
    assert epochs.judged() == 0
