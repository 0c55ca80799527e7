"""The four methods that the engine calls, in both dialects.

A call names units. Each runs, in its own process or in the daemon, and gives an outcome:
an answer or a sentence about its failure. The outcomes become one answer in the caller's dialect.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

from filtersched.ovirt import answers
from filtersched.ovirt.core_units import BALANCE, DOCUMENTS, FILTERS, KINDS, SCORES, VMS, CoreUnit
from filtersched.ovirt.daemon_metrics import DaemonMetrics
from filtersched.ovirt.documents import Facts, Known, host_elements, is_document, vm_element
from filtersched.ovirt.engine_facts import EngineFacts
from filtersched.ovirt.errors import UnitError, WireError
from filtersched.ovirt.plugin_files import PluginFiles, PluginUnit, indented, printable
from filtersched.ovirt.settings import Settings
from filtersched.ovirt.wire import INVALID_PARAMS, METHOD_NOT_FOUND, clean

LOG = logging.getLogger(__name__)

Unit = PluginUnit | CoreUnit
_LONGEST = 2000  # characters of a sentence: clients may send ids of megabytes


@dataclass(slots=True)
class Outcome:
    """What one unit made of a call.

    error : why there is no answer. trouble : what else the engine gets to know of the unit.
    notes, details : for the log.
    """

    name: str
    answer: Any = None
    error: str | None = None
    trouble: str | None = None
    notes: list[str] = field(default_factory=list)
    details: str = ""
    milliseconds: float = 0.0


class EngineCalls:
    """The methods, over the units of plug-in files and the library's own."""

    def __init__(
        self,
        settings: Settings,
        plugins: PluginFiles,
        own_units: Sequence[CoreUnit] = (),
        facts: EngineFacts | None = None,
    ) -> None:
        self.settings = settings
        self.plugins = plugins
        self.facts = facts
        #: Who counts calls; None is nobody.
        self.metrics: DaemonMetrics | None = None
        self.own: dict[str, dict[str, CoreUnit]] = {kind: {} for kind in KINDS}
        for unit in own_units:
            self.own[unit.kind][unit.name] = unit
        # Large documents and the library's plug-ins, so that they keep no other call waiting.
        self._thread = ThreadPoolExecutor(1, "heavy")
        self._methods: dict[str, Callable[..., Any]] = {
            "discover": self._discover,
            "runFilters": self._run_filters,
            "runCostFunctions": self._run_cost_functions,
            "runLoadBalancing": self._run_load_balancing,
            "system.listMethods": self._list_methods,
        }

    async def call(self, name: str, arguments: Sequence[Any]) -> Any:
        """The answer of a method. Raises WireError for a method or arguments that cannot be."""
        if self.metrics is None:
            return await self._answered(name, arguments)
        started, result = time.perf_counter(), "error"
        try:
            answer = await self._answered(name, arguments)
            none_left = name == "runFilters" and not (answer["result"] if isinstance(answer, dict) else answer)
            result = "no_valid_host" if none_left else "success"
            return answer
        except WireError:
            result = "invalid_request"
            raise
        finally:
            known = name if name in self._methods else "unknown"
            self.metrics.metrics.count(known, result, time.perf_counter() - started)

    async def _answered(self, name: str, arguments: Sequence[Any]) -> Any:
        if name not in self._methods:
            raise WireError(f"there is no method {name[:200]!r}", code=METHOD_NOT_FOUND)
        wanted = list(inspect.signature(self._methods[name]).parameters)
        if len(arguments) != len(wanted):
            raise _invalid(f"{len(arguments)} parameters given, wanted: {', '.join(wanted) or 'none'}")
        return await self._methods[name](*arguments)

    async def in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """What `work` returns; it runs beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def close(self) -> None:
        """No call will come any more."""
        self._thread.shutdown(wait=False)

    def announced(self) -> dict[str, dict[str, Unit]]:
        """The units by kind and name; of the library's, those whose facts there is a source for.

        A plug-in file's unit hides one of the library of its name.
        """
        tellable = {DOCUMENTS} if self.settings.dialect == "page" else set()
        if self.settings.engine_url is not None:
            tellable = {DOCUMENTS, VMS}
        plugged = self.plugins.units()
        return {
            kind: {name: unit for name, unit in self.own[kind].items() if unit.needs in tellable} | plugged[kind]
            for kind in KINDS
        }

    async def _list_methods(self) -> list[str]:
        return sorted(self._methods)

    async def _discover(self) -> Any:
        started = time.monotonic()
        await self.plugins.discover(self.settings)
        units = self.announced()
        for problem in self.plugins.problems():
            LOG.warning("%s", problem)
        LOG.info("discover: %s, %.1f ms", ", ".join(f"{len(units[kind])} {kind}" for kind in KINDS), _since(started))
        if self.settings.dialect == "page":
            return page_discovery(units)
        return {
            kind: {name: [unit.description, unit.properties] for name, unit in units[kind].items()} for kind in KINDS
        }

    async def _run_filters(self, names: Any, hosts: Any, vm: Any, properties: Any) -> Any:
        call = await self._understood(FILTERS, _names(names), hosts, vm, properties)
        left = call.known
        for some in [[name] for name in call.names] if call.page else [call.names]:
            # On the page each filter sees what the ones before it left.
            await call.ask(some, left)
            left = left.among([outcome.answer for outcome in call.outcomes if outcome.error is None])
            if call.page and not left.hosts:
                break
        passed, failed = left.hosts, [outcome for outcome in call.outcomes if outcome.error is not None]
        errors = ["all filters failed"] if failed and len(failed) == len(call.outcomes) else []
        if failed and self.settings.on_plugin_error == "fail":
            passed = []
        elif errors and call.page:
            raise UnitError(f"all filters failed: {_causes(failed)}")
        if self.metrics is not None and not passed:
            counts = {one.name: len(one.answer) for one in call.outcomes if one.error is None}
            self.metrics.count_refusal(counts, len(call.known.hosts))
        call.log(f"{len(passed)} of {len(call.known.hosts)} hosts pass")
        return passed if call.page else call.result(passed, errors)

    async def _run_cost_functions(self, names_and_factors: Any, hosts: Any, vm: Any, properties: Any) -> Any:
        factors = _factors(names_and_factors)
        call = await self._understood(SCORES, list(factors), hosts, vm, properties)
        await call.ask(call.names, call.known)
        good = [outcome for outcome in call.outcomes if outcome.error is None]
        if len(good) < len(call.outcomes) and self.settings.on_plugin_error == "fail":
            good = []
        if call.page and call.outcomes and not good:
            raise UnitError(f"no scores: {_causes(call.outcomes)}")
        call.log(f"{len(call.known.hosts) if good else 0} of {len(call.known.hosts)} hosts scored")
        if call.page:
            return answers.total([(factors[one.name], one.answer) for one in good], call.known.hosts)
        # The engine applies the factors itself; of a sum it could not tell whose it is.
        return call.result([[host, score, clean(one.name)] for one in good for host, score in one.answer.items()])

    async def _run_load_balancing(self, name: Any, hosts: Any, properties: Any) -> Any:
        call = await self._understood(BALANCE, _names([name]), hosts, "", properties)
        await call.ask(call.names, call.known)
        (outcome,) = call.outcomes
        if call.page and outcome.error is not None:
            raise UnitError(_causes(call.outcomes))
        vm, targets = ("", []) if outcome.error is not None else outcome.answer
        call.log(f"move {vm!r} to one of {len(targets)} hosts" if vm else "nothing to move")
        if call.page:
            return {vm: targets} if vm else {}
        return call.result([vm, targets])

    async def _understood(self, kind: str, names: list[str], hosts: Any, vm: Any, properties: Any) -> _Call:
        """The call with its arguments checked, and what is known of its hosts."""
        if properties in ("", None):  # old test clients send "" in its place
            properties = {}
        if not isinstance(properties, dict) or not all(v is None or isinstance(v, str) for v in properties.values()):
            raise _invalid("properties must be a struct of strings")
        if isinstance(hosts, str):
            if hosts.strip() and not is_document(hosts):
                raise _invalid("hosts is a text but no document")
            hosts = [hosts] if hosts.strip() else []
        if not isinstance(hosts, list) or not answers.all_text(hosts):
            raise _invalid("hosts must be an array of ids, or documents")
        if not isinstance(vm, str):
            raise _invalid("vm must be text: an id, or a document")
        page = self.settings.dialect == "page"
        if hosts:
            page = "<" in "".join(hosts) and any(map(is_document, hosts))
        if page:
            elements = await self.in_thread(host_elements, hosts)
            id, element = vm_element(vm)
            known = Known(list(elements), id, Facts(elements), element)
        elif self.facts is not None:
            known = await self.facts.known(list(dict.fromkeys(hosts)), vm)
        else:
            known = Known(list(dict.fromkeys(hosts)), vm, why="set engine_url")
        return _Call(self, kind, names, known, properties, page)


@dataclass(slots=True)
class _Call:
    """One call, with its arguments understood, and what units made of it so far."""

    calls: EngineCalls
    kind: str
    names: list[str]
    known: Known
    properties: dict[str, Any]
    page: bool
    outcomes: list[Outcome] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    async def ask(self, names: Sequence[str], known: Known) -> None:
        """Add an outcome for each name; all units are asked at the same time about all hosts."""
        plugins, own = self.calls.plugins, self.calls.own[self.kind]
        units = await plugins.current(self.kind, names, own, self.calls.settings)
        shared = known.for_workers(vms=self.kind == BALANCE) if any(name in units for name in names) else b""
        there = [name for name in names if name in units or name in own]
        broken = plugins.broken_units() if len(there) < len(names) else {}

        async def outcome(name: str) -> Outcome:
            made, started = Outcome(name), time.monotonic()
            try:
                if name in units:
                    raw = await self._plugged(units[name], shared, made)
                else:
                    raw = await self.calls.in_thread(own[name].answer, known)
                self._take_in(made, raw, known.hosts)
            except UnitError as error:
                made.error, made.details = str(error)[:_LONGEST], error.details
            except Exception as error:
                # The boundary to filters and weighers: whatever one raises, the others still count.
                made.error = f"{type(error).__name__}: {error}"[:_LONGEST]
                made.details = "".join(traceback.format_exception(error))
            made.milliseconds = _since(started)
            return made

        found = dict(zip(there, await asyncio.gather(*map(outcome, there)), strict=True))
        if self.calls.metrics is not None:
            # Names that nobody knows are the client's, of which there is no end.
            for made in found.values():
                if made.error is not None:
                    self.calls.metrics.count_failure(self.kind, made.name)
        self.outcomes += [
            found.get(name) or Outcome(name, error=broken.get(name, f"plugin not found: {name[:200]!r}"))
            for name in names
        ]

    async def _plugged(self, unit: PluginUnit, shared: bytes, outcome: Outcome) -> Any:
        outcome.trouble = unit.file.broken
        try:
            async with asyncio.timeout(self.calls.settings.request_timeout):
                raw, stderr = await unit.answer(shared, self.properties)
        except TimeoutError:
            raise UnitError("all workers of its file were busy until the call's time was up") from None
        if stderr:
            LOG.warning("%s (%s) on stderr:%s", unit.name, unit.file.path, indented(stderr))
        return raw

    def _take_in(self, outcome: Outcome, raw: Any, hosts: Sequence[str]) -> None:
        """A unit's raw answer, repaired, into its outcome."""
        if self.kind == FILTERS:
            outcome.answer, outcome.notes = answers.passed_hosts(raw, hosts)
        elif self.kind == BALANCE:
            outcome.answer, outcome.notes = answers.migration(raw, hosts)
        else:
            outcome.answer, outcome.notes, usable = answers.scores(raw, hosts, self.calls.settings.cost_scale)
            if not usable:
                outcome.trouble = f"gave no score that can be used: {'; '.join(outcome.notes)}"

    def result(self, result: list[Any], errors: Sequence[str] = ()) -> dict[str, Any]:
        """The engine's struct: its code is 1 if a unit gave nothing usable, or answers by an older version."""
        said: dict[str, list[str]] = {}
        for outcome in self.outcomes:
            for sentence in filter(None, (outcome.error, outcome.trouble)):
                said.setdefault(clean(outcome.name), []).append(sentence)
        reported = {name: part for name, part in (("plugin_errors", said), ("errors", list(errors))) if part}
        return {"result_code": 1 if reported else 0, "result": result, **reported}

    def log(self, verdict: str) -> None:
        """One record about each unit that failed or whose answer was odd, and one about the call."""
        asked, more = [], ""
        for outcome in self.outcomes[:20]:
            name, made = outcome.name[:100], "answered"
            if outcome.error is not None:
                error, details = printable(outcome.error), indented(outcome.details)
                LOG.warning("%s %r gave no answer: %s%s", self.kind, name, error, details)
                made = "failed"
            elif isinstance(outcome.answer, list | dict):
                made = f"{len(outcome.answer)} hosts"
            for note in outcome.notes:
                LOG.warning("%s %r: %s", self.kind, name, printable(note))
            asked.append(f"{name!r} {made} in {outcome.milliseconds:.1f} ms")
        if len(self.outcomes) > len(asked):
            more = f" and {len(self.outcomes) - len(asked)} more"
        vm = f", vm {self.known.vm[:100]!r}" if self.known.vm else ""
        LOG.info("%s%s: %s%s: %s, %.1f ms", self.kind, vm, ", ".join(asked), more, verdict, _since(self.started))


