"""HtmlReport: what a command found, as one HTML page that needs no network and no scripts.

A command fills in the sections that it has:

    sections = [heat_map(pool), Bars("Refusals by filter", "requests", [Bar("RamFilter", 3)])]
    text = HtmlReport("Schedule", sections=sections).html()
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from filtersched import __version__
from filtersched.planning.report_pictures import picture
from filtersched.planning.report_sections import Section, check_report_packages, printable

# So many rows of a table are shown; the rest is counted.
_MOST_ROWS = 1000


@dataclass(frozen=True)
class HtmlReport:
    """A page: what was run, with which settings, and what came of it.

    facts : (name, value) of what was run, such as the command and its inventory.
    settings : (name, value, where it is from).
    """

    title: str
    facts: Sequence[tuple[str, Any]] = ()
    settings: Sequence[tuple[str, Any, str]] = ()
    sections: Sequence[Section] = ()

    def html(self) -> str:
        """The page. Raises ConfigurationError where the extra `report` is not installed."""
        shown = [(type(one).__name__, one, picture(one, f"s{at}")) for at, one in enumerate(self.sections)]
        page: str = _template().render(report=self, sections=shown, version=__version__, most_rows=_MOST_ROWS)
        return page


@functools.cache
def _template() -> Any:
    check_report_packages()
    import jinja2

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Pictures are markup, and clean.
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters["shown"] = shown
    return environment.from_string(files("filtersched.planning").joinpath("report.html.jinja").read_text("utf-8"))


def shown(value: Any) -> str:
    """A value of a table as text."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        # Without the sign of -0.0.
        return f"{value + 0.0:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    return str(value)
