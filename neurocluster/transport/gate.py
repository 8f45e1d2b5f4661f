"""Turn away whoever does not hold the cluster's key (ZAP, RFC 27); count who that was.

CURVE alone admits anybody who knows the public key. The handler runs in a thread of
its own: on a busy event loop it would stall whoever joins. The same thread hears of
each connection to a socket that listens, and of each that came through the handshake:
the others are strangers, whatever they sent.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence
from itertools import count
from queue import SimpleQueue
from typing import Final

import zmq
from zmq.utils import z85

from neurocluster.transport.keys import DOMAIN, Keys

PLACE: Final = "inproc://zeromq.zap.01"
"""Where libzmq asks (RFC 27)."""
WAKE: Final = "inproc://gate"
ZAP: Final = b"1.0"
BUDGET: Final = 256
"""Events of one socket, or questions, before the others get their turn."""
END_MS: Final = 1000
"""How long sockets that were closed may take to say so."""
HEARD: Final = (
    zmq.EVENT_ACCEPTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_MONITOR_STOPPED
)
_EVENT: Final = struct.Struct("=Hi")
Socket = zmq.Socket[bytes]


class Gate:
    """Admit one key to the listening sockets of a context; `close` ends it."""

    def __init__(self, context: zmq.Context[Socket], keys: Keys) -> None:
        """Start; it must be there before the first socket listens."""
        self._context, self._key = context, z85.decode(keys.public)
        self._numbers = count()
        self._accepted = self._succeeded = 0
        self._new: SimpleQueue[Socket | None] = SimpleQueue()
        self._door, self._woken = context.socket(zmq.REP), context.socket(zmq.PAIR)
        self._wake = context.socket(zmq.PAIR)
        self._door.bind(PLACE)
        self._woken.bind(WAKE)
        self._wake.connect(WAKE)
        self._thread = threading.Thread(target=self._run, name="gate", daemon=True)
        self._thread.start()

    @property
    def refused(self) -> int:
        """Return how many connections were turned away, or still shake hands."""
        return self._accepted - self._succeeded

    def watch(self, socket: Socket) -> None:
        """Hear of a socket's connections, before it is bound and until it closes."""
        place = f"inproc://gate-{next(self._numbers)}"
        socket.monitor(place, HEARD)
        ear = self._context.socket(zmq.PAIR)
        ear.connect(place)
        self._tell(ear)

    def _tell(self, what: Socket | None) -> None:
        """Hand the thread one more socket to listen to, or tell it to end."""
        self._new.put(what)
        self._wake.send(b"")

    def close(self) -> None:
        """End the thread once the sockets that it watches are closed."""
        if self._wake.closed:
            return
        self._tell(None)
        self._thread.join()
        self._wake.close(0)

    # -- in the thread -----------------------------------------------------------

    def _run(self) -> None:
        poller = zmq.Poller()
        for socket in (self._door, self._woken):
            poller.register(socket, zmq.POLLIN)
        ears: set[Socket] = set()
        ending = False
        while not ending or ears:
            ready = poller.poll(END_MS if ending else None)
            if not ready:
                break
            for socket, _ in ready:
                if socket is self._door:
                    self._answer()
                elif socket in ears:
                    self._hear(socket, poller, ears)
                else:
                    ending |= self._listen(poller, ears)
        for socket in (*ears, self._door, self._woken):
            socket.close(0)

    def _listen(self, poller: zmq.Poller, ears: set[Socket]) -> bool:
        """Take what was handed over; return True if that is the end."""
        self._woken.recv()
        ear = self._new.get()
        if ear is None:
            return True
        poller.register(ear, zmq.POLLIN)
        ears.add(ear)
        return False

    def _hear(self, ear: Socket, poller: zmq.Poller, ears: set[Socket]) -> None:
        """Count what a socket tells of its connections."""
        for _ in range(BUDGET):
            try:
                event, _value = _EVENT.unpack(ear.recv_multipart(zmq.NOBLOCK)[0])
            except zmq.Again:
                return
            self._accepted += event == zmq.EVENT_ACCEPTED
            self._succeeded += event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            if event == zmq.EVENT_MONITOR_STOPPED:
                poller.unregister(ear)
                ears.remove(ear)
                ear.close(0)
                return

    def _answer(self) -> None:
        """Tell libzmq whether keys are admitted."""
        for _ in range(BUDGET):
            try:
                question = self._door.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self._door.send_multipart(reply(question, self._key))


def reply(question: Sequence[bytes], key: bytes) -> list[bytes]:
    """Return the answer to a question: 200 for the key in our domain, 400 else.

    Args:
        question: version, number, domain, address, identity, mechanism, credentials.
        key: 32 bytes.
    """
    _version, number, domain, _address, _identity, mechanism, *credentials = question
    admitted = (mechanism, credentials) == (b"CURVE", [key])
    if admitted and domain == DOMAIN.encode():
        return [ZAP, number, b"200", b"OK", b"member", b""]
    return [ZAP, number, b"400", b"no member", b"", b""]
