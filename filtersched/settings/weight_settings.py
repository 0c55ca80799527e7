"""Settings lists: `name=ratio, name=ratio`, as in [metrics] weight_setting."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from filtersched.columns.values import number

LOG = logging.getLogger(__name__)


def read_settings_list(items: Iterable[str], spelling: str) -> list[tuple[str, float]]:
    """The (name, ratio) pairs of a settings list, in order, a name given twice being there twice.

    spelling : of the option, for the warning that an element without `=`, without a name or without
        a finite number is ignored, as Nova ignores it.
    """
    settings = []
    for item in items:
        setting = setting_of(item)
        if setting is None:
            LOG.warning("%s: %r is ignored; it must be a name, '=' and a number, such as os_distro=2.", spelling, item)
        else:
            settings.append(setting)
    return settings


def setting_of(item: str) -> tuple[str, float] | None:
    """The name and ratio of one element, cut at the first `=`; None if it is malformed."""
    name, _equals, text = item.partition("=")
    try:
        ratio = float(number(float(text)))
    except ValueError:
        return None
    return (name, ratio) if name else None
