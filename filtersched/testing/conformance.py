"""The rules that every filter and weigher keeps, tried out on many hosts and requests."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn, TypeVar

import numpy as np
from oslo_config import cfg

from filtersched.columns.column import Column, NotColumnarError, NotVectorizable
from filtersched.engine.views import ColumnView, host_view, spec_view
from filtersched.errors import ConfigurationError, UndeclaredRead, shown
from filtersched.filters.base import BaseHostFilter, is_no_answer, says_of_reason
from filtersched.hosts.declared_items import Name, names_of
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.plugins.plugin import (
    Declaration,
    Override,
    Plugin,
    belongs_to,
    declaration_of,
    overrides_of,
)
from filtersched.requests.request_spec import RequestSpec
from filtersched.requests.seal import sealed
from filtersched.results.selection import WeighedHost
from filtersched.results.verdict import Shortage
from filtersched.testing.moments import requests_between
from filtersched.testing.samples import emptied, make_host, prepared, sample_hosts, sample_specs
from filtersched.testing.unchanged import Snapshot
from filtersched.testing.watched_views import NoRows, named, recording
from filtersched.weighers.base import BaseWeigher, is_weight
from filtersched.weighers.handler import multiplier

_P = TypeVar("_P", bound=Plugin)
# A host on which a number that aggregates set may change the answer.
_PARTLY_USED: dict[str, Any] = {
    **{"free_ram_mb": 8192, "vcpus_used": 8, "free_disk_mb": 0},
    **{"num_instances": 2, "num_io_ops": 2},
}


class ConformanceError(AssertionError):
    """A plug-in breaks a rule: `plugin` is its name, `rule` says which in a word or two."""

    def __init__(self, message: str = "", *, plugin: str = "", rule: str = "") -> None:
        super().__init__(message)
        self.plugin = plugin
        self.rule = rule


class SameAnswerWarning(UserWarning):
    """A plug-in gave one answer in the whole check, which so proves little."""


def check_filter(
    filter_: BaseHostFilter | type[BaseHostFilter],
    hosts: Iterable[HostState] | None = None,
    specs: Iterable[RequestSpec] | None = None,
) -> None:
    """Raise ConformanceError if a filter breaks a rule.

    filter_ : a class, or an instance whose options are bound.
    hosts, specs : what the filter is tried on; by default `sample_hosts()` and `sample_specs()`. Give some of
        your own if the filter reads attributes that HostState does not have.

    The rules: every host gets an answer, not None and not an exception; the same question has the
    same answer; hosts and request stay as they are; what is declared is all that is read, also where
    something of the request is there, but empty; a columnar body answers for columns of no, one and
    many hosts what it answers for each host, and answers change at moments that `changes_at` names only;
    `rejection_reason` and `limits` answer with what they should, and `rejection_reason` is what
    `reason_is_text` or `reason_is_columnar` says of it.

    Warns with SameAnswerWarning if all hosts passed, or none: an early return then hides what is read
    behind it.
    """
    check = _FilterCheck(made_of(filter_, BaseHostFilter))
    check.flags("run_filter_once_per_request", "RUN_ON_REBUILD", "reason_is_text", "reason_is_columnar")
    for index in (0, 1):
        if check.call("run_filter_for_index", index) is None:
            check.fail("index", f"run_filter_for_index({index}) returned None; return True or False")
    check.run(hosts, specs)


def check_weigher(
    weigher: BaseWeigher | type[BaseWeigher],
    hosts: Iterable[HostState] | None = None,
    specs: Iterable[RequestSpec] | None = None,
) -> None:
    """Raise ConformanceError if a weigher breaks a rule.

    weigher, hosts, specs : as for `check_filter`.

    The rules: every host gets a finite number; the same question has the same answer; hosts and
    request stay as they are; what is declared is all that is read; a columnar body answers for
    columns of no, one and many hosts what it answers for each host; the multiplier is a finite
    number for every host, and a text in an aggregate that is no number does not change it; `minval`
    and `maxval` are the ends of a scale.

    Warns with SameAnswerWarning if all weights are equal.
    """
    check = _WeigherCheck(made_of(weigher, BaseWeigher))
    check.flags("normalized")
    check.scale()
    check.run(hosts, specs)


def made_of(plugin: _P | type[_P], base: type[_P]) -> _P:
    """The plug-in, made if it is a class. Raises ConformanceError for what is no plug-in of that kind."""
    if isinstance(plugin, base):
        return plugin
    name = getattr(plugin, "__name__", repr(plugin))
    if not (inspect.isclass(plugin) and issubclass(plugin, base)):
        raise ConformanceError(f"{name} is not derived from {base.__name__}", plugin=name, rule="base class")
    try:
        return plugin()
    except Exception as problem:
        # The boundary to the plug-in.
        raise ConformanceError(
            f"{name} must be made without arguments: {problem!r}", plugin=name, rule="constructor"
        ) from problem


class _Check:
    """One plug-in under examination; a subclass knows what it is asked and what an answer is."""

    # What answers for one host, and what may be overridden instead, answering for all of them.
    body_name = ""
    loop_names: tuple[str, ...] = ()

    def __init__(self, plugin: Any) -> None:
        self.plugin = plugin
        self.name = type(plugin).__name__
        self.declaration = self._declaration()
        for opt in (opt for cls in type(plugin).__mro__ for opt in vars(cls).get("options", ())):
            if not isinstance(opt, cfg.Opt):
                self.fail("options", f"has {opt!r} among its options, which is not an oslo.config option")
        self.overrides_declared = self._overrides_declared()
        # The different answers so far.
        self.seen: set[Any] = set()

    def fail(self, rule: str, what: str, cause: BaseException | None = None) -> NoReturn:
        raise ConformanceError(f"{self.name}: {what}", plugin=self.name, rule=rule) from cause

    def call(self, function: str | Callable[..., Any], *arguments: Any) -> Any:
        """What a method of the plug-in, or a function that calls it, returns; raising is a failure."""
        name = function if isinstance(function, str) else function.__name__
        try:
            return (getattr(self.plugin, function) if isinstance(function, str) else function)(*arguments)
        except (NotVectorizable, ConformanceError):
            raise
        except UndeclaredRead as problem:
            self.fail("undeclared read", str(problem).removeprefix(f"{self.name} "), problem)
        except NotColumnarError as problem:
            self.fail("columnar", f"is called columnar, but {problem}", problem)
        except Exception as problem:
            # The boundary to the plug-in.
            asked = ", ".join(map(named, arguments))
            self.fail("exception", f"{name}({asked}) raised {problem!r}", problem)

    def overrides(self, *names: str) -> bool:
        """Whether the plug-in defines one of these methods itself."""
        base = BaseHostFilter if isinstance(self.plugin, BaseHostFilter) else BaseWeigher
        return any(getattr(type(self.plugin), name) is not getattr(base, name) for name in names)

    def answers_each_host(self) -> bool:
        """Whether the plug-in answers for one host, and not only for all of them."""
        return self.overrides(self.body_name) or not self.overrides(*self.loop_names)

    def flags(self, *names: str) -> None:
        for name in names:
            if not isinstance(getattr(self.plugin, name), bool):
                self.fail(name, f"{name} must be True or False, not {getattr(self.plugin, name)!r}")

    def answer(self, found: Any, host: Any) -> Any:
        """The answer as a value to compare; what is no answer is a failure."""
        raise NotImplementedError

    def further(self, answers: Sequence[Any], hosts: Sequence[HostState], spec: RequestSpec) -> None:
        """Check the rest of what the plug-in offers."""
        raise NotImplementedError

    def run(self, hosts: Iterable[HostState] | None, specs: Iterable[RequestSpec] | None) -> None:
        tried_hosts = [*sample_hosts(), *self._overridden_hosts()] if hosts is None else list(hosts)
        tried_specs = sample_specs() if specs is None else list(specs)
        if not tried_hosts or not tried_specs:
            raise ValueError("a check needs at least one host and one request")
        before = [Snapshot(host) for host in tried_hosts]
        tried_specs = [prepared(spec, tried_hosts) for spec in tried_specs]
        for spec in tried_specs:
            spec_before = Snapshot(spec)
            sealed(partial(self._try, tried_hosts, spec))
            for snapshot in (spec_before, *before):
                changed = snapshot.changed()
                if changed:
                    what = f"{', '.join(changed)} of {named(snapshot.thing)}"
                    self.fail("unchanged", f"changes {what}; it may only answer")
        for override in self.overrides_declared:
            sealed(partial(self._try_override, override, tried_hosts, tried_specs))
        if self.declaration is not None and callable(self.declaration.host_reads):
            for spec in emptied(tried_specs):
                sealed(partial(self._try_emptied, self.declaration, tried_hosts, spec))
        if len(self.seen) == 1:
            self._warn_of_same(len(tried_hosts), len(tried_specs))

    def _warn_of_same(self, hosts: int, specs: int) -> None:
        check = "check_filter" if isinstance(self, _FilterCheck) else "check_weigher"
        example = f"{check}({self.name}, [*sample_hosts(), make_host(…)], [*sample_specs(), make_spec(…)])"
        warnings.warn(
            f"{self.name} gave {hosts} hosts the same answer, {self.seen.pop()!r}, for each of {specs} requests, so "
            f"the check saw little of it. Give hosts and requests that make a difference: {example}; or bind options "
            "with which it does something.",
            SameAnswerWarning,
            stacklevel=4,
        )

    def _try(self, hosts: Sequence[HostState], spec: RequestSpec) -> None:
        answers: Sequence[Any] = ()
        if self.answers_each_host():
            answers = [self._ask(host, spec) for host in hosts]
            again = [self._ask(host, spec) for host in reversed(hosts)][::-1]
            self._same("repeatable", answers, again, hosts, "the second time")
            if self.declaration is not None:
                self._try_declared(self.declaration, answers, hosts, spec)
            self.seen.update(answers)
        self.further(answers, hosts, spec)

    def _overridden_hosts(self) -> Iterator[HostState]:
        """Hosts whose aggregates override what the plug-in says that they may: with good and bad numbers."""
        for override in self.overrides_declared:
            for texts in (("2",), ("0.5",), ("3", "1"), ("many",), ("2", "many")):
                yield make_host(
                    f"{override.key} {' and '.join(texts)}",
                    aggregates=[{"name": text, "metadata": {override.key: text}} for text in texts],
                    **_PARTLY_USED,
                )

    def _try_override(self, override: Override, hosts: Sequence[HostState], specs: Sequence[RequestSpec]) -> None:
        """An aggregate's text that is no number counts as none."""
        for host in hosts:
            plain, misset = host.copy(), host.copy()
            plain.aggregates = ()
            misset.aggregates = [{"name": "misset", "metadata": {override.key: "many"}}]
            for spec in specs:
                found, wanted = self.overridden_answer(misset, spec), self.overridden_answer(plain, spec)
                if found != wanted:
                    self.fail(
                        "aggregate override",
                        f"answers {found!r} for {named(host)} in an aggregate whose {override.key} is 'many', and "
                        f"{wanted!r} without; what is no number counts as none",
                    )

    def overridden_answer(self, host: HostState, spec: RequestSpec) -> Any:
        """What an override may change."""
        return self._ask(host, spec) if self.answers_each_host() else None

    def _ask(self, host: Any, spec: Any) -> Any:
        try:
            return self.answer(self.call(self.body_name, host, spec), host)
        except NotVectorizable as problem:
            self.fail("exception", f"gives up on {named(host)} as if it were columns", problem)

    def _same(
        self, rule: str, answers: Sequence[Any], others: Sequence[Any], hosts: Sequence[HostState], how: str
    ) -> None:
        for answer, other, host in zip(answers, others, hosts, strict=True):
            if answer != other:
                self.fail(rule, f"answers {answer!r} for {named(host)}, and {other!r} {how}")

    # -- what is declared --------------------------------------------------------------------

    def _overrides_declared(self) -> Sequence[Override]:
        try:
            return tuple(overrides_of(type(self.plugin)).values())
        except ConfigurationError as problem:
            self.fail("aggregate override", str(problem), problem)

    def _declaration(self) -> Declaration | None:
        cls = type(self.plugin)
        try:
            declaration = declaration_of(cls)
        except ConfigurationError as problem:
            self.fail("declaration", str(problem), problem)
        if declaration is None:
            if "columnar" in vars(cls) and cls.columnar:
                self.fail("columnar", "is called columnar, but declares no host_reads")
            return None
        if not callable(declaration.host_reads):
            self._check_names("host_reads", declaration.host_reads)
        self._check_names("spec_reads", declaration.spec_reads)
        for name in declaration.spec_attributes:
            if not hasattr(RequestSpec, name):
                self.fail("spec_reads", f"spec_reads names {name!r}, which no request has")
        return declaration

    def _check_names(self, which: str, names: Any) -> None:
        if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
            self.fail(which, f"{which} must be a list of names, not {names!r}")

    def _try_declared(
        self, declaration: Declaration, answers: Sequence[Any], hosts: Sequence[HostState], spec: RequestSpec
    ) -> None:
        missed: dict[str, list[str]] = {"host_reads": [], "spec_reads": []}
        seen_spec = recording(spec_view, self.name, declaration.spec_reads, missed["spec_reads"])(spec)
        reads: Any = declaration.host_reads
        if callable(reads):
            reads = self._watched(missed, partial(self.call, "host_reads", seen_spec))
            self._check_names("host_reads", reads)
        reads = names_of(tuple(reads))
        view = recording(host_view, self.name, reads, missed["host_reads"])
        seen = [self._watched(missed, partial(self._ask, view(host), seen_spec)) for host in hosts]
        self._same("declaration", answers, seen, hosts, "when it sees only what it declared")
        if declaration.columnar:
            self._try_columns(reads, answers, hosts, seen_spec)
        if belongs_to(type(self.plugin), "changes_at", self.body_name):
            if not declaration.columnar or "now" not in declaration.spec_attributes:
                self.fail("changes_at", "defines changes_at, but is not columnar or does not declare that it reads now")
            for host, answer in zip(hosts, answers, strict=True):
                moments = self._watched(missed, partial(self.call, "changes_at", view(host)))
                for other in requests_between(moments, spec, partial(self.fail, "changes_at")):
                    self._same("changes_at", [answer], [self._ask(host, other)], [host], f"at {other.now}")
            self._try_moments(reads, hosts)

    def _try_moments(self, reads: tuple[Name, ...], hosts: Sequence[HostState]) -> None:
        try:
            columns = self.call("changes_at", ColumnView(self.name, reads, HostRows(hosts)))
        except NotVectorizable:
            return
        found = [self._values(column, len(hosts)) for column in columns]
        for host, *moments in zip(hosts, *found, strict=True):
            self._same("changes_at", [list(self.call("changes_at", host))], [moments], [host], "in columns")

    def _try_emptied(self, declaration: Declaration, hosts: Sequence[HostState], spec: RequestSpec) -> None:
        """A `host_reads` method and the body agree what an empty value is, if the body takes one at all."""
        try:
            answers = [self._ask(host, spec) for host in hosts]
        except ConformanceError:
            return
        self._try_declared(declaration, answers, hosts, spec)

    def _watched(self, missed: Mapping[str, Sequence[str]], act: Callable[[], Any]) -> Any:
        """What `act` gives; that something undeclared was read goes before whatever came of it."""
        try:
            return act()
        finally:
            for declared, names in missed.items():
                if names:
                    listed = ", ".join(repr(name) for name in dict.fromkeys(names))
                    self.fail("undeclared read", f"reads {listed}, which its {declared} do not name")

    def _try_columns(
        self, reads: tuple[Name, ...], answers: Sequence[Any], hosts: Sequence[HostState], spec: Any
    ) -> None:
        everyone = HostRows(hosts)
        sources: list[tuple[Sequence[int], Any]] = [(range(len(hosts)), everyone), ((), NoRows(everyone))]
        sources += [((row,), HostRows([host])) for row, host in enumerate(hosts)]
        for rows, source in sources:
            some = [hosts[row] for row in rows]
            view = ColumnView(self.name, reads, source)
            try:
                with np.errstate(all="ignore"):
                    found = self.call(self.body_name, view, spec)
            except NotVectorizable:
                # Not everything is a column; such hosts are asked one by one.
                continue
            values = self._values(found, len(some))
            column = [self.answer(value, host) for value, host in zip(values, some, strict=True)]
            self._same("columnar", [answers[row] for row in rows], column, some, f"in columns of {len(some)}")

    def _values(self, found: Any, count: int) -> list[Any]:
        if not isinstance(found, Column):
            return [found] * count
        if found.missing is not None:
            self.fail("columnar", "gives a column in which values are missing")
        if np.shape(found.values) not in ((), (count,)):
            self.fail("columnar", f"gives a column of shape {np.shape(found.values)} for {count} hosts")
        values: list[Any] = np.broadcast_to(found.values, (count,)).tolist()
        return values


