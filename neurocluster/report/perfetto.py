"""Write a time line as a Perfetto trace, by Perfetto's own library.

A process a member; its turns and what it waited for are tracks, packets are slices in
turns, and an arrow (a flow) leads from each packet's sending to its handling.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import (
    TracePacket,
    TrackDescriptor,
    TrackEvent,
)
from perfetto.trace_builder.proto_builder import TraceProtoBuilder

from neurocluster.report.timeline import Process, Slice, Timeline, Track

SEQUENCE: Final = 1
"""All packets of the file are of one writer."""


def to_perfetto(timeline: Timeline) -> bytes:
    """Return the bytes of a trace that ui.perfetto.dev opens."""
    builder = TraceProtoBuilder()
    first = min(
        (s.begin for p in timeline.processes for t in p.tracks for s in t.slices),
        default=0,
    )
    packet = builder.add_packet()
    packet.trusted_packet_sequence_id = SEQUENCE
    packet.sequence_flags = TracePacket.SEQ_INCREMENTAL_STATE_CLEARED
    uuid = 0
    for place, process in enumerate(timeline.processes, 1):
        uuid += 1
        _process(builder, process, place, uuid)
        parent = uuid
        for order, track in enumerate(process.tracks):
            uuid += 1
            _track(builder, track, uuid, parent, order)
            for when, slice_, kind in _events(track):
                _event(builder, uuid, when - first, slice_, kind)
    return bytes(builder.serialize())


def _process(builder: Any, process: Process, place: int, uuid: int) -> None:
    packet = builder.add_packet()
    packet.trusted_packet_sequence_id = SEQUENCE
    found = packet.track_descriptor
    found.uuid = uuid
    found.process.pid = place
    found.process.process_name = f"{process.name} on {process.host}"
    found.child_ordering = TrackDescriptor.EXPLICIT
    if process.error:
        found.description = f"times by the client's clock, +- {process.error} ns"


def _track(builder: Any, track: Track, uuid: int, parent: int, order: int) -> None:
    packet = builder.add_packet()
    packet.trusted_packet_sequence_id = SEQUENCE
    found = packet.track_descriptor
    found.uuid, found.parent_uuid, found.name = uuid, parent, track.name
    found.sibling_order_rank = order


def _events(track: Track) -> Iterator[tuple[int, Slice, Any]]:
    """Yield beginnings and ends in the order of time, packets within their turns."""
    outer = sorted(
        (s for s in track.slices if s.starts is None and s.ends is None),
        key=lambda s: (s.begin, s.end),
    )
    packets = sorted(
        (s for s in track.slices if s.starts is not None or s.ends is not None),
        key=lambda s: (s.begin, s.starts is not None),
    )
    done = 0
    for slice_ in outer:
        end = slice_.begin if slice_.end is None else slice_.end
        yield slice_.begin, slice_, TrackEvent.TYPE_SLICE_BEGIN
        while done < len(packets) and packets[done].begin <= end:
            yield from _packet(packets[done])
            done += 1
        yield end, slice_, TrackEvent.TYPE_SLICE_END
    for packet in packets[done:]:
        yield from _packet(packet)


def _packet(slice_: Slice) -> Iterator[tuple[int, Slice, Any]]:
    if slice_.end is None:
        yield slice_.begin, slice_, TrackEvent.TYPE_INSTANT
        return
    yield slice_.begin, slice_, TrackEvent.TYPE_SLICE_BEGIN
    yield slice_.end, slice_, TrackEvent.TYPE_SLICE_END


def _event(builder: Any, uuid: int, when: int, slice_: Slice, kind: Any) -> None:
    packet = builder.add_packet()
    packet.timestamp, packet.trusted_packet_sequence_id = when, SEQUENCE
    event = packet.track_event
    event.track_uuid, event.type = uuid, kind
    if kind == TrackEvent.TYPE_SLICE_END:
        return
    event.name = slice_.name
    if slice_.starts is not None:
        event.flow_ids.append(slice_.starts + 1)
    if slice_.ends is not None:
        event.terminating_flow_ids.append(slice_.ends + 1)
    for name, value in slice_.told.items():
        note = event.debug_annotations.add()
        note.name = name
        if isinstance(value, int):
            note.int_value = value
        else:
            note.string_value = value
