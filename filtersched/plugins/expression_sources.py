"""Where expressions come from: the configuration, the flavor's extra specs, aggregates' metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from filtersched.columns.column import HostColumns
from filtersched.errors import ConfigurationError, InvalidHost, InvalidRequest, shown
from filtersched.plugins.columnar import of_each
from filtersched.plugins.expression_nodes import BadExpression
from filtersched.plugins.expressions import Expression, known_names, parse
from filtersched.plugins.plugin import Plugin


class Source(NamedTuple):
    """An expression, and how many say it.

    said : where it stands, for texts.
    count : 1; for aggregates how many of a host's have it, as a column where hosts are.
    """

    expression: Expression
    said: str
    count: Any = 1


class Expressions:
    """The expressions that count for one plug-in."""

    def __init__(self, plugin: Plugin, option: str, key: str) -> None:
        """option : that holds an expression; key : of extra specs and of metadata that do."""
        self._plugin = plugin
        self._option = option
        self._key = key

    def check(self) -> None:
        """Raise ConfigurationError if the configured expression is none."""
        self._configured()

    def _configured(self) -> Expression | None:
        text = self._plugin.option(self._option)
        if not text.strip():
            return None
        try:
            return parse(text)
        except BadExpression as problem:
            group, name = self._plugin.spelling(self._option)
            raise ConfigurationError(
                f"[{group}] {name}: the expression {shown(text)} {problem}", group=group, option=name, value=text
            ) from None

    def _of_flavor(self, spec: Any) -> Expression | None:
        text = spec.extra_specs.get(self._key)
        if text is None:
            return None
        field = f"flavor.extra_specs[{self._key!r}]"

        def error(problem: BadExpression) -> Exception:
            return InvalidRequest(f"{field}: the expression {shown(text)} {problem}", field=field, value=text)

        return _parsed(text, error)

    def host_reads(self, spec: Any) -> tuple[str, ...]:
        """The attributes of hosts that count; aggregates may bring expressions over any."""
        del spec
        return known_names()

    def of(self, host: Any, spec: Any) -> Iterator[Source]:
        """All expressions that count for a host, or for one of columns of hosts; those of aggregates last."""
        configured, of_flavor = self._configured(), self._of_flavor(spec)
        if configured is not None:
            yield Source(configured, "the configuration")
        if of_flavor is not None:
            yield Source(of_flavor, "the flavor")
        texts: set[str] = set()
        of_each(host, "aggregates", lambda found: _collect(texts, found, self._key))
        for text in sorted(texts):
            count = of_each(host, "aggregates", _count, self._key, text)
            yield Source(_parsed(text, lambda problem: self._of_aggregate(host, text, problem)), "an aggregate", count)  # noqa: B023

    def _of_aggregate(self, host: Any, text: str, problem: BadExpression) -> Exception:
        name = None if isinstance(host, HostColumns) else getattr(host, "host", None)
        whose = "" if name is None else f" of host {name!r}"
        return InvalidHost(
            f"{self._key} of an aggregate{whose}: the expression {shown(text)} {problem}",
            host=name,
            attribute="aggregates",
            value=text,
        )


def _parsed(text: Any, error: Callable[[BadExpression], Exception]) -> Expression:
    try:
        return parse(text if isinstance(text, str) else str(text))
    except BadExpression as problem:
        raise error(problem) from None


def _collect(texts: set[str], aggregates: Iterable[Any], key: str) -> bool:
    texts.update(one.metadata[key] for one in aggregates if key in one.metadata)
    return True


def _count(aggregates: Iterable[Any], key: str, text: str) -> int:
    return sum(one.metadata.get(key) == text for one in aggregates)
