"""BaseHostFilter: one predicate over a host and a request."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from filtersched.errors import InvalidAnswer, shown
from filtersched.hosts.domains import InDomains
from filtersched.hosts.host_names import described
from filtersched.hosts.host_state import HostState
from filtersched.plugins.notes import note_host
from filtersched.plugins.plugin import Plugin
from filtersched.requests.request_spec import RequestSpec
from filtersched.results.verdict import Shortage

_NOT_RUN = (types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType)


class NewRefusals(NamedTuple):
    """Which hosts a filter refuses now that it passed for the request's instance before, and no others.

    It holds for hosts that stayed as they are, and while none of the instances `absent` is on a host.
    """

    among: tuple[InDomains, ...] = ()
    absent: tuple[str, ...] = ()


class BaseHostFilter(Plugin):
    """Says, for one host at a time, whether it can take an instance of the request.

    A derived class defines `host_passes`; everything else has a default.
    """

    #: True: the filter is asked for the first instance of a request only.
    run_filter_once_per_request: ClassVar[bool] = False
    #: False: a host that it refused may pass for a later instance of the same request, and is asked about again.
    refusals_are_final: ClassVar[bool] = True
    #: True: the filter is also asked when an instance is rebuilt on the host where it runs.
    RUN_ON_REBUILD: ClassVar[bool] = False
    #: True: `rejection_reason` never returns a Shortage. Like the next one, it holds for the
    #: `rejection_reason` of this class and its bases, not for that of a derived class.
    reason_is_text: ClassVar[bool] = False
    #: True: `rejection_reason` consists of operators only and returns a Shortage, so that it may be
    #: called with columns of all hosts in place of one host.
    reason_is_columnar: ClassVar[bool] = False

    def host_passes(self, host_state: HostState, spec: RequestSpec, /) -> Any:
        """Whether the host can take an instance of the request; any truth value."""
        raise NotImplementedError(f"{type(self).__name__} defines no host_passes(host_state, spec)")

    def rejection_reason(self, host_state: HostState, spec: RequestSpec, /) -> Shortage | str | None:
        """Why the host was refused: a Shortage or a sentence. Called when the reason is read."""
        return None

    def limits(self, host_state: HostState, spec: RequestSpec, /) -> Mapping[str, Any]:
        """Limits that the compute service must enforce; called for chosen hosts and alternates only."""
        return {}

    def run_filter_for_index(self, index: int, /) -> bool:
        """Whether the filter runs for the instance at `index` of a request."""
        return index == 0 or not self.run_filter_once_per_request

    def asked_about(self, spec: RequestSpec) -> bool:
        """Whether the filter runs for this request; on a rebuild, only with `RUN_ON_REBUILD`."""
        return self.RUN_ON_REBUILD or not spec.is_rebuild

    def _refused_since(self, before: RequestSpec, spec: RequestSpec, /) -> NewRefusals | None:
        """Which hosts a later instance of the request is refused and the one before it was not.

        None if hosts may pass that did not, or if that is not known; then the filter is asked about all.
        """
        return None

    def _filter_one(self, host_state: HostState, spec: RequestSpec, /) -> Any:
        return not self.asked_about(spec) or self.host_passes(host_state, spec)

    def filter_all(self, hosts: Iterable[HostState], spec: RequestSpec, /) -> Iterable[HostState] | None:
        """The hosts that pass, in their order. An override may return None to end filtering."""
        return self._passing(hosts, spec)

    def _passing(self, hosts: Iterable[HostState], spec: RequestSpec) -> Iterator[HostState]:
        for host in hosts:
            try:
                passes = truth(self, self._filter_one(host, spec))
            except Exception as problem:
                # The boundary to the plug-in: its exception goes on, saying where it happened.
                note_host(problem, self, host, spec.instance_uuid)
                raise
            if passes:
                yield host


def is_no_answer(found: Any) -> bool:
    """Whether a method was not run at all: what it returned is a coroutine or a generator, which is always true."""
    if not isinstance(found, _NOT_RUN):
        return False
    _close(found)
    return True


def _close(found: Any) -> None:
    # Python would warn that nothing awaits it.
    if isinstance(found, types.CoroutineType):
        found.close()


def truth(plugin: BaseHostFilter, found: Any) -> bool:
    """The verdict that `host_passes` returned. Raises InvalidAnswer for a coroutine or a generator."""
    if found is True or found is False:
        return bool(found)
    if is_no_answer(found):
        name = type(plugin).__name__
        said = f"{name}.host_passes returned a {type(found).__name__}; write no await and no yield in it"
        raise InvalidAnswer(said, plugin=name, method="host_passes", value=found)
    return bool(found)


def left_by(plugin: BaseHostFilter, hosts: Sequence[HostState], spec: RequestSpec) -> list[HostState] | None:
    """What `filter_all` leaves of the hosts; None ends filtering.

    Raises InvalidAnswer for what is no iterable, and for a host that the filter was not given.
    """
    # A copy: a filter may remove hosts from it.
    passed = plugin.filter_all(list(hosts), spec)
    if passed is None:
        return None
    name = type(plugin).__name__
    if not isinstance(passed, Iterable):
        _close(passed)
        said = f"{name}.filter_all returned {shown(passed)}; return hosts, or None to end filtering"
        raise InvalidAnswer(said, plugin=name, method="filter_all", value=passed)
    left = list(passed)
    given = set(map(id, hosts))
    strange = next((host for host in left if id(host) not in given), None)
    if strange is not None:
        what = described(strange) if isinstance(strange, HostState) else shown(strange)
        said = f"{name}.filter_all returned {what}, which it was not given; return some of the hosts it was given"
        raise InvalidAnswer(said, plugin=name, method="filter_all", value=strange)
    return left


def says_of_reason(plugin: BaseHostFilter, word: str) -> bool:
    """Whether `reason_is_text` or `reason_is_columnar` holds for the `rejection_reason` that the filter has.

    The default one gives no reason at all, which counts as text.
    """
    for owner in type(plugin).__mro__:
        if word in vars(owner):
            return bool(getattr(owner, word)) or (word == "reason_is_text" and owner is BaseHostFilter)
        if "rejection_reason" in vars(owner):
            return False
    return False
