"""The four methods that the engine calls, in both dialects.

A call names units. Each is asked, on its own or in the daemon, and gives an outcome: an answer or
a sentence about its failure. The outcomes of a call become one answer in the caller's dialect.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from xml.etree import ElementTree as ET

from filtersched.ovirt import answers
from filtersched.ovirt.core_units import DOCUMENTS, VMS, CoreUnit
from filtersched.ovirt.documents import Known, host_elements, vm_element
from filtersched.ovirt.errors import OvirtError, UnitError, WireError
from filtersched.ovirt.plugins import KINDS, Catalogue, PluginUnit
from filtersched.ovirt.settings import Settings
from filtersched.ovirt.wire import INVALID_PARAMS, clean
from filtersched.ovirt.workers import ask

LOG = logging.getLogger(__name__)

FILTERS, SCORES, BALANCE = KINDS


Unit = PluginUnit | CoreUnit


class Facts(Protocol):
    """Where facts about hosts and VMs come from when a call brings only ids."""

    def known(self, hosts: Sequence[str], vm: str) -> Known:
        """What is known now; never waits."""


class NoFacts:
    """Nothing is known but ids."""

    def known(self, hosts: Sequence[str], vm: str) -> Known:
        """The ids, and nothing else."""
        return Known(hosts, vm)


@dataclass(slots=True)
class Outcome:
    """What one unit made of a call; `notes` are about parts of the answer that could not be used."""

    name: str
    answer: Any = None
    error: str | None = None
    milliseconds: float = 0.0
    notes: list[str] = field(default_factory=list)


class Service:
    """The methods, over a catalogue of plug-in units and the library's own."""

    def __init__(
        self,
        settings: Settings,
        discover: Callable[[], Catalogue],
        catalogue: Callable[[], Catalogue],
        own_units: Sequence[CoreUnit] = (),
        facts: Facts | None = None,
    ) -> None:
        self._settings = settings
        self._discover = discover
        self._catalogue = catalogue
        self._own: dict[str, dict[str, CoreUnit]] = {kind: {} for kind in KINDS}
        for unit in own_units:
            self._own[unit.kind][unit.name] = unit
        self._facts = facts or NoFacts()
        if settings.engine_url is not None:
            self._tellable = {DOCUMENTS, VMS}
        else:
            self._tellable = {DOCUMENTS} if settings.dialect == "page" else set()

    # -- discover ----------------------------------------------------------------------------

    def units(self, catalogue: Catalogue) -> dict[str, dict[str, Unit]]:
        """All units by kind and name; a plug-in file's hides one of the library of its name."""
        return {kind: {**self._own[kind], **catalogue.units[kind]} for kind in KINDS}

    def announced(self, catalogue: Catalogue) -> dict[str, dict[str, Unit]]:
        """Those that can answer: of the library's units, the ones whose facts there is a source for."""
        return {
            kind: {
                name: unit
                for name, unit in units.items()
                if isinstance(unit, PluginUnit) or unit.needs in self._tellable
            }
            for kind, units in self.units(catalogue).items()
        }

    def discover(self, *arguments: Any) -> Any:
        """What units there are: a struct for the engine, a text of XML in the page's dialect."""
        _expect(arguments, ())
        started = time.monotonic()
        units = self.announced(self._discover())
        counts = ", ".join(f"{len(units[kind])} {kind}" for kind in KINDS)
        LOG.info("discover: %s, %.1f ms", counts, _since(started))
        if self._settings.dialect == "page":
            return page_discovery(units)
        return {
            kind: {name: [unit.description, unit.properties] for name, unit in units[kind].items()} for kind in KINDS
        }

    # -- the calls ---------------------------------------------------------------------------

    def run_filters(self, *arguments: Any) -> Any:
        """Hosts that every named filter lets pass."""
        names, hosts, vm, properties = _expect(arguments, ("names", "hosts", "vm", "properties"))
        call = _Call(self, FILTERS, _names(names), hosts, vm, properties)
        if not call.page:
            outcomes = call.ask_all()
            good = [outcome.answer for outcome in outcomes if outcome.error is None]
            left = answers.intersection(call.known.hosts, good)
        else:
            outcomes, left = call.ask_in_turn()
        failed = sum(outcome.error is not None for outcome in outcomes)
        errors = ["all filters failed"] if outcomes and failed == len(outcomes) else []
        if failed and self._settings.on_plugin_error == "fail":
            left = []
        elif errors:
            left = call.known.hosts
            if call.page:
                raise UnitError(f"all filters failed: {_causes(outcomes)}")
        call.log(outcomes, f"{len(left)} of {len(call.known.hosts)} hosts pass")
        return left if call.page else _struct(left, outcomes, errors + call.known.problems)

    def run_cost_functions(self, *arguments: Any) -> Any:
        """The sum of factor times score for each host; small is good."""
        pairs, hosts, vm, properties = _expect(arguments, ("names and factors", "hosts", "vm", "properties"))
        factors = _factors(pairs)
        call = _Call(self, SCORES, list(factors), hosts, vm, properties)
        outcomes = call.ask_all()
        errors: list[str] = []
        good = [outcome for outcome in outcomes if outcome.error is None]
        if len(good) < len(outcomes) and self._settings.on_plugin_error == "fail":
            good = []
        if call.page and outcomes and not good:
            raise UnitError(f"no scores: {_causes(outcomes)}")
        weighted = [(factors[outcome.name], outcome.answer) for outcome in good]
        sums = answers.total(weighted, call.known.hosts, errors)
        call.log(outcomes, f"{len(sums)} of {len(call.known.hosts)} hosts scored")
        if call.page:
            return sums
        return _struct([[host, score] for host, score in sums.items()], outcomes, errors + call.known.problems)

    def run_load_balancing(self, *arguments: Any) -> Any:
        """One VM to move and the hosts that it may move to."""
        name, hosts, properties = _expect(arguments, ("name", "hosts", "properties"))
        call = _Call(self, BALANCE, _names([name]), hosts, "", properties)
        outcomes = call.ask_all()
        outcome = outcomes[0]
        if call.page and outcome.error is not None:
            raise UnitError(f"{name}: {outcome.error}")
        vm, targets = ("", []) if outcome.error is not None else outcome.answer
        call.log(outcomes, f"move {vm!r} to one of {len(targets)} hosts" if vm else "nothing to move")
        if call.page:
            return {vm: targets} if vm else {}
        return _struct([vm, targets], outcomes, call.known.problems)

    def ask(self, kind: str, names: Sequence[str], known: Known, properties: Mapping[str, Any], deadline: float) -> Any:
        """An outcome for each name; plug-in units work at the same time."""
        units = self.units(self._catalogue())[kind]
        outcomes = [Outcome(name) for name in names]
        found = [(outcome, units.get(outcome.name)) for outcome in outcomes]
        plugins = [(outcome, unit) for outcome, unit in found if isinstance(unit, PluginUnit)]
        shared = known.for_workers() if plugins else ""
        jobs = [(outcome, unit.job(shared, properties)) for outcome, unit in plugins]
        ask([job for _outcome, job in jobs], deadline)
        for outcome, job in jobs:
            outcome.milliseconds = job.milliseconds
            _take_in(outcome, kind, known, job.answer, job.error)
        for outcome, unit in found:
            if unit is None:
                outcome.error = f"plugin not found: {outcome.name!r}"
            elif not isinstance(unit, PluginUnit):
                _ask_own(outcome, unit, known, properties)
        return outcomes

    @property
    def settings(self) -> Settings:
        """The settings that the service was made with."""
        return self._settings

    @property
    def facts(self) -> Facts:
        """Where facts come from when a call brings only ids."""
        return self._facts


