"""The download path of the training tool, against a local server."""

import gzip
import hashlib
import importlib.util
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from neurocluster import load_dataset, load_network
from neurocluster.errors import DataError

TOOL = Path(__file__).parent.parent.parent / "tools" / "train_reference.py"
FILES = {"a-idx": b"content a", "b-idx": b"content b"}


@pytest.fixture
def tool(monkeypatch):
    spec = importlib.util.spec_from_file_location("train_reference", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
    monkeypatch.setattr(module, "CONTENT_SHA256", digests)
    return module


@pytest.fixture
def server():
    answers = {f"/{name}.gz": gzip.compress(data) for name, data in FILES.items()}
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            data = answers.get(self.path)
            self.send_response(200 if data is not None else 404)
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        http.answers, http.asked = answers, asked
        yield http
        http.shutdown()
        thread.join()


def mirror(server):
    return f"http://127.0.0.1:{server.server_address[1]}"


def test_files_are_fetched_once(tool, server, tmp_path):
    folder = tool.download(tmp_path / "cache", mirror(server))
    assert gzip.decompress((folder / "a-idx.gz").read_bytes()) == FILES["a-idx"]
    tool.download(folder, mirror(server))
    assert sorted(server.asked) == ["/a-idx.gz", "/b-idx.gz"]


def test_a_partial_file_is_fetched_again(tool, server, tmp_path):
    (tmp_path / "a-idx.gz").write_bytes(gzip.compress(FILES["a-idx"])[:10])
    tool.download(tmp_path, mirror(server))
    assert gzip.decompress((tmp_path / "a-idx.gz").read_bytes()) == FILES["a-idx"]


def test_a_wrong_file_is_refused(tool, server, tmp_path):
    server.answers["/b-idx.gz"] = gzip.compress(b"something else")
    with pytest.raises(DataError, match="checksum"):
        tool.download(tmp_path, mirror(server))
    assert not (tmp_path / "b-idx.gz").exists()


def test_a_missing_file_is_named(tool, server, tmp_path):
    del server.answers["/a-idx.gz"]
    with pytest.raises(DataError, match=r"a-idx.gz.*404.*--data"):
        tool.download(tmp_path, mirror(server))


def test_bursts_put_each_partition_after_the_other(tool):
    order = tool.bursts(load_network(), "conv1=rows:4,conv2=channels:2,fc1=neurons:2")
    random = np.random.default_rng(0)
    assert order(0, np.array([5, 3, 4])).tolist() == [0, 1, 2]  # the input is not cut
    addresses = random.permutation(14 * 14 * 16)[:500]
    rows = (addresses // (14 * 16))[order(1, addresses)]
    part = np.searchsorted([4, 8, 11], rows, side="right")
    assert (np.diff(part) >= 0).all()  # 14 pooled rows in four: 4, 4, 3, 3
    first = addresses[order(1, addresses)][part == 0]
    assert first.tolist() == [a for a in addresses if a < 4 * 14 * 16]
    addresses = random.permutation(7 * 7 * 8)
    channels = (addresses % 8)[order(2, addresses)]
    assert (np.diff(channels >= 4) >= 0).all()
    addresses = random.permutation(256)
    assert (np.diff(addresses[order(3, addresses)] >= 128) >= 0).all()


def test_a_threshold_is_the_largest_that_costs_little(tool, capsys):
    data = load_dataset()
    found = tool.choose_threshold(load_network(), data.images[:300], data.labels[:300])
    lines = capsys.readouterr().err.splitlines()
    accuracies = {
        float(line.split()[1].rstrip(":")): [
            float(word) for word in re.findall(r"\d\.\d{4}", line)
        ]
        for line in lines
    }
    best = max(chain for chain, _ in accuracies.values())
    fits = [t for t, pair in accuracies.items() if min(pair) >= best - tool.TOLERANCE]
    assert found == max(fits)
