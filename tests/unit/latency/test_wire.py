"""The switch that needs time, over pairs of sockets in the place of devices."""

import socket
import subprocess
import sys
import time

FRAME_A = b"B" * 6 + b"A" * 6 + b"from a to b"
FRAME_B = b"A" * 6 + b"B" * 6 + b"from b to a"
RUN = """
import sys
from tools.latency.wire import forward
forward([int(word) for word in sys.argv[2:]], int(sys.argv[1]))
"""


def test_frames_arrive_in_order_late_and_only_where_they_should():
    pairs = [socket.socketpair(type=socket.SOCK_DGRAM) for _ in range(3)]
    (a, _), (b, _), (c, _) = pairs
    theirs = [inner.fileno() for _, inner in pairs]
    for _, inner in pairs:
        inner.setblocking(False)
    delay_ns = 50_000_000
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(delay_ns), *map(str, theirs)],
        stdin=subprocess.PIPE, pass_fds=theirs,
    )  # fmt: skip
    try:
        for end in (a, b, c):
            end.settimeout(20)
        a.send(FRAME_A)  # nobody knows where B is, so all get it
        assert b.recv(99) == c.recv(99) == FRAME_A
        begin = time.monotonic_ns()
        for k in range(10):
            b.send(FRAME_B + bytes([k]))
        assert [a.recv(99)[-1] for _ in range(10)] == list(range(10))
        assert time.monotonic_ns() - begin >= delay_ns
        c.setblocking(False)
        try:
            found = c.recv(99)
        except BlockingIOError:
            found = b""
        assert found == b""
    finally:
        process.stdin.close()
        process.wait(20)
        for pair in pairs:
            for end in pair:
                end.close()
    assert process.returncode == 0
