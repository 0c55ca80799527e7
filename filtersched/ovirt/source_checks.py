"""What the source of a plug-in file shows before it runs: Python 2, and units that cannot be called.

`--check` reads the text only. A branch that no trial call reaches is read too, and nothing of the
file runs with the rights of whoever checks it.
"""

from __future__ import annotations

import ast
import difflib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_HOSTS_AND_VM, _HOSTS = ("hosts", "vm", "args"), ("hosts", "args")
UNIT_FUNCTIONS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("do_filter", "do_score", "filterFunction", "scoreFunction"), _HOSTS_AND_VM),
    **dict.fromkeys(("do_balance", "balanceFunction"), _HOSTS),
}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One remark about a line. Only a problem makes `--check` fail."""

    line: int
    text: str
    is_problem: bool = True


def source_findings(source: str, importable: Callable[[str], bool]) -> list[Finding]:
    """All remarks about a plug-in file, in the order of its lines.

    importable : whether a top-level module of this name can be found.
    """
    found = list(_python2_leftovers(source, importable))
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return sorted(found)  # loading the file reports the syntax error itself
    return sorted([*found, *_uncallable_units(tree), *_unheeded_names(tree)])


# What only Python 2 has, as (pattern, what to write instead). The patterns match the text of `_Tokens`.
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


def _python2_leftovers(source: str, importable: Callable[[str], bool]) -> Iterator[Finding]:
    tokens = _Tokens(source)
    patterns = list(_LEFTOVERS)
    for name, instead in _FUNCTIONS.items():
        if not _defines(tokens.text, name):
            as_argument = rf"|(?<=[(,] ){name} [,)]" if name in _TYPES else ""
            patterns.append((rf"(?<!\. )\b{name} \({as_argument}", f"{name} is Python 2. Write {instead}."))
    if not re.search(r"\bexcept [^\n:]*(?:ImportError|ModuleNotFoundError)", tokens.text):
        for name, instead in _MODULES.items():
            if not importable(name):
                pattern = rf"^(?:from {name}\b|import (?:[\w .,]+ )?{name}\b)"
                patterns.append((pattern, f"{name} is Python 2. Use {instead}."))
    leftovers = {
        Finding(tokens.line(match), hint.format(*match.groups()))
        for pattern, hint in patterns
        for match in re.finditer(pattern, tokens.text, re.MULTILINE)
    }
    yield from leftovers
    divisions = sorted({tokens.line(match) for match in re.finditer(r" /=? ", tokens.text)})
    if divisions and (leftovers or re.search(r"\bprint \(", tokens.text)):
        lines = ", ".join(map(str, divisions))
        yield Finding(
            divisions[0],
            f"'/' between whole numbers gives a float in Python 3 (line {lines}). Write '//' for a whole number.",
            is_problem=False,
        )


def _defines(text: str, name: str) -> bool:
    """Whether the file gives `name` a meaning of its own, as files for both Pythons do."""
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


class _Tokens:
    """A file's tokens with a space after each, one statement a line, every string as `""`.

    Python's own tokenizer refuses what only Python 2 accepts.
    """

    def __init__(self, source: str) -> None:
        pieces: list[str] = []
        self._starts, self._numbers = [0], [1]
        length, number, depth = 0, 1, 0
        for token in _TOKEN.finditer(source):
            piece = f"{token.group()} "
            depth = max(0, depth + (piece in ("( ", "[ ", "{ ")) - (piece in (") ", "] ", "} ")))
            if token["string"] is not None:
                piece = f'{token["prefix"]}"" '
            elif token["newline"] is not None:
                piece = "\n" if depth == 0 else ""
            elif token["skipped"] is not None:
                piece = ""
            pieces.append(piece)
            length += len(piece)
            if newlines := token.group().count("\n"):
                number += newlines
                self._starts.append(length)
                self._numbers.append(number)
        self.text = "".join(pieces) + "\n"

    def line(self, match: re.Match[str]) -> int:
        """The line of the file where the first token of `match` stands."""
        return self._numbers[bisect_right(self._starts, match.start()) - 1]


def _uncallable_units(tree: ast.Module) -> Iterator[Finding]:
    """Units of the file that a call cannot reach: wrong arguments, a coroutine, a class that needs arguments."""
    classes: dict[str, Mapping[str, _Function]] = {}
    for node in tree.body:
        if isinstance(node, _FUNCTION_NODES):
            yield from _uncallable(node, node.name, bound=False)
        elif isinstance(node, ast.ClassDef):
            own = {child.name: child for child in node.body if isinstance(child, _FUNCTION_NODES)}
            for method in own.values():
                yield from _uncallable(method, f"{node.name}.{method.name}", bound=True)
            bases = [classes.get(base.id, {}) for base in node.bases if isinstance(base, ast.Name)]
            methods: dict[str, _Function] = {}
            for methods_of_one in (*reversed(bases), own):
                methods.update(methods_of_one)
            classes[node.name] = methods
            constructor = own.get("__init__")
            if constructor is not None and methods.keys() & UNIT_FUNCTIONS.keys() and not _accepts(constructor, 1):
                yield Finding(
                    constructor.lineno,
                    f"{node.name}.__init__ needs arguments, and a plug-in class is made without any. Give them "
                    "defaults, or read the policy's properties from args.",
                )


def _unheeded_names(tree: ast.Module) -> Iterator[Finding]:
    """Constants of a type that is not heeded, and functions whose names are nearly those of units."""
    for body in (tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))):
        for node in body:
            if isinstance(node, _FUNCTION_NODES) and node.name not in UNIT_FUNCTIONS:
                for near in difflib.get_close_matches(node.name, UNIT_FUNCTIONS, n=1, cutoff=0.8):
                    yield Finding(node.lineno, f"{node.name} is no unit. Did you mean {near}?", is_problem=False)
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                kind = _CONSTANTS.get(node.targets[0].id)
                literal = isinstance(node.value, ast.Constant | ast.Dict | ast.List | ast.Tuple | ast.Set)
                if kind is not None and literal and not isinstance(getattr(node.value, "value", None), kind):
                    yield Finding(node.lineno, f"{node.targets[0].id} has no effect: it must be a {kind.__name__}.")


_CONSTANTS = {"properties_validation": str, "KEEP_ALIVE": bool}
_FUNCTION_NODES = (ast.FunctionDef, ast.AsyncFunctionDef)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def _uncallable(function: _Function, name: str, *, bound: bool) -> Iterator[Finding]:
    wanted = UNIT_FUNCTIONS.get(function.name)
    if wanted is None:
        return
    if isinstance(function, ast.AsyncFunctionDef):
        yield Finding(function.lineno, f"{name} is a coroutine, which nothing awaits. Write def, not async def.")
    decorators = {decorator.id for decorator in function.decorator_list if isinstance(decorator, ast.Name)}
    if len(decorators) < len(function.decorator_list) or decorators - {"staticmethod", "classmethod"}:
        return  # another decorator may change the arguments
    own = () if not bound or "staticmethod" in decorators else ("cls" if "classmethod" in decorators else "self",)
    if not _accepts(function, len(own) + len(wanted)):
        right = ", ".join((*own, *wanted))
        yield Finding(
            function.lineno,
            f"{name} cannot be called with ({', '.join(wanted)}). Write def {function.name}({right}).",
        )


def _accepts(function: _Function, count: int) -> bool:
    """Whether `count` positional arguments are a valid call."""
    given = function.args
    positional = len(given.posonlyargs) + len(given.args)
    enough = count >= positional - len(given.defaults) and None not in given.kw_defaults
    return enough and (count <= positional or given.vararg is not None)
