"""The control protocol: controller and members on a virtual clock, no sockets."""

import heapq
import random
from functools import partial

import pytest

from neurocluster.controller import state as c
from neurocluster.member import state as m
from neurocluster.wire.control import Control, Kind, decode_control, encode_control

PARTITIONS = ("a.0", "b.0")
LINKS = {0: ("client", "a.0"), 1: ("a.0", "b.0"), 2: ("b.0", "client")}
SECOND = 1_000_000_000


class Plan:
    partitions = PARTITIONS
    links = LINKS

    def prepare(self, node):
        rows = [[k, f"{s}->{t}", 0, 9, 9, 2] for k, (s, t) in LINKS.items()]
        return {
            "node": node,
            "partition": None if node == "client" else {"index": 0},
            "inbound": [r for r in rows if LINKS[r[0]][1] == node],
            "outbound": [r for r in rows if LINKS[r[0]][0] == node],
            "settings": {},
            "plan_hash": "h",
        }


class World:
    """One controller and three members; messages take a random time."""

    def __init__(self, seed):
        self.random, self.now, self.count = random.Random(seed), SECOND, 0
        self.queue, self.finish, self.left = [], None, {}
        self.controller = c.Controller(
            Plan(), generation=5, cluster="x", version="1", cores=2,
            deadline_ns=10 * SECOND,
        )  # fmt: skip
        self.members, self.dead, self.nodes, self.delivered = {}, set(), {}, []
        self.hellos = []
        self.cut, self.counts = set(), {}
        for pid, role in ((1, "client"), (2, "worker"), (3, "worker")):
            body = {"role": role, "pid": pid, "host": "h", "slot": None, "version": "1"}
            self.members[pid] = m.Member(body, leased=False)
            self.every(pid)
        self.tick_controller()

    def at(self, delay, action):
        self.count += 1
        heapq.heappush(self.queue, (self.now + delay, self.count, action))

    def every(self, pid):
        if pid not in self.dead:
            self.member(pid, m.Tick())
            self.at(50_000_000, lambda: self.every(pid))

    def tick_controller(self):
        self.control(c.Tick())
        self.at(50_000_000, self.tick_controller)

    def delay(self):
        return self.random.randrange(1000, 3_000_000)

    def control(self, event):
        for action in self.controller.handle(event, self.now):
            if isinstance(action, c.Send):
                pid = int(action.peer)
                message = decode_control(encode_control(action.message))
                self.at(self.delay(), partial(self.member, pid, m.Received(message)))
            elif isinstance(action, c.Finish):
                self.finish = action

    def member(self, pid, event):
        if pid in self.dead:
            return
        for action in self.members[pid].handle(event, self.now):
            self.act(pid, action)

    def act(self, pid, action):
        member = self.members[pid]
        match action:
            case m.Send(message):
                message = decode_control(encode_control(message))
                self.at(
                    self.delay(),
                    lambda: self.control(c.Received(str(pid).encode(), message)),
                )
            case m.Beat():
                body = {
                    "received": b"", "sent": b"", "blocked": False,
                    "open_frames": 0, "finished": 7 if pid == 1 else -1,
                }  # fmt: skip
                self.say(pid, Kind.BEAT, body)
            case m.Build(body):
                self.nodes[body["node"]] = pid
                self.at(self.delay(), lambda: self.member(pid, m.Bound(f"ipc://{pid}")))
            case m.Connect(endpoints, hellos):
                for link, endpoint in endpoints:
                    to = int(endpoint.removeprefix("ipc://"))
                    if link not in self.cut:
                        hello = hellos[link]
                        self.at(
                            self.delay(),
                            lambda t=to, h=hello: self.member(t, m.HelloReceived(h)),
                        )
            case m.Leave(code, text, report):
                self.left[pid] = (code, text)
                if report:
                    self.say(pid, Kind.STOPPED, {"report": self.report(pid)})
            case m.Deliver(message):
                self.delivered.append(message)
                if message.kind is Kind.FAILED:
                    self.say(pid, Kind.IDLE, {"report": self.report(pid)})
        del member

    def say(self, pid, kind, body):
        member = self.members[pid]
        message = Control(kind, body, member.generation, member.epoch)
        self.act(pid, m.Send(message))

    def report(self, pid):
        node = next((n for n, p in self.nodes.items() if p == pid), None)
        inbound = [
            [k, self.counts.get(k, 9), *[0] * 9]
            for k, (_, t) in LINKS.items()
            if t == node
        ]
        outbound = [[k, 9, 0, 0, 0, 0] for k, (s, _) in LINKS.items() if s == node]
        return {"inbound": inbound, "outbound": outbound, "worker": {}}

    def run(self, seconds):
        end = self.now + int(seconds * SECOND)
        while self.queue and self.queue[0][0] <= end and self.finish is None:
            self.now, _, action = heapq.heappop(self.queue)
            action()
        return self


