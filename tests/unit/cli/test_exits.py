"""Errors of a command: one code for each kind, printed with what was noted."""

import pytest
import typer

from neurocluster import errors
from neurocluster.cli import exits


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("c"), exits.EXIT_USAGE),
        (errors.PartitionError("p"), exits.EXIT_USAGE),
        (errors.PlatformError("p"), exits.EXIT_USAGE),
        (errors.ModelError("m"), exits.EXIT_INPUT),
        (errors.DataError("d"), exits.EXIT_INPUT),
        (errors.WorkerLost("w"), exits.EXIT_FAILED),
        (KeyboardInterrupt(), exits.EXIT_INTERRUPTED),
    ],
)
def test_errors_have_codes(error, code):
    def action():
        raise error

    with pytest.raises(typer.Exit) as caught:
        exits.guarded(action)
    assert caught.value.exit_code == code


def test_the_code_of_a_command_is_kept():
    with pytest.raises(typer.Exit) as caught:
        exits.guarded(lambda: 75)
    assert caught.value.exit_code == 75


def test_notes_follow_their_error(capsys):
    error = errors.WorkerLost("partition a.0 left")
    error.add_note("end of a.0.log:\n  bad")
    exits.print_error(error)
    text = capsys.readouterr().err
    assert text == "error: partition a.0 left\nend of a.0.log:\n  bad\n"
