"""Runs the code blocks of a Markdown page, in order, as a reader who follows the page would.

How a block is run depends on its language:

python     executed; the blocks of one page share a namespace
pycon      a session with `>>>`, compared with what it shows
console    each line that starts with `$ ` is run by bash in the page's directory; it must end with
           status 0, and what follows it is its output, where anything does
others     not run: text, ini, json and the like, and Sphinx's directives, `{toctree}` for one

A `text` block right behind a `python` block is what that one prints. In expected output `...`
stands for anything. A comment right before a block changes what happens to it:

<!-- file: acme.py -->           written to a file of that name
<!-- not run: the reason -->     left alone
<!-- exit: 1 -->                 the block's last command ends with this status
<!-- raises: NoValidHost -->     the block ends with this error
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUN = ("python", "pycon", "console")
NOT_RUN = (
    "conf",
    "csv",
    "diff",
    "dockerfile",
    "html",
    "ini",
    "json",
    "systemd",
    "text",
    "toml",
    "xml",
    "yaml",
)
TIMEOUT_S = 120

_FENCE = re.compile(r"(?P<indent> *)(?P<mark>`{3,}|~{3,})(?P<info>.*)")
_DIRECTIVE = re.compile(r"\{[a-z-]+\}")
_COMMENT = re.compile(r"\s*<!--\s*(?P<key>file|not run|exit|raises):\s*(?P<value>.*?)\s*-->\s*")


class PageError(AssertionError):
    """A page that says something else than what happens."""


@dataclass(frozen=True)
class Block:
    """One fenced block: the line its text starts at, and the comments right before it.

    output : what the block prints, if the page shows it in a block of its own.
    """

    language: str
    text: str
    line: int
    comments: dict[str, str]
    output: str | None = None


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page; a `text` block behind a `python` one is its output."""
    found: list[Block] = []
    for block, adjacent in _fenced(page.splitlines()):
        last = found[-1] if found else None
        shows = block.language == "text" and adjacent and not block.comments
        if shows and last is not None and last.language == "python" and last.output is None:
            found[-1] = Block(last.language, last.text, last.line, last.comments, block.text)
        else:
            found.append(block)
    return found


def _fenced(lines: Sequence[str]) -> Iterator[tuple[Block, bool]]:
    """Each block, and whether nothing but blank lines stands between it and the one before."""
    at, adjacent = 0, False
    comments: dict[str, str] = {}
    while at < len(lines):
        line = lines[at]
        at += 1
        fence, comment = _FENCE.fullmatch(line), _COMMENT.fullmatch(line)
        if fence is not None:
            start, text = at, []
            closing = re.compile(rf" *{fence['mark'][0]}{{{len(fence['mark'])},}} *")
            while at < len(lines) and not closing.fullmatch(lines[at]):
                text.append(lines[at])
                at += 1
            if at == len(lines):
                raise PageError(f"line {start}: the block is not closed")
            at += 1
            language = (fence["info"].split() or [""])[0]
            yield Block(language, textwrap.dedent("\n".join(text)) + "\n", start + 1, comments), adjacent
            comments, adjacent = {}, True
        elif comment is not None:
            comments = {**comments, comment["key"]: comment["value"]}
            adjacent = False
        elif line.strip():
            comments, adjacent = {}, False


def run_page(path: Path, directory: Path) -> int:
    """Run the blocks of the page at `path` in `directory`; returns how many were run.

    Raises PageError, naming page and line, where the page and what happens differ.
    """
    namespace: dict[str, Any] = {"__name__": f"page_{re.sub('[^a-z]', '_', path.stem)}"}
    count = 0
    for block in blocks(path.read_text(encoding="utf-8")):
        try:
            count += _run(block, directory, namespace, path)
        except PageError as problem:
            raise PageError(f"{path}, line {block.line}: {problem}") from problem.__cause__
    return count


def _run(block: Block, directory: Path, namespace: dict[str, Any], path: Path) -> bool:
    if "file" in block.comments:
        target = (directory / block.comments["file"]).resolve()
        if not target.is_relative_to(directory.resolve()):
            raise PageError(f"{target} is outside the page's directory")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.text, encoding="utf-8")
        return True
    if "not run" in block.comments:
        if len(block.comments["not run"].split()) < 3:
            raise PageError("say why the block is not run")
        return False
    if block.language == "python":
        _run_python(block, namespace, path)
    elif block.language == "pycon":
        _run_session(block, namespace, path)
    elif block.language == "console":
        _run_console(block, directory)
    elif block.language not in NOT_RUN and not _DIRECTIVE.fullmatch(block.language):
        raise PageError(f"a block must say what it is: one of {', '.join((*RUN, *NOT_RUN))}, not {block.language!r}")
    return block.language in RUN


def _run_python(block: Block, namespace: dict[str, Any], path: Path) -> None:
    expected = block.comments.get("raises")
    printed = io.StringIO()
    raised = None
    try:
        # Blank lines in front, so that a traceback names the line of the page.
        code = compile("\n" * (block.line - 1) + block.text, str(path), "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)
    except Exception as problem:
        raised = problem
    said = None if raised is None else type(raised).__name__
    if said != expected:
        raise PageError(f"raised {raised!r}, expected {expected}") from raised
    if block.output is not None:
        compare(block.output, printed.getvalue())


def _run_session(block: Block, namespace: dict[str, Any], path: Path) -> None:
    parser, said = doctest.DocTestParser(), io.StringIO()
    session = parser.get_doctest(block.text, namespace, path.name, str(path), block.line - 1)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(session, out=said.write, clear_globs=False)
    namespace.update(session.globs)
    if not runner.tries:
        raise PageError("a pycon block needs a line with >>>")
    if runner.failures:
        raise PageError(said.getvalue())


def _run_console(block: Block, directory: Path) -> None:
    typed = list(commands(block.text))
    if not typed:
        raise PageError("a console block needs a line that starts with '$ '")
    for place, (command, expected) in enumerate(typed):
        status = int(block.comments.get("exit", 0)) if place == len(typed) - 1 else 0
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=directory,
            env=_environment(directory),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if done.returncode != status:
            raise PageError(f"$ {command}\nended with status {done.returncode}, not {status}:\n{done.stdout}")
        if expected.strip():
            compare(expected, done.stdout)


def commands(text: str, prompt: str = "$ ") -> Iterator[tuple[str, str]]:
    """Each command with the output shown; a line that ends in a backslash goes on."""
    command, output = "", []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(prompt):
            if command:
                yield command, "\n".join(output)
            command, output = line.removeprefix(prompt), []
            while command.endswith("\\"):
                command += "\n" + next(lines, "").removeprefix("> ")
        elif command:
            output.append(line)
        else:
            raise PageError(f"output without a command: {line!r}")
    if command:
        yield command, "\n".join(output)


def _environment(directory: Path) -> dict[str, str]:
    """As in a terminal of 100 columns without colours, the project's commands on the path."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "/usr/bin:/bin")])
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "PATH": path,
        "PYTHONPATH": str(directory),
        "PYTHONUTF8": "1",
        "COLUMNS": "100",
        "TERM": "dumb",
        "NO_COLOR": "1",
    }


def compare(expected: str, got: str) -> None:
    want, have = (_stripped(text) for text in (expected, got))
    if not doctest.OutputChecker().check_output(want, have, doctest.ELLIPSIS):
        raise PageError(f"the page shows\n{textwrap.indent(want, '    ')}but this is printed\n"
                        f"{textwrap.indent(have, '    ')}")


def _stripped(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"
