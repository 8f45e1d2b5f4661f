"""The end of a log, quoted once."""

from neurocluster.cluster.local import LocalCluster
from neurocluster.errors import WorkerLost
from neurocluster.launch.logs import MOST_LINES, log_end, quote_log


def test_the_end_of_a_log_is_short(tmp_path):
    path = tmp_path / "conv1.0.log"
    assert log_end(path) == []
    path.write_text("".join(f"line {k}\n" for k in range(20)))
    assert log_end(path) == [f"line {k}" for k in range(20 - MOST_LINES, 20)]


def test_a_log_is_quoted_once_and_only_if_it_says_something(tmp_path):
    path, error = tmp_path / "conv1.0.log", WorkerLost("partition conv1.0 left")
    quote_log(error, path)
    path.write_text("")
    quote_log(error, path)
    assert not hasattr(error, "__notes__")
    path.write_text("Traceback\nValueError: 3\n")
    quote_log(error, path)
    quote_log(error, path)
    assert error.__notes__ == [f"end of {path}:\n  Traceback\n  ValueError: 3"]
    assert str(error) == "partition conv1.0 left"


def test_a_cluster_quotes_the_log_of_the_partition_that_an_error_names(tmp_path):
    cluster = LocalCluster()
    (tmp_path / "conv1.0.log").write_text("bad\n")
    errors = [WorkerLost(t) for t in ("partition conv1.0 left", "the others left", "")]
    for error in errors:
        cluster.quote_log(error)
    assert not any(hasattr(error, "__notes__") for error in errors)
    cluster.logs = tmp_path
    for error in errors:
        cluster.quote_log(error)
    assert [hasattr(error, "__notes__") for error in errors] == [True, False, False]
