"""Profiles in check-config: what each uses, and what is risky in it and not in the main configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from filtersched.cli.findings import Checked, Finding, names_of
from filtersched.loading import describe_plugins
from filtersched.plugins.configurable import declared_options
from filtersched.settings import Profile
from filtersched.settings.options import SETTINGS, spelled, spellings_of

# The checks that look at plug-ins and their options, and not at files.
Checks = Callable[[Checked], Iterable[Finding]]


def profiles_of(checked: Checked) -> list[tuple[Profile, Checked]]:
    """The profiles that the configuration defines or changes, each with what is checked of it."""
    profiles = getattr(checked.scheduler, "profiles", None)
    if profiles is None:
        return []
    known = [profiles.definition(name) for name in profiles]
    return [
        (one, Checked(profiles[one.name].conf, profiles[one.name], checked.hosts))
        for one in known
        if not one.is_shipped
    ]


def profile_findings(checked: Checked, checks: Checks) -> Iterator[Finding]:
    """Every risk in a profile that the main configuration has not."""
    known = set(checks(checked))
    for profile, inside in profiles_of(checked):
        for one in dict.fromkeys((*checks(inside), *_unread(profile, inside))):
            if one not in known:
                yield Finding(one.check, f"profile {profile.name!r}: {one.message}")


def _unread(profile: Profile, checked: Checked) -> Iterator[Finding]:
    """Options that a section sets and no plug-in reads that the profile uses."""
    read = {spelling for setting in SETTINGS for spelling in setting.spellings}
    for one in {type(each) for each in (*checked.filters, *checked.weighers)}:
        read |= {spelling for group, opt in declared_options(one) for spelling in spellings_of(opt, group)}
    would: dict[str, list[str]] = {}
    for plugin in describe_plugins():
        for group, opt in plugin.options:
            found = next((profile.values[one] for one in spellings_of(opt, group) if one in profile.values), None)
            if found is None or found[1] is None or found[1][1] not in profile.written:
                continue
            if not read & {*spellings_of(opt, group)} and plugin.name not in would.setdefault(found[1][1], []):
                would[found[1][1]].append(plugin.name)
    for name, plugins in would.items():
        said = f"{spelled((profile.group, name))} is set and nothing that the profile uses reads it"
        yield Finding("not read", f"{said}; {' or '.join(plugins[:3])} would.")


def profile_records(checked: Checked) -> list[dict[str, Any]]:
    """What each profile is, as plain data."""
    return [
        {
            "name": profile.name,
            "projects": list(profile.projects),
            "filters": names_of(inside.filters),
            "weighers": names_of(inside.weighers),
            "settings": profile.settings(),
        }
        for profile, inside in profiles_of(checked)
    ]
