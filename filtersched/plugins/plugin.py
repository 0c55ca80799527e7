"""What filters and weighers share: options, and the declarations that make them fast."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from oslo_config import types

from filtersched.columns.column import filled
from filtersched.errors import ConfigurationError, must_be, nearest
from filtersched.hosts import aggregate_metadata as aggregates
from filtersched.plugins.configurable import Configurable, declared_options
from filtersched.plugins.request_reads import attributes_of, problem_of

Reads = tuple[str, ...]


class Declaration(NamedTuple):
    """What the class of a plug-in promises; see `declaration_of`."""

    host_reads: Reads | Callable[[Any, Any], Reads]
    spec_reads: Reads
    columnar: bool

    @property
    def spec_attributes(self) -> Reads:
        """The attributes of the request in `spec_reads`, without keys."""
        return attributes_of(self.spec_reads)


class Override(NamedTuple):
    """A key of aggregate metadata whose number counts instead of an option, for the hosts of the aggregate."""

    key: str
    option: str
    #: How the text is read: `int` or `float`, as the option's values are.
    cast: Callable[[str], Any]


class Plugin(Configurable):
    """A filter or weigher: made without arguments, given its options afterwards.

    A declaration holds for the class that makes it and for subclasses that define no method.
    """

    #: The attributes of a host that the answer depends on, or a method that returns them for a
    #: request. Declaring them promises that it depends on nothing else: no clock, chance or memory.
    host_reads: Any = None
    #: The attributes of the request that the answer depends on, or items of them: `scheduler_hints.rack`,
    #: `extra_specs.trait:*`.
    spec_reads: ClassVar[Sequence[str]] = ()
    #: What of the request the plug-in meets, if that is not all that it reads; named as in `spec_reads`.
    #: A request is warned of what it asks and no plug-in meets.
    spec_meets: ClassVar[Sequence[str] | None] = None
    #: True if the method consists of operators only, so that it may be called with columns of all
    #: hosts in place of one host.
    columnar: ClassVar[bool] = False

    #: The options whose value aggregates override for their hosts, each with the key of the metadata;
    #: `aggregate_number` reads it.
    aggregate_overrides: ClassVar[Mapping[str, str]] = {}

    #: The ratios that hosts without their own have while the plug-in is called as it stands, by attribute;
    #: None: such hosts read as None. The loader sets it for plug-ins of others that declare nothing.
    configured_ratios: Mapping[str, float] | None = None

    def changes_at(self, host_state: Any, /) -> Sequence[Any]:
        """The moments when the answer for a host may change as time passes, in microseconds since 1970.

        A columnar plug-in that reads `now` may define it beside its method, with operators only: numbers
        for one host, columns for many. The engine reuses answers until `now` reaches one of them.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say when its answers change")

    def _relevant_extra_specs(self, spec: Any, rows: Any, /) -> Any:
        """A key that is equal only for requests whose extra specs have the same answers on all of these hosts."""
        raise NotImplementedError

    def or_option(self, value: Any, name: str) -> Any:
        """`value`, or the option where it is None: one host's number or a column of them."""
        return filled(value, self.option(name))

    def aggregate_number(self, host: Any, name: str, default: Any) -> Any:
        """The least number that aggregates of the host set instead of the option `name`; `default` without one.

        One host's number or a column of them. A text that is no such number makes it `default`. The
        class declares the option in `aggregate_overrides`.
        """
        override = overrides_of(type(self)).get(name)
        if override is None:
            raise ConfigurationError(
                f"{type(self).__name__} does not name {name!r} in aggregate_overrides.",
                group=self.option_group,
                option=name,
            )
        return aggregates.number(host, override.key, override.cast, default)

    def allocation_ratio(self, own: Any, name: str) -> Any:
        """The ratio `own` of one host or a column of them, the option where it is None.

        An option of 0.0 means "not set", as in Nova, and counts as its default.
        """
        configured = self.option(name)
        if not configured:
            configured = next(opt.default for _group, opt in declared_options(type(self)) if opt.dest == name)
        return filled(own, configured)


def overrides_of(cls: type[Plugin]) -> Mapping[str, Override]:
    """What aggregates may override, by the name of the option. Raises ConfigurationError for an unknown option."""
    return _overrides_of(cls)  # type: ignore[arg-type]


@functools.lru_cache(1024)
def _overrides_of(cls: type[Plugin]) -> Mapping[str, Override]:
    options = {opt.dest: opt for _group, opt in declared_options(cls)}
    found = {}
    declared: Any = cls.aggregate_overrides
    if not isinstance(declared, Mapping) or not all(isinstance(key, str) for key in declared.values()):
        said = f"{cls.__name__}: {must_be('aggregate_overrides', 'a mapping from an option to a key', declared)}"
        raise ConfigurationError(said, group=cls.option_group, value=declared)
    for name, key in declared.items():
        if name not in options:
            hint = nearest(name, options)
            raise ConfigurationError(
                f"{cls.__name__} has no option {name!r} for aggregates to override. {hint}".rstrip(),
                group=cls.option_group,
                option=name,
            )
        found[name] = Override(key, name, int if isinstance(options[name].type, types.Integer) else float)
    multiplier = getattr(cls, "multiplier_option", None)
    return found if multiplier is None else {**found, multiplier: Override(multiplier, multiplier, float)}


def declaration_of(cls: type[Plugin]) -> Declaration | None:
    """What `cls` promises, or None if it must be called for every host.

    A subclass that defines any method must declare anew, because the promise was made
    for other code.
    """
    for owner in cls.__mro__:
        if "host_reads" in vars(owner):
            if owner.host_reads is None:  # type: ignore[attr-defined]
                return None
            return _well_formed(cls, Declaration(_names(cls.host_reads), _names(cls.spec_reads), cls.columnar))
        if any(callable(member) or hasattr(member, "__get__") for member in _own_members(owner)):
            return None
    return None


def meets_of(cls: type[Plugin]) -> Reads | None:
    """What of a request the plug-in meets, named as in `spec_reads`; None if it may be anything."""
    declaration = declaration_of(cls)
    if declaration is None:
        return None
    owner = next(owner for owner in cls.__mro__ if {"spec_meets", "spec_reads"} & vars(owner).keys())
    meets = vars(owner).get("spec_meets")
    return declaration.spec_reads if meets is None else tuple(meets)


def _well_formed(cls: type[Plugin], declaration: Declaration) -> Declaration:
    """The declaration. Raises ConfigurationError for a name in it that cannot be one."""
    for which, names in (("host_reads", declaration.host_reads), ("spec_reads", declaration.spec_reads)):
        for name in names if isinstance(names, tuple) else ():
            problem = problem_of(name, of_request=which == "spec_reads") if isinstance(name, str) else None
            if problem is not None:
                raise ConfigurationError(f"{cls.__name__}.{which}: {name!r} {problem}.", value=name)
    return declaration


def belongs_to(cls: type[Plugin], word: str, method: str) -> bool:
    """Whether a word of a class is about its method: defined beside it, or by a derived class; not the default."""
    owner = next(owner for owner in cls.__mro__ if word in vars(owner) or method in vars(owner))
    default = next(owner for owner in reversed(cls.__mro__) if word in vars(owner))
    return owner is not default and word in vars(owner)


def _names(declared: Any) -> Any:
    """A list of names as a tuple; anything else unchanged: a method, or what conformance complains of."""
    return tuple(declared) if isinstance(declared, list) else declared


def _own_members(owner: type) -> list[Any]:
    ignored = ("__dict__", "__weakref__", "__doc__", "__module__", "__annotations__")
    return [member for name, member in vars(owner).items() if name not in ignored]
