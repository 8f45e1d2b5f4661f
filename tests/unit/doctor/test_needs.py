"""What a plan needs of each host."""

from neurocluster.config import RunConfig
from neurocluster.doctor.needs import CONTROLLER, PARENT, PROCESS_FILES, needs_of
from neurocluster.doctor.report import HERE
from neurocluster.launch.base import shares_of
from neurocluster.launch.memory import MemoryBound
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits

CONFIG = RunConfig().replace(split="conv1=rows:4", spares=1)
GRAPH = load_network()
PLAN = make_plan(GRAPH, parse_splits(CONFIG.split))
MEMORY = MemoryBound(CONFIG, convert(GRAPH), PLAN).cluster()
BOUND = {process.name: process.total for process in MEMORY.processes}
NAMES = [p.name for p in PLAN.partitions]


def needs(placement, *hosts):
    shares = shares_of(placement, hosts, CONFIG.spares)
    return needs_of(PLAN, shares, MEMORY, {host: 2 for host in hosts if host != HERE})


def test_one_machine_needs_all_of_it():
    found = needs(dict.fromkeys(NAMES, HERE), HERE)
    assert not found.ways
    here = found.hosts[HERE]
    assert here.runs == tuple(NAMES)
    assert here.spares == 1
    assert here.memory == MEMORY.total - MEMORY.kernel
    assert here.cores is None


def test_links_between_hosts_are_ways():
    placement = {n: "n1" if n.startswith("conv1") else "n2" for n in NAMES}
    found = needs(placement, "n1", "n2")
    assert found.ways == {
        (HERE, "n1"): tuple(f"client->conv1.{k}" for k in range(4)),
        ("n1", "n2"): tuple(f"conv1.{k}->conv2.0" for k in range(4)),
        ("n2", HERE): ("fc2.0->client",),
    }
    first, second, here = (found.hosts[host] for host in ("n1", "n2", HERE))
    assert (first.runs, first.spares, first.cores) == (tuple(NAMES[:4]), 1, 2)
    assert (second.spares, here.runs, here.cores) == (0, (), None)
    # The spare on n1 may take conv2.0, which has four links in and one out.
    assert (first.files, first.files_of) == (PROCESS_FILES + 2 * (4 + 2), "conv2.0")
    assert here.files_of == CONTROLLER
    total = sum(found.hosts[host].memory for host in found.hosts)
    launcher = BOUND["launcher"]  # each host has a parent, this machine has one too
    assert total == MEMORY.total - MEMORY.kernel + 2 * launcher


def test_a_parent_holds_a_pipe_of_each_worker():
    placement = dict.fromkeys(NAMES, "n1")
    need = needs(placement, "n1").hosts["n1"]
    assert need.files == PROCESS_FILES + 2 * (len(NAMES) + 1)
    assert need.files_of == PARENT


def test_a_host_without_work_needs_nothing():
    found = needs(dict.fromkeys(NAMES, "n1"), "n1", "n2")
    idle = found.hosts["n2"]
    assert (idle.runs, idle.spares, idle.files, idle.memory) == ((), 0, 0, 0)
