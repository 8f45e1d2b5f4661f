"""Run the command line."""

from __future__ import annotations

import sys

from neurocluster.cli import clusters, plans, streams, studies
from neurocluster.cli.app import app
from neurocluster.cli.options import with_default

# Importing these adds the commands.
__all__ = ["clusters", "main", "plans", "streams", "studies"]


def main() -> None:
    """Run the command line."""
    app(with_default(sys.argv[1:], "--watch", "1"), prog_name="neurocluster")
