"""What the source of a plug-in file has left of Python 2, and what to write instead.

`--check` reads the text only: a branch that no trial call reaches is read too, and so is a file that
cannot be loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One remark about a line. Only a problem makes `--check` fail."""

    line: int
    text: str
    is_problem: bool = True


# What only Python 2 has, as (pattern, what to write instead). The patterns match what `_tokens` gives.
_STATEMENT = r"(?:^|(?<=[:;]) ?)"
_LEFTOVERS: tuple[tuple[str, str], ...] = (
    (_STATEMENT + r"print >>", "'print >> FILE, …' is Python 2. Write print(…, file=FILE)."),
    (
        _STATEMENT + r"print (?![(=.,:)\]}>\n]|(?:and|or|in|is|if|else|for)\b)",
        "'print …' is Python 2. Write print(…), or return the answer.",
    ),
    (
        r"\bprint \( (?:map|filter|zip|range) \(|\bprint \( [\w .]+ \. (?:keys|values|items) \( \) \)",
        "print shows an object here, not a list, in Python 3. Write print(list(…)), or return the answer.",
    ),
    (r"\. has_key \(", "has_key is Python 2. Write 'key in mapping'."),
    (
        r"\. sort \( (?:cmp =|lambda \w+ ,|\w*(?:cmp|[cC]ompar)\w* \))|\bsorted \( [^\n]*?(?:\bcmp =|, lambda \w+ ,)",
        "Sorting with a comparison function is Python 2. Write key=…, or key=functools.cmp_to_key(FUNCTION).",
    ),
    (r"\. (?:keys|values|items) \( \) \[", "keys(), values() and items() have no index in Python 3. Write list(…)[0]."),
    (r"\. (?:keys|values|items) \( \) \. sort \(", "keys() has no sort() in Python 3. Write sorted(…)."),
    (r"\b(?:map|filter|zip) \( [^\n()]* \) \[", "map, filter and zip have no index in Python 3. Write list(…)[0]."),
    (r"\. iter(keys|values|items) \( \)", "iter{0}() is Python 2. Write {0}()."),
    (_STATEMENT + r"except [^\n:]*[\w)] , \w+ :", "'except Error, name' is Python 2. Write 'except Error as name'."),
    (_STATEMENT + r"raise [\w .]+ , ", "'raise Error, text' is Python 2. Write raise Error(text)."),
    (_STATEMENT + r'exec ""', "'exec text' is Python 2. Write exec(text)."),
    (r"`[^`\n]*`?", "Backticks are Python 2. Write repr(…)."),
    (r"<>", "'<>' is Python 2. Write '!='."),
    (r"(?<!\S)0(?=[0-7]*[1-7])[0-7]+ ", "A number with a leading 0 is Python 2. Write 0o755."),
    (r"(?<!\S)(?:0[xX][0-9a-fA-F]+|[0-9]+)[lL] ", "A number that ends in L is Python 2. Leave out the L."),
    (r'(?<!\S)[uU][rR]""', "The prefix ur is Python 2. Write r'…'."),
)
_TYPES = {"unicode": "str", "basestring": "str", "long": "int"}
_FUNCTIONS = {
    **_TYPES, "xrange": "range", "raw_input": "input", "unichr": "chr", "file": "open", "cmp": "(a > b) - (a < b)",
    "reduce": "functools.reduce", "reload": "importlib.reload", "execfile": "exec(open(FILE).read())",
}  # fmt: skip
_MODULES = {
    "ovirtsdk": "the facts that hosts and vm carry with engine_url set (host.memory), or ovirtsdk4 from the package "
    "ovirt-engine-sdk-python",
    "urllib2": "urllib.request", "urlparse": "urllib.parse", "httplib": "http.client", "xmlrpclib": "xmlrpc.client",
    "ConfigParser": "configparser", "StringIO": "io", "cStringIO": "io", "cPickle": "pickle", "Queue": "queue",
    "commands": "subprocess",
}  # fmt: skip


def source_findings(source: str, importable: Callable[[str], bool]) -> list[Finding]:
    """All remarks about a plug-in file, in the order of its lines.

    importable : whether a top-level module of this name can be found.
    """
    text = _tokens(source)

    def found(pattern: str, hint: str) -> Iterator[Finding]:
        for match in re.finditer(pattern, text, re.MULTILINE):
            yield Finding(1 + len(re.findall("[\n\v]", text[: match.start()])), hint.format(*match.groups()))

    patterns = list(_LEFTOVERS)
    for name, instead in _FUNCTIONS.items():
        if not _defines(text, name):
            as_argument = rf"|(?<=[(,] ){name} [,)]" if name in _TYPES else ""
            patterns.append((rf"(?<!\. )\b{name} \({as_argument}", f"{name} is Python 2. Write {instead}."))
    if not re.search(r"\bexcept [^\n:]*(?:ImportError|ModuleNotFoundError)", text):
        for name, instead in _MODULES.items():
            if not importable(name):
                pattern = rf"^(?:from {name}\b|import (?:[\w .,]+ )?{name}\b)"
                patterns.append((pattern, f"{name} is Python 2. Use {instead}."))
    findings = {finding for pattern, hint in patterns for finding in found(pattern, hint)}
    divisions = sorted({finding.line for finding in found(r" /=? ", "")})
    if divisions and (findings or re.search(r"\bprint \(", text)):
        lines = ", ".join(map(str, divisions))
        hint = f"'/' between whole numbers gives a float in Python 3 (line {lines}). Write '//' for a whole number."
        findings.add(Finding(divisions[0], hint, is_problem=False))
    return sorted(findings)


def _defines(text: str, name: str) -> bool:
    """Whether the file defines `name` itself, as files for both Pythons do."""
    return bool(
        re.search(
            rf"\b(?:def|class|as) {name}\b|\b(?:import|for|global) (?:\w+ , )*{name}\b|{_STATEMENT}{name} [,=]"
            rf"|\bdef \w+ \([^\n]*[(,] {name} [,)=:]|\blambda [^:\n]*\b{name}\b",
            text,
            re.MULTILINE,
        )
    )


_TOKEN = re.compile(
    r"""(?P<skipped>\#[^\n]*|\\\r?\n)
    |(?P<prefix>[A-Za-z]{0,2})(?P<string>\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}
        |"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |\.?\d(?:[eE][+-]|[\w.])*|\w+|(?P<newline>\n)|>>|[=!<>*/+-]=|<>|//|\S""",
    re.VERBOSE | re.DOTALL,
)


def _tokens(source: str) -> str:
    """A file's tokens, a space after each, every string as `""`; a newline that ends no statement as a `\v`.

    Python's own tokenizer refuses what only Python 2 accepts.
    """
    pieces: list[str] = []
    depth = 0
    for token in _TOKEN.finditer(source):
        text = token.group()
        depth = max(0, depth + (text in ("(", "[", "{")) - (text in (")", "]", "}")))
        within = "\v" * text.count("\n")
        if token["string"] is not None:
            pieces.append(f'{token["prefix"]}"" {within}')
        elif token["newline"] is not None:
            pieces.append(within if depth else "\n")
        else:
            pieces.append(within if token["skipped"] is not None else f"{text} ")
    return "".join(pieces) + "\n"
