"""Listening sockets admit the cluster's key, and nothing else."""

import socket
import time

import pytest
import zmq

from neurocluster.transport.keys import Keys, make_keys
from neurocluster.transport.sockets import Sockets, encrypt

WAIT_MS = 500


@pytest.fixture(params=[zmq.PULL, zmq.ROUTER], ids=["data", "control"])
def listener(request):
    """A listening socket of a cluster: its keys, its makers, itself, its endpoint."""
    keys = make_keys()
    sockets = Sockets(4, keys)
    end = sockets.open(request.param, hwm=10, limit=1000, listens=True)
    end.bind("tcp://127.0.0.1:*")
    yield keys, sockets, end, end.get(zmq.LAST_ENDPOINT).decode().rstrip("\0")
    end.close(0)
    sockets.close()


def sender(kind, endpoint, keys, server=None):
    """Return a context and a socket of somebody with some keys, connected."""
    context = zmq.Context()
    end = context.socket(zmq.DEALER if kind == zmq.ROUTER else zmq.PUSH)
    end.set(zmq.LINGER, 0)
    if keys is not None:
        encrypt(end, keys, listens=False)
        end.set(zmq.CURVE_SERVERKEY, (server or keys.public).encode())
    end.connect(endpoint)
    return context, end


def heard(listener, keys, server=None):
    """Send with some keys; return whether it arrived."""
    _, _, end, endpoint = listener
    context, other = sender(end.type, endpoint, keys, server)
    other.send(b"hello")
    came = bool(end.poll(WAIT_MS)) and end.recv_multipart()[-1] == b"hello"
    other.close()
    context.term()
    return came


def test_a_member_is_heard(listener):
    assert heard(listener, listener[0])
    assert listener[1].refused == 0


def test_who_knows_the_public_key_is_no_member(listener):
    assert not heard(listener, make_keys(), server=listener[0].public)
    assert listener[1].refused == 1


def test_who_claims_the_public_key_without_its_secret_is_none(listener):
    keys = listener[0]
    assert not heard(listener, Keys(keys.public, make_keys().secret), keys.public)


def test_who_does_not_encrypt_is_not_heard(listener):
    assert not heard(listener, None)


def test_without_a_handler_nobody_is_admitted():
    keys = make_keys()
    context = zmq.Context()
    end = context.socket(zmq.PULL)
    encrypt(end, keys, listens=True)
    end.bind("tcp://127.0.0.1:*")
    endpoint = end.get(zmq.LAST_ENDPOINT).decode().rstrip("\0")
    other, pusher = sender(zmq.PULL, endpoint, keys)
    pusher.send(b"hello")
    assert not end.poll(WAIT_MS)
    for one in (pusher, end):
        one.close()
    other.term()
    context.term()


def test_half_open_and_garbled_handshakes_do_not_keep_members_out(listener):
    keys, _, _, endpoint = listener
    port = int(endpoint.rpartition(":")[2])
    strangers = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
    for stranger in strangers[::2]:
        stranger.send(b"GET / HTTP/1.1\r\n\r\n" * 10)
    begin = time.monotonic()
    assert heard(listener, keys)
    assert time.monotonic() - begin < 1.0
    for stranger in strangers:
        stranger.close()