class _Call:
    """One call, with its arguments understood."""

    def __init__(
        self, service: Service, kind: str, names: Sequence[str], hosts: Any, vm: Any, properties: Any
    ) -> None:
        self._service = service
        self._kind = kind
        self._names = names
        self._started = time.monotonic()
        self._deadline = self._started + service.settings.request_timeout
        self._properties = _properties(properties)
        texts = _texts(hosts)
        self.page = any(text.lstrip().startswith("<") for text in texts)
        if not texts:
            self.page = service.settings.dialect == "page"
        if not isinstance(vm, str):
            raise WireError("vm must be text: an id, or a document", code=INVALID_PARAMS)
        if self.page:
            elements = host_elements(texts)
            id, element = vm_element(vm)
            self.known = Known(elements, id, elements=elements, vm_element=element)
        else:
            self.known = service.facts.known(texts, vm)

    def ask_all(self) -> list[Outcome]:
        """Every unit sees all hosts."""
        return self._ask(self._names, self.known)

    def ask_in_turn(self) -> tuple[list[Outcome], list[str]]:
        """Each unit sees what the ones before it left; the outcomes, and what all left."""
        outcomes: list[Outcome] = []
        left = self.known
        for name in self._names:
            outcome = self._ask([name], left)[0]
            outcomes.append(outcome)
            if outcome.error is None:
                left = left.among(outcome.answer)
            if not left.hosts:
                break
        return outcomes, left.hosts

    def _ask(self, names: Sequence[str], known: Known) -> list[Outcome]:
        found: list[Outcome] = self._service.ask(self._kind, names, known, self._properties, self._deadline)
        return found

    def log(self, outcomes: Sequence[Outcome], verdict: str) -> None:
        """One line about the call, and one about each unit that failed."""
        for outcome in outcomes[:20]:
            if outcome.error is not None:
                LOG.warning("%s %r gave no answer: %s", self._kind, outcome.name[:200], _one_line(outcome.error))
            for note in outcome.notes:
                LOG.warning("%s %r: %s", self._kind, outcome.name[:200], _one_line(note))
        if LOG.isEnabledFor(logging.INFO):
            units = ", ".join(
                f"{one.name[:100]!r} {_count(one)} in {one.milliseconds:.1f} ms" for one in outcomes[:20]
            )
            more = f" and {len(outcomes) - 20} more" if len(outcomes) > 20 else ""
            vm = f", vm {self.known.vm[:100]!r}" if self.known.vm else ""
            LOG.info("%s%s: %s%s: %s, %.1f ms", self._kind, vm, units, more, verdict, _since(self._started))


