"""Making a scheduler again by what its configuration's files say now, when somebody asks or at a signal."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Collection
from typing import Any, Generic, Self, TypeVar

from oslo_config import cfg

from filtersched.errors import ConfigurationError, FilterschedError, InvalidRequest
from filtersched.loading import share_settings
from filtersched.schedulers.observer import Observer, tell
from filtersched.settings import SchedulerConf

LOG = logging.getLogger(__name__)



class Reloadable:
    """What a program that runs for long needs of a scheduler: an observer, and a reload."""

    conf: cfg.ConfigOpts
    #: Who is told of decisions, such as Metrics; None is nobody.
    observer: Observer | None = None
    #: Makes a scheduler of the class that a configuration names, if a configuration named this one's.
    maker: Callable[[cfg.ConfigOpts], Any] | None = None
    _arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        made = super().__new__(cls)
        made._arguments = args, kwargs
        return made

    def reloaded(self) -> Self:
        """A new scheduler by what the settings files say now; this one stays as it is.

        The command line, values set in code, the other arguments and the observer are the same.
        Raises what making a scheduler raises, such as ConfigurationError for a bad file, and
        ConfigurationError for a configuration that `make_conf` did not make.
        """
        try:
            made = self._made_again()
        except Exception as problem:
            # Plug-ins of others read their options in a place of which there is one: the old ones are in effect.
            share_settings(self.conf)
            if self.observer is not None:
                tell(self.observer.reload_ends, problem)
            raise
        if self.observer is not None:
            made.observer = self.observer
            tell(self.observer.reload_ends, None)
        return made

    def _made_again(self) -> Self:
        if not isinstance(self.conf, SchedulerConf):
            raise ConfigurationError(
                "The configuration of this scheduler was not made by filtersched.make_conf, so its files cannot be "
                "read again. Read them, and make a new scheduler of the result.",
                value=self.conf,
            )
        conf = self.conf.read_again()
        if self.maker is not None:
            chosen: Self = self.maker(conf)
            return chosen
        return self._made_of(conf)

    def _made_of(self, conf: cfg.ConfigOpts, without: Collection[str] = ()) -> Self:
        """Another one of this class, with this configuration and the same further arguments.

        without : keywords that are left out.
        """
        args, kwargs = self._arguments
        kwargs = {name: value for name, value in kwargs.items() if name not in without}
        if args:
            return type(self)(conf, *args[1:], **kwargs)
        return type(self)(**{**kwargs, "conf": conf})


_Some = TypeVar("_Some", bound=Reloadable)


class CurrentScheduler(Generic[_Some]):
    """A scheduler that a reload replaces. Use `scheduler`, anew for each request.

    A reload that fails changes nothing and is logged.
    """

    def __init__(self, scheduler: _Some) -> None:
        #: The scheduler to use now.
        self.scheduler: _Some = scheduler
        self._lock = threading.Lock()

    def reload(self) -> bool:
        """Read the settings files again; whether they could be used."""
        with self._lock:
            try:
                self.scheduler = self.scheduler.reloaded()
            except (FilterschedError, OSError) as problem:
                LOG.error("not reloaded, the old configuration stays: %s", problem)
                return False
            except Exception:
                # The boundary to drivers and plug-ins of others: whatever one raises, the old scheduler goes on.
                LOG.exception("not reloaded, the old configuration stays")
                return False
        LOG.info("reloaded")
        return True

    def reload_at(self, number: int | None = None) -> None:
        """Reload whenever the process gets this signal; SIGHUP unless you name another. Call it in the main thread.

        The reload runs in a thread of its own, so that no decision waits for it. Raises InvalidRequest where
        the system has no SIGHUP and you name no other.
        """
        number = getattr(signal, "SIGHUP", None) if number is None else number
        if number is None:
            raise InvalidRequest("this system has no SIGHUP; name a signal that it has", field="number")
        signal.signal(number, lambda _number, _frame: threading.Thread(target=self.reload, daemon=True).start())
