"""One suite for every transport: order, back-pressure, wake-ups, no loss."""

import asyncio
import secrets

import pytest

from neurocluster.transport.memory import MemoryInbox, Wire
from neurocluster.transport.sockets import Sockets
from neurocluster.transport.zeromq import ZmqInbox, ZmqOutlet


class Memory:
    """Two wires into one inbox."""

    async def open(self, hwm, _path):
        self.room = asyncio.Event()
        self.wires = [Wire(hwm, lambda _d: 0) for _ in range(2)]
        for wire in self.wires:
            wire.on_room = self.room.set
        self.inbox = MemoryInbox(self.wires, lambda: 1)
        self.outlets = self.wires

    async def settle(self):
        await asyncio.sleep(0)

    def close(self):
        self.inbox.close()


class ZeroMq:
    """Two PUSH sockets into one PULL."""

    where = "ipc"

    async def open(self, hwm, path):
        self.room, self.sockets = asyncio.Event(), Sockets(8)
        where = "tcp://127.0.0.1:*"
        if self.where == "ipc":
            where = f"ipc://{path}/{secrets.token_hex(4)}"
        self.inbox = ZmqInbox(self.sockets, [where], hwm, 1 << 20)
        self.inbox.watch(lambda: None)
        self.outlets = [
            ZmqOutlet(self.sockets, self.inbox.endpoint, hwm, self.room.set)
            for _ in range(2)
        ]

    async def settle(self):
        await asyncio.sleep(0.05)

    def close(self):
        for outlet in self.outlets:
            outlet.close()
        self.inbox.close()
        self.sockets.close()


class Tcp(ZeroMq):
    where = "tcp"


@pytest.fixture(params=[Memory, ZeroMq, Tcp])
def transport(request):
    return request.param()


async def drain(transport, count):
    buffer, found = memoryview(bytearray(1 << 17)), []
    for _ in range(2000):
        size = transport.inbox.receive_into(buffer)
        if size >= 0:
            found.append(buffer[:size].tobytes())
        elif len(found) == count:
            return found
        else:
            await asyncio.sleep(0.001)
    return found


async def test_packets_keep_their_order(transport, tmp_path):
    await transport.open(100, tmp_path)
    sent = [[bytes([k, n]) for n in range(50)] for k in range(2)]
    for first, second in zip(*sent, strict=True):
        assert transport.outlets[0].send(memoryview(first))
        assert transport.outlets[1].send(memoryview(second))
    await transport.settle()
    found = await drain(transport, 100)
    for k in range(2):
        assert [data for data in found if data[0] == k] == sent[k]
    assert transport.inbox.receive_into(memoryview(bytearray(8))) == -1
    transport.close()


async def test_a_full_link_refuses_and_wakes(transport, tmp_path):
    await transport.open(2, tmp_path)
    packet, accepted = bytes(60_000), 0
    while transport.outlets[0].send(memoryview(packet)):
        accepted += 1
        assert accepted < 1000
        await transport.settle()
    transport.room.clear()
    found = await drain(transport, accepted)
    assert len(found) == accepted
    async with asyncio.timeout(5):
        while not transport.outlets[0].send(memoryview(b"more")):
            await transport.room.wait()
            transport.room.clear()
    assert await drain(transport, 1) == [b"more"]
    transport.close()


@pytest.mark.parametrize("window", [1, 2, 16, 1000])
async def test_a_slow_reader_loses_nothing(transport, tmp_path, window):
    """HWM 1, and at most ``window`` packets under way on each link."""
    await transport.open(1, tmp_path)
    count, size = 60, 20_000
    arrived, refused = [0, 0], [0, 0]
    news = asyncio.Event()

    async def send(number):
        outlet = transport.outlets[number]
        for k in range(count):
            while k - arrived[number] >= window:
                news.clear()
                await news.wait()
            packet = bytes([number, k]) + bytes(size)
            while not outlet.send(memoryview(packet)):
                refused[number] += 1
                transport.room.clear()
                await transport.room.wait()

    async def read():
        buffer, found = memoryview(bytearray(1 << 16)), []
        while len(found) < 2 * count:
            got = transport.inbox.receive_into(buffer)
            if got >= 0:
                assert got == size + 2
                found.append((buffer[0], buffer[1]))
                arrived[buffer[0]] += 1
                news.set()
            await asyncio.sleep(0.001)
        return found

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        reader = group.create_task(read())
        for number in range(2):
            group.create_task(send(number))
    found = reader.result()
    for number in range(2):
        assert [k for n, k in found if n == number] == list(range(count))
    assert transport.inbox.receive_into(memoryview(bytearray(8))) == -1
    if window == 1000:
        assert min(refused) > 0, "the link was never full"
    transport.close()


async def test_closing_twice_is_harmless(transport, tmp_path):
    await transport.open(2, tmp_path)
    transport.close()
    transport.inbox.close()
    for outlet in transport.outlets:
        outlet.close()
