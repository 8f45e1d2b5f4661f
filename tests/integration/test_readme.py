"""The README's commands and its example run as they stand (on few frames)."""

import re
import subprocess
import sys
from pathlib import Path

from tests.support.processes import COMMAND, ENVIRONMENT, neurocluster, start, wait_for

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_two_commands_are_there():
    assert "deploy/local.sh\n" in blocks("bash")
    assert "tools/test.sh\n" in blocks("bash")


def test_local_sh_with_options(tmp_path):
    (command,) = (b for b in blocks("bash") if "deploy/local.sh --frames" in b)
    # In a checkout the tests' own environment is the one that local.sh makes.
    if not (ROOT / ".venv").exists():
        command = command.replace("deploy/local.sh", " ".join([*COMMAND, "run"]))
    command = command.strip().replace("1000", "20") + f" --out {tmp_path}/out"
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=300, env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Nothing lost" in done.stdout


def test_separate_terminals(tmp_path):
    (block,) = (b for b in blocks("bash") if "--connection" in b)
    lines = [line.split("#")[0].split()[1:] for line in block.strip().splitlines()]
    controller, worker, stream, stop = lines
    processes = [start(*controller, cwd=tmp_path)]
    wait_for((tmp_path / "c.json").exists)
    processes.append(start(*worker, cwd=tmp_path))
    stream[stream.index("1000")] = "20"
    for command in (stream, stop):
        done = neurocluster(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    codes = []
    for process in processes:
        _, errors = process.communicate(timeout=10)
        codes.append(process.returncode)
    assert codes == [0, 0], errors


def test_the_python_example(tmp_path):
    (code,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
        check=False, timeout=120, env=ENVIRONMENT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 100


def test_every_command_of_the_table_has_help():
    for name in re.findall(r"^\| `neurocluster (\w+)", README, re.MULTILINE):
        done = subprocess.run(
            [*COMMAND, name, "--help"], check=True, capture_output=True
        )
        assert done.stdout