class _FilterCheck(_Check):
    body_name = "host_passes"
    loop_names = ("filter_all", "_filter_one")

    def answer(self, found: Any, host: Any) -> bool:
        if is_no_answer(found):
            self.fail("answer", f"returned a {type(found).__name__} for {named(host)}; write no await and no yield")
        # ~ makes -2 of True for one host, which columns will show.
        is_of_operators = self.declaration is not None and self.declaration.columnar and isinstance(found, int)
        if not isinstance(found, bool | np.bool_) and not is_of_operators:
            self.fail("answer", f"returned {shown(found)} for {named(host)}; return True or False")
        return bool(found)

    def further(self, answers: Sequence[Any], hosts: Sequence[HostState], spec: RequestSpec) -> None:
        if self.overrides(*self.loop_names):
            self._check_filter_all(hosts, spec)
        for host, passes in zip(hosts, answers, strict=bool(answers)):
            if passes:
                self._check_limits(self.call("limits", host, spec))
            else:
                self._check_reason(self.call("rejection_reason", host, spec))
        refused = [host for host, passes in zip(hosts, answers, strict=bool(answers)) if not passes]
        if refused and self.declaration is not None and says_of_reason(self.plugin, "reason_is_columnar"):
            self._check_reason_on_columns(self.declaration, refused, spec)

    def _check_filter_all(self, hosts: Sequence[HostState], spec: RequestSpec) -> None:
        left = self.call("filter_all", list(hosts), spec)
        if left is None:
            return
        if not isinstance(left, Iterable):
            self.fail("filter_all", f"filter_all returned {left!r}; return hosts, or None to end filtering")
        given = {id(host) for host in hosts}
        # Taking them out of a generator runs the plug-in's code too.
        passed = {id(host) for host in self.call(list, left)}
        if not passed <= given:
            self.fail("filter_all", "filter_all returned what it was not given")
        self.seen.update(one in passed for one in given)

    def _check_limits(self, limits: Any) -> None:
        if not isinstance(limits, Mapping) or not all(isinstance(name, str) for name in limits):
            self.fail("limits", f"limits returned {limits!r}; return a mapping from names to values")

    def _check_reason(self, reason: Any) -> None:
        if isinstance(reason, Shortage):
            if says_of_reason(self.plugin, "reason_is_text"):
                self.fail("reason_is_text", f"rejection_reason returned {reason!r}, and reason_is_text is True")
            if not (is_weight(reason.need) and is_weight(reason.have) and reason.missing > 0):
                self.fail("rejection_reason", f"{reason!r} is no shortage; need must be above have, both finite")
        elif reason is not None and not (isinstance(reason, str) and reason.strip()):
            self.fail("rejection_reason", f"rejection_reason returned {reason!r}; return a sentence or a Shortage")

    def _check_reason_on_columns(
        self, declaration: Declaration, refused: Sequence[HostState], spec: RequestSpec
    ) -> None:
        reads: Any = declaration.host_reads
        if callable(reads):
            reads = self.call("host_reads", spec)
        reads = names_of(tuple(reads))
        view = ColumnView(self.name, reads, HostRows(refused))
        try:
            found = self.call("rejection_reason", view, spec_view(self.name, declaration.spec_reads)(spec))
        except NotVectorizable:
            return
        if not isinstance(found, Shortage):
            self.fail("reason_is_columnar", f"rejection_reason returned {found!r} for columns; return a Shortage")
        needs, haves = self._values(found.need, len(refused)), self._values(found.have, len(refused))
        for host, need, have in zip(refused, needs, haves, strict=True):
            single = self.call("rejection_reason", host, spec)
            if not isinstance(single, Shortage) or (single.need, single.have) != (need, have):
                columns = f"need {need!r} and have {have!r} in columns"
                self.fail("reason_is_columnar", f"rejection_reason gives {single!r} for {named(host)}, and {columns}")


