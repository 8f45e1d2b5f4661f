"""Histograms of links: what is written is read again, what is damaged is named."""

import numpy as np
import pytest

from neurocluster.errors import DataError
from neurocluster.member.details import Detail
from neurocluster.metrics.histogram import lower_edges
from neurocluster.results.folder import RunFolder
from neurocluster.results.spans import SPAN_COLUMNS, read_spans, write_spans

LINKS = {"links": [[0, "client->conv1.0", "client", "conv1.0"]]}
HEAD = ",".join(SPAN_COLUMNS)


def test_sessions_add_up(tmp_path):
    folder = RunFolder(tmp_path)
    rows = np.array([[0, 1, 70, 3], [0, 3, 5, 1], [7, 1, 70, 9], [0, 1, 70, 0]])
    for _ in range(2):
        write_spans(folder, LINKS, [Detail(0, "spans", 0, rows)])
    low = int(lower_edges()[70])
    assert read_spans(tmp_path / "spans.csv") == {
        ("client", "conv1.0", "transit", low): 6,
        ("client", "conv1.0", "service", 5): 2,
    }


def test_without_a_file_there_is_nothing(tmp_path):
    assert read_spans(tmp_path / "spans.csv") == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("../../x,fc1.0,transit,5,1", "'../../x' is no partition"),
        ("fc1.0,/etc/x.0,transit,5,1", "'/etc/x.0' is no partition"),
        ("fc1,client,transit,5,1", "'fc1' is no partition"),
        ('"a,b",client,transit,5,1', "'a,b' is no partition"),
        ('fc1.0,client,"a,b",5,1', "span 'a,b' is none of batching, transit"),
        ('fc1.0,client,"tran\nsit",5,1', "span 'tran"),
        ("fc1.0,client,transit,65,1", "from_ns '65' is where no bin begins"),
        ("fc1.0,client,transit,-1,1", "from_ns '-1' is where"),
        ("fc1.0,client,transit,5,-1", "packets '-1' is no number from 1 to"),
        ("fc1.0,client,transit,5,0", "packets '0' is no number"),
        (f"fc1.0,client,transit,5,{1 << 64}", "is no number from 1 to"),
        ("fc1.0,client,transit,5,1.5", "packets '1.5' is no number"),
        ("fc1.0,client,transit,5", "packets '' is no number"),
    ],
)
def test_damaged_spans_are_named(tmp_path, line, said):
    path = tmp_path / "spans.csv"
    path.write_text(f"{HEAD}\nclient,conv1.0,transit,64,3\n{line}\n")
    with pytest.raises(DataError) as caught:
        read_spans(path)
    number = 3 + line.count("\n")
    assert str(caught.value).startswith(f"{path}, line {number}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"source,destination\nclient,fc1.0\n", "no 'span'"),
        (HEAD.encode() + b'\n"client,fc1.0\n', "unexpected end of data"),
        (b"\xff\n", "can't decode"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, data, said):
    path = tmp_path / "spans.csv"
    path.write_bytes(data)
    with pytest.raises(DataError, match=said) as caught:
        read_spans(path)
    assert str(path) in str(caught.value)


def test_a_damaged_file_that_a_session_would_add_to_is_named(tmp_path):
    (tmp_path / "spans.csv").write_text("x\ny\n")
    with pytest.raises(DataError, match="remove it"):
        write_spans(RunFolder(tmp_path), LINKS, [])
