"""The tables of a status fit a terminal of 100 columns."""

import io

from rich.console import Console

from neurocluster.cli.status_table import tables
from tests.support.status import member, rows, spare, status

LINKS = tuple(
    (k, f"convolution{k}.10", f"convolution{k + 1}.10") for k in range(4)
)  # fmt: skip


def drawn(found):
    console = Console(file=io.StringIO(), width=100, highlight=False)
    console.print(tables(found))
    return console.file.getvalue()


def test_long_names_and_numbers_fit():
    busy = {
        "host": "compute-node-0123.example.org", "heard_ms": 12_345, "frame": 10**7,
        "moved_ms": 12_345, "open_frames": 100, "received": rows((0, 10**12, 10**7)),
        "sent": rows((1, 10**12, 9999)),
    }  # fmt: skip
    names = dict.fromkeys(name for _, *ends in LINKS for name in ends)
    found = status(
        [member(name, 4_194_304, **busy) for name in names] + [spare(4_194_303)],
        LINKS, recoveries=((12_000, 40, "partition convolution1.10 was silent"),),
    )  # fmt: skip
    text = drawn(found.seen(lambda _pid, _host: "T"))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert sum("4194304" in line for line in lines) == len(names)
    assert "convolution0.10->convolution1.10" in text
    assert "12.0 s ago, took 0.04 s: partition convolution1.10" in text


def test_strangers_are_told_where_they_came():
    assert "Strangers" not in drawn(status([member("client"), member("a.0")]))
    found = status([member("client"), member("a.0", 5, refused=1200)], strangers=3)
    assert drawn(found).splitlines()[-3:] == [
        "Strangers:",
        "  controller: 0 connections turned away, 3 messages dropped",
        "  a.0 (pid 5): 1,200 connections turned away, 0 messages dropped",
    ]


def test_it_says_what_each_waits_for():
    found = status(
        [
            member("client", 1, open_frames=1, frame=4, finished=3,
                   received=rows((2, 0, 4))),
            member("a.0", 2, blocked=True, open_frames=1, frame=4,
                   sent=rows((1, 9, 5)), received=rows((0, 1, 5))),
            member("b.0", 3, open_frames=1, frame=4, received=rows((1, 9, 5))),
            spare(4),
        ]
    )  # fmt: skip
    lines = {line.split()[0]: line for line in drawn(found).splitlines() if line}
    assert lines["client"].rstrip().endswith("4  b.0")
    assert lines["a.0"].rstrip().endswith("4  b.0 to receive")
    assert lines["b.0"].rstrip().endswith("4  its kernel")
    assert lines["spare"].rstrip().endswith("-  a part")
    assert "oldest open frame 4, at b.0" in lines["controller:"]
