"""Judge what probes tell of their machines; pure.

Each finding names the host, what was found there, and what to change.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from neurocluster.controller.explain import names
from neurocluster.doctor.findings import Finding, Level
from neurocluster.doctor.needs import THE_CLIENT, Need
from neurocluster.doctor.report import HERE, UNLIMITED, Machine
from neurocluster.doctor.seen import CLOSED, ENDED, Missing
from neurocluster.sizes import show_size

NO_PACKAGE: Final = "No module named neurocluster"
NO_COMMAND: Final = "No such command"
NO_INTERPRETER: Final = ("No such file or directory", "not found")
OK, WARNING, ERROR = Level.OK, Level.WARNING, Level.ERROR


def judge_machine(
    host: str, machine: Machine, here: Machine, need: Need, python: str
) -> list[Finding]:
    """Return what is to be said of one machine.

    Args:
        host: Its name.
        machine: What its probe found.
        here: What this machine is like.
        need: What the plan needs of it.
        python: Interpreter there, for remedies.
    """
    return [
        _version(host, machine, here, python),
        _cores(host, machine, need),
        *_load(host, machine),
        _files(host, machine, need),
        _memory(host, machine, need),
        _kernels(host, machine, python),
        _folder(host, machine),
    ]


def _version(host: str, machine: Machine, here: Machine, python: str) -> Finding:
    software = ", ".join(f"{name} {v}" for name, v in machine.software.items())
    remedy = ""
    if machine.version != here.version:
        text = (
            f"neurocluster {machine.version or 'of an unknown version'} there, "
            f"{here.version} on this machine"
        )
        remedy = _install(here.version, python)
    elif machine.wire != here.wire:
        text = (
            f"neurocluster {machine.version} here and there, but its wire format is "
            f"{machine.wire} there, {here.wire} on this machine"
        )
        remedy = _install(here.version, python)
    else:
        text = f"neurocluster {machine.version}, {software}"
    return Finding(host, "version", ERROR if remedy else OK, text, remedy)


def _install(version: str, python: str) -> str:
    return (
        f"install neurocluster {version} there: {python} -m pip install "
        "-c constraints.txt CHECKOUT"
    )


def _cores(host: str, machine: Machine, need: Need) -> Finding:
    busy, has = len(need.runs) + (THE_CLIENT in need.beside), machine.cores
    count = len(need.runs)
    workers = f"{count} worker{'s' * (count > 1)} ({names(need.runs)})"
    who = [*([workers] if count else []), *need.beside]
    if need.spares:
        who.append(f"{need.spares} spare{'s' * (need.spares > 1)}")
    what = f"{_cores_of(has)} for {names(who) if who else 'no worker'}"
    if need.cores is not None and need.cores > has:
        told = f"{_cores_of(has)} to use, placement counts on {need.cores}"
        remedy = f"say cores = {max(int(has), 1)} of it, or free the others for it"
        return Finding(host, "cores", WARNING, told, remedy)
    if need.runs and busy > has:
        where = "cut less (--split)" if host == HERE else "name more hosts, cut less"
        remedy = f"{where}, or take speeds for those of a shared core"
        return Finding(host, "cores", WARNING, f"only {what}", remedy)
    return Finding(host, "cores", OK, what)


def _cores_of(number: float) -> str:
    return f"{number:g} core{'s' * (number != 1)}"


def _load(host: str, machine: Machine) -> Iterator[Finding]:
    if machine.load >= max(machine.cores, 1.0):
        text = (
            f"{machine.load:.1f} processes ran in the last minute on "
            f"{_cores_of(machine.cores)}: others work there, too"
        )
        remedy = "end them, or take times for those of a busy machine"
        yield Finding(host, "load", WARNING, text, remedy)


def _files(host: str, machine: Machine, need: Need) -> Finding:
    has, most = machine.files, machine.files_most
    if has == UNLIMITED or has >= need.files:
        text = "any number" if has == UNLIMITED else f"{has:,}"
        text += " a process, "
        text += f"{need.files_of} may take {need.files}" if need.files else "none used"
        return Finding(host, "files", OK, text)
    text = f"a process may have {has:,}, {need.files_of} may take {need.files}"
    where = "in the shell that starts the run" if host == HERE else "for its user"
    if most == UNLIMITED or most >= need.files:
        remedy = f"raise it there ({where}): ulimit -n {need.files}"
    else:
        remedy = (
            f"raise the hard limit ({most:,}) to {need.files}: nofile in "
            "/etc/security/limits.conf"
        )
    return Finding(host, "files", ERROR, text, f"{remedy}; or cut the network less")


def _memory(host: str, machine: Machine, need: Need) -> Finding:
    wanted = f"the plan may take {show_size(need.memory)}"
    if not machine.memory:
        return Finding(host, "memory", OK, f"{wanted}; what there is is unknown")
    text = (
        f"{show_size(machine.memory_free)} free of {show_size(machine.memory)} "
        f"({machine.memory_of}), {wanted}"
    )
    if need.memory <= machine.memory_free:
        return Finding(host, "memory", OK, text)
    remedy = "free some, place less there, or take a smaller window, hwm or max_spikes"
    return Finding(host, "memory", WARNING, text, remedy)


def _kernels(host: str, machine: Machine, python: str) -> Finding:
    if machine.cache_problem:
        text = f"compiled kernels cannot be kept: {machine.cache_problem}"
        remedy = "name a folder that can be written in $NUMBA_CACHE_DIR"
        return Finding(host, "kernels", WARNING, text, remedy)
    if not machine.kernels:
        text = "none are compiled: the first run takes some tens of seconds to start"
        remedy = f"compile them now, there: {python} -m neurocluster warm"
        return Finding(host, "kernels", WARNING, text, remedy)
    return Finding(host, "kernels", OK, f"{machine.kernels} are compiled")


def _folder(host: str, machine: Machine) -> Finding:
    if machine.folder_problem:
        text = f"nothing can be written in {machine.folder}: {machine.folder_problem}"
        where = "go to another folder" if host == HERE else "name another 'folder'"
        return Finding(host, "folder", ERROR, text, f"{where}, or give its user rights")
    return Finding(host, "folder", OK, f"{machine.folder} can be written")


def judge_ports(host: str, ports: tuple[int, int], each: int, need: Need) -> Finding:
    """Say whether a range of ports is wide enough for a host's workers.

    Args:
        host: Its name.
        ports: First and last.
        each: Ports that a worker takes in turn.
        need: What the plan needs of it.
    """
    first, last = ports
    count, workers = last - first + 1, len(need.runs) + need.spares
    text = f"{count} ports ({first}-{last}) for {workers} workers and spares"
    if count >= each * workers:
        return Finding(host, "ports", OK, text)
    level = ERROR if count < workers else WARNING
    why = "each listens at one, and after a recovery at another"
    wider = f"{first}-{first + each * workers - 1}"
    remedy = f"widen them in the hosts file, and in the firewall: ports = {wider!r}"
    return Finding(host, "ports", level, f"{text}: {why}", remedy)


# -- hosts that told nothing -------------------------------------------------------


def judge_missing(host: str, missing: Missing, login: str, python: str) -> Finding:
    """Return what is to be said of a host that told nothing.

    Args:
        host: Its name.
        missing: Why.
        login: Command that tries to log in, empty where nobody logs in.
        python: Interpreter there, for remedies.
    """
    if missing.how == CLOSED:
        text = f"it does not let us in {missing.why}"
        remedy = f"'{login}' must work without a question; the host must be in "
        return Finding(host, "login", ERROR, text, f"{remedy}known_hosts")
    said = (
        "\n".join(["its log ends:", *missing.log])
        if missing.log
        else "it printed nothing"
    )
    if missing.how == ENDED:
        text = f"its probe {missing.why}; {said}"
        return Finding(host, "probe", ERROR, text, _remedy_of(missing.log, python))
    text = f"{missing.why} from its probe; {said}"
    remedy = (
        "let it connect to this machine by TCP (any port); --interface or --advertise "
        "here say which of our addresses it is told"
    )
    return Finding(host, "probe", ERROR, text, remedy)


def _remedy_of(log: tuple[str, ...], python: str) -> str:
    last = "\n".join(log)
    if NO_COMMAND in last:
        return f"its neurocluster is too old to be asked; {_install('of now', python)}"
    if NO_PACKAGE in last:
        return f"install it there: {python} -m pip install -c constraints.txt CHECKOUT"
    if any(words in last for words in NO_INTERPRETER):
        return f"name its interpreter in the hosts file: python is {python}"
    return "see what it says"
