"""Control sockets over tcp: who connects anew under the same name is believed."""

import asyncio

from neurocluster.transport.control import ControlSocket
from neurocluster.transport.sockets import Sockets

LIMIT = 1000


async def test_a_member_that_connects_anew_is_answered_there():
    """Its old connection may be dead and not known to be."""
    sockets, inbox = Sockets(8), asyncio.Queue()
    router = ControlSocket(
        sockets, lambda peer, _message: inbox.put_nowait(peer),
        bind="tcp://127.0.0.1:*", limit=LIMIT,
    )  # fmt: skip
    heard = [asyncio.Queue(), asyncio.Queue()]
    members = []
    for box in heard:
        member = ControlSocket(
            sockets, lambda _peer, message, box=box: box.put_nowait(message),
            connect=router.endpoint, identity=b"\1same", limit=LIMIT,
        )  # fmt: skip
        member.send(b"here")
        members.append(member)
        async with asyncio.timeout(5):
            assert await inbox.get() == b"\1same"
    router.send(b"answer", b"\1same")
    async with asyncio.timeout(5):
        assert await heard[1].get() == b"answer"
    assert heard[0].empty()
    for socket in (*members, router):
        socket.close(0)
    sockets.close()
