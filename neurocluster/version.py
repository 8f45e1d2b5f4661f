"""Hold the version, apart from everything that loads with the package."""

from typing import Final

VERSION: Final = "0.1.0"