def _one_line(text: str) -> str:
    """Text of a plug-in's as it may stand in a log: it must not look like a line of ours."""
    return "".join(character if character.isprintable() else " " for character in text)


def _count(outcome: Outcome) -> str:
    if outcome.error is not None:
        return "failed"
    return f"{len(outcome.answer)} hosts" if isinstance(outcome.answer, list | dict) else "answered"


def _take_in(outcome: Outcome, kind: str, known: Known, raw: Any, error: str | None) -> None:
    """The unit's raw answer, repaired, into its outcome."""
    outcome.error = error
    if error is not None:
        return
    try:
        if kind == FILTERS:
            outcome.answer = answers.passed_hosts(raw, known.hosts)
        elif kind == SCORES:
            outcome.answer, outcome.notes = answers.scores(raw, known.hosts)
        else:
            vm, targets, outcome.notes = answers.migration(raw, known.hosts)
            outcome.answer = (vm, targets)
    except UnitError as problem:
        outcome.error = str(problem)


def _ask_own(outcome: Outcome, unit: CoreUnit, known: Known, properties: Mapping[str, Any]) -> None:
    started = time.monotonic()
    try:
        raw = unit.answer(known, properties)
    except OvirtError as problem:
        outcome.error = str(problem)
    except Exception as problem:
        # The boundary to filters and weighers: whatever one raises, the others still count.
        LOG.exception("%s %r raised", unit.kind, unit.name)
        outcome.error = f"{type(problem).__name__}: {problem}"
    else:
        _take_in(outcome, unit.kind, known, raw, None)
    outcome.milliseconds = _since(started)


