"""Do `neurocluster doctor`: examine hosts for a plan, judge, print what to change."""

from __future__ import annotations

import asyncio
import json as json_
import signal
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from neurocluster.cli.endpoint import find_connection, is_file
from neurocluster.cli.engine import engine_name, reach_of
from neurocluster.cli.exits import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED
from neurocluster.cli.findings import Progress, as_json, print_findings
from neurocluster.cli.frames import check_images, frames_of
from neurocluster.cli.progress import warm_with_progress
from neurocluster.cli.terminal import paper, terminal
from neurocluster.config import RunConfig
from neurocluster.controller.connection import FILE
from neurocluster.data.idx import load_dataset
from neurocluster.doctor.examine import examine_alone, examine_hosts
from neurocluster.doctor.findings import Finding, Level, worst
from neurocluster.doctor.judge import judge_machine, judge_missing, judge_ports
from neurocluster.doctor.keys import (
    judge_connection_file,
    judge_controller,
    judge_key_file,
    judge_logins,
)
from neurocluster.doctor.needs import Needs, needs_of
from neurocluster.doctor.report import HERE
from neurocluster.doctor.seen import Seen
from neurocluster.doctor.site import Site, site_of
from neurocluster.doctor.ways import judge_ways
from neurocluster.errors import ConfigError
from neurocluster.launch.base import shares_of
from neurocluster.launch.memory import MemoryBound
from neurocluster.launch.predict import predict_placement
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits
from neurocluster.transport.address import FEWEST_PORTS, Reach

Done = tuple[Seen, list[Finding]]
"""What was seen, and what is to be said of a controller."""
NAME_IT: Final = "name a connection file, or an endpoint and a key"


@dataclass(frozen=True, slots=True)
class Secrets:
    """Files of a cluster that runs, or is to.

    Attributes:
        connect: Connection file or endpoint of its controller, or None.
        key: Key file, or None.
    """

    connect: str | None = None
    key: Path | None = None


def doctor_command(
    config: RunConfig, engine: str | None, hosts: Path | None, secrets: Secrets,
    advertise: str | None, interface: str | None, *, json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Examine what a run of these settings needs; return the exit code.

    Raises:
        ConfigError: The options contradict each other, or this machine cannot listen
            as they ask.
    """
    name = engine_name(engine, hosts)
    reach = reach_of(name, advertise, interface)
    site = site_of(name, hosts)
    console = terminal(quiet=quiet, json=json)
    needs = _needs(config, site, console)
    progress = Progress(console)
    work = _examine(site, reach, config.deadline_s, secrets, progress)
    done = asyncio.run(_interruptible(work))
    if done is None:
        return EXIT_INTERRUPTED
    seen, controller = done
    findings = [*_about_files(secrets), *controller]
    findings += judge_logins(site.entries.values())
    findings += _judge(seen, needs, site)
    if json:
        print(json_.dumps(as_json(findings, seen, needs)))
    else:
        print_findings(paper(), findings, every=not quiet)
    return EXIT_FAILED if worst(findings) is Level.ERROR else EXIT_DONE


def _needs(config: RunConfig, site: Site, console: Console) -> Needs:
    """Return what the plan needs of each host, placed as `run` would place it."""
    graph = load_network(config.network)
    fixed = convert(graph, config.threshold or None, config.offset)
    plan = make_plan(graph, parse_splits(config.split))
    data = load_dataset(config.data)
    check_images(data, graph)
    placement = {partition.name: HERE for partition in plan.partitions}
    if site.hosts:
        warm_with_progress(config, fixed, plan, console)
        placement = predict_placement(config, fixed, plan, site.hosts)
    shares = shares_of(placement, site.names or (HERE,), config.spares)
    frames = frames_of(config, data)
    memory = MemoryBound(config, fixed, plan).cluster(
        frames=frames, data_bytes=data.nbytes
    )
    cores = {host.name: host.cores for host in site.hosts}
    return needs_of(plan, shares, memory, cores)


async def _examine(
    site: Site, reach: Reach, deadline_s: float, secrets: Secrets,
    progress: Progress,
) -> Done:  # fmt: skip
    about = await _about_controller(secrets)
    if not site.hosts:
        return await examine_alone(), about
    with site.logs() as folder:
        launcher = site.launcher(folder)
        rendezvous = site.rendezvous(reach)
        showing = asyncio.create_task(progress.show())
        try:
            seen = await examine_hosts(
                launcher, site.names, rendezvous, deadline_s, progress.tell
            )
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)
    return seen, about


def _about_files(secrets: Secrets) -> list[Finding]:
    """Judge a key file and a connection file."""
    found = [judge_key_file(secrets.key)] if secrets.key is not None else []
    if secrets.connect is not None and is_file(secrets.connect):
        path = Path(secrets.connect)
        found.append(judge_connection_file(path / FILE if path.is_dir() else path))
    return found


async def _about_controller(secrets: Secrets) -> list[Finding]:
    """Judge the controller that a connection file or an endpoint names, if any does."""
    if secrets.connect is None:
        return []
    try:
        connection = find_connection(secrets.connect, secrets.key)
    except ConfigError as error:
        if is_file(secrets.connect):
            return []  # the files were judged
        return [Finding(HERE, "controller", Level.ERROR, str(error), NAME_IT)]
    return [await judge_controller(connection)]


def _judge(seen: Seen, needs: Needs, site: Site) -> list[Finding]:
    """Return the findings, this machine first, then the hosts, then the ways."""
    found: list[Finding] = []
    for host in (HERE, *site.names):
        python = site.python(host)
        if host in seen.machines:
            machine, here = seen.machines[host], seen.machines[HERE]
            found += judge_machine(host, machine, here, needs.hosts[host], python)
            if (ports := site.ports(host)) is not None:
                found.append(judge_ports(host, ports, FEWEST_PORTS, needs.hosts[host]))
        if host in seen.missing:
            login = site.login(host)
            found.append(judge_missing(host, seen.missing[host], login, python))
    found += judge_ways(seen, needs)
    order = {host: number for number, host in enumerate((HERE, *site.names))}

    def key(finding: Finding) -> tuple[int, int, str]:
        if finding.where in order:
            return order[finding.where], 0, ""
        return len(order), -finding.level, finding.where

    return sorted(found, key=key)


async def _interruptible(work: Coroutine[Any, Any, Done]) -> Done | None:
    """Await work; SIGTERM and Ctrl-C end it, where a shell ignores those, too."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        if not task.cancelled():
            raise
        return None