class _WeigherCheck(_Check):
    body_name = "_weigh_object"
    loop_names = ("weigh_objects",)

    def scale(self) -> None:
        """Check the ends of the scale, and that there is an option for the multiplier."""
        low, high = self.plugin.minval, self.plugin.maxval
        for name, end in (("minval", low), ("maxval", high)):
            if end is not None and not is_weight(end):
                self.fail(name, f"{name} must be a finite number or None, not {end!r}")
        if low is not None and high is not None and low > high:
            self.fail("minval", f"minval {low!r} is above maxval {high!r}")
        if self.plugin.multiplier_option is not None:
            self.call("option", self.plugin.multiplier_option)

    def answer(self, found: Any, host: Any) -> float:
        if not is_weight(found):
            self.fail("answer", f"returned {found!r} for {named(host)}; a weight must be a finite number")
        return float(found)

    def further(self, answers: Sequence[Any], hosts: Sequence[HostState], spec: RequestSpec) -> None:
        multiplier_of = multiplier(self.plugin)
        for host in hosts:
            value = self.call(multiplier_of, host)
            if not is_weight(value):
                self.fail("multiplier", f"its multiplier for {named(host)} is {value!r}, which is no finite number")
        if self.overrides(*self.loop_names):
            weighed = [WeighedHost(host, 0.0) for host in hosts]
            found = self.call(list, self.call("weigh_objects", weighed, spec))
            if len(found) != len(hosts):
                self.fail("weigh_objects", f"weigh_objects returned {len(found)} weights for {len(hosts)} hosts")
            self.seen.update(self.answer(weight, host) for host, weight in zip(hosts, found, strict=True))

    def overridden_answer(self, host: HostState, spec: RequestSpec) -> Any:
        return super().overridden_answer(host, spec), self.call(multiplier(self.plugin), host)
