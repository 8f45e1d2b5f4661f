"""Traces of whole clusters on a virtual clock: complete, in order, harmless."""

import numpy as np
import pytest
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

from neurocluster.dtypes import CLIENT
from neurocluster.member import trace as of_members
from neurocluster.report.perfetto import to_perfetto
from neurocluster.report.timeline import timeline
from neurocluster.results.trace import TraceFile
from neurocluster.transport.turn import CAUSES
from neurocluster.wire.shapes import PACKET_ROW, TURN_ROW
from tests.support.builders import planned, small_graph
from tests.support.cluster import VirtualCluster

P = {name: k for k, name in enumerate(PACKET_ROW)}
T = {name: k for k, name in enumerate(TURN_ROW)}
SPLIT = "conv=rows:2,hidden=neurons:3,out=neurons:2"


def traced(seed, frames, trace, split=SPLIT, **settings):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (frames, 6, 6, 2)).astype(np.uint8)
    graph = small_graph(seed)
    plan = planned(graph, split)
    cluster = VirtualCluster(
        graph, plan, seed, quantizer="floor", fire="settle", trace=trace, **settings
    )
    results = cluster.run(images)
    assert cluster.faults == []
    return cluster, plan, results


def as_file(cluster, plan, results):
    names = [*cluster.workers, CLIENT]
    tables = {name: cluster.traces[name].tables() for name in names}
    rows = [[1, *(int(row[k]) for k in (0, 1, 3, 4))] for row, _, _ in results]
    return TraceFile(
        names, ["h"] * len(names),
        {link.index: (link.source, link.destination) for link in plan.links},
        {name: tables[name][0].copy() for name in names},
        {name: tables[name][1].copy() for name in names},
        {name: cluster.traces[name].lost for name in names}, CAUSES,
        np.array(rows, np.int64),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_every_packet_is_written_down_once_within_a_turn(seed):
    cluster, plan, results = traced(seed, 8, 100)
    _, _, plain = traced(seed, 8, 0)
    assert [c.tolist() for _, c, _ in results] == [c.tolist() for _, c, _ in plain]
    assert [row.tolist() for row, _, _ in results] == [r.tolist() for r, _, _ in plain]
    trace = as_file(cluster, plan, results)
    for name, engine in (*cluster.workers.items(), (CLIENT, cluster.client)):
        packets, turns = trace.packets[name], trace.turns[name]
        assert cluster.traces[name].lost == (0, 0)
        for link in engine.node.inbound:
            mine = packets[packets[:, P["link"]] == link["index"]]
            assert mine[:, P["sequence"]].tolist() == [*range(1, link["packets"] + 1)]
            assert mine[:, P["spikes"]].sum() == link["spikes"]
        if name != CLIENT:
            sent = engine.node.outbound["spikes"].sum()
            assert packets[:, P["caused"]].sum() == sent
        assert (packets[:, P["received"]] >= packets[:, P["sent"]]).all()
        assert _within(turns, packets[:, P["received"]])
        assert _within(turns, packets[:, P["done"]])
        assert (turns[1:, T["begin"]] >= turns[:-1, T["end"]]).all()
        for source in {a for a, b in trace.links.values() if b == name}:
            links = [k for k, ends in trace.links.items() if ends == (source, name)]
            mine = packets[np.isin(packets[:, P["link"]], links)]
            assert _within(trace.turns[source], mine[:, P["sent"]])


def _within(turns, times):
    """Tell whether each time lies in some turn."""
    at = np.searchsorted(turns[:, T["begin"]], times, side="right") - 1
    return bool((at >= 0).all() and (times <= turns[at, T["end"]]).all())


def test_a_trace_ends_with_its_frames():
    cluster, _, _ = traced(1, 12, 5)
    for trace in cluster.traces.values():
        packets, turns = trace.tables()
        assert set(packets[:, P["frame"]]) == set(range(5))
        assert turns[-1, T["end"]] >= packets[-1, P["done"]]
        assert trace.lost == (0, 0)


def test_what_there_is_no_room_for_is_counted(monkeypatch):
    whole, _, _ = traced(2, 6, 100)
    monkeypatch.setattr(of_members, "ROOM", 7)
    cluster, plan, results = traced(2, 6, 100)
    for name, trace in cluster.traces.items():
        (packets, turns), missing = trace.tables(), trace.lost
        all_packets, all_turns = whole.traces[name].tables()
        assert packets.tolist() == all_packets[:7].tolist()
        assert turns.tolist() == all_turns[:7].tolist()
        assert missing == (len(all_packets) - len(packets), len(all_turns) - 7)
    lines = timeline(as_file(cluster, plan, results))
    assert lines.gaps == []
    assert lines.lost[0] == sum(t.lost[0] for t in cluster.traces.values()) > 0


@pytest.mark.parametrize("seed", range(3))
def test_a_perfetto_trace_has_an_arrow_for_each_packet(seed):
    """Read as viewers do: slices nest, each arrow leads from a turn into a turn."""
    cluster, plan, results = traced(seed, 6, 100)
    lines = timeline(as_file(cluster, plan, results))
    read = Trace()
    read.ParseFromString(to_perfetto(lines))
    count = sum(int(w.node.inbound["packets"].sum()) for w in cluster.workers.values())
    count += int(cluster.client.node.inbound["packets"].sum())
    names, parents, open_, begun, ended = {}, {}, {}, {}, {}
    for packet in read.packet:
        if packet.HasField("track_descriptor"):
            track = packet.track_descriptor
            names[track.uuid] = track.name or track.process.process_name
            parents[track.uuid] = track.parent_uuid
        if not packet.HasField("track_event"):
            continue
        event = packet.track_event
        stack = open_.setdefault(event.track_uuid, [])
        process = names[parents[event.track_uuid]].partition(" ")[0]
        if event.type == TrackEvent.TYPE_SLICE_END:
            stack.pop()
            continue
        assert all(name == "turn" for name in stack)
        for flow in event.flow_ids:
            assert stack == ["turn"]
            begun[flow] = (process, packet.timestamp)
        for flow in event.terminating_flow_ids:
            assert stack == ["turn"]
            ended[flow] = (process, packet.timestamp)
        if event.type == TrackEvent.TYPE_SLICE_BEGIN:
            stack.append(event.name)
    assert not any(open_.values())
    assert len(begun) == len(ended) == lines.packets == count
    ends = {(link.source, link.destination) for link in plan.links}
    for flow, (source, sent) in begun.items():
        to, received = ended[flow]
        assert (source, to) in ends
        assert received >= sent
    frames = [t for t in names.values() if t == "frames in flight"]
    assert 1 <= len(frames) <= 4  # the window


def test_who_was_lost_with_its_rows_is_named():
    trace = as_file(*traced(3, 4, 100))
    later = trace.packets["hidden.0"]
    trace.packets["hidden.0"] = later[:0]
    lines = timeline(trace)
    assert lines.gaps == ["hidden.0 in epoch 1"]
    count = sum(len(rows) for rows in trace.packets.values())
    assert lines.packets == count
