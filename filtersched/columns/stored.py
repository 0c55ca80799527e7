"""Types of attributes that take one type and give another, for type checkers; nothing happens at run time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar, dataclass_transform

from filtersched.columns.frozen import EMPTY, FrozenList

_Given = TypeVar("_Given", contravariant=True)
_Kept = TypeVar("_Kept", covariant=True)


class Stored(Generic[_Given, _Kept]):
    """The type of an attribute that is assigned as one type and read as another.

    `Stored[Iterable[str], tuple[str, ...]]` takes any iterable of texts and gives a tuple. A
    read-only mapping is read as a Mapping, so that type checkers refuse to write to it.
    """

    def __get__(self, owner: Any, kind: type) -> _Kept:
        raise NotImplementedError

    def __set__(self, owner: Any, value: _Given) -> None:
        raise NotImplementedError


NameToValue = Stored[Mapping[str, Any] | None, Mapping[str, Any]]
Names = Stored[Iterable[str] | None, tuple[str, ...]]

# Class-level values of such attributes; for type checkers of any type.
NO_VALUES: Any = EMPTY
NO_ITEMS: Any = FrozenList()
ABSENT: Any = None


@dataclass_transform(eq_default=False)
class Attributed:
    """A base for classes whose annotated attributes are the keywords of their constructor.

    Such a class hides its own `__init__(…, **attributes)` from type checkers. They know the keywords
    then, and refuse a misspelt one.
    """

    __slots__ = ()
