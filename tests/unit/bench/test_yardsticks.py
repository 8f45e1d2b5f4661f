"""What yardstick programs print is found; what they lack is said."""

import sys

import pytest

from neurocluster.bench import yardsticks as y
from neurocluster.errors import ConfigError
from tests.support.builders import golden_graph, small_graph

KERNELS = """theta 0.7: 39.7 us a frame
  reset         0.80 us
  conv1+pool    7.60 us   in   104.0  fired   310.2   24.5 ns a fired
theta 1.0: 22.5 us a frame
"""
TRIAL = (
    "{mode:7} w{window:<3} m{spikes:<6} fps   16100 p50/99    263/   352 cpu/frame "
    "112.7 io  30.1 kern1p 39.7 insitu  51.0 hop  14.6 util   91% exact {exact} "
    "cpu [20.1, 30.2] pk [1.0, 1.0] turns [0.5] cs 2.1\n"
)
LINK = """N=    8 aio_uv      0.29 Mspikes/s      36.6 kpackets/s
N=    8 blk         6.40 Mspikes/s     800.6 kpackets/s
N= 4096 blk       490.09 Mspikes/s     119.7 kpackets/s
"""


def trial(mode="pystep", window=16, spikes=32768, exact=True):
    return TRIAL.format(mode=mode, window=window, spikes=spikes, exact=exact)


def test_kernels_are_read_by_threshold():
    assert y.read_kernels(KERNELS) == {"best_0.7_us": 39.7, "best_1_us": 22.5}


def test_trials_are_read_by_mode_and_window():
    text = trial() + trial("block") + trial(window=1) + trial("native", 64)
    found = y.read_trials(text)
    assert found["pystep_fps"] == 16100
    assert found["pystep_hop_us"] == 14.6
    assert found["pystep_cpu_us"] == 112.7
    assert found["pystep_busy_percent"] == 91
    assert found["pystep_single_p99_us"] == 352
    assert not any(name.startswith(("native", "block")) for name in found)


def test_a_trial_with_wrong_results_does_not_count():
    assert y.read_trials(trial(exact=False)) == {}


def test_trials_are_enough_when_each_was_printed_or_failed():
    lines = [trial(*key) for key in y.TRIALS]
    assert y.has_all_trials("".join(lines))
    assert not y.has_all_trials("".join(lines[1:]))
    assert y.has_all_trials("".join(lines[1:]) + "pystep 16 32768 INCOMPLETE 3\n")


def test_links_are_read_by_packet_size():
    assert y.read_link(LINK) == {"blocking_link_8": 6.4, "blocking_link_4096": 490.09}


def test_a_folder_must_hold_the_programs(tmp_path):
    with pytest.raises(ConfigError, match="is not a folder"):
        y.check_folder(tmp_path / "none", golden_graph(), [0.7])
    (tmp_path / "hop.py").touch()
    with pytest.raises(ConfigError, match=r"holds no kernels_best\.py, hop_core\.py"):
        y.check_folder(tmp_path, golden_graph(), [0.7])


def test_yardsticks_refuse_what_they_cannot_measure(tmp_path):
    for name in y.PROGRAMS:
        (tmp_path / name).touch()
    y.check_folder(tmp_path, golden_graph(), [0.7, 0.7])
    with pytest.raises(ConfigError, match="one threshold"):
        y.check_folder(tmp_path, golden_graph(), [0.7, 0.8])
    with pytest.raises(ConfigError, match="reference network only"):
        y.check_folder(tmp_path, small_graph(1), [0.7])


def program(tmp_path, text):
    path = tmp_path / "yardstick.py"
    path.write_text(text)
    return [sys.executable, str(path)]


def test_a_program_is_stopped_when_it_said_enough(tmp_path):
    command = program(
        tmp_path, "import time\nprint('one', flush=True)\ntime.sleep(60)\nprint('two')"
    )
    assert y.output_of(command, lambda text: "one" in text) == "one\n"


def test_a_program_that_fails_is_named(tmp_path):
    command = program(tmp_path, "raise SystemExit('no weights')")
    with pytest.raises(ConfigError, match=r"yardstick\.py ended with 1: no weights"):
        y.output_of(command, lambda _text: False)


def test_a_program_that_hangs_is_ended(tmp_path):
    command = program(tmp_path, "import time\ntime.sleep(60)")
    with pytest.raises(ConfigError, match=r"did not end within 0\.5 s"):
        y.output_of(command, lambda _text: False, 0.5)
