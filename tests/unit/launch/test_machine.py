"""How many cores this process may use, how much memory is free."""

import os

import pytest

from neurocluster.launch.machine import free_memory, usable_cores


@pytest.fixture
def root(tmp_path):
    """Make a root of files; all cores are allowed."""

    def make(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return make


ALL = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, ALL),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/cpu.max": "50000 100000\n",
                "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
            },
            0.5,
        ),
        (
            {
                "proc/self/cgroup": "5:cpuset:/x\n4:cpu,cpuacct:/a\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "20000\n",
                "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            0.2,
        ),
        (
            {
                "proc/self/cgroup": "0::/a\n",
                "sys/fs/cgroup/a/cpu.max": "900000000 100000\n",
            },
            ALL,
        ),
        ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "1 0\n"}, ALL),
    ],
)
def test_the_least_of_affinity_and_quotas_counts(root, files, cores):
    assert usable_cores(root(files)) == pytest.approx(cores)


def test_a_process_bound_to_one_core_has_one():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert usable_cores() <= 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_free_memory(root):
    info = "MemTotal: 1024 kB\nMemFree: 3 kB\nMemAvailable: 512 kB\n"
    assert free_memory(root({"proc/meminfo": info})) == 512 * 1024
    assert free_memory(root({"proc/meminfo": ""})) == 0
    assert free_memory() > 1 << 20
