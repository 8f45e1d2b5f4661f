"""The client's engine: what it starts, and what it takes without compiling anew."""

import numpy as np

from neurocluster.client import engine as e
from neurocluster.coding.delay import input_order, rank_table
from neurocluster.model.graph import Input, Shape
from tests.support.links import link

SOURCE = Input(Shape(4, 5, 1))


def client():
    return e.Engine(
        (link(1, "a->client", 0, 3, 3),), (link(0, "client->a", 0, 20, 20),),
        ranks=rank_table(SOURCE), window=8, max_spikes=32,
    )  # fmt: skip


def payloads(engine):
    node = engine.node
    count = int(node.outbound["pieces_count"][0])
    return [
        node.outboxes[0][start + 48 : start + size].tobytes()
        for start, size in node.pieces[0][:count]
    ]


def test_every_layout_of_an_image_starts_the_same_frame_without_a_compiler():
    """A frame that compiles would keep the client silent for seconds."""
    image = np.arange(20, dtype=np.uint8) * 12
    locked = image.copy()
    locked.flags.writeable = False
    backwards, strided = image[::-1].copy()[::-1], np.repeat(image, 3)[::3]
    engine = client()
    engine.start(image)
    before = len(e.start_image.signatures)
    for other in (locked, backwards, strided):
        engine.start(other)
    assert len(e.start_image.signatures) == before == 1
    words = (input_order(image, SOURCE) << 1).astype("<u2").tobytes()
    assert payloads(engine) == [words] * 4


def test_the_window_limits_what_may_start():
    engine = client()
    for number in range(8):
        assert engine.can_start
        assert engine.started == number
        engine.start(np.zeros(20, np.uint8))
    assert not engine.can_start
