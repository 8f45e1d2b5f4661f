"""Carry packets between processes in virtual time; compiled.

A packet is sent by a process, goes through its I/O thread, over the wire, through the
I/O thread of the receiver and can then be received: the four threads that a ZeroMQ
message crosses. I/O threads need a core as all threads do. A link keeps its order.

`socket_functions` have the signatures of ``zmq_recv`` and ``zmq_send`` as
`transport.turn` calls them; a socket is the address of a PROCESS or a LINK. A turn may
do one thing only that takes time. What it would do after that, it is told to do later:
a receive ends with EINTR, which a turn answers by trying again until its budget is
used, and a send with EAGAIN. The loop then takes another turn at the time at which the
work is done. So nobody sees a packet, or the room of one, that another process has yet
to send or to take.
"""

from __future__ import annotations

import errno
from functools import cache

import numpy as np
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit, native
from neurocluster.kernels.memory import copy_bytes, pointer
from neurocluster.simulate.chance import draw
from neurocluster.simulate.events import push
from neurocluster.simulate.meter import charge
from neurocluster.simulate.processors import process_of, sleep, thread_of, wake, work
from neurocluster.simulate.records import ARRIVES, COSTS, HANDED, LINK, LOOP, PROCESS
from neurocluster.transport.outlets import TURN
from neurocluster.transport.turn import INPUT
from neurocluster.wire.rounds import SIZE

U = np.uint64
EAGAIN, EINTR = errno.EAGAIN, errno.EINTR
CONTROL_BYTES = SIZE
SKB_BYTES = 512
"""What the kernel adds to a packet in a socket's buffer, about."""


@jit
def link_of(loop: Records, index: int) -> Records:
    """Return a LINK."""
    return carray(pointer(loop.links_at), index + 1, LINK)[index]


@jit
def costs_of(process: Records) -> Records:
    """Return the COSTS of a process."""
    return carray(pointer(process.costs_at), 1, COSTS)[0]


@jit
def receive_packet(process: Records, at: int) -> int:
    """Copy the next packet to an address; return its size, or -1."""
    turn = carray(pointer(process.turn_at), 1, TURN)[0]
    if process.took or process.now > process.begin:
        turn.errno_at = process.interrupted_at
        return -1
    if process.arrived == 0:
        turn.errno_at = process.again_at
        return -1
    loop = carray(pointer(process.loop_at), 1, LOOP)[0]
    inbox = carray(pointer(process.inbox_at), process.inbox_count, np.int64)
    k = process.inbox_next
    while link_of(loop, inbox[k]).ready == 0:
        k = (k + 1) % process.inbox_count
    process.inbox_next = (k + 1) % process.inbox_count
    link = link_of(loop, inbox[k])
    sizes = carray(pointer(link.sizes_at), link.ring_size, np.int64)
    size = sizes[link.first]
    copy_bytes(U(at), link.ring_at + U(link.first * link.slot), U(size))
    link.first = (link.first + 1) % link.ring_size
    link.ready -= 1
    link.count -= 1
    if link.count == 0:
        link.first = 0
    process.arrived -= 1
    process.took = process.moved = 1
    process.packets += 1
    if link.full and link.count <= link.low:
        link.full = 0
        if link.waiting:
            link.waiting, process.freed = 0, link.index + 1
    costs = costs_of(process)
    cost = costs.receive_fixed + costs.receive_byte * size
    charge(process, cost * draw(process, costs.receive_factors_at))
    return size


@jit
def send_packet(link: Records, at: int, size: int) -> int:
    """Take a packet from an address; return its size, or -1."""
    loop = carray(pointer(link.loop_at), 1, LOOP)[0]
    process = process_of(loop, link.source)
    turn = carray(pointer(process.turn_at), 1, TURN)[0]
    turn.errno_at = process.again_at
    if process.now > process.begin:
        return -1
    if link.full or link.count >= min(
        link.room + link.kernel_bytes // (size + SKB_BYTES), link.ring_size
    ):
        link.full = link.waiting = 1
        if link.blocked_since < 0:
            link.blocked_since = process.now
        return -1
    if link.blocked_since >= 0:
        link.blocked_ns += process.now - link.blocked_since
        link.blocked_since = -1
    k = (link.first + link.count) % link.ring_size
    copy_bytes(link.ring_at + U(k * link.slot), U(at), U(size))
    carray(pointer(link.sizes_at), link.ring_size, np.int64)[k] = size
    link.count += 1
    process.moved = process.sends = 1
    costs = costs_of(process)
    cost = costs.send_fixed + costs.send_byte * size
    charge(process, cost * draw(process, costs.send_factors_at))
    link.to_send += 1
    push(loop, process.now, HANDED, link.index)
    return size


@jit
def post(loop: Records, index: int, time: int) -> None:
    """Send a control message at a time; its link has room."""
    link = link_of(loop, index)
    sizes = carray(pointer(link.sizes_at), link.ring_size, np.int64)
    sizes[(link.first + link.count) % link.ring_size] = CONTROL_BYTES
    link.count += 1
    link.to_send += 1
    process_of(loop, link.source).sends = 1
    push(loop, time, HANDED, index)