def page_discovery(units: Mapping[str, Mapping[str, Unit]]) -> str:
    """The XML text of the feature page.

    The page's sample gives a name as an element in one place and as an attribute in another, so
    every unit carries both.
    """
    root = ET.Element("PolicyUnits")
    for kind, tag in {FILTERS: "Filter", SCORES: "CostFunction", BALANCE: "Balance"}.items():
        parent = ET.SubElement(root, f"{tag}s")
        for name, unit in units[kind].items():
            element = ET.SubElement(parent, tag, name=name)
            ET.SubElement(element, "name").text = name
            if unit.properties:
                properties = ET.SubElement(element, "Properties")
                ET.SubElement(properties, "name").text = name
                ET.SubElement(properties, "CustomProperties").text = unit.properties
                ET.SubElement(properties, "default_values").text = unit.default_values
    return ET.tostring(root, encoding="unicode")


def _invalid(problem: str) -> WireError:
    return WireError(problem, code=INVALID_PARAMS)


def _causes(outcomes: Sequence[Outcome]) -> str:
    return "; ".join(f"{outcome.name}: {outcome.error}" for outcome in outcomes[:10] if outcome.error is not None)


def _names(given: Any) -> list[str]:
    if not isinstance(given, list) or not answers.all_text(given):
        raise _invalid("names must be an array of strings")
    return list(dict.fromkeys(given))


def _factors(given: Any) -> dict[str, int]:
    """Name -> factor; a name given twice has the sum."""
    factors: dict[str, int] = {}
    if not isinstance(given, list):
        raise _invalid("the first parameter must be an array of [name, factor]")
    for pair in given:
        if not isinstance(pair, list) or [type(part) for part in pair] != [str, int]:
            raise _invalid(f"{pair!r:.100} is not [name, factor], a string and an integer")
        factors[pair[0]] = factors.get(pair[0], 0) + pair[1]
    return factors


def _since(started: float) -> float:
    return (time.monotonic() - started) * 1000
