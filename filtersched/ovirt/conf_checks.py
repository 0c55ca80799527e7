"""What the `.conf` files of plug-ins, and the properties of units, say that the engine cannot use."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator

from filtersched.errors import nearest

KEYS = ("customProperties", "defaultValues")

# Java reads these otherwise than Python does.
_NAMED_GROUP = re.compile(r"\(\?<(?=[A-Za-z])")
_ESCAPES_AND_CLASSES = re.compile(r"\\[pPxN]\{[^}]*\}|\\Q.*?(?:\\E|$)|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_LITERAL_BRACE = re.compile(r"(?:^|[(|])\{|\{(?!\d+(?:,\d*)?\})")


def file_findings(path: str, text: str, names: Iterable[str]) -> Iterator[str]:
    """What is wrong with the file at `path`; `names` are the names of units and plug-in files."""
    name, known = os.path.splitext(os.path.basename(path))[0], sorted(names)
    if name not in known:
        yield f"{path} belongs to no unit. Name it after a unit or a plug-in file. {nearest(name, known)}".rstrip()
        return
    spellings = {key.lower() for key in KEYS}
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{path}, line {number}"
        if line.startswith("["):
            yield f"{where}: {line.strip()!r} is a section header. Delete it: these files have no sections."
        elif found := re.match(r"([^\s#;=:][^=:]*?)\s*[=:]", line):
            key = found[1]
            if key.lower().replace("_", "") not in spellings:
                yield f"{where}: {key!r} is no key of these files. {nearest(key, KEYS)}".rstrip()


def property_findings(unit: str, path: str, properties: str, defaults: str) -> Iterator[str]:
    """What is wrong with a unit's properties `key=regex;…` and its default values `value;…`."""
    pairs = [pair.partition("=")[::2] for pair in properties.split(";") if pair]
    values = defaults.split(";") if defaults else []
    seen = set()
    for position, (key, pattern) in enumerate(pairs):
        where = f"unit {unit!r} of {path}: property {key!r}"
        if key in seen:
            yield f"{where} is there twice."
        seen.add(key)
        try:
            expression = _compiled(pattern)
        except re.error as error:
            yield f"{where} has the pattern {pattern!r}, which is no regular expression: {error}."
            continue
        value = values[position] if position < len(values) else ""
        if value and expression is not None and not expression.fullmatch(value):
            yield f"{where} has the default {value!r}, which its own pattern {pattern!r} refuses."
    if len(values) > len(pairs):
        surplus = ";".join(values[len(pairs) :])
        yield f"unit {unit!r} of {path} has more defaults than properties: {surplus!r} belongs to none."


def _compiled(pattern: str) -> re.Pattern[str] | None:
    """The pattern as the engine's Java would read it; None where only Java can tell.

    Raises re.error for what is no regular expression there.
    """
    if brace := _LITERAL_BRACE.search(_ESCAPES_AND_CLASSES.sub(lambda match: "x" * len(match[0]), pattern)):
        raise re.error("a '{' that repeats nothing is written '\\{'", pattern, brace.end() - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return re.compile(_NAMED_GROUP.sub("(?P<", pattern))
        except re.error as error:
            if error.msg.startswith("bad escape"):
                return None
            raise
