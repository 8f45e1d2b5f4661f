"""Run the command line: ``python -m neurocluster``."""

import sys

from neurocluster.cli import main

if __name__ == "__main__":
    sys.exit(main())
