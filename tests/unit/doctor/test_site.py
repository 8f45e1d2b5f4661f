"""Who is examined, how they are logged in to, and by which of our addresses."""

import pytest

from neurocluster.doctor.site import Site, site_of
from neurocluster.errors import ConfigError
from neurocluster.launch.hosts import HostEntry
from neurocluster.model.placement import Host
from neurocluster.transport.address import Reach


def named(*entries):
    hosts = tuple(entry.host for entry in entries)
    return Site(hosts, {entry.name: entry for entry in entries})


def test_without_a_file_it_is_this_machine_alone():
    assert site_of("local", None) == Site()
    assert Site().python("this machine") == "python"


def test_a_hosts_file(tmp_path):
    path = tmp_path / "hosts.toml"
    path.write_text('[[host]]\nname = "n1"\ncores = 3\npython = "/opt/p"')
    found = site_of("ssh", path)
    assert found.hosts == (Host("n1", 3),)
    assert found.python("n1") == "/opt/p"
    path.write_text('[[host]]\nname = "this machine"')
    with pytest.raises(ConfigError, match="no host can be called 'this machine'"):
        site_of("ssh", path)


def test_how_to_log_in_by_hand():
    full = HostEntry("a", "10.0.0.1", 2222, "me", "/k/id")
    found = named(full, HostEntry("b"))
    assert found.login("a") == "ssh -p 2222 -i /k/id me@10.0.0.1 true"
    assert found.login("b") == "ssh b true"
    assert Site((Host("node", 1),)).login("node") == ""


def test_the_first_host_with_a_route_tells_our_address():
    found = named(HostEntry("no.such.name.invalid"), HostEntry("127.0.0.1"))
    rendezvous = found.rendezvous(Reach())
    assert (rendezvous.bind, rendezvous.advertise) == ("127.0.0.1", "127.0.0.1")
    with pytest.raises(ConfigError, match=r"no route to no\.such\.name"):
        named(HostEntry("no.such.name.invalid")).rendezvous(Reach())


def test_logs_of_a_job_are_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = Site((Host("node", 1),))
    with job.logs() as folder:
        assert folder.parent == tmp_path
    assert not list(tmp_path.iterdir())
    with named(HostEntry("a")).logs() as folder:
        assert folder.parent != tmp_path


def test_a_working_folder_where_none_can_be_made(monkeypatch):
    monkeypatch.chdir("/proc")
    with (
        pytest.raises(ConfigError, match=r"folder in /proc: .*; go to one"),
        Site((Host("node", 1),)).logs(),
    ):
        pass
