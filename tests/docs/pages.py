"""Runs the code blocks of a Markdown page, in order, as a reader who follows the page would.

How a block is run depends on its language:

python     executed; the blocks of one page share a session
pycon      a session with `>>>`, compared with what it shows
console    each line that starts with `$ ` is run by bash; it must end with status 0, and what follows
           it is its output, where anything does; the commands of a page share variables and directory
others     not run: text, ini, json and the like, and Sphinx's directives, `{toctree}` for one

A `text` block right behind a `python` block is what that one prints. In expected output `...`
stands for anything. A comment right before a block changes what happens to it:

<!-- file: acme.py -->           written to a file of that name
<!-- not run: the reason -->     left alone
<!-- exit: 1 -->                 the block's last command ends with this status
<!-- raises: NoValidHost -->     the block ends with this error
"""

from __future__ import annotations

import doctest
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .reader import Reader

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


class Count(NamedTuple):
    """How many blocks of a page were run, and the reason for each that was not."""

    run: int
    not_run: list[str]


def run_page(path: Path, reader: Reader) -> Count:
    """Type the blocks of the page at `path` as `reader`.

    Raises PageError, naming page and line, where the page and what happens differ.
    """
    count, reasons = 0, []
    for block in blocks(path.read_text(encoding="utf-8")):
        try:
            count += _run(block, reader, path)
        except PageError as problem:
            raise PageError(f"{path}, line {block.line}: {problem}") from problem.__cause__
        if "not run" in block.comments:
            reasons.append(f"line {block.line}: {block.comments['not run']}")
    return Count(count, reasons)


def _run(block: Block, reader: Reader, path: Path) -> bool:
    if "file" in block.comments:
        target = (Path(reader.directory) / block.comments["file"]).resolve()
        if not target.is_relative_to(reader.home.resolve()):
            raise PageError(f"{target} is outside the page's directory")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.text, encoding="utf-8")
        return True
    if "not run" in block.comments:
        if len(block.comments["not run"].split()) < 3:
            raise PageError("say why the block is not run")
        return False
    if block.language == "python":
        _run_python(block, reader, path)
    elif block.language == "pycon":
        _run_session(block, reader, path)
    elif block.language == "console":
        _run_console(block, reader)
    elif block.language not in NOT_RUN and not _DIRECTIVE.fullmatch(block.language):
        raise PageError(f"a block must say what it is: one of {', '.join((*RUN, *NOT_RUN))}, not {block.language!r}")
    return block.language in RUN


def _run_python(block: Block, reader: Reader, path: Path) -> None:
    expected = block.comments.get("raises")
    done = reader.execute(block.text, path=str(path), line=block.line, pycon=False)
    if done["raised"] != expected:
        raise PageError(f"raised {done.get('problem')}, expected {expected}")
    if block.output is not None:
        compare(block.output, done["printed"])


def _run_session(block: Block, reader: Reader, path: Path) -> None:
    done = reader.execute(block.text, path=str(path), line=block.line, pycon=True)
    if done["raised"] is not None:
        raise PageError(f"raised {done['problem']}")
    if not done["tries"]:
        raise PageError("a pycon block needs a line with >>>")
    if done["failures"]:
        raise PageError(done["printed"])


def _run_console(block: Block, reader: Reader) -> None:
    typed = list(commands(block.text))
    if not typed:
        raise PageError("a console block needs a line that starts with '$ '")
    for place, (command, expected) in enumerate(typed):
        status = int(block.comments.get("exit", 0)) if place == len(typed) - 1 else 0
        done = reader.type(command)
        if done.status != status:
            raise PageError(f"$ {command}\nended with status {done.status}, not {status}:\n{done.said}")
        if expected.strip():
            compare(expected, done.said)


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


def compare(expected: str, got: str) -> None:
    want, have = (_stripped(text) for text in (expected, got))
    if not doctest.OutputChecker().check_output(want, have, doctest.ELLIPSIS):
        raise PageError(f"the page shows\n{textwrap.indent(want, '    ')}but this is printed\n"
                        f"{textwrap.indent(have, '    ')}")


def _stripped(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"
