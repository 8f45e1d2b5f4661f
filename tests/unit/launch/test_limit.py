"""A plan above the limit is refused in words that help; a machine's limit is read."""

import pytest

from neurocluster.cluster.local import LocalCluster
from neurocluster.config import RunConfig
from neurocluster.errors import ConfigError
from neurocluster.launch import limit
from neurocluster.launch.machine import machine_memory
from neurocluster.model.memory import BASE_BYTES, ClusterMemory, ProcessMemory

MIB = 1 << 20
WORKER = ProcessMemory("a.0", "worker", window=40 * MIB, queues=8 * MIB)
MEMORY = ClusterMemory((WORKER,), 0, 100)


def test_a_plan_within_the_limit_passes():
    limit.check_limit(RunConfig(), MEMORY)
    limit.check_limit(RunConfig().replace(memory=MEMORY.total), MEMORY)


def test_the_refusal_names_bound_limit_parts_and_remedy():
    config = RunConfig().replace(memory="100M", window=9, hwm=8, max_spikes=7)
    with pytest.raises(ConfigError) as caught:
        limit.check_limit(config, MEMORY)
    base = BASE_BYTES["worker"] // MIB
    assert str(caught.value) == (
        f"memory: this plan may take {base + 48}.0 MiB, the limit is 100.0 MiB; most "
        f"of it is the base of 1 processes ({base}.0 MiB), the window of a.0 (40.0 "
        "MiB), the queues of a.0 (8.0 MiB). Use a smaller window (now 9), max_spikes "
        "(now 7) or hwm (now 8), fewer partitions or frames, or a higher memory"
    )


def test_a_cluster_is_refused_before_it_starts():
    with pytest.raises(ConfigError, match=r"memory: this plan may take .* MiB"):
        LocalCluster(memory="100M")
    assert LocalCluster(memory="4G").pids == {}


def test_a_machine_that_is_too_small_is_worth_a_warning(monkeypatch):
    monkeypatch.setattr(limit, "machine_memory", lambda: (64 * MIB, "the machine"))
    text = limit.warning(MEMORY)
    assert text.startswith("this plan may take 144.0 MiB of memory, the machine has 64")
    monkeypatch.setattr(limit, "machine_memory", lambda: (1 << 50, "the machine"))
    assert limit.warning(MEMORY) == ""
    monkeypatch.setattr(limit, "machine_memory", lambda: None)
    assert limit.warning(MEMORY) == ""


def machine(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return machine_memory(root)


INFO = {"proc/meminfo": "MemTotal:       1024 kB\nMemFree:  3 kB\n"}


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, None),
        (INFO, (MIB, "the machine")),
        (
            INFO
            | {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/memory.max": "5000\n",
                "sys/fs/cgroup/a/b/memory.max": "max\n",
            },
            (5000, "the control group /a"),
        ),
        (
            INFO
            | {
                "proc/self/cgroup": "5:cpu:/x\n4:hugetlb,memory:/a\n0::/\n",
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes": f"{2**63 - 4096}\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "7000\n",
            },
            (7000, "the control group /"),
        ),
        (
            INFO
            | {
                "proc/self/cgroup": "0::/outside\n",
                "sys/fs/cgroup/memory.max": "2097152\n",
            },
            (MIB, "the machine"),
        ),
    ],
)
def test_the_smallest_limit_counts(tmp_path, files, found):
    assert machine(tmp_path, files) == found


def test_this_machine_has_memory():
    size, what = machine_memory()
    assert size > 16 * MIB
    assert what


def test_workers_elsewhere_do_not_count_here():
    client = ProcessMemory("client", "client")
    whole = ClusterMemory((client, WORKER), 7, 100)
    assert whole.without_workers() == ClusterMemory((client,), 7, 100)