def _struct(result: list[Any], outcomes: Sequence[Outcome], errors: Sequence[str]) -> dict[str, Any]:
    """The engine's result: its code is 1 as soon as there is anything to report."""
    said: dict[str, list[str]] = {}
    for outcome in outcomes:
        sentences = ([] if outcome.error is None else [outcome.error]) + outcome.notes
        if sentences:
            said.setdefault(clean(outcome.name), []).extend(sentence[:2000] for sentence in sentences)
    struct: dict[str, Any] = {"result_code": 1 if said or errors else 0, "result": result}
    if said:
        struct["plugin_errors"] = said
    if errors:
        struct["errors"] = list(errors)
    return struct


def _causes(outcomes: Sequence[Outcome]) -> str:
    failed = [f"{outcome.name}: {outcome.error}" for outcome in outcomes if outcome.error is not None]
    return "; ".join(failed[:10])


def page_discovery(units: Mapping[str, Mapping[str, Unit]]) -> str:
    """The XML text of the feature page.

    The page's sample gives a name as an element in one place and as an attribute in another, so
    every unit carries both.
    """
    root = ET.Element("PolicyUnits")
    for kind, group, tag in (
        (FILTERS, "Filters", "Filter"),
        (SCORES, "CostFunctions", "CostFunction"),
        (BALANCE, "Balances", "Balance"),
    ):
        parent = ET.SubElement(root, group)
        for name, unit in units[kind].items():
            element = ET.SubElement(parent, tag, name=name)
            ET.SubElement(element, "name").text = name
            if unit.properties:
                properties = ET.SubElement(element, "Properties")
                ET.SubElement(properties, "name").text = name
                ET.SubElement(properties, "CustomProperties").text = unit.properties
                ET.SubElement(properties, "default_values").text = unit.default_values
    return ET.tostring(root, encoding="unicode")


# -- arguments -------------------------------------------------------------------------------


def _expect(arguments: Sequence[Any], names: Sequence[str]) -> Sequence[Any]:
    if len(arguments) != len(names):
        wanted = ", ".join(names) or "none"
        raise WireError(f"{len(arguments)} parameters given, wanted: {wanted}", code=INVALID_PARAMS)
    return arguments


def _names(given: Any) -> list[str]:
    if not isinstance(given, list) or not answers.all_text(given):
        raise WireError("names must be an array of strings", code=INVALID_PARAMS)
    return list(dict.fromkeys(given))


def _factors(given: Any) -> dict[str, int]:
    """Name -> factor; a name given twice has the sum."""
    factors: dict[str, int] = {}
    if not isinstance(given, list):
        raise WireError("the first parameter must be an array of [name, factor]", code=INVALID_PARAMS)
    for pair in given:
        if not isinstance(pair, list) or [type(part) for part in pair] != [str, int]:
            raise WireError(f"{pair!r:.100} is not [name, factor], a string and an integer", code=INVALID_PARAMS)
        factors[pair[0]] = factors.get(pair[0], 0) + pair[1]
    return factors


def _texts(hosts: Any) -> list[str]:
    if isinstance(hosts, str):
        return [hosts] if hosts.strip() else []
    if not isinstance(hosts, list) or not answers.all_text(hosts):
        raise WireError("hosts must be an array of ids, or documents", code=INVALID_PARAMS)
    return hosts


def _properties(given: Any) -> dict[str, str | None]:
    """The properties map; old test clients send "" in its place."""
    if given in ("", None):
        return {}
    if not isinstance(given, dict) or not all(value is None or isinstance(value, str) for value in given.values()):
        raise WireError("properties must be a struct of strings", code=INVALID_PARAMS)
    return given


def _since(started: float) -> float:
    return (time.monotonic() - started) * 1000
