"""Notes on the exceptions of plug-ins (PEP 678): which plug-in was asked what, about which host."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from filtersched.requests.seal import decision


class _Asking(threading.local):
    """The exceptions that were given a note, as (exception, plug-in's name), since the outer question began."""

    noted: list[tuple[BaseException, str]] | None = None


_asking = _Asking()


@contextlib.contextmanager
def asking(plugin: object, hosts: int, instance: str | None) -> Iterator[None]:
    """The boundary to a plug-in that is called for many hosts: its exception gets a note and goes on.

    An exception that was given a note closer to the plug-in, about the one host, keeps that.
    """
    outer, _asking.noted = _asking.noted, []
    try:
        with reading_ratios(plugin):
            yield
    except Exception as problem:
        name = type(plugin).__name__
        if not any(known is problem and asked == name for known, asked in _asking.noted):
            _note(problem, name, f"about {hosts} hosts, instance {instance}")
        raise
    finally:
        _asking.noted = outer


_AS_THEY_ARE = contextlib.nullcontext()


def reading_ratios(plugin: object) -> contextlib.AbstractContextManager[None]:
    """While a plug-in is called that reads ratios as Nova gives them: hosts without their own have the configured."""
    ratios = getattr(plugin, "configured_ratios", None)
    return _AS_THEY_ARE if ratios is None else _reading(ratios)


@contextlib.contextmanager
def _reading(ratios: Any) -> Iterator[None]:
    outer, decision.ratios = decision.ratios, ratios
    try:
        yield
    finally:
        decision.ratios = outer


def note_host(
    problem: BaseException, plugin: object, host: object, instance: str | None, *, what: str = "about"
) -> None:
    """Say about which host the plug-in was asked; and what, if not for its answer."""
    name = type(plugin).__name__
    _note(problem, name, f"{what} {_shown(host)}, instance {instance}")
    if _asking.noted is not None:
        _asking.noted.append((problem, name))


def note_asked(problem: BaseException, plugin: object, asked: str) -> None:
    """Say what the plug-in was asked, where it was about no host."""
    _note(problem, type(plugin).__name__, asked)


def _note(problem: BaseException, name: str, asked: str) -> None:
    """Note what a plug-in was asked in the place of what the same object said before.

    A plug-in may keep one exception and raise it again and again.
    """
    beginning = f"{name} was asked "
    notes = getattr(problem, "__notes__", None)
    if isinstance(notes, list):
        notes[:] = [note for note in notes if not (isinstance(note, str) and note.startswith(beginning))]
    # An exception that takes no notes is the plug-in's own affair; it must not hide behind another.
    with contextlib.suppress(Exception):
        problem.add_note(beginning + asked)


def _shown(host: object) -> str:
    """The host in words, whatever its attributes do when they are read."""
    try:
        return repr(host)
    except Exception:
        # The boundary to a class derived from HostState.
        known = getattr(host, "__dict__", {})
        return f"<{type(host).__name__} {known.get('host')}>"
