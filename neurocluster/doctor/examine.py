"""Start a probe on every host, let each try all others, collect what they tell.

The probes meet the doctor as workers would meet their controller, and this machine
takes part as the client would. Who is not there by the deadline is listed.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from neurocluster.controller.connection import Connection, connection_text
from neurocluster.controller.explain import names
from neurocluster.doctor.machine import look_at_machine
from neurocluster.doctor.peer import TRY_S, Peer
from neurocluster.doctor.report import (
    BYE,
    HELLO,
    HERE,
    MOST_BYTES,
    TRIED,
    TRY,
    WAIT,
    Ends,
    Machine,
    Trial,
    decode,
    encode,
)
from neurocluster.doctor.seen import CLOSED, ENDED, LOST, SILENT, Missing, Seen
from neurocluster.launch.base import Exit, HostLauncher, Share
from neurocluster.launch.logs import log_end
from neurocluster.member.meeting import Meeting
from neurocluster.transport.address import Reach, tcp
from neurocluster.transport.control import ControlSocket
from neurocluster.transport.keys import make_keys
from neurocluster.transport.sockets import Sockets

LOOK_S: Final = 0.05
REST_S: Final = 2.0
"""What trying the others may take beyond the trials themselves."""
Tell = Callable[[str], None]
"""Takes a line that says what is going on."""


@dataclass(frozen=True, slots=True)
class Rendezvous:
    """Where probes meet the doctor.

    Attributes:
        bind: Address to listen at.
        advertise: Address that the hosts connect to.
        reach: How the hosts reach this machine's links.
    """

    bind: str
    advertise: str
    reach: Reach


async def examine_alone() -> Seen:
    """Look at this machine, whose links would be socket files."""
    seen = Seen(machines={HERE: look_at_machine()})
    with tempfile.TemporaryDirectory(prefix="nc-") as folder:
        peer = Peer(Meeting(""), folder)
        try:
            seen.ends[HERE] = peer.ends
            seen.trials[HERE, HERE] = (await peer.try_all(0, {0: peer.ends}))[0]
        finally:
            await peer.close()
    return seen


async def examine_hosts(
    launcher: HostLauncher, hosts: Sequence[str], rendezvous: Rendezvous,
    deadline_s: float, tell: Tell,
) -> Seen:  # fmt: skip
    """Examine hosts and the ways between them; start probes and end them again.

    Args:
        launcher: Starts the probes.
        hosts: Their names.
        rendezvous: Where they meet us.
        deadline_s: For everything.
        tell: Told what is going on.

    Raises:
        LocalLinkError: This machine cannot listen there.
        ConfigError: Likewise.
    """
    examination = Examination(launcher, hosts, rendezvous, deadline_s, tell)
    try:
        return await examination.run()
    finally:
        await examination.close()


class Examination:
    """Own the sockets and the launcher of one examination; `close` ends all."""

    def __init__(
        self, launcher: HostLauncher, hosts: Sequence[str], rendezvous: Rendezvous,
        deadline_s: float, tell: Tell,
    ) -> None:  # fmt: skip
        """Listen; see `examine_hosts`."""
        self._launcher, self._hosts, self._tell = launcher, tuple(hosts), tell
        self._deadline_s, self._exits = deadline_s, dict[str, Exit]()
        launcher.on_exit = self._exited
        self._loop = asyncio.get_running_loop()
        self._keys = make_keys()
        self._sockets = Sockets(8, self._keys)
        self._control = ControlSocket(
            self._sockets,
            self._received,
            bind=tcp(rendezvous.bind, "*"),
            limit=MOST_BYTES,
        )
        port = self._control.endpoint.rpartition(":")[2]
        self._endpoint = tcp(rendezvous.advertise, port)
        self._reach = rendezvous.reach
        self._peer: Peer | None = None
        self._identities: dict[str, bytes] = {}
        self._tried: set[str] = set()
        self._seen = Seen()

    def _exited(self, done: Exit) -> None:
        self._exits[done.slot] = done

    def _received(self, who: bytes, data: bytes) -> None:
        kind, body = decode(data)
        if kind == HELLO and body.get("host") in self._hosts:
            host = body["host"]
            self._identities[host] = who
            self._seen.machines[host] = Machine.from_wire(body.get("machine"))
            self._seen.ends[host] = Ends.from_wire(body.get("ends"))
            self._control.send(encode(WAIT), who)
        elif kind == TRIED:
            for host in self._hosts:
                if self._identities.get(host) == who:
                    self._tried.add(host)
                    self._take(host, body.get("trials"))

    def _take(self, host: str, trials: Any) -> None:
        for number, trial in (trials if isinstance(trials, dict) else {}).items():
            if number.isdecimal() and int(number) < len(self._all):
                other = self._all[int(number)]
                self._seen.trials[host, other] = Trial.from_wire(trial)

    @property
    def _all(self) -> tuple[str, ...]:
        return HERE, *self._hosts

    async def run(self) -> Seen:
        """Return what was seen when all have told, or when the time is over."""
        begin = self._loop.time()
        end_s = begin + self._deadline_s
        seen, keys = self._seen, self._keys
        seen.machines[HERE] = look_at_machine()
        peer = self._peer = Peer(Meeting(self._endpoint, keys, self._reach))
        seen.ends[HERE] = peer.ends
        self._tell(f"connecting to {names(self._hosts)}")
        for host, why in (await self._launcher.reach()).items():
            seen.missing[host] = Missing(CLOSED, why)
        connection = Connection(self._endpoint, secret=keys.secret)
        let_in = [host for host in self._hosts if host not in seen.missing]
        if let_in:
            shares = dict.fromkeys(let_in, Share(()))
            self._launcher.start(shares, connection_text(connection))
        await self._arrive(let_in, end_s - TRY_S - REST_S)
        await self._try(peer, end_s)
        for host in let_in:
            if host not in self._tried:
                seen.missing[host] = self._missing(host)
        return seen

    async def _arrive(self, hosts: Sequence[str], end_s: float) -> None:
        """Wait until each probe has said hello or has ended."""
        while self._loop.time() < end_s:
            late = [host for host in hosts if host not in self._identities]
            late = [host for host in late if not self._launcher.ended(host)]
            if not late:
                return
            self._tell(f"waiting for the probes of {names(late)}")
            await asyncio.sleep(LOOK_S)

    async def _try(self, peer: Peer, end_s: float) -> None:
        """Have all who are there try each other; this machine does, too."""
        ends = {
            number: self._seen.ends[host]
            for number, host in enumerate(self._all)
            if host in self._seen.ends
        }
        for number, host in enumerate(self._all):
            if host in self._identities:
                others = {k: e.to_wire() for k, e in ends.items() if k != number}
                message = encode(TRY, me=number, others=others)
                self._control.send(message, self._identities[host])
        others_here = {number: end for number, end in ends.items() if number}
        for number, trial in (await peer.try_all(0, others_here)).items():
            self._seen.trials[HERE, self._all[number]] = trial
        while self._loop.time() < end_s:
            late = [host for host in self._identities if host not in self._tried]
            late = [host for host in late if not self._launcher.ended(host)]
            if not late:
                return
            self._tell(f"{names(late)}: trying the others")
            await asyncio.sleep(LOOK_S)

    def _missing(self, host: str) -> Missing:
        """Say why a host that let us in did not tell everything."""
        log = tuple(log_end(self._launcher.log(host)))
        done = self._exits.get(host)
        if done is not None:
            why = done.problem or f"ended with exit status {done.code}"
            return Missing(ENDED, why, log)
        if host in self._identities:
            return Missing(LOST, f"no word until {self._deadline_s:g} s", log)
        return Missing(SILENT, f"no word within {self._deadline_s:g} s", log)

    async def close(self) -> None:
        """End the probes; release everything."""
        for identity in self._identities.values():
            self._control.send(encode(BYE), identity)
        await self._launcher.stop()
        if self._peer is not None:
            await self._peer.close()
        self._control.close()
        self._sockets.close()
