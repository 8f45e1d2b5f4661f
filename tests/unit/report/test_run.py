"""Reading what a run left."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.errors import ConfigError, DataError
from neurocluster.report.ends import columns, ends, resolved, why_untimed
from neurocluster.report.run import distinct, read_run
from tests.support.runs import frame_lines, make_run


def test_a_run_is_read(tmp_path):
    run = read_run(make_run(tmp_path / "a"))
    assert (run.name, run.frames_done, run.seconds) == ("a", 100, 0.2)
    assert run.frames.labelled
    assert run.frames.accuracy == 0.9
    assert run.frames.latency[[0, -1]].tolist() == [1e6, 2e6]
    assert [link["packets"] for link in run.links] == [100, 101, 102, 103, 104]


def test_failed_frames_and_silent_ones(tmp_path):
    frames = frame_lines(4)
    for name in list(frames[1])[2:]:
        frames[1][name] = None
    frames[2]["first_output_ns"] = None
    run = read_run(make_run(tmp_path / "a", frames=frames))
    assert run.frames_done == 3
    assert np.isnan(run.frames.first_output).tolist() == [False, True, False]


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none is no folder; give that of a run or"):
        read_run(tmp_path / "none")
    with pytest.raises(ConfigError, match=r"no folder of a run.*no summary\.json$"):
        read_run(tmp_path)
    make_run(tmp_path / "b")
    with pytest.raises(ConfigError, match=r"summary\.json; runs in it: b"):
        read_run(tmp_path)
    (tmp_path / "b" / "summary.json").unlink()
    with pytest.raises(ConfigError, match=r"b has left no summary\.json: it has not"):
        read_run(tmp_path / "b")


def test_damaged_files_are_named(tmp_path):
    path = make_run(tmp_path / "a")
    with (path / "links.csv").open("a") as file:
        file.write("1,2\n")
    with pytest.raises(DataError, match=r"links\.csv, line 7: 2 fields for 26 columns"):
        read_run(path)
    (path / "summary.json").write_text("{")
    with pytest.raises(DataError, match=r"summary\.json cannot be read"):
        read_run(path)
    (path / "summary.json").write_text("[]")
    with pytest.raises(DataError, match="no summary of a run"):
        read_run(path)


def test_names_tell_runs_apart(tmp_path):
    paths = [tmp_path / "x" / "a", tmp_path / "y" / "a", tmp_path / "b"]
    runs = distinct([read_run(make_run(path)) for path in paths])
    assert [run.name for run in runs] == ["x/a", "y/a", "b"]
    twice = distinct([read_run(paths[2]), read_run(paths[2])])
    assert len({run.name for run in twice}) == 2


def test_a_time_is_resolved_if_it_exceeds_its_error():
    link = {"transit_ns_p50": 10, "transit_error_ns": 11, "packets": 3, "clock": "udp"}
    assert resolved(link) is False
    assert resolved(link | {"transit_error_ns": 10}) is True
    assert resolved(link | {"transit_ns_p50": None}) is None
    assert why_untimed(link | {"clock": "invalid"}) == "its clock jumped"
    assert why_untimed(link | {"packets": 0}) == "nothing came"


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(1, 8)), min_size=1))
def test_links_lead_to_the_right(pairs):
    """In any acyclic network every link ends in a later layer than it begins."""
    links = [
        {"source": f"p{a}" if a else "client", "destination": f"p{b}"}
        for a, b in pairs if a < b
    ]  # fmt: skip
    links.append({"source": "client", "destination": "p8"})
    links.append({"source": "p8", "destination": "client"})
    layers = columns(links)
    layer = {name: k for k, names in enumerate(layers) for name in names}
    assert all(layer[a] < layer[b] for a, b in map(ends, links))
    assert layers[-1] == ["client "]
    assert len(layer) == sum(map(len, layers))


def test_partitions_are_in_the_order_of_their_numbers():
    links = [{"source": "client", "destination": f"a.{k}"} for k in range(11)]
    assert columns(links)[1][-2:] == ["a.9", "a.10"]


def test_a_ring_ends_too():
    links = [{"source": a, "destination": b} for a, b in ("ab", "bc", "ca")]
    assert sorted(n for names in columns(links) for n in names) == ["a", "b", "c"]
