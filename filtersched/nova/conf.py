"""The stand-in for nova.conf: the global ConfigOpts, with the options of Nova that the library has.

Nova registers its options where its modules are imported, and so do these: in the global ConfigOpts,
once a plug-in imports one. Their values there are the defaults, unless the program loads its files.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Iterator
from typing import Any

from oslo_config import cfg

from filtersched.nova.finder import StandIn
from filtersched.nova.plugin_bases import all_weighers, standard_filters
from filtersched.plugins.configurable import declared_options
from filtersched.settings.conf import resolve_option, resolve_setting
from filtersched.settings.options import SETTINGS, Spelling, respelled, scheduler_options, spellings_of

CONF = cfg.CONF

__all__ = ["CONF", "cfg"]

# Options that Nova never had.
_OURS = frozenset(("host_class", "extra_spec_max_steps", "extra_spec_max_words"))
# What `register_novas_options` has registered, and nobody before it.
_registered: set[Spelling] = set()
# The configuration whose values they have, once a program asked for that.
_sources: list[cfg.ConfigOpts] = []
# Of these, what has a value of the files as its default.
_spread: set[Spelling] = set()


@functools.cache
def novas_options() -> tuple[tuple[str, cfg.Opt], ...]:
    """Nova's options that the library has, in all their spellings, each with its group."""
    of_plugins = (one for group, opt in _plugin_options() for one in respelled(opt, spellings_of(opt, group)))
    found = {(group, opt.dest): opt for group, opt in [*scheduler_options(), *of_plugins]}
    return tuple((group, opt) for (group, name), opt in found.items() if name not in _OURS)


def _plugin_options() -> Iterator[tuple[str, cfg.Opt]]:
    """The options of the library's filters and weighers, each with its group."""
    for plugin_class in [*standard_filters(), *all_weighers()]:
        yield from declared_options(plugin_class)


def register_novas_options() -> None:
    """Register them in the global ConfigOpts; what is registered there already stays as it is."""
    before = len(_registered)
    for group, opt in novas_options():
        try:
            if CONF.register_opt(opt, None if group == "DEFAULT" else group):
                _registered.add((group, opt.dest))
        except (cfg.DuplicateOptError, ValueError):
            continue
    if len(_registered) > before:
        # A plug-in that imports Nova's options inside a method does so after the files were read.
        for conf in _sources:
            spread_values(conf)


def is_novas(spelling: Spelling) -> bool:
    """Whether an option of the global ConfigOpts is Nova's: registered by a stand-in, or by a real Nova."""
    return spelling in _registered or spelling in _of_real_nova()


def _of_real_nova() -> frozenset[Spelling]:
    real = sys.modules.get("nova.conf")
    return frozenset() if real is None or isinstance(real, StandIn) else _listed_by_nova()


@functools.cache
def _listed_by_nova() -> frozenset[Spelling]:
    listed = importlib.import_module("nova.conf.opts").list_opts()
    return frozenset((getattr(group, "name", group), opt.dest) for group, opts in listed for opt in opts)


def spread_values(conf: cfg.ConfigOpts) -> None:
    """Give Nova's options in the global ConfigOpts the values of `conf`, in every spelling of each."""
    _sources[:] = [conf]
    resolved = [(resolve_setting(conf, setting), setting.spellings) for setting in SETTINGS]
    resolved += [(resolve_option(conf, opt, group), spellings_of(opt, group)) for group, opt in _plugin_options()]
    for (value, chosen), spellings in resolved:
        for group, name in spellings:
            if (group, name) not in _registered:
                continue
            if chosen is not None:
                CONF.set_default(name, value, None if group == "DEFAULT" else group)
                _spread.add((group, name))
            elif (group, name) in _spread:
                # The files no longer set it.
                CONF.clear_default(name, None if group == "DEFAULT" else group)
                _spread.discard((group, name))


def __getattr__(name: str) -> Any:
    raise AttributeError(f"filtersched's stand-in for nova.conf has CONF and cfg, and no {name!r}")
