"""What the report makes of an experiment's folder."""

import itertools
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.errors import ConfigError, DataError
from neurocluster.experiment.file import read_experiment as read_asked
from neurocluster.experiment.table import cell_columns
from neurocluster.report.experiment import is_experiment, read_experiment
from neurocluster.report.figure import saved, styled
from neurocluster.report.make import make_report
from neurocluster.report.ratios import ratio
from neurocluster.report.scale import Scale, at, label
from neurocluster.report.speedup import speedup
from neurocluster.report.trends import QUANTITIES, trend
from neurocluster.report.trials import parts_of_experiments
from tests.support.experiments import make_experiment
from tests.support.runs import make_run, write_lines

DELAY = Path(__file__).parents[3] / "configs" / "experiments" / "delay.toml"
RATE, MEDIAN, _, ACCURACY, _ = QUANTITIES


def svg(drawn):
    with styled(drawn.name):
        return saved(drawn.figure, "svg").decode()


def test_an_experiment_is_read(tmp_path):
    path = make_experiment(tmp_path / "e")
    assert is_experiment(path)
    e = read_experiment(path)
    assert (e.title, e.x, e.lines, e.others) == ("Delay", "delay_us", "clock", [])
    assert e.values("clock") == ["none", "pipeline", "step"]
    assert e.values("delay_us") == [0, 100, 1000, 10000]
    assert e.workers({"delay_us": 0, "clock": "step"}) == 4
    assert [k.outcome for k in e.outcomes] == ["holds", "refuted", "open"]
    first = e.points["frames_per_second"][0]
    assert (first.median, first.count) == (5000, 2)


def test_a_trend_says_who_leads_where(tmp_path):
    e = read_experiment(make_experiment(tmp_path / "e"))
    drawn = trend(e, RATE, "t")
    assert drawn.sentence.startswith(
        "At delay 0 us clock none has the most, 5,000 (4,700 to 5,250), step 2,000; at "
        "delay 10,000 us clock none has the most, 238 (224 to 250), step 95."
    )
    assert "Open marks: more processes than cores." in drawn.sentence
    assert "clock none has the least, 3.20 ms" in trend(e, MEDIAN, "t").sentence
    accuracy = trend(e, ACCURACY, "t").sentence
    assert "not told apart from pipeline and step" in accuracy
    assert "Open marks" not in accuracy
    text = svg(drawn)
    for shown in (">//<", ">0<", ">10,000<", ">pipeline<", ">delay, us<"):
        assert shown in text


def test_a_ratio_counts_whole_intervals(tmp_path):
    e = read_experiment(make_experiment(tmp_path / "e"))
    said = ratio(e, RATE, "r").sentence
    assert said.startswith("Below 1, clock none is better: pipeline lies below 1 with")
    assert "even between" not in said
    assert "step lies below 1 with its whole interval at 4, above at 0 of 4" in said
    assert "0.40 (0.38 to 0.42)" in said
    assert ratio(e, MEDIAN, "r").figure is None


def test_the_break_even_is_told(tmp_path):
    path = make_experiment(tmp_path / "e")
    lines = [
        {"delay_us": delay, "clock": "step", "quantity": "frames_per_second_ratio",
         "n": 5, "median": value, "low": value - 0.1, "high": value + 0.1}
        for delay, value in ((0, 1.2), (100, 1.05), (1000, 0.9), (10000, 0.5))
    ]  # fmt: skip
    with (path / "experiment.toml").open("a") as file:
        file.write('\n[grid]\nclock = ["none", "step"]\n')
    # The order of cells is rotated from repetition to repetition, that of words not.
    write_lines(path / "cells.csv", [*lines, lines[0] | {"clock": "none"}])
    said = ratio(read_experiment(path), RATE, "r").sentence
    assert "step lies below 1 with its whole interval at 1, above at 1 of 4" in said
    assert said.count("even between 100 and delay 1,000 us") == 1


def test_few_workers_are_not_marked(tmp_path):
    e = read_experiment(make_experiment(tmp_path / "e", cores=16))
    assert "Open marks" not in trend(e, RATE, "t").sentence
    (part,) = parts_of_experiments([e])
    assert part.section.remarks[0] == (
        "4 workers and a client on 16 cores: in 0 of 12 cells there are more processes "
        "than cores."
    )


def test_speed_up_is_marked_where_workers_exceed_cores(tmp_path):
    grid = {"partitions": (1, 4, 9), "delay_us": (0, 1000)}
    path = make_experiment(tmp_path / "e", grid, asked="", cores=4, outcomes=None)
    e = read_experiment(path)
    assert (e.x, e.lines) == ("partitions", "delay_us")
    drawn = speedup(e, "s")
    assert drawn.sentence.startswith(
        "0 reaches 3.00 times (2.82 to 3.15) at partitions"
    )
    assert "Speed-up there measures sharing, not scaling." in drawn.sentence
    assert ">ideal<" in svg(drawn)
    (part,) = parts_of_experiments([e])
    assert "speed-up" in part.figures
    assert (
        "1 to 9 workers and a client on 4 cores: in 4 of 6" in part.section.remarks[0]
    )


