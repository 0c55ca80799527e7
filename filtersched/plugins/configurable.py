"""Configurable: options of oslo.config on a class, and their values on its objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.errors import ConfigurationError, nearest


class Configurable:
    """The base of filters, weighers, drivers and resources: it declares options, and is given their values."""

    #: Options of oslo.config that the plug-in reads.
    options: ClassVar[Sequence[cfg.Opt]] = ()
    #: The group that the options are in.
    option_group: ClassVar[str] = "filter_scheduler"

    # The same object until the plug-in is given other values.
    _values: Mapping[str, Any] | None = None
    # The group and name under which the configuration sets each option.
    _spellings: Mapping[str, tuple[str, str]] = {}

    def bind(self, values: Mapping[str, Any]) -> None:
        """Give the plug-in its option values, name to value; options that are not named have their defaults."""
        self._values = {**self._defaults(), **values}

    def _defaults(self) -> dict[str, Any]:
        return {opt.dest: opt.default for _group, opt in declared_options(type(self))}

    def spell_options(self, spellings: Mapping[str, tuple[str, str]]) -> None:
        """Tell the plug-in under which group and name the configuration sets each option, for messages."""
        self._spellings = dict(spellings)

    def spelling(self, name: str) -> tuple[str, str]:
        """The group and name under which an option is set."""
        return self._spellings.get(name, (self.option_group, name))

    def option(self, name: str) -> Any:
        """The value of one of the plug-in's options. Raises ConfigurationError for another name."""
        if self._values is None:
            self._values = self._defaults()
        try:
            return self._values[name]
        except KeyError:
            raise ConfigurationError(
                f"{type(self).__name__} has no option {name!r}. {nearest(name, self._values)}".rstrip(),
                group=self.option_group,
                option=name,
            ) from None


def declared_options(cls: type[Configurable]) -> list[tuple[str, cfg.Opt]]:
    """The options of a plug-in class, each with its group.

    A subclass that names options keeps the options of its bases, in the groups of the bases.
    """
    declared = [(cls.option_group, opt) for opt in cls.options]
    for base in cls.__mro__[1:]:
        names = {opt.dest for _group, opt in declared}
        group = getattr(base, "option_group", cls.option_group)
        declared += [(group, opt) for opt in vars(base).get("options", ()) if opt.dest not in names]
    return declared
