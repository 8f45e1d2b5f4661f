"""The age of a datagram by the kernel's stamp; 0 where the stamp may be wrong."""

import socket
import struct
import time

import pytest

from neurocluster.transport import arrivals
from neurocluster.transport.arrivals import DOUBT_NS, ROOM, Arrivals

PAUSE_S = 0.03


@pytest.fixture
def ends():
    made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    made[1].bind(("127.0.0.1", 0))
    made[1].settimeout(10)
    yield made
    for end in made:
        end.close()


def received(ends, found):
    """Send a datagram, read it somewhat later; return the age that is told."""
    ends[0].sendto(b"x", ends[1].getsockname())
    time.sleep(PAUSE_S)
    return found.age_ns(ends[1].recvmsg(10, ROOM)[1])


def test_the_age_is_the_time_that_a_datagram_waited_for_its_reader(ends):
    found = Arrivals(ends[1])
    received(ends, found)  # the first one may come before the kernel stamps
    begin = time.monotonic_ns()
    ages = [received(ends, found) for _ in range(5)]
    most = time.monotonic_ns() - begin
    told = [age for age in ages if age]
    assert told
    assert all(PAUSE_S * 1e9 - DOUBT_NS <= age <= most for age in told)


class Times:
    """Clocks that a test sets; each reading takes some time."""

    def __init__(self, monkeypatch, read_ns=100):
        self.ahead_ns, self.now_ns, self._read_ns = 10**18, 10**12, read_ns
        monkeypatch.setattr(arrivals, "monotonic_ns", self._monotonic)
        monkeypatch.setattr(arrivals, "time_ns", self._real)

    def _monotonic(self):
        self.now_ns += self._read_ns
        return self.now_ns

    def _real(self):
        return self._monotonic() + self.ahead_ns


def stamp(real_ns):
    """Return the ancillary data of a datagram that arrived at a time."""
    data = struct.pack("@qq", *divmod(real_ns, 10**9))
    return [(socket.SOL_SOCKET, 35, data)]


@pytest.fixture
def found(ends):
    return Arrivals(ends[1])


def test_after_a_clock_was_set_the_next_age_is_not_told(monkeypatch, found):
    times = Times(monkeypatch)

    def age():
        return found.age_ns(stamp(times.now_ns + times.ahead_ns - 5_000))

    assert age() == 0  # nothing to compare with yet
    assert age() == 5_000
    for change in (10_000_000, -10_000_000, 3_000):
        times.ahead_ns += change
        assert age() == 0
        assert age() == 5_000


def test_an_age_that_cannot_be_or_a_reading_that_took_long_tells_nothing(
    monkeypatch, found
):
    times = Times(monkeypatch)
    found.age_ns(stamp(times.now_ns))
    now_ns = times.now_ns + times.ahead_ns
    assert found.age_ns(stamp(now_ns + 1_000_000)) == 0
    assert found.age_ns(stamp(now_ns - 2 * 10**9)) == 0
    slow = Times(monkeypatch, read_ns=6_000)
    found.age_ns(stamp(slow.now_ns))
    assert found.age_ns(stamp(slow.now_ns + slow.ahead_ns - 5_000)) == 0


def test_where_the_kernel_stamps_nothing_every_age_is_unknown(found):
    assert found.age_ns([]) == 0


def test_a_socket_that_cannot_be_stamped_is_read_all_the_same():
    class Without(socket.socket):
        def setsockopt(self, *_arguments):
            raise OSError(92, "Protocol not available")

    with Without(socket.AF_INET, socket.SOCK_DGRAM) as end:
        assert Arrivals(end).age_ns([]) == 0
