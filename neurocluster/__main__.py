"""Run the command line: ``python -m neurocluster``."""

from neurocluster.cli.main import main

if __name__ == "__main__":
    main()
