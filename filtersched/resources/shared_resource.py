"""SharedResource: something countable that belongs to no single host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from oslo_config import cfg

from filtersched.errors import ConfigurationError, must_be
from filtersched.hosts.host_state import HostState
from filtersched.plugins.plugin import Plugin
from filtersched.requests.request_spec import RequestSpec
from filtersched.settings.shared_options import DEFAULT_AVAILABILITY_ZONE


class SharedResource(Plugin):
    """A resource that hosts or instances share: there is so much of it in each scope, and instances take of it.

    A derived class names it, says what shares it, and defines `total` and `amount`. Declarations
    (`host_reads`, `spec_reads`, `columnar`) are about `amount`.
    """

    #: What results and messages call it; empty is the name of the class.
    name: str = ""
    #: What shares one total: `pool` (all hosts together), `project`, `aggregate`, `aggregate:KEY` (hosts whose
    #: aggregates have the same value there), `zone`, or the name of a host attribute such as `rack`.
    scope: str = "pool"
    #: The unit of amounts, for texts.
    unit: str = ""
    #: Whether hosts that are in no scope (and requests without a project) have as much as anybody asks;
    #: else they have none.
    unlimited_outside: bool = False
    options: ClassVar[Sequence[cfg.Opt]] = (DEFAULT_AVAILABILITY_ZONE,)

    def total(self, scope: Any, /) -> float | None:
        """How much there is in one scope; None is no limit.

        scope : "pool", the id of the project, the Aggregate, or the value that the hosts share.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no total(scope)")

    def amount(self, spec: RequestSpec, host: HostState, /) -> Any:
        """How much one instance of the request takes if it is on this host; 0 if nothing.

        The host is as it is before it takes the instance. What was taken at the commit is given back at the
        release, whatever the answer is then.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no amount(spec, host)")

    @property
    def label(self) -> str:
        """What results and messages call it."""
        return self.name or type(self).__name__


def check_shape(resource: SharedResource) -> None:
    """Raise ConfigurationError for a resource that cannot answer, or that has no name to be shown."""
    cls = type(resource)
    missing = [name for name in ("total", "amount") if getattr(cls, name) is getattr(SharedResource, name)]
    if missing:
        raise ConfigurationError(f"{cls.__name__} defines no {' and no '.join(missing)}.", value=resource)
    name: Any = resource.label
    if not isinstance(name, str) or not name.isprintable() or name != name.strip():
        said = must_be("name", "text that can be printed, without spaces at its ends", name)
        raise ConfigurationError(f"{cls.__name__}: {said}.", value=name)
