"""Why a handshake was refused; a peer that does not answer refuses nothing."""

import contextlib
import socket

import pytest
import zmq

from neurocluster.transport.handshake import Handshakes
from neurocluster.transport.keys import make_keys
from neurocluster.transport.sockets import HANDSHAKE_MS, Sockets, last_endpoint
from tests.support.processes import wait_for

OURS, OTHERS = make_keys(), make_keys()


def refusals(keys, endpoint, *, server=None, until="", wait_s=10.0):
    """Return what somebody with these keys is told, until it has some words."""
    sockets = Sockets(4, keys)
    end = sockets.open(zmq.DEALER, hwm=1, limit=1000, listens=False)
    if server is not None:
        end.set(zmq.CURVE_SERVERKEY, server.encode())
    handshakes = Handshakes(end, encrypted=sockets.encrypted)
    found = {}

    def told():
        if refusal := handshakes.refused():
            found[refusal.reason] = refusal.certain
        return until and any(until in reason for reason in found)

    end.connect(endpoint)
    with contextlib.suppress(AssertionError):
        wait_for(told, wait_s)
    handshakes.close()
    end.close(0)
    sockets.close()
    return found


@pytest.fixture
def listener(request):
    sockets = Sockets(4, request.param)
    end = sockets.open(zmq.ROUTER, hwm=1, limit=1000, listens=True)
    end.bind("tcp://127.0.0.1:*")
    yield last_endpoint(end)
    end.close(0)
    sockets.close()


HUNG_UP = "hangs up on us: it has another key, or is no controller"


@pytest.mark.parametrize("listener", [OURS], indirect=True)
def test_an_encrypted_peer_admits_its_key_only(listener):
    words = "does not admit our key; take that of its cluster"
    found = refusals(OTHERS, listener, server=OURS.public, until=words)
    assert found[words]
    assert refusals(OTHERS, listener, until=HUNG_UP) == {HUNG_UP: False}
    assert refusals(OURS, listener, wait_s=0.5) == {}


@pytest.mark.parametrize("listener", [OURS], indirect=True)
def test_who_brings_no_key_is_told_to(listener):
    words = "asks for a key: --key, or its connection file"
    assert refusals(None, listener, until=words)[words]


@pytest.mark.parametrize("listener", [None], indirect=True)
def test_a_peer_without_a_key_is_named(listener):
    words = "does not encrypt: its cluster has no key"
    assert refusals(OURS, listener, until=words)[words]
    assert refusals(None, listener, wait_s=0.5) == {}


def test_a_peer_that_is_stopped_refuses_nothing():
    with socket.create_server(("127.0.0.1", 0)) as stopped:
        port = stopped.getsockname()[1]
        late_s = HANDSHAKE_MS / 1000 + 0.5
        assert refusals(OURS, f"tcp://127.0.0.1:{port}", wait_s=late_s) == {}
