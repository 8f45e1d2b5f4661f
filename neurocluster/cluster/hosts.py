"""Run a cluster whose workers are on other hosts, started by some engine."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from neurocluster.cluster.base import Cluster
from neurocluster.config import RunConfig
from neurocluster.controller.connection import Connection, connection_text
from neurocluster.errors import ClusterError, ConfigError, StartTimeout
from neurocluster.launch.base import Exit, HostLauncher, Share, shares_of
from neurocluster.launch.logs import log_end
from neurocluster.launch.predict import predict_placement
from neurocluster.member.meeting import Meeting
from neurocluster.model.convert import convert
from neurocluster.model.placement import Host
from neurocluster.transport.address import Reach, choose, tcp
from neurocluster.transport.ask import Asker
from neurocluster.transport.keys import Keys, make_keys

START_S: Final = 180.0
"""How long a host may take to start its workers: the first time it compiles."""
TELL_S, LOOK_S, ANSWER_S = 3.0, 0.05, 1.0
_log = logging.getLogger(__name__)


class HostCluster(Cluster):
    """Start a controller here and workers on hosts; stream frames through them.

    Links are encrypted, by a key that exists as long as the cluster does.

    Attributes:
        placement: Host of each partition.
    """

    def __init__(
        self, hosts: Sequence[Host], near: str, config: RunConfig | None = None, *,
        reach: Reach | None = None, **given: Any,
    ) -> None:  # fmt: skip
        """Describe a cluster; nothing starts before ``async with`` or `open`.

        Args:
            hosts: Where workers run.
            near: Address of one of them: this machine is reached by the route there.
            config: See `Cluster`.
            reach: How the hosts reach this machine, where the route does not say.
            **given: See `Cluster`.

        Raises:
            ConfigError: Workers are to be bound to cores, which is for this machine.
        """
        super().__init__(config, **given)
        if self.config.pin:
            message = "pin: workers on other hosts are not bound to cores; leave it out"
            raise ConfigError(message)
        self._hosts, self._reach = tuple(hosts), reach or Reach()
        self._bind, self._advertise = choose(self._reach, tcp(near, 1))
        self._keys: Keys = make_keys()
        self._workers: HostLauncher | None = None
        self._shares: dict[str, Share] = {}
        self._gone: dict[str, str] = {}
        self.placement = self._placed()

    def _launcher_of_workers(self) -> HostLauncher:
        """Return what starts workers on the hosts."""
        raise NotImplementedError

    def _placed(self) -> dict[str, str]:
        config = self.config
        fixed = convert(self.graph, config.threshold or None, config.offset)
        return predict_placement(config, fixed, self.plan, self._hosts)

    def _place(self) -> dict[str, str]:
        return {
            "bind": tcp(self._bind, "*"), "advertise": self._advertise, "where": "tcp",
            "secret": self._keys.secret,
        }  # fmt: skip

    async def _start_behind(self, connection: Connection) -> None:
        workers = self._workers = self._launcher_of_workers()
        workers.on_exit = self._parent_ended
        await workers.open()
        names = [host.name for host in self._hosts]
        self._gone = {}
        self._shares = shares_of(self.placement, names, self.config.spares)
        workers.start(self._shares, connection_text(connection))
        await self._all_there(connection, workers)

    async def _all_there(self, connection: Connection, workers: HostLauncher) -> None:
        """Wait until a worker for each partition has registered.

        A host that was never used compiles first. The deadline of the bring-up counts
        from the client's coming, which is after this.

        Raises:
            StartTimeout: Some have not; it names their hosts and what those said.
        """
        wanted, begin = set(self.placement.values()), time.monotonic()
        told_s = begin + TELL_S
        while missing := await asyncio.to_thread(self._missing, connection.endpoint):
            late = [host for host in wanted if host in missing]
            dead = [host for host in late if workers.ended(host)]
            now_s = time.monotonic()
            if dead or now_s - begin > START_S:
                raise StartTimeout(self._not_there(dead or late, workers))
            if now_s > told_s:
                told_s = now_s + TELL_S
                _log.warning("waiting for workers of %s", ", ".join(sorted(late)))
            await asyncio.sleep(LOOK_S)

    def _missing(self, endpoint: str) -> set[str]:
        """Return the hosts that have fewer workers ready than they are to run.

        It runs in a thread, which owns the socket: whoever waits may be cancelled.
        """
        with Asker(endpoint, self._keys) as asker:
            answer = asker.ask("status", ANSWER_S)
        status = answer.body["status"] if answer is not None else None
        members = status["members"] if status is not None else ()
        ready = {m["slot"] for m in members if m["ready"] and m["role"] == "worker"}
        names = [p.name for p in self.plan.partitions]
        return {self.placement[p] for k, p in enumerate(names) if k not in ready}

    def _not_there(self, hosts: Sequence[str], workers: HostLauncher) -> str:
        names = ", ".join(sorted(hosts))
        ends = f"; ends of their logs:\n{self._ends(workers, hosts)}"
        if all(map(workers.ended, hosts)):
            return f"the workers of {names} ended before they were there{ends}"
        return f"after {START_S:.0f} s the workers of {names} are not there{ends}"

    def _ends(self, workers: HostLauncher, hosts: Iterable[str]) -> str:
        """Return how some hosts' parents ended, and the ends of their logs."""
        found = []
        for host in sorted(hosts):
            lines = log_end(workers.log(host)) or ["(nothing was printed)"]
            how = f" (the parent {self._gone[host]})" if host in self._gone else ""
            found.append("\n    ".join([f"  {host}{how}:", *lines]))
        return "\n".join(found)

    def _parent_ended(self, done: Exit) -> None:
        """Say what happened on a host; end the session if too few workers are left.

        The controller misses the workers by itself, and would wait for others.
        """
        how = done.problem or f"ended with exit status {done.code}"
        then = "; it is started again" if done.left else ""
        level = logging.INFO if done.code == 0 else logging.WARNING  # 0: told to end
        _log.log(level, "host %s: the parent of its workers %s%s", done.slot, how, then)
        if done.left:
            return
        self._gone[done.slot] = how
        left, wanted = self._workers_left(), len(self.plan.partitions)
        session = self.session
        if session is None or left >= wanted:
            return
        text = f"host {done.slot}: the parent of its workers {how}"
        if session.roster:
            session.too_few(f"{text}; {left} workers are left for {wanted} partitions")
        else:
            session.lost(StartTimeout(text))

    def _workers_left(self) -> int:
        """Return how many workers the hosts have whose parents did not end."""
        there = [s for host, s in self._shares.items() if host not in self._gone]
        return sum(len(share.slots) + share.spares for share in there)

    def quote_log(self, error: ClusterError) -> None:
        """Note on an error the ends of the logs of hosts that lack workers."""
        if self._workers is not None and not getattr(error, "__notes__", None):
            names = {h for p, h in self.placement.items() if p in str(error)}
            names |= {h for h in self._gone if f"host {h}:" in str(error)}
            if names:
                error.add_note("ends of logs:\n" + self._ends(self._workers, names))

    async def _stop_workers(self) -> None:
        if self._workers is not None:  # it stays: its logs may be asked for
            await self._workers.stop()

    def _meeting(self, connection: Connection) -> Meeting:
        return Meeting(connection.endpoint, self._keys, self._reach)
