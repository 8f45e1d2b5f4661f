"""The bounds of links and processes are the formulas of ARCHITECTURE.md."""

import pytest

from neurocluster.model.memory import (
    BASE_BYTES,
    DECODER_BYTES,
    KERNEL_BYTES,
    PIPE_BYTES,
    ClusterMemory,
    ProcessMemory,
    link_memory,
)


@pytest.mark.parametrize(("hwm", "most", "width"), [(16, 512, 2), (1, 1, 2), (3, 8, 4)])
def test_a_link_holds_both_queues_and_what_the_kernel_holds(hwm, most, width):
    found = link_memory(width, hwm, most)
    packet = max(most * width, 8) + 128
    assert found.sender == (hwm + 2) * packet + PIPE_BYTES
    assert found.receiver == found.sender + (hwm + 2) * DECODER_BYTES
    assert found.total == found.sender + found.receiver + KERNEL_BYTES


def test_a_link_counts_potentials_where_they_are_more_than_spikes():
    assert link_memory(2, 1, 4, payload=4000).sender == 3 * 4128 + PIPE_BYTES


def process(name, role, **parts):
    return ProcessMemory(name, role, **parts)


def test_a_process_is_the_sum_of_its_parts():
    found = process("a.0", "worker", network=1, window=2, queues=3, rebuild=4, data=5)
    assert found.total == BASE_BYTES["worker"] + 15 == sum(found.parts.values())


def test_a_cluster_is_all_processes_and_the_kernel():
    parts = [process("a.0", "worker", window=7), process("client", "client", data=9)]
    memory = ClusterMemory(tuple(parts), 11, 100)
    assert memory.total == BASE_BYTES["worker"] + BASE_BYTES["client"] + 7 + 9 + 11
    base = BASE_BYTES["worker"] + BASE_BYTES["client"]
    assert memory.largest(2) == [
        ("the base of 2 processes", base), ("the data of client", 9),
    ]  # fmt: skip
