"""Key files and variables: who may read them, what a wrong one says."""

import errno
import io
import json
import os
import stat

import pytest
import zmq

from neurocluster.errors import ConfigError, PlatformError
from neurocluster.transport import keys as k


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "cluster.key"
    k.write_keys(path, k.make_keys())
    return path


def test_a_pair_comes_back_from_its_file(tmp_path):
    made = k.make_keys()
    k.write_keys(tmp_path / "k", made)
    assert k.read_keys(tmp_path / "k") == made
    assert k.keys_of(made.secret, "x") == made


def test_only_the_owner_may_read_the_file(file):
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    with pytest.raises(
        ConfigError, match=r"others may read it \(mode 640\).*chmod 600"
    ):
        k.read_keys(file)


def test_no_file_is_overwritten(file):
    before = file.read_text()
    with pytest.raises(ConfigError, match="exists; name another file, or remove it"):
        k.write_keys(file, k.make_keys())
    assert file.read_text() == before


def test_where_no_file_can_be_written(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot write .*: No such file"):
        k.write_keys(tmp_path / "no" / "k", k.make_keys())


def test_half_a_key_is_not_left_on_a_full_disk(tmp_path, monkeypatch):
    class Full(io.StringIO):
        def write(self, _text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(
        os, "fdopen", lambda descriptor, _mode: os.close(descriptor) or Full()
    )
    with pytest.raises(ConfigError, match="No space left on device"):
        k.write_keys(tmp_path / "k", k.make_keys())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", '{"version": 2, "secret": "x"}', '{"version": 1}', "\udcff"],
)
def test_what_is_no_key_file(file, text):
    file.write_text(text, errors="surrogateescape")
    with pytest.raises(ConfigError, match="it is no key file"):
        k.read_keys(file)


@pytest.mark.parametrize("secret", ["", "short", "x" * 39, "\x7f" * 40, "é" * 40])
def test_a_wrong_secret_is_not_shown(file, secret):
    file.write_text(json.dumps({"version": 1, "secret": secret}))
    with pytest.raises(ConfigError, match="it holds no key") as caught:
        k.read_keys(file)
    assert not secret or secret not in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r"key: .*nix: No such file or directory"):
        k.read_keys(tmp_path / "nix")


def test_the_secret_is_in_no_text_of_a_pair():
    pair = k.make_keys()
    assert pair.secret not in repr(pair) + str(pair)


def test_the_environment_may_hold_the_secret(monkeypatch, tmp_path):
    pair = k.make_keys()
    monkeypatch.delenv(k.VARIABLE, raising=False)
    assert k.find_keys(None) is None
    monkeypatch.setenv(k.VARIABLE, pair.secret)
    assert k.find_keys(None) == pair
    other = k.make_keys()
    k.write_keys(tmp_path / "k", other)
    assert k.find_keys(tmp_path / "k") == other
    monkeypatch.setenv(k.VARIABLE, "nonsense")
    with pytest.raises(ConfigError, match="NEUROCLUSTER_KEY: it holds no key"):
        k.find_keys(None)


@pytest.mark.parametrize(("has", "version"), [(False, (4, 3, 5)), (True, (4, 3, 2))])
def test_a_library_without_sound_curve_is_refused(monkeypatch, has, version):
    monkeypatch.setattr(zmq, "has", lambda _name: has)
    monkeypatch.setattr(zmq, "zmq_version_info", lambda: version)
    with pytest.raises(PlatformError, match="cannot encrypt soundly"):
        k.make_keys()
