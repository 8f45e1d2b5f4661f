"""The wheel carries everything that a run needs."""

import subprocess
import sys

from tests.support.processes import ENVIRONMENT


def test_the_wheel_runs_ten_frames_elsewhere(tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    made = subprocess.run(
        [*build, "--outdir", tmp_path / "dist"], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--target", target, wheel], check=True)
    code = "import neurocluster, sys; assert sys.argv[1] in neurocluster.__file__"
    environment = ENVIRONMENT | {"PYTHONPATH": str(target)}
    options = {"cwd": tmp_path, "env": environment, "check": True}
    subprocess.run([sys.executable, "-c", code, str(target)], **options)
    command = [sys.executable, "-m", "neurocluster", "run", "--frames", "10", "-q"]
    subprocess.run([*command, "--out", tmp_path / "out"], timeout=120, **options)
    assert (tmp_path / "out" / "summary.json").exists()
