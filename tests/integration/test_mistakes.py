"""A user's mistakes: one line that names thing, place and remedy; no traceback."""

import gzip
import json
import os
import socket
import struct

import numpy as np
import pytest

from neurocluster import load_network, save_network
from tests.support.processes import neurocluster


def check(done, code, *words):
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    for word in words:
        assert word in done.stderr, done.stderr


def write_idx(folder, images, labels=None):
    folder.mkdir()
    head = struct.pack(f">HBB{images.ndim}I", 0, 8, images.ndim, *images.shape)
    path = folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(head + images.tobytes()))
    if labels is not None:
        head = struct.pack(">HBBI", 0, 8, 1, len(labels))
        (folder / "t10k-labels-idx1-ubyte").write_bytes(head + labels.tobytes())


def test_a_truncated_network_file(tmp_path):
    path = tmp_path / "n.npz"
    save_network(path, load_network())
    path.write_bytes(path.read_bytes()[:5000])
    done = neurocluster("run", "--network", path)
    check(done, 3, str(path), "truncated")


def test_a_network_without_an_array(tmp_path):
    path = tmp_path / "n.npz"
    save_network(path, load_network())
    with np.load(path) as arrays:
        kept = {k: arrays[k] for k in arrays.files if k != "fc1.bias"}
    np.savez(path, **kept)
    check(neurocluster("run", "--network", path), 3, "array 'fc1.bias' is missing")


def test_a_missing_network_and_data_folder(tmp_path):
    done = neurocluster("run", "--network", tmp_path / "none.npz")
    check(done, 3, "none.npz does not exist")
    check(neurocluster("run", "--data", tmp_path / "none"), 3, "does not exist")
    check(neurocluster("run", "--data", tmp_path), 3, "t10k-images-idx3-ubyte")


def test_images_of_a_wrong_shape(tmp_path):
    write_idx(tmp_path / "d", np.zeros((3, 20, 20), np.uint8))
    done = neurocluster("run", "--data", tmp_path / "d")
    check(done, 3, "images of 20x20x1, the network takes 28x28x1")


def test_missing_labels_are_no_mistake(tmp_path):
    write_idx(tmp_path / "d", np.full((3, 28, 28), 90, np.uint8))
    out = tmp_path / "out"
    done = neurocluster("run", "--data", tmp_path / "d", "--out", out)
    check(done, 0)
    assert '"accuracy_by_count": null' in (out / "summary.json").read_text()


def test_a_data_set_with_fewer_labels_than_images(tmp_path):
    images = np.zeros((3, 28, 28), np.uint8)
    write_idx(tmp_path / "d", images, np.zeros(2, np.uint8))
    check(neurocluster("run", "--data", tmp_path / "d"), 3, "2 labels for 3 images")


def test_a_folder_without_write_permission(tmp_path):
    tmp_path.chmod(0o500)
    as_others = []
    if os.geteuid() == 0:  # root may write everywhere, unless it gives that up
        as_others = ["setpriv", "--bounding-set=-dac_override"]
    done = neurocluster("run", "--out", tmp_path / "out", prefix=as_others)
    check(done, 2, "out: cannot make folder", "Permission denied")


def test_a_folder_that_cannot_be_made():
    done = neurocluster("run", "--out", "/proc/neurocluster")
    check(done, 2, "out: cannot make folder /proc/neurocluster")


def test_a_folder_that_is_not_empty(tmp_path):
    (tmp_path / "x").write_text("")
    check(neurocluster("run", "--out", tmp_path), 2, "is not empty; give a new one")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        (
            "--split",
            "conv1=neurons:2",
            "a convolution is cut by rows or channels",
        ),
        ("--split", "conv9=rows:2", "no weight layer is named conv9"),
        ("--split", "conv1=rows:99", "exceeds its 14 rows"),
        ("--split", "conv1", "write LAYER=KIND:PARTS"),
        ("--quantizer", "foo", "none of hysteresis, floor, round"),
        ("--window", "0", "window: 0 must be from 1"),
        ("--memory", "much", "memory: 'much' is no size; write bytes, or a number"),
        ("--memory", "100M", "the limit is 100.0 MiB; most of it is the base of 7"),
        ("--start", "99999", "start: 99999 lies behind the 10000 frames"),
        ("--config", "/nowhere.toml", "cannot read config /nowhere.toml"),
    ],
)
def test_wrong_options(option, value, words):
    check(neurocluster("run", option, value), 2, words)


def test_a_limit_of_memory_holds_for_controller_and_describe(tmp_path):
    words = "this plan may take", "the limit is 100.0 MiB", "smaller window (now 16)"
    path = tmp_path / "c.json"
    done = neurocluster("controller", "--memory", "100M", "--connection", path)
    check(done, 2, *words)
    assert not path.exists()
    done = neurocluster("describe", "--memory", "100M", "--json")
    check(done, 2, *words)
    assert json.loads(done.stdout)["cluster_memory_bytes"] > 100 << 20


def test_wrong_thresholds():
    check(neurocluster("run", "--threshold", "x"), 2, "threshold 'x'")
    check(neurocluster("run", "--threshold", "-1"), 3, "above 0")
    check(neurocluster("run", "--threshold", "1,2"), 3, "2 thresholds given")


def test_an_unknown_key_suggests_the_nearest(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("windwo = 3\n")
    done = neurocluster("run", "--config", path)
    check(done, 2, str(path), "unknown key 'windwo'; did you mean 'window'?")


def test_a_port_that_is_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = neurocluster(
            "controller", "--bind", f"tcp://127.0.0.1:{port}",
            "--connection", tmp_path / "c.json",
        )  # fmt: skip
    check(done, 1, f"cannot bind the control endpoint tcp://127.0.0.1:{port}")


def test_a_missing_connection_file(tmp_path):
    done = neurocluster("worker", "--connect", tmp_path / "c.json")
    check(done, 2, "is the controller running?")


def test_help_has_examples():
    for command in (
        "run",
        "controller",
        "worker",
        "stream",
        "status",
        "stop",
        "doctor",
        "describe",
        "warm",
        "bench",
    ):
        done = neurocluster(command, "--help")
        assert done.returncode == 0
        assert "Example: neurocluster" in done.stdout


@pytest.mark.parametrize("endpoint", ["tcp://", "foo://x", "tcp://127.0.0.1:abc"])
@pytest.mark.parametrize("command", ["worker", "stream", "status", "stop"])
def test_what_is_no_endpoint(command, endpoint, tmp_path):
    named = ("--connect", endpoint) if command in ("worker", "stream") else (endpoint,)
    done = neurocluster(command, *named, cwd=tmp_path)
    check(done, 2, f"error: connect: {endpoint} is no endpoint: ")


def test_more_workers_than_the_system_lets_us_start(tmp_path):
    done = neurocluster(
        "worker", "--connect", f"ipc://{tmp_path}/x", "--workers", 80,
        prefix=("prlimit", "--nofile=60:60"),
    )  # fmt: skip
    check(
        done, 1, "error: cannot start worker ", " of 80: Too many open files; ask for"
    )


def test_a_run_to_go_on_with_that_was_damaged(tmp_path):
    out = tmp_path / "out"
    assert neurocluster("run", "--frames", 5, "--out", out).returncode == 0
    (out / "unfinished.npz").write_bytes(b"PK nonsense")
    done = neurocluster("run", "--resume", out)
    check(done, 2, f"resume: {out}/unfinished.npz is damaged", "start the run anew")
