"""What a plug-in under examination sees: views that note what they are asked for in vain, and columns of no hosts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from filtersched.columns.column import Column
from filtersched.engine.views import ColumnView, View
from filtersched.errors import UndeclaredRead
from filtersched.hosts.declared_items import Name, attributes_in, names_of
from filtersched.hosts.host_names import described
from filtersched.hosts.host_rows import HostRows
from filtersched.hosts.host_state import HostState
from filtersched.requests.request_spec import RequestSpec


class NoRows:
    """The columns of some hosts, cut down to none."""

    def __init__(self, source: HostRows) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def cut(*arguments: Any) -> Any:
            found = getattr(self._source, name)(*arguments)
            if not isinstance(found, Column):
                return found
            return Column(found.values[:0], None if found.missing is None else found.missing[:0], found.max_abs_int)

        return cut


def named(thing: Any) -> str:
    """What a message calls a host, a request or columns."""
    if isinstance(thing, View):
        thing = thing._seen
    if isinstance(thing, HostState):
        return described(thing)
    if isinstance(thing, ColumnView):
        return "columns"
    if isinstance(thing, RequestSpec):
        return f"the request of instance {thing.instance_uuid!r}"
    return repr(thing)


def recording(
    make: Callable[[str, tuple[Name, ...]], type[View]], plugin: str, declared: tuple[Name, ...], missed: list[str]
) -> type[View]:
    """A view that notes what it is asked for in vain: a default in its place would hide the error."""
    view = make(plugin, declared)
    shown = attributes_in(names_of(declared))

    def __getattr__(self: View, name: str) -> Any:  # noqa: N807 - becomes the method of that name
        if name in shown:
            try:
                return view.__getattr__(self, name)
            except AttributeError:
                raise AttributeError(f"{named(self)} has no {name!r}") from None
        try:
            return view.__getattr__(self, name)
        except UndeclaredRead as problem:
            if problem.attribute not in shown and not name.startswith("__"):
                missed.append(problem.attribute)
            raise

    return type(view.__name__, (view,), {"__slots__": (), "__getattr__": __getattr__})
