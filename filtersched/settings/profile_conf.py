"""ProfileConf: a configuration in which the values of a profile come first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from oslo_config import cfg

from filtersched.settings.options import DEFAULT, GROUPED, Spelling


@dataclass(frozen=True, slots=True)
class Profile:
    """What differs from the main configuration for some requests.

    name : in lower case.
    values : by every spelling of each option that the profile sets: the value, and the section and name that set it;
        None for that where the profile takes a setting of the main configuration back.
    projects : whose requests it decides.
    written : the names of the options that the section sets; a profile that ships sets further ones.
    is_shipped : no section of the configuration sets anything of it.
    """

    name: str
    values: Mapping[Spelling, tuple[Any, Spelling | None]] = field(repr=False)
    projects: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    is_shipped: bool = False

    @property
    def group(self) -> str:
        """The section of the configuration."""
        return f"{PREFIX}{self.name}"

    def replaces(self) -> list[str]:
        """The arguments of a scheduler that give way to what the profile sets."""
        sets = {spelling for spelling, (_value, by) in self.values.items() if by is not None}
        return [name for name, instead in _INSTEAD_OF.items() if sets & instead]

    def settings(self) -> dict[str, Any]:
        """The values by the names under which the profile sets them, each once."""
        return {spelling[1]: value for value, spelling in self.values.values() if spelling is not None}


PREFIX = "profile:"
# What replaces an argument of a scheduler.
_INSTEAD_OF = {
    "filters": {(GROUPED, "enabled_filters")},
    "weighers": {(GROUPED, "weight_classes"), (DEFAULT, "least_cost_functions")},
}


class ProfileConf:
    """Reads as the main configuration does, with a profile's values before all others."""

    def __init__(self, main: cfg.ConfigOpts, profile: Profile) -> None:
        self.main = main
        self.profile = profile

    def own(self, opts: Sequence[tuple[str, cfg.Opt]]) -> tuple[Any, Spelling | None] | None:
        """What the profile sets of an option in these spellings; None if it sets nothing."""
        found = (self.profile.values.get((group, opt.dest)) for group, opt in opts)
        return next((one for one in found if one is not None), None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.main, name)

    def __getitem__(self, name: str) -> Any:
        return self.main[name]
