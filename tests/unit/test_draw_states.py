"""The diagrams in ARCHITECTURE.md are those of the tables."""

import importlib.util
from pathlib import Path

import pytest

from neurocluster.controller import epochs, members, session, watch, wiring
from neurocluster.member import state as member
from neurocluster.transport import control

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location(
        "draw_states", ROOT / "tools" / "draw_states.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_architecture_shows_the_present_tables(tool):
    """If this fails, run tools/draw_states.py."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert tool.redrawn(text) == text


def test_a_diagram_has_an_edge_for_each_change_of_phase(tool):
    drawn = tool.section()
    assert "wire --> run : BEAT, LINKED" in drawn
    assert "linked --> running : GO" in drawn
    assert "running --> faulty : link fault" in drawn
    assert "run --> run" not in drawn


def test_a_document_without_markers_is_refused(tool):
    with pytest.raises(ValueError, match="lacks a marker comment"):
        tool.redrawn("no markers")


def test_every_phase_can_be_reached_and_left(tool):
    for table, first in (
        (tool.controller.TRANSITIONS, tool.controller.Phase.GATHER),
        (tool.member.TRANSITIONS, tool.member.Phase.JOINING),
    ):
        phases = set(type(first))
        reached = {to for step in table.values() for to in step.to} | {first}
        left = {phase for (phase, _), step in table.items() if step.to}
        assert reached == phases
        assert phases - left == {type(first)["ENDED"]}


def test_architecture_tells_the_present_time_outs():
    table = {
        "beat, and REGISTER": [member.BEAT_NS],
        "lease": [members.LEASE_MS * 1_000_000],
        "silence": [watch.SILENCE_NS],
        "stalled link": [watch.STALL_NS],
        "control connection": [control.GIVE_UP_MS * 1_000_000],
        "wiring": [wiring.WIRE_NS],
        "losses": [epochs.TOGETHER_NS],
        "reports": [session.STOP_NS, session.REPORT_NS],
        "drain": [session.DRAIN_NS],
        "a client gives up": [member.CLIENT_GIVE_UP_NS, member.GIVE_UP_NS],
    }
    lines = (ROOT / "ARCHITECTURE.md").read_text().splitlines()
    for name, times in table.items():
        (row,) = (line for line in lines if line.startswith(f"| {name}"))
        for time_ns in times:
            assert f"{time_ns / 1e9:g} s" in row
