"""Keep who registered, and what each of them runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from neurocluster.dtypes import CLIENT


@dataclass(slots=True)
class Member:
    """A registered worker or the client."""

    peer: bytes
    role: str
    pid: int
    host: str
    slot: int | None
    heard_ns: int
    ready: bool = False
    node: str = ""
    endpoint: str = ""
    linked: bool = False
    report: Mapping[str, Any] | None = None
    blocked: bool = False
    sent: dict[int, int] = field(default_factory=dict)
    received: dict[int, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the words that errors use."""
        if self.role == CLIENT:
            return f"client (pid {self.pid} on {self.host})"
        what = f"partition {self.node}" if self.node else "a worker"
        return f"{what} (worker pid {self.pid} on {self.host})"
