"""Turn away whoever does not hold the cluster's key (ZAP, RFC 27).

CURVE alone admits anybody who knows the public key. The handler runs in a thread of
its own: on a busy event loop it would stall whoever joins.
"""

from __future__ import annotations

from typing import Any

import zmq
from zmq.auth.thread import ThreadAuthenticator

from neurocluster.transport.keys import DOMAIN, Keys


class Gate:
    """Admit one key to the listening sockets of a context; `close` ends it.

    Attributes:
        refused: Handshakes turned away.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], keys: Keys) -> None:
        """Start; it must be there before the first socket listens."""
        self._public = keys.public.encode()
        self.refused = 0
        self._handler: Any = ThreadAuthenticator(context)
        self._handler.start()
        self._handler.configure_curve_callback(DOMAIN, self)

    def callback(self, domain: str, key: bytes) -> bool:
        """Tell whether a client's key is admitted; called in the handler's thread."""
        known = domain == DOMAIN and key == self._public
        self.refused += not known
        return known

    def close(self) -> None:
        """End the handler; may be called twice."""
        self._handler.stop()
