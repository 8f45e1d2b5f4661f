"""Collect the further tables that members hand in at a session's end, within bounds."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final

from neurocluster.member.details import Detail, from_wire
from neurocluster.wire.control import Control

MOST_ROWS: Final = 1 << 19
"""Of one table of one node: a thousand inbound links have no more, nor has a trace."""
_log = logging.getLogger(__name__)


class Details:
    """Hold pieces of tables.

    Attributes:
        pieces: In the order in which they came.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.pieces: list[Detail] = []
        self._rows: Counter[tuple[int, str]] = Counter()

    def take(self, message: Control, since: int) -> bool:
        """Take a piece; return False if it is none of this session.

        Args:
            message: DETAILS.
            since: The session's first epoch: what is older is another session's.
        """
        detail = from_wire(message.body) if message.epoch >= since else None
        if detail is None:
            return False
        key, count = detail[:2], len(detail.rows)
        room = max(MOST_ROWS - self._rows[key], 0)
        if count > room:
            _log.warning(
                "table %s of node %d is too large; %d rows are dropped",
                detail.table, detail.node, count - room,
            )  # fmt: skip
            lost = detail.lost + count - room
            detail = detail._replace(lost=lost, rows=detail.rows[:room])
        self._rows[key] += len(detail.rows)
        self.pieces.append(detail)
        return True
