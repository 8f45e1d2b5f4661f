"""What Slurm says in its environment and on srun's standard error."""

import pytest

from neurocluster.launch.slurm import parse_cpus, started_again, what_srun_says


@pytest.mark.parametrize(
    ("text", "cores"),
    [("4(x2),8", [4, 4, 8]), ("2", [2, 1, 1]), ("", [1, 1, 1]), ("4(x5)", [4, 4, 4])],
)
def test_cores_of_three_nodes(text, cores):
    assert parse_cpus(text, 3) == cores


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("srun: error: n2: task 1: Killed", ("n2", "task 1: Killed")),
        (
            "srun: error: n2: task 1: Exited with exit code 3",
            ("n2", "task 1: Exited with exit code 3"),
        ),
        ("srun: error: n3: tasks 2-3: Terminated", ("n3", "tasks 2-3: Terminated")),
        ("srun: error: Node failure on n1", ("n1", "Node failure on n1")),
        ("srun: Job step aborted: Waiting up to 7 seconds", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_line_may_give_up_a_node(line, said):
    assert what_srun_says(line) == said


def test_a_job_that_was_started_again_knows_it():
    assert not started_again({})
    assert not started_again({"SLURM_RESTART_COUNT": "0"})
    assert started_again({"SLURM_RESTART_COUNT": "1"})
