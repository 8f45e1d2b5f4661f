"""Injure real clusters and print what came of it, as the table of the README.

    python -m tools.faults                 # all faults, some minutes
    python -m tools.faults --short         # the short form
    python -m tools.faults --only SIGSTOP  # faults whose words match
    python -m tools.faults --hosts         # faults of hosts and networks, once each
    python -m tools.faults --hosts --all   # each at all its moments
    python -m tools.faults --soak 10       # ten minutes under random faults
    python -m tools.faults --soak 60 --every 0   # an hour without any

Exit code 1 if a frame was lost or repeated, a result differs, a fault was detected too
late or the message is not the one that a user must read.
"""

from __future__ import annotations

import argparse
import sys

from tools.faults import hosts, soak, table


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.faults", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--short", action="store_true", help="fewer cases")
    parser.add_argument(
        "--hosts", action="store_true",
        help="of several hosts, which are network namespaces; see tools/test_hosts.sh",
    )  # fmt: skip
    parser.add_argument("--all", action="store_true", help="of --hosts: everything")
    parser.add_argument("--seed", type=int, default=1, help="of victims and delays")
    parser.add_argument("--only", default="", help="cases whose fault has these words")
    parser.add_argument(
        "--soak", type=float, metavar="MINUTES", help="stream so long instead"
    )
    parser.add_argument(
        "--every", type=float, default=5.0, metavar="SECONDS",
        help="mean time between the faults of a soak; 0: none",
    )  # fmt: skip
    options = parser.parse_args()
    try:
        if options.soak is not None:
            return soak.main(options.soak, options.seed, options.every)
        if options.hosts:
            return hosts.main(
                everything=options.all, seed=options.seed, only=options.only
            )
        return table.main(short=options.short, seed=options.seed, only=options.only)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
