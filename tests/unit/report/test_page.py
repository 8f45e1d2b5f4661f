"""The page: one file, its drawings, and what it says of the folders."""

import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from neurocluster.errors import ConfigError
from neurocluster.report.figure import inline, saved, styled
from neurocluster.report.make import make_report, write_report
from neurocluster.report.page import page
from neurocluster.report.palette import COLOURS, SERIES, series, with_variables
from neurocluster.report.parts import parts_of_runs
from neurocluster.report.run import read_run
from tests.support.runs import frame_lines, make_run

VOID = {"meta", "path", "use", "rect", "br", "link", "img"}


class Tags(HTMLParser):
    """Collect tags and attributes; check that all are closed."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], [], []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in VOID or tag == "path":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        while self.open[-1] != tag:
            assert self.open.pop() in VOID
        self.open.pop()

    def handle_data(self, data):
        self.text.append(data)


def made(folders, out):
    report = make_report(folders, out, lambda _: None)
    tags = Tags()
    tags.feed(report.html)
    assert tags.open == []
    return report, tags


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The report of a run that has all, its tags, and the folder it is made for."""
    folder = make_run(tmp_path_factory.mktemp("runs") / "a b")
    out = folder / "report"
    return *made([folder], out), out


def test_a_page_needs_nothing_else(plain):
    report, tags, _ = plain
    used = {tag for tag, _ in tags.seen}
    assert not used & {"script", "link", "img", "iframe", "object"}
    for tag, attributes in tags.seen:
        assert not any(name.startswith("on") for name in attributes)
        if tag != "a":
            assert "src" not in attributes
    # The only addresses are names of XML vocabularies, which nobody fetches.
    assert set(re.findall(r"https?://([\w.]+)", report.html)) <= {
        "www.w3.org", "purl.org", "creativecommons.org", "matplotlib.org",
    }  # fmt: skip
    assert "url(http" not in report.html
    ids = [a["id"] for _, a in tags.seen if "id" in a and not _glyph(a["id"])]
    drawings = [name for name in ids if not name.startswith(("patch", "axes"))]
    clips = [name for name in drawings if re.fullmatch(r"[pm][0-9a-f]{10,}", name)]
    assert len(set(clips)) == len(clips), "drawings would use each other's parts"


def _glyph(name):
    return re.match(r"DejaVu|text_|line2d|figure_|matplotlib|xtick|ytick", name)


def test_every_figure_has_sentence_command_data_and_files(plain):
    report, tags, out = plain
    path = write_report(report, out)
    assert path == out / "report.html"
    assert path.read_text() == report.html
    assert len(report.drawn) == 10
    captions = report.html.split("<figcaption>")[1:]
    assert len(captions) == len(report.drawn)
    for caption in captions:
        assert "neurocluster report &#39;" in caption
        assert re.search(r"Data: <a href", caption)
    for _, attributes in tags.seen:
        target = attributes.get("href", "#")
        if not target.startswith("#"):
            assert (out / target.replace("%20", " ")).exists(), target
    for drawn in report.drawn:
        assert (out / "figures" / f"{drawn.name}.svg").read_bytes().startswith(b"<?xml")
        assert (out / "figures" / f"{drawn.name}.png").read_bytes()[1:4] == b"PNG"


def test_drawings_have_the_pages_colours(plain):
    report, _, _ = plain
    body = report.html.partition("</style>")[2]
    left = set(re.findall(r"#[0-9a-f]{6}\b", body.replace("&#", "")))
    assert not left - {"#000000"}, "these colours would not follow the scheme"
    assert "var(--blue)" in body
    assert 'aria-label="Latency of frames"' in body
    lights = [light for light, _ in COLOURS.values()]
    assert len(set(lights)) == len(lights)
    assert with_variables(f"fill: {SERIES[0]}; #123456") == "fill: var(--blue); #123456"
    assert len({series(k)[:2] for k in range(32)}) == 32


def test_the_same_run_gives_the_same_files(plain):
    report, _, out = plain
    for name in ("network", "latency"):
        with styled(name):
            (part,) = parts_of_runs([read_run(out.parent)])
            figure = part.figures[name](name).figure
            for form in ("svg", "png"):
                assert saved(figure, form) == report.files[f"{name}.{form}"]


def test_what_files_say_is_escaped(tmp_path):
    bad = "<script>alert(1)</script>"
    folder = make_run(
        tmp_path / "a", errors=[(3, bad)], network=bad, frames_failed=1,
        recoveries=[{"reason": bad, "last_finished": 4, "seconds": None}],
        frames=frame_lines(labels=False),
    )  # fmt: skip
    report, tags = made([folder], tmp_path / "out")
    assert "script" not in {tag for tag, _ in tags.seen}
    assert "Errors of frames (1 in errors.csv)" in report.html
    assert "".join(tags.text).count(bad) == 3
    assert report.html.count("Nothing to draw.") == 2
    assert "a: 1 frame failed; see its errors." in report.html


def test_several_runs_have_a_section_each(tmp_path):
    folders = [make_run(tmp_path / name) for name in ("a", "b", "A")]
    parts = parts_of_runs([read_run(folder) for folder in folders])
    names = [name for part in parts for name in part.figures]
    assert len(set(names)) == len(names) == 3 + 3 * 7
    sections = [replace(part.section, drawn=[]) for part in parts]
    html = page("t", sections, "neurocluster report", tmp_path)
    headings = re.findall(r"<h2>(.*)</h2>", html)
    assert headings == ["Side by side", "a", "b", "A"]
    assert html.count("again by <code>neurocluster run --config") == 3


def test_an_older_report_is_replaced(plain, tmp_path):
    report, _, _ = plain
    write_report(report, tmp_path)
    old = tmp_path / "figures" / "old.svg"
    old.write_text("")
    write_report(report, tmp_path)
    assert not old.exists()
    assert len(list((tmp_path / "figures").iterdir())) == len(report.files)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"out: cannot write .*; choose another"):
        write_report(report, tmp_path / "file" / "x")


def test_a_drawing_is_named_and_as_wide_as_its_place():
    svg = '<?xml?><svg width="72pt" viewBox="0 0 72 36" version="1.1"><g/></svg>'
    assert inline(svg, "t") == (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 36" role="img" '
        'aria-label="t" style="max-width: 96px"><g/></svg>'
    )


def test_other_commands_load_no_drawing_library():
    code = (
        "import sys, neurocluster.cli.main, neurocluster.cli.report;"
        "assert not {'matplotlib', 'jinja2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_who_lacks_the_extra_is_told(tmp_path):
    folder = make_run(tmp_path / "a")
    for name in ("matplotlib", "jinja2"):
        code = (
            f"import sys; sys.modules[{name!r}] = None\n"
            "from neurocluster.cli.main import main\n"
            f"sys.argv = ['neurocluster', 'report', {str(folder)!r}]; main()"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert "install the extra: pip install 'neurocluster[report]'" in done.stderr
        assert name in done.stderr
