"""The inside of a worker: a forked process that runs a plug-in file and answers about it.

Questions and answers are JSON, one a line, on a socket. The file is run from its first line when
the first question comes, so that nothing is left of earlier calls. What it prints goes into a file
in memory: as with the original proxy, that may be the answer.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import fcntl
import inspect
import json
import os
import re
import site
import socket
import sys
import sysconfig
import time
import traceback
import types
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from typing import Any

from filtersched.ovirt import entities

FUNCTIONS = {
    "filters": ("do_filter", "filterFunction"),
    "scores": ("do_score", "scoreFunction"),
    "balance": ("do_balance", "balanceFunction"),
}
_INSTALLED = tuple(
    os.path.join(folder, "")
    for folder in {*map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib")), *site.getsitepackages()}
)
_BARE_BALANCE = re.compile(r"(?P<vm>[^\s'\"()\[\]]*)\s*(?P<hosts>\[.*\])", re.DOTALL)


class Failed(Exception):
    """The plug-in gave no answer; the text says why."""


def work(channel: int, stderr: int, setup: dict[str, Any], codes: dict[str, Any]) -> None:
    """Answer questions until the daemon hangs up, then exit as a program does."""
    # A file that can't grow bounds what is printed without bounding the files that a plug-in writes.
    printed = os.memfd_create("printed", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(printed, setup["output_bytes"])
    fcntl.fcntl(printed, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
    os.dup2(printed, 1)
    os.dup2(stderr, 2)
    os.close(printed)
    os.close(stderr)
    if "numpy.random" in sys.modules:  # unlike the standard library's, it would repeat itself
        sys.modules["numpy.random"].seed()
    pid = os.getpid()
    try:
        plugin = _Plugin(setup, codes)
        with socket.socket(fileno=channel) as connection, connection.makefile("rwb") as stream:
            for line in stream:
                text = _reply(plugin, json.loads(line))
                if os.getpid() != pid:
                    break  # a child that the plug-in forked and that came back into our loop
                stream.write(f"{text}\n".encode())
                stream.flush()
        if os.getpid() == pid:
            atexit._run_exitfuncs()
    finally:
        os._exit(0)


def _reply(plugin: _Plugin, question: dict[str, Any]) -> str:
    _forget_printed()
    try:
        reply = getattr(plugin, question["ask"])(question)
        text = json.dumps(reply, default=plain)
    except Failed as failure:
        text = json.dumps({"error": str(failure)})
    except BaseException as problem:
        text = json.dumps(plugin.described(problem))
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    with contextlib.suppress(Exception):
        print(end="", file=sys.stderr, flush=True)
    return json.dumps({"error": "left a process behind", "spoiled": True}) if _children_left() else text


class _Plugin:
    """The plug-in file, run when the first question arrives. The methods are the questions."""

    def __init__(self, setup: dict[str, Any], codes: dict[str, Any]) -> None:
        self._setup = setup
        self._codes = codes
        self._module: types.ModuleType | None = None

    def units(self, _question: dict[str, Any]) -> dict[str, Any]:
        """What the file offers, and which modules it imports: names of installed ones, paths of others."""
        before = {*sys.modules}
        module = self._loaded()
        found: dict[str, list[str]] = {"modules": [], "fresh": []}
        for name in [name for name in sys.modules if name not in before and name != module.__name__]:
            path = getattr(sys.modules[name], "__file__", None)
            if not isinstance(path, str) or path.startswith(_INSTALLED):
                found["modules"].append(name)
            elif path.endswith(".py"):
                found["fresh"].append(path)
        kept = getattr(module, "KEEP_ALIVE", False) is True
        return {"units": list(offers(module, self._setup["name"])), "keep_alive": kept, **found}

    def call(self, question: dict[str, Any]) -> dict[str, Any]:
        """What the unit returns or prints; None is neither."""
        module = self._loaded()
        _forget_printed()  # of what the file did when it was imported
        answer = call(module, question)
        if answer is None and (text := _printed()):
            answer = literal(text, question["kind"])
        return {"answer": answer}

    def _loaded(self) -> types.ModuleType:
        if self._module is None:
            path, name = self._setup["path"], self._setup["name"]
            # A plug-in may be called like a module that others import.
            known = name in sys.stdlib_module_names or name in sys.modules
            module = types.ModuleType(f"plugin {name}" if known else name)
            module.__file__ = path
            sys.modules[module.__name__] = module
            code = self._codes.get(path) or compiled(self._setup["source"], path)
            try:
                exec(code, module.__dict__)  # running the plug-in is what this process is for
            except SystemExit as problem:
                raise Failed("the file ends the program when imported") from problem
            self._module = module
        return self._module

    def described(self, problem: BaseException) -> dict[str, Any]:
        """An exception as a sentence that says where, and its traceback without our own lines."""
        try:
            text = str(problem)[:500]
        except BaseException:
            text = "its text cannot be read"
        limit = self._setup["output_bytes"]
        if isinstance(problem, PermissionError) and os.lseek(1, 0, os.SEEK_CUR) > limit - 4096:
            return {"error": f"printed more than {limit} bytes", "spoiled": True}
        where, trace, shown = "", problem.__traceback__, ""
        with contextlib.suppress(Exception):
            while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
                trace = trace.tb_next
            frames = traceback.extract_tb(trace)
            inside = [frame for frame in frames if frame.filename == self._setup["path"]] or frames
            if inside and not isinstance(problem, SyntaxError):
                where = f" ({inside[-1].filename}, line {inside[-1].lineno})"
            elif isinstance(problem, SyntaxError):
                text, where = str(problem.msg), f" ({problem.filename}, line {problem.lineno})"
            shown = "".join(traceback.format_exception(problem.with_traceback(trace)))[-8000:]
        kind = type(problem).__name__
        error = f"{kind}: {text}{where}" if text else f"{kind}{where}"
        return {"error": error, "traceback": shown, "spoiled": isinstance(problem, MemoryError)}


def compiled(text: str, path: str) -> types.CodeType:
    """The code of a file as the daemon read it, not as it is by now."""
    return compile(text.encode("latin-1"), path, "exec", dont_inherit=True)


def offers(module: types.ModuleType, file_name: str) -> Iterator[dict[str, Any]]:
    """What the file offers: its own classes and functions with one of the known names."""
    owners: list[tuple[Any, str, str | None]] = [
        (thing, name, name)
        for name, thing in list(vars(module).items())
        if isinstance(thing, type)
        and not name.startswith("_")
        and (thing.__module__, thing.__name__) == (module.__name__, name)
    ]
    for owner, unit, cls in [*owners, (module, file_name, None)]:
        for kind, names in FUNCTIONS.items():
            name = next((name for name in names if callable(getattr(owner, name, None))), None)
            if name is not None:
                properties = getattr(owner, "properties_validation", "")
                yield {
                    "kind": kind,
                    "name": unit,
                    "class": cls,
                    "function": name,
                    "description": inspect.getdoc(getattr(owner, name)) or inspect.getdoc(owner) or "",
                    "properties": properties if isinstance(properties, str) else "",
                }


def call(module: types.ModuleType, question: dict[str, Any]) -> Any:
    """What the unit returns, None if it prints instead."""
    entities.Entity._why = question["why"]
    documents, vms = question["documents"], question.get("vms")

    def entity(id: str) -> Any:
        return entities.entity(id, _reader(documents.get(id)))

    owner: Any = module
    try:
        if question["class"] is not None:
            owner = getattr(module, question["class"])()
        hosts = entities.Hosts(map(entity if documents else entities.Entity, question["hosts"]))
        if vms is not None:
            for host in hosts:
                host.vms = [entity(id) for id in vms.get(host, ())]
        arguments = [hosts, question["properties"]]
        if question["kind"] != "balance":
            arguments.insert(1, entity(question["vm"]))
        return getattr(owner, question["function"])(*arguments)
    except SystemExit as problem:
        # The original ran a program, and a program that ends well has said what it had to say.
        if problem.code not in (None, 0):
            raise Failed(f"exited with {problem.code!r}") from problem
        return None


def _reader(text: str | None) -> Callable[[], Any] | None:
    # The daemon read this text with a hardened parser before and wrote it anew: no DTD is in it.
    return None if text is None else lambda: ET.fromstring(text)


def _printed() -> str:
    """What the plug-in, its children or C code printed; flushed, unless it closed its output."""
    with contextlib.suppress(ValueError, OSError):
        sys.stdout.flush()
    return os.pread(1, os.lseek(1, 0, os.SEEK_CUR), 0).decode("utf-8", "replace").strip()


def _forget_printed() -> None:
    _printed()
    os.lseek(1, 0, os.SEEK_SET)


def literal(text: str, kind: str) -> Any:
    """The Python literal that was printed; a balance answer may also be `print(vm, [hosts])`."""
    if text.startswith("['") and not any(odd in text for odd in '"\\('):
        # A printed list of ids, by far the most common answer: ten times faster this way.
        with contextlib.suppress(ValueError):
            return json.loads(text.replace("'", '"'))
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError):
        bare = _BARE_BALANCE.fullmatch(text.strip()) if kind == "balance" else None
        if bare is None:
            raise Failed(f"printed something that is no Python literal: {text[:80]!r}") from None
    return bare["vm"], literal(bare["hosts"], "")


def plain(value: Any) -> Any:
    """`value` as something JSON has: sets and other iterables, numbers of libraries, entities."""
    for attribute in ("item", "tolist"):
        if callable(convert := getattr(value, attribute, None)):
            return convert()
    if isinstance(value, str | bytes | bytearray | type):
        raise Failed(f"answered with {type(value).__name__}")
    if isinstance(id := getattr(value, "id", None), str):
        return id
    if hasattr(value, "hex") and hasattr(value, "urn"):
        return str(value)
    if hasattr(value, "__float__"):
        return float(value)
    try:
        return list(value)
    except TypeError:
        raise Failed(f"answered with {type(value).__name__}") from None


def _children_left() -> bool:
    """Whether processes that the plug-in started are still there a moment after its answer."""
    give_up = time.monotonic() + 0.2
    while True:
        try:
            pid, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            if time.monotonic() > give_up:
                return True
            time.sleep(0.005)
