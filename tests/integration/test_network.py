"""Clusters whose links go over a network: keys, addresses, ports."""

import json

import ifaddr
import pytest

from tests.support.processes import neurocluster, start, summary, table, wait_for

FRAMES = 100


@pytest.fixture(scope="module")
def address():
    """An address of this machine that other hosts could reach."""
    found = [
        ip.ip
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
        if ip.is_IPv4 and not str(ip.ip).startswith("127.")
    ]
    if not found:
        pytest.skip("this machine has loopback only")
    return found[0]


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "cluster.key"
    assert neurocluster("keygen", path).returncode == 0
    return path


def cluster(tmp_path, address, *options, worker=()):
    """Start controller and workers; return them and the connection file."""
    connection = tmp_path / "c.json"
    controller = start(
        "controller",
        "--connection",
        connection,
        "--bind",
        f"tcp://{address}:*",
        *options,
    )
    wait_for(connection.exists)
    workers = start("worker", "--connect", connection, "--workers", 4, *worker)
    return controller, workers, connection


def end(*processes):
    """End processes; return what they wrote to standard error."""
    texts = []
    for process in processes:
        process.terminate()
        texts.append(process.communicate(timeout=5)[1])
    return texts


def test_an_encrypted_cluster_gives_the_same_results(tmp_path, address, key):
    secret = key.read_text().split('"secret": "')[1].split('"')[0]
    *processes, connection = cluster(
        tmp_path, address, "--key", key, "--clock", "pipeline", "--barrier",
        "dissemination", worker=("--ports", "23000-23040"),
    )  # fmt: skip
    out, local = tmp_path / "out", tmp_path / "local"
    done = neurocluster(
        "stream", "--connect", connection, "--out", out, "--frames", FRAMES
    )
    assert done.returncode == 0, done.stderr
    answer = neurocluster("status", connection)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("nothing to do: 4 workers stand by")
    texts = [done.stdout, done.stderr, answer.stdout, *end(*processes)]
    done = neurocluster("run", "--out", local, "--frames", FRAMES)
    assert done.returncode == 0
    texts += [p.read_text(errors="replace") for p in out.rglob("*") if p.is_file()]
    assert not any(secret in text for text in texts)
    assert summary(out)["barrier"]["kind"] == "dissemination"
    assert summary(out)["accuracy_by_count"] == summary(local)["accuracy_by_count"]
    columns = ("spikes_sent", "spikes_received")
    assert [[row[k] for k in columns] for row in table(out, "links.csv")] == [
        [row[k] for k in columns] for row in table(local, "links.csv")
    ]
    roster = (out / "roster.json").read_text()
    assert f"tcp://{address}:230" in roster


def test_without_a_key_a_cluster_is_open_only_if_somebody_says_so(tmp_path, address):
    bind = (
        "controller",
        "--connection",
        tmp_path / "c.json",
        "--bind",
        f"tcp://{address}:*",
    )
    done = neurocluster(*bind)
    assert done.returncode == 2
    assert "and nothing is encrypted" in done.stderr
    assert "neurocluster keygen cluster.key" in done.stderr
    *processes, connection = cluster(tmp_path, address, "--insecure")
    done = neurocluster(
        "stream", "--connect", connection, "--out", tmp_path / "o", "--frames", 10,
        "--no-compare",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    texts = [done.stderr, *end(*processes)]
    assert all("not encrypted: anybody on its network can" in text for text in texts)


def test_another_key_joins_nothing(tmp_path, address, key):
    other = tmp_path / "other.key"
    assert neurocluster("keygen", other).returncode == 0
    controller, workers, connection = cluster(tmp_path, address, "--key", key)
    done = neurocluster("status", connection, "--key", other)
    assert done.returncode == 1
    refusal = "hangs up on us: it has another key, or is no controller"
    assert refusal in done.stdout
    done = neurocluster("stop", connection, "--key", other)
    assert done.returncode == 1
    assert refusal in done.stderr
    end(controller, workers)


def test_a_worker_without_a_key_ends_at_once_and_for_good(tmp_path, address, key):
    """With 77, so that nothing starts it again."""
    controller, workers, connection = cluster(tmp_path, address, "--key", key)
    endpoint = json.loads(connection.read_text())["endpoint"]
    done = neurocluster("worker", "--connect", endpoint, "--insecure")
    assert done.returncode == 77
    assert f"{endpoint} asks for a key: --key, or its connection" in done.stderr
    done = neurocluster(
        "stream", "--connect", endpoint, "--insecure", "--out", tmp_path / "o",
        "--frames", 5,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"error: {endpoint} asks for a key: --key, or its conn" in done.stderr
    end(controller, workers)


def test_an_endpoint_needs_the_key_beside_it(tmp_path, address, key):
    endpoint = f"tcp://{address}:9"
    done = neurocluster("worker", "--connect", endpoint)
    assert done.returncode == 2
    assert f"{endpoint} is another host: pass its cluster's key by --key" in done.stderr
    key.chmod(0o644)
    done = neurocluster("worker", "--connect", endpoint, "--key", key)
    assert done.returncode == 2
    assert "others may read it (mode 644)" in done.stderr


def test_every_address_at_once_needs_one_to_tell(tmp_path, key):
    done = neurocluster(
        "controller", "--connection", tmp_path / "c", "--bind", "tcp://0.0.0.0:*",
        "--key", key,
    )  # fmt: skip
    assert done.returncode == 2
    assert "say by --advertise which one others connect to" in done.stderr
