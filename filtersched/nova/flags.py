"""The stand-in for nova.flags of the first releases: FLAGS is the global ConfigOpts."""

from __future__ import annotations

from typing import Any

from oslo_config import cfg

FLAGS = cfg.CONF

__all__ = ["FLAGS", "DEFINE_bool", "DEFINE_boolean", "DEFINE_float", "DEFINE_integer", "DEFINE_list", "DEFINE_string"]


def DEFINE_string(name: str, default: Any, help: str, **_facts: Any) -> None:  # noqa: N802 - Nova's name
    """Register an option with a text."""
    FLAGS.register_opt(cfg.StrOpt(name, default=default, help=help))


def DEFINE_integer(name: str, default: Any, help: str, **_facts: Any) -> None:  # noqa: N802 - Nova's name
    """Register an option with a whole number."""
    FLAGS.register_opt(cfg.IntOpt(name, default=default, help=help))


def DEFINE_float(name: str, default: Any, help: str, **_facts: Any) -> None:  # noqa: N802 - Nova's name
    """Register an option with a number."""
    FLAGS.register_opt(cfg.FloatOpt(name, default=default, help=help))


def DEFINE_bool(name: str, default: Any, help: str, **_facts: Any) -> None:  # noqa: N802 - Nova's name
    """Register an option that is true or false."""
    FLAGS.register_opt(cfg.BoolOpt(name, default=default, help=help))


def DEFINE_list(name: str, default: Any, help: str, **_facts: Any) -> None:  # noqa: N802 - Nova's name
    """Register an option with a list."""
    FLAGS.register_opt(cfg.ListOpt(name, default=default, help=help))


DEFINE_boolean = DEFINE_bool
