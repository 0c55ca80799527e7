"""filtersched plugins --check: whether plug-ins keep the rules, and what their declarations cost."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from oslo_config import cfg

from filtersched.errors import FilterschedError
from filtersched.hosts.host_pool import HostPool
from filtersched.hosts.host_state import HostState
from filtersched.loading import PluginDescription, bind_options
from filtersched.loading.paths import import_path
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.no_valid_host import NoValidHost
from filtersched.schedulers import FilterScheduler
from filtersched.settings import SchedulerConf
from filtersched.testing import check_driver, check_filter, check_resource, check_weigher, make_spec, sample_hosts

_CHECKS: dict[str, Any] = {
    "filter": check_filter,
    "weigher": check_weigher,
    "driver": check_driver,
    "resource": check_resource,
}
# A declaration that makes new requests take so many times as long does not pay.
_TOO_DEAR = 1.5
_HOSTS = 1000
_ROUNDS = 5


class Checked(NamedTuple):
    """What the check of one plug-in found: problems are mistakes, notes are not."""

    plugin: PluginDescription
    problems: Sequence[str]
    notes: Sequence[str]


def checked(
    plugins: Iterable[PluginDescription],
    installed: Sequence[PluginDescription],
    host_class: type[HostState],
    conf: SchedulerConf,
) -> Iterator[Checked]:
    """Try each of the plug-ins, its options as configured; `installed` are all there are, whose options may clash."""
    for plugin in plugins:
        if plugin.problem:
            yield Checked(plugin, [plugin.problem], [])
            continue
        cls: Any = import_path(plugin.target, ("", plugin.name))
        hosts = None if plugin.kind == "driver" else sample_hosts(host_class=host_class)
        tried = _with_options(plugin, cls, conf)
        problems = [*_broken_rule(plugin.kind, tried, hosts), *_lost_options(cls), *_clashes(plugin, installed)]
        notes = list(_same_answers(plugin.kind, tried, hosts)) if not problems else []
        if not problems and plugin.declaration is not None:
            notes += _cost(plugin.kind, cls, host_class, conf)
        yield Checked(plugin, problems, notes)


def _with_options(plugin: PluginDescription, cls: Any, conf: SchedulerConf) -> Any:
    """A plug-in whose options are as configured; its class if that cannot be made, which its check will tell."""
    if plugin.kind == "driver":
        return cls
    try:
        made = cls()
        bind_options(made, conf, plugin.target)
    except Exception:
        # The boundary to the plug-in.
        return cls
    return made


def _broken_rule(kind: str, tried: Any, hosts: Sequence[HostState] | None) -> Iterator[str]:
    """The first rule that it breaks, in words."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _CHECKS[kind](tried, hosts)
        except (AssertionError, FilterschedError) as error:
            yield str(error)


def _same_answers(kind: str, tried: Any, hosts: Sequence[HostState] | None) -> Iterator[str]:
    """What the checks warn of."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        _CHECKS[kind](tried, hosts)
    yield from (str(one.message) for one in said)


def _lost_options(cls: Any) -> Iterator[str]:
    """Options of two bases with one name, of which one is lost."""
    groups: dict[str, str] = {}
    for base in cls.__mro__:
        for opt in vars(base).get("options", ()):
            group = getattr(base, "option_group", "")
            first = groups.setdefault(opt.dest, group)
            if first != group:
                yield (
                    f"its bases have the option {opt.dest!r} in two groups, [{first}] and [{group}]; "
                    f"only [{first}] {opt.dest} is read"
                )


def _clashes(plugin: PluginDescription, installed: Sequence[PluginDescription]) -> Iterator[str]:
    """Options that another plug-in has under the same name with another meaning."""
    mine = {(group, opt.dest): opt for group, opt in plugin.options}
    for other in installed:
        if other.target == plugin.target:
            continue
        for group, opt in other.options:
            own = mine.get((group, opt.dest))
            if own is not None and own is not opt and _meaning(own) != _meaning(opt):
                whose = f"{other.name} of {other.distribution or other.target}"
                yield f"its option [{group}] {opt.dest} is also one of {whose}, with another type, default or range"


def _meaning(opt: cfg.Opt) -> tuple[Any, ...]:
    bounds = (getattr(opt.type, "min", None), getattr(opt.type, "max", None), getattr(opt.type, "choices", None))
    return type(opt.type), opt.default, *bounds


def _cost(kind: str, cls: Any, host_class: type[HostState], conf: SchedulerConf) -> Iterator[str]:
    """What the declaration costs where each request is of a new kind, if that is more than it gives."""
    plain = type(cls.__name__, (cls,), {"host_reads": None, "__module__": cls.__module__})
    with_it, without = _seconds(kind, cls, host_class, conf), _seconds(kind, plain, host_class, conf)
    if with_it > _TOO_DEAR * without:
        yield (
            f"its declaration makes requests of a new kind {with_it / without:.1f} times as slow "
            f"({1000 * with_it:.2f} ms instead of {1000 * without:.2f} ms on {_HOSTS} hosts); a declaration pays if "
            "requests come again, or with columnar = True"
        )


def _seconds(kind: str, cls: Any, host_class: type[HostState], conf: SchedulerConf) -> float:
    """The least processor time of a new request on a pool."""
    scheduler = FilterScheduler(
        conf,
        filters=[cls] if kind == "filter" else [],
        weighers=[cls] if kind == "weigher" else [],
        resources=[cls] if kind == "resource" else [],
    )
    pool = HostPool(sample_hosts(_HOSTS, host_class=host_class))
    return min(_time(scheduler, make_spec(memory_mb=512 + at), pool) for at in range(_ROUNDS))


def _time(scheduler: FilterScheduler, spec: RequestSpec, pool: HostPool) -> float:
    # Of the processor: what else runs there does not count.
    began = time.thread_time()
    with contextlib.suppress(NoValidHost):
        scheduler.select_destinations(spec, pool)
    return time.thread_time() - began
