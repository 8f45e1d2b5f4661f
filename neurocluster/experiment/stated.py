"""Read the hypotheses of an experiment's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any, Final

from neurocluster.config import RunConfig, unknown_key
from neurocluster.errors import ConfigError
from neurocluster.experiment.cells import CASE, WORKERS, Cell, Selector
from neurocluster.experiment.hypothesis import Hypothesis, parse_condition
from neurocluster.experiment.keys import tables_of
from neurocluster.experiment.quantities import QUANTITIES

TEXTS: Final = ("name", "claim", "refuted_if", "quantity", "holds_if")
KEYS: Final = {*TEXTS, "compare", "where", "cells"}


def hypotheses_of(
    document: Mapping[str, Any], columns: Sequence[str], cells: Sequence[Cell]
) -> tuple[Hypothesis, ...]:
    """Return the hypotheses of a file, checked against its cells.

    Raises:
        ConfigError: Something in one is wrong; the message names it.
    """
    found: list[Hypothesis] = []
    for number, table in enumerate(tables_of(document, "hypothesis"), 1):
        where = f"[[hypothesis]] {table.get('name', number)}"
        try:
            one = _hypothesis_of(table, {*columns, WORKERS})
            if one.name in {other.name for other in found}:
                message = "the name is there twice"
                raise ConfigError(message)
            one.check(cells)
        except ConfigError as error:
            message = f"{where}: {error}"
            raise ConfigError(message) from error
        found.append(one)
    return tuple(found)


def _hypothesis_of(table: Mapping[str, Any], columns: Set[str]) -> Hypothesis:
    """Return the hypothesis of a table.

    Args:
        table: Of the file.
        columns: What selectors may name.

    Raises:
        ConfigError: A key is unknown, missing or wrong.
    """
    for key in table:
        if key not in KEYS:
            raise ConfigError(unknown_key(key, KEYS, "its table"))
    texts = {key: _text(table, key) for key in TEXTS}
    if texts["quantity"] not in QUANTITIES:
        raise ConfigError(unknown_key(texts["quantity"], set(QUANTITIES), "quantity"))
    cells = table.get("cells", "all")
    if cells not in ("all", "any"):
        message = f"cells: {cells!r} is neither 'all' nor 'any'"
        raise ConfigError(message)
    return Hypothesis(
        name=texts["name"],
        claim=texts["claim"],
        refuted_if=texts["refuted_if"],
        quantity=texts["quantity"],
        compare=_compared(table, columns),
        where=_selector(table.get("where", {}), columns, "where"),
        holds_if=parse_condition(texts["holds_if"]),
        cells=cells,
    )


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        message = f"{key}: it must be there, as text; it is fixed before the first run"
        raise ConfigError(message)
    return value


def _compared(
    table: Mapping[str, Any], columns: Set[str]
) -> tuple[Selector, Selector] | None:
    if "compare" not in table:
        return None
    sides = table["compare"]
    if not isinstance(sides, list) or len(sides) != 2:
        message = 'compare: write two sides, as [{ case = "a" }, { case = "b" }]'
        raise ConfigError(message)
    first, second = (_selector(side, columns, "compare") for side in sides)
    if not first.wanted or not second.wanted:
        message = "compare: a side is empty; say which cells it has"
        raise ConfigError(message)
    return first, second


def _selector(table: Any, columns: Set[str], where: str) -> Selector:
    if not isinstance(table, Mapping):
        message = f'{where}: {table!r} is no table such as {{ case = "a" }}'
        raise ConfigError(message)
    wanted: dict[str, tuple[Any, ...]] = {}
    for key, value in table.items():
        if key not in columns:
            raise ConfigError(unknown_key(key, set(columns), where))
        several = value if isinstance(value, list) else [value]
        wanted[key] = tuple(_value(key, one, where) for one in several)
    return Selector(wanted)


def _value(key: str, value: Any, where: str) -> Any:
    """Return a value as cells have it."""
    if key in (CASE, WORKERS):
        return value
    try:
        return getattr(RunConfig().replace(**{key: value}), key)
    except ConfigError as error:
        message = f"{where}: {error}"
        raise ConfigError(message) from error