@jit
def hear(loop: Records, process: Records) -> None:
    """Take a control message; charge what reading it costs."""
    mail = carray(pointer(process.mail_at), process.mail_size, np.int64)
    index = mail[process.mail_first]
    process.mail_first = (process.mail_first + 1) % process.mail_size
    process.mail -= 1
    link = link_of(loop, index)
    link.first = (link.first + 1) % link.ring_size
    link.ready -= 1
    link.count -= 1
    process.heard = 1 + index
    charge(process, costs_of(process).hear_fixed)


@jit
def handed(loop: Records, index: int) -> None:
    """Give a packet to the sender's I/O thread, where that costs anything."""
    link = link_of(loop, index)
    if costs_of(process_of(loop, link.source)).io_fixed:
        add_job(loop, io_thread(loop, link.source), 2 * index)
    else:
        sent(loop, link)


@jit
def sent(loop: Records, link: Records) -> None:
    """Put a packet on the wire, behind those before it."""
    size = size_of(link, link.count - link.to_send)
    link.to_send -= 1
    under_way = link.wire_fixed + link.wire_byte * size
    if link.wire_factors_at:
        source = process_of(loop, link.source)
        under_way += link.wire_jitter * draw(source, link.wire_factors_at)
    link.arrival = max(link.arrival, loop.now + np.int64(max(under_way, 0.0) + 0.5))
    link.to_wire += 1
    push(loop, link.arrival, ARRIVES, link.index)


@jit
def arrives(loop: Records, index: int) -> None:
    """Give a packet to the receiver's I/O thread, where that costs anything."""
    link = link_of(loop, index)
    if costs_of(process_of(loop, link.target)).io_fixed:
        add_job(loop, io_thread(loop, link.target), 2 * index + 1)
    else:
        arrived(loop, link)


@jit
def arrived(loop: Records, link: Records) -> None:
    """Let a packet be received."""
    link.to_wire -= 1
    link.ready += 1
    process = process_of(loop, link.target)
    if link.control:
        mail = carray(pointer(process.mail_at), process.mail_size, np.int64)
        mail[(process.mail_first + process.mail) % process.mail_size] = link.index
        process.mail += 1
    else:
        process.arrived += 1
    wake(loop, 2 * link.target)


@jit
def size_of(link: Records, place: int) -> int:
    """Return the bytes of the packet at a place of a link's queue."""
    sizes = carray(pointer(link.sizes_at), link.ring_size, np.int64)
    return sizes[(link.first + place) % link.ring_size]


@jit
def io_thread(loop: Records, process: int) -> int:
    """Return the I/O thread of a process."""
    return 2 * process + 1


@jit
def add_job(loop: Records, index: int, job: int) -> None:
    """Let an I/O thread do a job behind those it has."""
    thread = thread_of(loop, index)
    jobs = carray(pointer(thread.jobs_at), thread.jobs_size, np.int64)
    jobs[(thread.jobs_first + thread.jobs_count) % thread.jobs_size] = job
    thread.jobs_count += 1
    wake(loop, index)


@jit
def io_step(loop: Records, index: int) -> None:
    """Finish the job that an I/O thread is doing, begin the next."""
    thread = thread_of(loop, index)
    if thread.job:
        job, thread.job = thread.job - 1, 0
        link = link_of(loop, job >> 1)
        if job & 1:
            arrived(loop, link)
        else:
            sent(loop, link)
    if thread.jobs_count == 0:
        sleep(loop, index, INPUT)
        return
    jobs = carray(pointer(thread.jobs_at), thread.jobs_size, np.int64)
    job = jobs[thread.jobs_first]
    thread.jobs_first = (thread.jobs_first + 1) % thread.jobs_size
    thread.jobs_count -= 1
    thread.job = job + 1
    link = link_of(loop, job >> 1)
    if job & 1:
        size = size_of(link, link.ready)
    else:
        size = size_of(link, link.count - link.to_send)
    process = process_of(loop, thread.process)
    costs = costs_of(process)
    cost = costs.io_fixed + costs.io_byte * size
    cost *= draw(process, costs.io_factors_at)
    if thread.woken:
        thread.woken = 0
        cost += costs.io_wake_fixed
    work(loop, index, loop.now + np.int64(cost + 0.5))


@cache
def socket_functions() -> tuple[int, int, int, int, int]:
    """Return the addresses of receive, send, option, and two of errno: again, EINTR."""

    @native("int32(uint64, uint64, uint64, uint64)")
    def simulated_receive(socket: int, at: int, room: int, flags: int) -> int:
        process = carray(pointer(socket), 1, PROCESS)[0]
        return np.int32(receive_packet(process, at))

    @native("int32(uint64, uint64, uint64, uint64)")
    def simulated_send(socket: int, at: int, size: int, flags: int) -> int:
        link = carray(pointer(socket), 1, LINK)[0]
        return np.int32(send_packet(link, at, np.int64(size)))

    @native("int32(uint64, uint64, uint64, uint64)")
    def simulated_option(socket: int, option: int, value: int, size: int) -> int:
        return np.int32(0)

    @native("int32()")
    def again() -> int:
        return np.int32(EAGAIN)

    @native("int32()")
    def interrupted() -> int:
        return np.int32(EINTR)

    return (
        simulated_receive.address, simulated_send.address, simulated_option.address,
        again.address, interrupted.address,
    )  # fmt: skip