def running(seed):
    world = World(seed).run(1.5)
    assert world.controller.phase is c.Phase.RUN, (seed, world.controller)
    return world


@pytest.mark.parametrize("seed", range(50))
def test_bring_up_and_end(seed):
    world = running(seed)
    world.say(1, Kind.IDLE, {"report": world.report(1)})
    world.run(2)
    assert world.finish == c.Finish(0, "done")
    world.finish = None
    world.run(0.01)
    assert {k: v[0] for k, v in world.left.items() if k != 1} == {2: 0, 3: 0}
    assert world.delivered[-1].kind is Kind.TABLES


@pytest.mark.parametrize("seed", range(20))
def test_an_exit_is_reported_at_once(seed):
    world = running(seed)
    world.run(0.3)
    pid = 2 + seed % 2
    world.dead.add(pid)
    begin = world.now
    world.control(c.Exited(pid, "was killed by signal 9 (SIGKILL)"))
    world.run(3)
    assert world.finish.code == 1
    assert world.now - begin < SECOND
    for words in (f"pid {pid}", "signal 9 (SIGKILL)", "last finished frame: 7"):
        assert words in world.finish.text
    assert world.finish.text.startswith("partition ")


@pytest.mark.parametrize("seed", range(20))
def test_silence_is_found_within_two_seconds(seed):
    world = running(seed)
    pid = 1 + seed % 3
    world.dead.add(pid)
    begin = world.now
    world.run(4)
    assert world.finish.code == 1
    assert "silent" in world.finish.text
    assert world.now - begin < 2 * SECOND


def test_a_missing_worker_is_named_at_the_deadline():
    world = World(1)
    world.dead.add(3)
    world.run(20)
    assert world.finish.code == 1
    assert "1 of 2 workers came; nobody runs b.0" in world.finish.text


def test_a_link_that_cannot_be_made_is_named():
    world = World(1)
    world.cut.add(1)
    world.run(20)
    assert "links not made: a.0->b.0" in world.finish.text


def test_a_second_client_is_told_who_holds_the_cluster():
    world = running(1)
    body = {"role": "client", "pid": 9, "host": "h", "slot": None, "version": "1"}
    second = c.Received(b"9", Control(Kind.REGISTER, body))
    actions = world.controller.handle(second, world.now)
    assert actions[0].message.kind is Kind.REFUSE
    assert "busy: held by client (pid 1 on h)" in actions[0].message.body["reason"]


def test_counts_that_differ_fail_the_run():
    world = running(1)
    world.counts = {1: 8}
    world.say(1, Kind.IDLE, {"report": world.report(1)})
    world.run(2)
    assert world.finish.code == 1
    assert "a.0->b.0 carried 9 spikes at its source and 8" in world.finish.text


def test_a_silent_controller_ends_client_and_workers():
    world = running(1)
    world.control = lambda _event: None
    world.run(40)
    assert world.left[1][0] == 75
    assert world.left[2][0] == world.left[3][0] == 75


@pytest.mark.parametrize("phase", list(c.Phase))
@pytest.mark.parametrize("kind", list(Kind))
def test_every_message_in_every_state_is_legal_or_ignored(phase, kind):
    world = running(2)
    world.controller.phase = phase
    samples = {
        "received": b"", "sent": b"", "report": world.report(2), "partition": 0,
        "rows": b"", "reason": "r", "link": "l", "frame": None, "expected": 0,
        "got": 0, "endpoint": "e", "blocked": False, "open_frames": 0, "finished": 0,
        "role": "worker", "pid": 7, "host": "h", "slot": None, "version": "1",
    }  # fmt: skip
    message = Control(kind, samples, 5, 1)
    world.controller.handle(c.Received(b"2", message), world.now)
