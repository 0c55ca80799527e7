"""What --debug logs of a run: the settings files, the classes in use, and how long each part took."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from filtersched.planning.outcome import Outcome
from filtersched.settings import SchedulerConf

LOG = logging.getLogger(__name__)


def log_settings(conf: SchedulerConf, scheduler: Any) -> None:
    """Which files were read, and which classes decide."""
    LOG.debug("settings files: %s", ", ".join(map(str, conf.default_config_files or ())) or "none")
    LOG.debug("driver: %s", _class_of(scheduler))
    for kind in ("filters", "weighers"):
        LOG.debug("%s: %s", kind, _classes(getattr(scheduler, kind, ())))


def log_inventory(source: str, count: int, seconds: float) -> None:
    """What was read of hosts, and how long that took."""
    LOG.debug("inventory: %d hosts of %s in %.1f ms", count, source, 1000 * seconds)


def log_outcome(outcome: Outcome) -> None:
    """How long a decision took, and what replays it."""
    seed = outcome.selections[0].seed if outcome.selections else None
    LOG.debug("request %s: decided in %.2f ms, seed %s", outcome.name, 1000 * outcome.seconds, seed)


def _classes(plugins: Sequence[Any]) -> str:
    return ", ".join(map(_class_of, plugins)) or "none"


def _class_of(plugin: Any) -> str:
    return f"{type(plugin).__module__}.{type(plugin).__qualname__}"
