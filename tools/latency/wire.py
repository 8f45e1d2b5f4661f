"""Be a switch that needs time, between network namespaces of its own; needs root.

    python -m tools.latency.wire --delay-us 100 a b c

Each name becomes a namespace ``nclat-NAME`` with the address 10.79.0.1, .2, ... in the
order of the names; this machine is 10.79.0.254 on that network. A frame arrives
`delay-us` after it was sent. It says "ready", and removes all when standard input ends.

Not every kernel has netem; a process that forwards frames between TAP devices has the
same effect. It runs before all others, as what it is kept waiting is delay, too.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import select
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from time import perf_counter_ns
from typing import Final

NET: Final = "10.79.0"
HERE: Final = f"{NET}.254"
PREFIX: Final = "nclat-"
FRAME: Final = 2_048
"""Bytes that are read at once: more than a frame has."""
MAC: Final = 6
STDIN: Final = 0
FIRST: Final = -20
"""Niceness, where real time cannot be had."""
_TUNSETIFF: Final = 0x400454CA
_TAP_NO_HEADER: Final = 0x1002


def namespace_of(name: str) -> str:
    """Return the namespace of a name."""
    return PREFIX + name


def _run(*words: str) -> None:
    subprocess.run(words, check=True)


def _tap(name: str) -> int:
    """Make a TAP device; return its other end."""
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TAP_NO_HEADER))
    return end


@contextlib.contextmanager
def made_network(names: Sequence[str]) -> Iterator[list[int]]:
    """Give the other ends of all devices, and remove namespaces and devices.

    Raises:
        subprocess.CalledProcessError: A command failed; it has said why.
        OSError: There can be no TAP device.
    """
    ends: list[int] = []
    try:
        for k, name in enumerate(names, 1):
            inside, device = namespace_of(name), f"nclat{k}"
            ends.append(_tap(device))
            _run("ip", "netns", "add", inside)
            _run("ip", "link", "set", device, "netns", inside)
            _run("ip", "-n", inside, "addr", "add", f"{NET}.{k}/24", "dev", device)
            _run("ip", "-n", inside, "link", "set", device, "up")
            _run("ip", "-n", inside, "link", "set", "lo", "up")
        ends.append(_tap("nclat0"))
        _run("ip", "addr", "add", f"{HERE}/24", "dev", "nclat0")
        _run("ip", "link", "set", "nclat0", "up")
        yield ends
    finally:
        for end in ends:
            os.close(end)
        for name in names:
            subprocess.run(["ip", "netns", "del", namespace_of(name)], check=False)


def go_first() -> None:
    """Run before all others whenever there is something to do."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:  # some containers have no real time
        os.nice(FIRST)


def forward(ends: Sequence[int], delay_ns: int) -> None:
    """Bring each frame to whom it is for, later, until standard input ends."""
    known: dict[bytes, int] = {}
    under_way: deque[tuple[int, bytes, int]] = deque()
    while True:
        left = (under_way[0][0] - perf_counter_ns()) / 1e9 if under_way else None
        ready = select.select([STDIN, *ends], [], [], left and max(left, 0.0))[0]
        if STDIN in ready:
            return
        for end in ready:
            with contextlib.suppress(BlockingIOError):
                frame = os.read(end, FRAME)
                known[frame[MAC : 2 * MAC]] = end
                under_way.append((perf_counter_ns() + delay_ns, frame, end))
        while under_way and under_way[0][0] <= perf_counter_ns():
            _, frame, source = under_way.popleft()
            to = known.get(frame[:MAC])
            for end in ends if to is None else (to,):
                if end != source:
                    with contextlib.suppress(OSError):  # a full device drops
                        os.write(end, frame)


def main() -> int:
    """Make the network, say so, be its switch."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.latency.wire", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--delay-us", type=float, default=100)
    parser.add_argument("names", nargs="+", metavar="NAME")
    options = parser.parse_args()
    with made_network(options.names) as ends:
        go_first()
        print("ready", flush=True)
        forward(ends, round(options.delay_us * 1e3))
    return 0


if __name__ == "__main__":
    sys.exit(main())
