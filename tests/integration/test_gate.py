"""Listening sockets admit the cluster's key, and nothing else."""

import contextlib
import socket
import time

import pytest
import zmq

from neurocluster.transport.gate import reply
from neurocluster.transport.keys import Keys, make_keys
from neurocluster.transport.sockets import Sockets, encrypt
from tests.support.processes import wait_for

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


def count(listener, wanted, seconds=5):
    """Wait until so many connections are counted; fail if it is any other number."""
    wait_for(lambda: listener[1].refused >= wanted, seconds)
    assert listener[1].refused == wanted


def test_who_does_not_get_through_is_counted_whatever_it_sent(listener):
    port = int(listener[3].rpartition(":")[2])
    ends = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
    ends[1].send(b"GET / HTTP/1.1\r\n\r\n")
    ends[2].send(b"\xff" + bytes(8) + b"\x7f\3\0CURVE" + bytes(47) + b"x" * 300)
    ends[3].send(b"\xff" + bytes(8) + b"\x7f\3\0NULL" + bytes(48) + b"x" * 300)
    count(listener, 4)
    assert not heard(listener, make_keys(), server=listener[0].public)
    count(listener, 5)
    assert heard(listener, listener[0])
    count(listener, 5)
    for end in ends[1:]:
        end.settimeout(4)
        with contextlib.suppress(ConnectionResetError):
            while end.recv(4096):
                pass  # until it is closed at the other side
    ends[0].settimeout(4)
    assert len(ends[0].recv(64)) > 0  # the greeting; nothing was said in return
    while ends[0].recv(64):
        pass  # given up after 2 s
    for end in ends:
        end.close()
    count(listener, 5)


def test_a_question_of_another_mechanism_or_domain_is_refused():
    key, place = b"k" * 32, [b"1.0", b"7", b"neurocluster", b"1.2.3.4", b""]
    assert reply([*place, b"CURVE", key], key)[:3] == [b"1.0", b"7", b"200"]
    other = [*place[:2], b"other", *place[3:]]
    for question in (
        [*place, b"CURVE", b"x" * 32], [*place, b"NULL"], [*place, b"PLAIN", b"u", key],
        [*place, b"CURVE", key, key], [*other, b"CURVE", key],
    ):  # fmt: skip
        assert reply(question, key)[:3] == [b"1.0", b"7", b"400"]


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
