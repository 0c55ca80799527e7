"""Options that plug-ins of others register in oslo.config's global ConfigOpts, as Nova's do."""

from __future__ import annotations

import functools
import logging

from oslo_config import cfg

from filtersched.nova import is_novas, spread_values
from filtersched.settings import SchedulerConf, Spelling, spelled

LOG = logging.getLogger(__name__)


def share_settings(conf: cfg.ConfigOpts) -> None:
    """Give the ConfigOpts that plug-ins read what the files say, for a program that asks for it."""
    if isinstance(conf, SchedulerConf) and conf.plugins_read is not None:
        conf.share_with(conf.plugins_read)
        if conf.plugins_read is cfg.CONF:
            spread_values(conf)


def registered_by_plugins() -> list[tuple[str, cfg.Opt]]:
    """The options that plug-ins registered in the global ConfigOpts, each with its group."""
    found = [(group.name if group else "DEFAULT", info["opt"]) for info, group in cfg.CONF._all_opt_infos()]
    return [(group, opt) for group, opt in found if opt.dest not in _OF_OSLO and not is_novas((group, opt.dest))]


def problem_with(group: str, opt: cfg.Opt) -> str:
    """What is wrong with the value of an option in the global ConfigOpts; "" for a good one."""
    try:
        if group == "DEFAULT":
            cfg.CONF[opt.dest]
        else:
            cfg.CONF[group][opt.dest]
    except (cfg.Error, ValueError) as error:
        return str(error)
    return ""


def warn_of_lost_options(conf: cfg.ConfigOpts) -> None:
    """Name, once, the options in the files that plug-ins registered where the files are not read."""
    if not isinstance(conf, SchedulerConf) or conf is cfg.CONF:
        return
    named = dict.fromkeys(conf.names_in_files())
    lost = [one for one in named if _location(one) in (_DEFAULT, cfg.Locations.set_default)]
    _warn_once(tuple(lost))


@functools.lru_cache(256)
def _warn_once(lost: tuple[Spelling, ...]) -> None:
    if lost:
        LOG.warning(
            "%s stands in the settings and has no effect: a plug-in registered it in oslo.config's global cfg.CONF, "
            "which this library does not touch. Call conf.share_with(cfg.CONF) before you make the scheduler.",
            ", ".join(map(spelled, lost)),
        )


_DEFAULT = cfg.Locations.opt_default
# What oslo.config registers itself.
_OF_OSLO = ("config_file", "config_dir", "config_source", "shell_completion")


def _location(spelling: Spelling) -> cfg.Locations | None:
    """Where the value of a globally registered option is from; None for one that no plug-in registered."""
    group, name = spelling
    if is_novas(spelling):
        return None
    try:
        found = cfg.CONF.get_location(name, None if group == "DEFAULT" else group)
    except (cfg.NoSuchOptError, cfg.NoSuchGroupError, AttributeError, ValueError):
        return None
    return _DEFAULT if found is None else found.location
