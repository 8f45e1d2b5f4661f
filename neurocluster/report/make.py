"""Make a report: read folders, draw, write the page and the figures' files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from neurocluster.errors import ConfigError, DataError
from neurocluster.report.attached import all_files
from neurocluster.report.experiment import is_experiment, read_experiment
from neurocluster.report.figure import Drawn, saved, styled
from neurocluster.report.page import FILES, Section, command_of, page
from neurocluster.report.parts import Part, parts_of_runs, slugs
from neurocluster.report.run import distinct, read_run
from neurocluster.report.trials import parts_of_experiments
from neurocluster.report.validation import is_validation, part_of
from neurocluster.report.words import listed
from neurocluster.results.folder import RunFolder

PAGE: Final = "report.html"
FIGURES: Final = "figures"
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Report:
    """A report that is made, in memory.

    Attributes:
        html: The page.
        drawn: Its figures.
        files: Bytes of each file of a figure, by name.
        others: Likewise of files that other programs open.
    """

    html: str
    drawn: Sequence[Drawn]
    files: dict[str, bytes]
    others: dict[str, bytes]


def make_report(folders: Sequence[Path], out: Path, progress: Progress) -> Report:
    """Read runs and experiments and draw them; write nothing.

    Args:
        folders: Of runs, experiments or validations of the simulation.
        out: Where the report will be written.
        progress: Told what is being done.

    Raises:
        ConfigError: A folder is neither a run's nor an experiment's.
        DataError: A file in one is damaged.
    """
    progress("reading")
    tried = [f for f in folders if is_experiment(f)]
    held = [f for f in folders if f not in tried and is_validation(f)]
    others = [f for f in folders if f not in tried and f not in held]
    runs = distinct([read_run(f) for f in others])
    experiments = [read_experiment(folder) for folder in tried]
    parts = [*parts_of_experiments(experiments), *parts_of_runs(runs)]
    slug = slugs(["predicted"] * len(held))
    parts += [part_of(f, name) for f, name in zip(held, slug, strict=True)]
    names = [e.title for e in experiments] + [run.name for run in runs]
    names += [f.resolve().name for f in held]
    title = f"neurocluster: {listed(names)}"
    command = ["neurocluster", "report", *map(str, folders)]
    if out != default_out(folders):
        command += ["--out", str(out)]
    files: dict[str, bytes] = {}
    further: dict[str, bytes] = {}
    sections = list(_draw(parts, files, further, progress))
    html = page(title, sections, command_of(command), out)
    drawn = [found for section in sections for found, _ in section.drawn]
    return Report(html, drawn, files, further)


def default_out(folders: Sequence[Path]) -> Path:
    """Return where a report goes if nothing else is said: into the first folder."""
    return folders[0] / "report"


def _draw(
    parts: Sequence[Part],
    files: dict[str, bytes],
    others: dict[str, bytes],
    progress: Progress,
) -> Iterator[Section]:
    """Yield the sections with their figures, whose files are added."""
    total, done = sum(len(part.figures) for part in parts), 0
    for part in parts:
        shown = []
        for name, draw in part.figures.items():
            done += 1
            progress(f"drawing figure {done} of {total}: {name}")
            with styled(name):
                drawn = draw(name)
                shown.append((drawn, _save(drawn, files)))
        found = part.attached()
        others.update(all_files(found))
        yield replace(part.section, drawn=shown, attached=found)


def _save(drawn: Drawn, files: dict[str, bytes]) -> str:
    """Add a figure's files; return its SVG text, empty if there is nothing to draw."""
    if drawn.figure is None:
        return ""
    for form in ("svg", "png"):
        files[f"{drawn.name}.{form}"] = saved(drawn.figure, form)
    return files[f"{drawn.name}.svg"].decode()


def write_report(report: Report, out: Path) -> Path:
    """Write a report; return the path of its page.

    Figures of an earlier report there that this one does not have are removed.

    Raises:
        ConfigError: The folder cannot be written.
        DataError: A file's name leads out of it.
    """
    _write(out, FIGURES, report.files, (".svg", ".png"))
    _write(out, FILES, report.others, (".pftrace", ".hlog"))
    RunFolder(out).write_text(PAGE, report.html)
    return out / PAGE


def _write(
    out: Path, name: str, files: dict[str, bytes], suffixes: tuple[str, ...]
) -> None:
    """Write files into a folder of the report, in place of those that were there.

    Names are made of what foreign files say, so each must stay in that folder.
    """
    folder = RunFolder(out / name)
    for inner in files:
        if Path(inner).name != inner or inner in ("", ".."):
            message = f"report: {inner!r} is no plain name of a file"
            raise DataError(message)
    try:
        if files or folder.path.exists():
            folder.path.mkdir(parents=True, exist_ok=True)
            for old in folder.path.iterdir():
                if old.suffix in suffixes and old.name not in files:
                    old.unlink()
    except OSError as error:
        message = f"out: cannot write {out}: {error.strerror}; choose another by --out"
        raise ConfigError(message) from error
    for inner, data in files.items():
        with folder.open_binary(inner) as file:
            file.write(data)


def as_json(report: Report, path: Path) -> dict[str, Any]:
    """Return what was made as plain data."""
    return {
        "page": str(path),
        "files": [str(path.parent / FILES / name) for name in report.others],
        "figures": [
            {
                "name": drawn.name,
                "title": drawn.title,
                "sentence": drawn.sentence,
                "data": [str(file) for file in drawn.data],
                "files": [
                    str(path.parent / FIGURES / f"{drawn.name}.{form}")
                    for form in ("svg", "png")
                    if drawn.figure is not None
                ],
            }
            for drawn in report.drawn
        ],
    }
