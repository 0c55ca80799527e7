"""The scheduler that a configuration names."""

from __future__ import annotations

from oslo_config import cfg

from filtersched.loading import load_driver, share_settings
from filtersched.schedulers.base import Scheduler
from filtersched.settings import make_conf, read_scheduler_settings


def scheduler_from(conf: cfg.ConfigOpts | None = None) -> Scheduler:
    """Make the scheduler that `scheduler_driver` names."""
    conf = make_conf() if conf is None else conf
    driver = load_driver(read_scheduler_settings(conf))
    if not driver.__module__.startswith("filtersched."):
        share_settings(conf)
    scheduler: Scheduler = driver(conf)
    scheduler.maker = scheduler_from
    return scheduler
