"""List what is done to a cluster that was started by hand, and what must come of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tools.faults import injure
from tools.faults.byhand import SLOW, Command, Site, ready_site, said_after, wait_for

FRAMES: Final = 6000
MIDDLE_S: Final = 0.5


@dataclass
class Told:
    """What came of a case.

    Attributes:
        when: Moment, in words.
        detected_s: From the fault until the log of the controller named it.
        recovered_s: From the fault until the cluster ran again.
        lost: Frames without a result, and without a named error.
        results: Words for the table.
        problems: What is not as it must be.
    """

    when: str = "middle"
    detected_s: float | None = None
    recovered_s: float | None = None
    lost: int = 0
    results: str = "identical"
    problems: list[str] = field(default_factory=list)

    def need(self, condition: object, problem: str) -> None:
        """Note a problem unless a condition holds."""
        if not condition:
            self.problems.append(problem)


def until(command: Command, pattern: str, since: float, skip: int) -> float:
    """Wait until a command says something new; return the time since the fault."""
    wait_for(lambda: said_after(command, pattern, skip), f"{pattern!r}")
    return time.monotonic() - since


def check_end(told: Told, site: Site, stream: Command, good: list[Any]) -> None:
    """Check that the stream of `running` ends well, with every frame."""
    told.need(stream.wait() == 0, f"the client failed: {stream.text}")
    check_whole(told, site, "run", good)


def check_whole(told: Told, site: Site, out: str, good: list[Any]) -> None:
    """Check that a run has every frame once, as the undisturbed run has it."""
    if not (site.folder / out / "frames.csv").exists():
        told.need(False, f"{out} has no results")
        return
    rows = [_result(row) for row in site.frames(out)]
    told.lost = FRAMES - len({row[0] for row in rows})
    told.need(rows == good, "the results differ from those of the undisturbed run")
    if rows != good:
        told.results = "differ"


def _result(row: dict[str, str]) -> tuple[str, ...]:
    names = ("frame", "class_by_count", "class_by_potential")
    counts = tuple(value for name, value in row.items() if name.startswith("count_"))
    return (*(row[name] for name in names), *counts)


def undisturbed() -> list[Any]:
    """Return the results of a run to which nothing happens."""
    with ready_site() as (site, _):
        stream = site.stream("good", "--frames", FRAMES)
        if stream.wait():
            raise RuntimeError(stream.text)
        return [_result(row) for row in site.frames("good")]


def running(site: Site) -> Command:
    """Start a stream and wait until it is in its middle."""
    stream = site.stream("run", "--frames", FRAMES)
    site.roster("run")
    time.sleep(MIDDLE_S)
    return stream


def client_stopped(good: list[Any]) -> Told:
    """SIGSTOP of the client for 2.5 s."""
    told = Told()
    with ready_site() as (site, controller):
        stream, skip = running(site), len(controller.text)
        begin = time.monotonic()
        injure.stop(stream.pid)
        told.detected_s = until(controller, "client .* silent", begin, skip)
        time.sleep(2.5 - (time.monotonic() - begin))
        injure.go_on(stream.pid)
        told.recovered_s = until(controller, "epoch 2 runs", begin, skip)
        told.need(told.detected_s < 2, "silence was detected too late")
        check_end(told, site, stream, good)
    return told


def controller_killed(good: list[Any]) -> Told:
    """Kill -9 of the controller; another is started, stream --resume goes on."""
    told = Told()
    with ready_site() as (site, controller):
        stream = running(site)
        begin = time.monotonic()
        injure.kill(controller.pid)
        told.detected_s = until(stream, "the controller does not answer", begin, 0)
        told.need(told.detected_s < 2, "silence was detected too late")
        told.need(stream.wait() == 1, f"the client did not fail: {stream.text}")
        told.need("error: the controller does not answer" in stream.text, stream.text)
        told.need("frames have no result; go on with: " in stream.text, stream.text)
        following = site.controller("following", *SLOW)
        wait_for(lambda: following.text.count("registered") >= 4, "the old workers")
        rest = site.start(
            "rest", "stream", "--connect", "c.json", "--resume", "run", "--no-compare"
        )
        told.need(rest.wait() == 0, f"the rest failed: {rest.text}")
        check_whole(told, site, "run", good)
    return told


def client_killed(good: list[Any]) -> Told:
    """Kill -9 of the client; the next one is served."""
    told = Told()
    with ready_site() as (site, controller):
        stream, skip = running(site), len(controller.text)
        begin = time.monotonic()
        injure.kill(stream.pid)
        told.detected_s = until(controller, "session ends: client", begin, skip)
        told.need(told.detected_s < 2, "silence was detected too late")
        following = site.stream("next", "--frames", FRAMES)
        told.need(following.wait() == 0, f"the next client failed: {following.text}")
        check_whole(told, site, "next", good)
        told.results = f"of the next client: {told.results}"
    return told


def parent_killed(good: list[Any]) -> Told:
    """Kill -9 of a parent of workers, another parent has spares."""
    told = Told()
    with Site() as site:
        controller = site.controller("controller", *SLOW)
        first = site.workers(4)
        wait_for(lambda: controller.text.count("registered") >= 4, "the workers")
        site.workers(4)
        wait_for(lambda: controller.text.count("registered") >= 8, "the spares")
        stream, skip = running(site), len(controller.text)
        begin = time.monotonic()
        injure.kill(first.pid)
        told.detected_s = until(controller, "epoch 1 failed", begin, skip)
        told.recovered_s = until(controller, r"epoch \d+ runs", begin, skip)
        told.need(told.detected_s < 1, "death was detected too late")
        check_end(told, site, stream, good)
    return told


def zombie(good: list[Any]) -> Told:
    """SIGSTOP of a worker that comes back after its replacement."""
    told = Told()
    with Site() as site:
        controller = site.controller("controller", *SLOW)
        alone = [
            site.start(f"worker-{k}", "worker", "--connect", "c.json", "--slot", k)
            for k in range(4)
        ]
        wait_for(lambda: controller.text.count("registered") >= 4, "the workers")
        site.start("spare", "worker", "--connect", "c.json")
        wait_for(lambda: controller.text.count("registered") >= 5, "the spare")
        stream, skip = running(site), len(controller.text)
        begin = time.monotonic()
        injure.stop(alone[1].pid)
        told.detected_s = until(controller, "silent", begin, skip)
        told.recovered_s = until(controller, "epoch 2 runs", begin, skip)
        injure.go_on(alone[1].pid)
        until(controller, f"registered .*{alone[1].pid}", begin, skip)
        told.need(stream.alive, "the zombie came back when all was over")
        told.need(told.detected_s < 2, "silence was detected too late")
        check_end(told, site, stream, good)
    return told


def duplicate(good: list[Any]) -> Told:
    """A second worker with the slot of another."""
    told = Told("before GO")
    with ready_site(4, "--slot", 0) as (site, controller):
        site.start("duplicate", "worker", "--connect", "c.json", "--slot", 1)
        wait_for(lambda: controller.text.count("registered") >= 5, "the duplicate")
        stream = running(site)
        check_end(told, site, stream, good)
    return told


def two_clients(good: list[Any]) -> Told:
    """A second client while the first streams."""
    told = Told()
    with ready_site() as (site, _):
        stream = running(site)
        second = site.stream("second", "--frames", 10)
        told.need(second.wait() == 1, "the second client was served")
        told.need("busy: held by client" in second.text, second.text)
        check_end(told, site, stream, good)
    return told


def two_controllers(good: list[Any]) -> Told:
    """A second controller with the connection file of the first."""
    told = Told()
    with ready_site() as (site, _):
        stream = running(site)
        second = site.start("second", "controller", "--connection", "c.json")
        told.need(second.wait() == 2, "the second controller was not refused")
        told.need("answers at" in second.text, second.text)
        check_end(told, site, stream, good)
    return told


def full_disk(_good: list[Any]) -> Told:
    """A full disk where the client writes its results."""
    told = Told("end", results="named error")
    with ready_site() as (site, _), injure.small_disk(site.folder / "disk"):
        stream = site.start(
            "full", "stream", "--connect", "c.json", "--out", "disk/run",
            "--no-compare", "--frames", FRAMES,
        )  # fmt: skip
        told.need(stream.wait() not in (0, 70), "the lost results were not told")
        told.need("No space left on device" in stream.text, stream.text)
        told.need("Traceback" not in stream.text, stream.text)
        following = site.stream("next", "--frames", 100)
        told.need(following.wait() == 0, f"the next client failed: {following.text}")
    return told


CASES: Final[dict[Callable[[list[Any]], Told], bool]] = {
    client_stopped: False, controller_killed: True, client_killed: True,
    parent_killed: True, zombie: False,
    duplicate: False, two_clients: False, two_controllers: False, full_disk: True,
}  # fmt: skip
"""All cases, and whether each is part of the short form."""


def words(case: Callable[[list[Any]], Told]) -> str:
    """Return a case's words for the table."""
    return (case.__doc__ or "").rstrip(".")