def test_other_settings_have_panels(tmp_path):
    grid = {"delay_us": (0, 10), "clock": ("none", "step"), "partitions": range(2, 10)}
    e = read_experiment(make_experiment(tmp_path / "e", grid))
    said = trend(e, RATE, "t").sentence
    assert said.startswith("With partitions 2, at delay 0 us clock none has the most")
    assert "2 further panels are left out." in said


def test_settings_that_are_words(tmp_path):
    grid = {"clock": ("none", "pipeline", "step")}
    path = make_experiment(tmp_path / "e", grid, asked="", outcomes=None)
    e = read_experiment(path)
    assert (e.x, e.lines) == ("clock", None)
    drawn = trend(e, RATE, "t")
    assert drawn.sentence.startswith("At clock none 5,000 (4,700 to 5,250); at clock")
    assert ">step<" in svg(drawn)


def test_an_unfinished_experiment(tmp_path):
    path = make_experiment(tmp_path / "e", outcomes=None)
    (path / "environment.json").unlink()
    results = [
        {"cell": 0, "repetition": k, "status": status}
        for k, status in enumerate(("done", "done", "failed"))
    ]
    write_lines(path / "results.csv", results)
    e = read_experiment(path)
    assert [(k.name, k.outcome) for k in e.outcomes] == [("H1", "open")]
    (part,) = parts_of_experiments([e])
    said = part.section.remarks
    assert "How many workers shared how many cores is not known." in said
    assert "Not all repetitions ended alike: 2 done and 1 failed." in said
    assert "Neither confirmed nor refuted: H1." in said
    (path / "cells.csv").unlink()
    with pytest.raises(ConfigError, match=r"no cells in cells\.csv; let it finish"):
        read_experiment(path)


def test_mistakes_are_named(tmp_path):
    path = make_experiment(tmp_path / "e", asked='[report]\nx = "delay"\n')
    with pytest.raises(ConfigError, match=r"x = 'delay' is no setting that varies \(d"):
        read_experiment(path)
    (path / "experiment.toml").write_text("[")
    with pytest.raises(DataError, match=r"experiment\.toml cannot be read"):
        read_experiment(path)
    (path / "experiment.toml").write_text("")
    (path / "outcomes.json").write_text("{}")
    with pytest.raises(DataError, match=r"outcomes\.json is no list"):
        read_experiment(path)
    write_lines(path / "cells.csv", [{"delay_us": 1, "quantity": "x", "n": 1}])
    with pytest.raises(DataError, match="has no column median"):
        read_experiment(path)


def test_a_page_of_an_experiment_and_a_run(tmp_path):
    grid = {"delay_us": (0, 10), "clock": ("none", "step")}
    folders = [make_experiment(tmp_path / "e", grid), make_run(tmp_path / "a")]
    seen = []
    report = make_report(folders, tmp_path / "out", seen.append)
    assert len(report.drawn) == 9 + 10
    assert seen[-1].startswith("drawing figure 19 of 19")
    assert '<td class="refuted">refuted</td>' in report.html
    assert "again by <code>neurocluster experiment" in report.html
    assert "Machine and versions" in report.html


NUMBERS = st.lists(
    st.floats(1e-3, 1e9) | st.integers(0, 10**9), min_size=1, max_size=8, unique=True
)


@given(NUMBERS)
def test_places_keep_the_order_of_numbers(numbers):
    scale = Scale(sorted(numbers))
    places = [scale.place(value) for value in scale.values]
    assert all(a < b or math.isclose(a, b) for a, b in itertools.pairwise(places))
    assert all(map(math.isfinite, places))


def test_zero_is_apart_from_logarithms():
    scale = Scale([0, 100, 1000, 10000])
    assert (scale.log, scale.zero) == (True, True)
    assert [scale.place(v) for v in (100, 1000, 10000)] == pytest.approx([2, 3, 4])
    assert scale.place(0) == 1.5
    assert scale.broken(0, 100)
    assert not scale.broken(100, 1000)
    assert not Scale([0, 1, 2]).log
    assert Scale(["a", "b"]).place("b") == 1


def test_settings_in_words():
    assert label("delay_us") == "delay, us"
    assert label("max_spikes") == "max spikes"
    assert at("delay_us", 1000) == "delay 1,000 us"
    assert at("clock", None) == "clock none"


def test_what_is_said_of_cells_is_no_setting(tmp_path):
    """The columns are those that `experiment.table` writes."""
    path = make_experiment(tmp_path / "e", {"clock": ("none", "step"), "window": (1,)})
    columns = cell_columns(read_asked(DELAY))
    lines = [
        dict.fromkeys(columns, 1) | {"clock": clock, "delay_us": delay}
        | {"quantity": "frames_per_second", "mean": 3.0 + delay, "oversubscribed": "x"}
        for clock in ("none", "layer") for delay in (0, 10)
    ]  # fmt: skip
    write_lines(path / "cells.csv", lines)
    e = read_experiment(path)
    assert (e.x, e.lines, e.others) == ("delay_us", "clock", [])
