"""Profiles: schedulers that differ from the main one in some settings, and which of them decides a request."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from oslo_config import cfg

from filtersched.engine.decision import Decision
from filtersched.errors import InvalidRequest, must_be, nearest, shown
from filtersched.hosts.placement import CommitConflict
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.selection import Selection
from filtersched.settings import MAIN_PROFILE, Profile, ProfileConf, SchedulerSettings, profiles_of

#: The extra spec of a flavor, and the hint of a request, that name a profile.
PROFILE_KEY = "filtersched:profile"


class Profiles(Mapping[str, Any]):
    """The schedulers of the profiles by name, without the main one.

    Those that the configuration defines are made at once, so that a mistake is found. Those that ship
    are made when they are first used.
    """

    def __init__(
        self, main: Any, conf: cfg.ConfigOpts, settings: SchedulerSettings, make: Callable[[cfg.ConfigOpts], Any]
    ) -> None:
        """make : gives the scheduler of a profile, whose values the ConfigOpts has."""
        self._main = main
        self._conf = conf
        self._make = make
        self._hints = None if settings.profile_hints is None else [name.lower() for name in settings.profile_hints]
        self._known: dict[str, Profile] = {}
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._by_project: dict[str, str] = {}
        if isinstance(conf, ProfileConf):
            # It is the scheduler of a profile itself.
            return
        self._known = profiles_of(conf, settings)
        self._by_project = {project: one.name for one in self._known.values() for project in one.projects}
        for profile in self._known.values():
            if not profile.is_shipped:
                self[profile.name]

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __getitem__(self, name: str) -> Any:
        profile = self._known[name]
        with self._lock:
            if name not in self._made:
                self._made[name] = self._make(cast(cfg.ConfigOpts, ProfileConf(self._conf, profile)))
            return self._made[name]

    def definition(self, name: str) -> Profile:
        """What differs in a profile."""
        return self._known[name]

    def of(self, spec: RequestSpec, profile: str | None) -> Any:
        """The scheduler that decides a request.

        profile : which the caller chooses; None leaves it to the flavor, else the project, else the hint.
        Raises InvalidRequest for a profile that nobody defines.
        """
        if profile is None and not self._known:
            return self._main
        if profile is not None:
            return self.named(profile, "profile")
        chosen = spec.flavor.extra_specs.get(PROFILE_KEY)
        if chosen is not None:
            return self.named(chosen, f"flavor.extra_specs[{PROFILE_KEY!r}]")
        if self._by_project and spec.project_id in self._by_project:
            return self[self._by_project[spec.project_id]]
        hint = spec.get_scheduler_hint(PROFILE_KEY)
        if hint is None:
            return self._main
        field = f"scheduler_hints[{PROFILE_KEY!r}]"
        if self._hints is not None and isinstance(hint, str) and hint.lower() not in self._hints:
            said = f"{field}: requests cannot choose the profile {shown(hint)} by a hint. "
            known = ", ".join(self._hints) or "none"
            raise InvalidRequest(f"{said}They can choose: {known}", field=field, value=hint)
        return self.named(hint, field)

    def named(self, name: Any, field: str) -> Any:
        """The scheduler of a profile, or the main one for its name. Raises InvalidRequest for another name."""
        if not isinstance(name, str):
            raise InvalidRequest(must_be(field, "the name of a profile", name), field=field, value=name)
        if name.lower() == MAIN_PROFILE and self._known:
            return self._main
        if name.lower() not in self._known:
            known = (*self._known, MAIN_PROFILE) if self._known else ()
            close = nearest(name, known)
            hint = f" {close}" if close.startswith("Did") else ""
            listed = ", ".join(known) or "those of the main scheduler"
            said = f"{field}: there is no profile {shown(name)}.{hint} The profiles are {listed}"
            raise InvalidRequest(said, field=field, value=name)
        return self[name.lower()]


    def that_made(self, result: Decision | Selection) -> Any:
        """The scheduler of the profile that made a decision or a selection. Raises CommitConflict if it is gone."""
        name = result.profile
        if name is None or not self._known:
            return self._main
        if name not in self._known:
            chosen = [result] if isinstance(result, Selection) else []
            raise CommitConflict(
                f"the profile {name!r} that decided is not defined any more; decide again",
                selections=chosen,
                hosts=[one.host for one in chosen],
            )
        return self[name]
