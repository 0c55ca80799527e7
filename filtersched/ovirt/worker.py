"""The inside of a worker: a forked process that runs a plug-in file and answers about it.

Questions and answers are JSON, one a line, on a socket. The file is run from its first line when
the first question comes, so that nothing is left of earlier calls, and so are modules beside it;
questions bring their code, which is that of the last good version. What the file prints goes into
a file in memory: as with the original proxy, that may be the answer.
"""

from __future__ import annotations

import ast
import atexit
import base64
import contextlib
import importlib.machinery
import inspect
import json
import marshal
import os
import re
import resource
import select
import site
import socket
import sys
import sysconfig
import threading
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
MAX_SOURCE_BYTES = 4 << 20
ENDED_WELL = 86  # the exit status of a worker that leaves nothing behind
_INSTALLED = tuple(
    os.path.join(folder, "")
    for folder in {*map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib")), *site.getsitepackages()}
)
_PREFAULTED_BYTES = 1 << 17
_BARE_BALANCE = re.compile(r"(?P<vm>[^\s'\"()\[\]]*)\s*(?P<hosts>\[.*\])", re.DOTALL)


class Failed(Exception):
    """The plug-in gave no answer; the text says why."""


def work(channel: int, stdout: int, stderr: int) -> None:
    """Answer questions until the daemon hangs up, then exit as a program does."""
    pid, status = os.getpid(), 1
    plugin: _Plugin | None = None
    try:
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        os.close(stdout)
        os.close(stderr)
        if "numpy.random" in sys.modules:  # unlike the standard library's, it would repeat itself
            sys.modules["numpy.random"].seed()
        if os.fstat(1).st_size > _PREFAULTED_BYTES and not select.select([channel], [], [], 0)[0]:
            _prefault()
        with socket.socket(fileno=channel) as connection, connection.makefile("rb", 1 << 18) as questions:
            for line in questions:
                question = json.loads(line)
                plugin = plugin or _Plugin(question)
                text = _reply(plugin, question)
                if os.getpid() != pid:
                    return  # a child that the plug-in forked and that came back into our loop
                connection.sendall(f"{text}\n".encode())
        atexit._run_exitfuncs()
        status = 1 if _children_left() else ENDED_WELL
    finally:
        os._exit(status)


def _prefault() -> None:
    """Write to the pages that a call needs: in a forked process the first write to a page copies it."""
    hosts = json.loads(json.dumps([f"{number:036}" for number in range(1000)]))
    print(list(entities.Hosts(map(entities.Entity, hosts))))
    json.dumps({"answer": literal(_printed(), "")}, default=plain)
    _forget_printed()


def _reply(plugin: _Plugin, question: dict[str, Any]) -> str:
    _forget_printed()
    try:
        text = json.dumps(getattr(plugin, question["ask"])(question), default=plain)
    except Failed as failure:
        text = json.dumps({"error": str(failure)})
    except BaseException as problem:
        text = json.dumps(plugin.described(problem))
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
    with contextlib.suppress(Exception):
        print(end="", file=sys.stderr, flush=True)
    return json.dumps({"error": "left a process behind", "spoiled": True}) if _children_left() else text


class _Plugin:
    """The plug-in file, run when it is first needed. `units` and `call` are the questions."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self._path, self._name = setup["path"], setup["name"]
        self._codes = {path: marshal.loads(base64.b64decode(code)) for path, code in setup["codes"].items()}
        self._states: dict[str, list[int]] = {}
        self._module: types.ModuleType | None = None
        self._memory: int = setup["memory_mb"] << 20

    def _prepare(self) -> None:
        """Bound the memory, and have imports find what is beside the file."""
        # Private memory is bounded; address space more loosely, since threads and libraries reserve much.
        # What was inherited comes on top: it is shared, and may be imports of other files.
        with open("/proc/self/statm") as stream:
            size, *_, data, _ = (int(pages) * resource.getpagesize() for pages in stream.read().split())
        for limit, most in ((resource.RLIMIT_DATA, data + self._memory), (resource.RLIMIT_AS, size + 4 * self._memory)):
            _soft, hard = resource.getrlimit(limit)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(limit, (most, most))
        with contextlib.suppress(OSError):
            os.chdir(os.path.dirname(self._path))
        sys.path.insert(0, os.path.dirname(self._path))
        loader: Any = importlib.machinery.SourceFileLoader
        read = loader.get_code
        loader.get_code = lambda source, name: self._code(source.path, lambda: read(source, name))

    def _code(self, path: str, read: Callable[[], types.CodeType]) -> Any:
        """The code of a file: what the question brought, else what is read, which is remembered."""
        if path not in self._codes:
            self._states[path] = state(path)
            self._codes[path] = read()
        return self._codes[path]

    def units(self, _question: dict[str, Any]) -> dict[str, Any]:
        """What the file offers, and what is needed to run it again.

        modules : installed modules that it imports; none if threads or files that were opened
            when they were imported would be missing in a fork.
        codes, states : of the file and of modules that it imports and that are not installed.
        """
        before, files = {*sys.modules}, os.listdir("/proc/self/fd")
        module = self._loaded()
        modules, paths = [], [self._path]
        for name in [name for name in sys.modules if name not in before and name != module.__name__]:
            path = getattr(sys.modules[name], "__file__", None)
            if not isinstance(path, str) or path.startswith(_INSTALLED):
                modules.append(name)
            elif path in self._codes:
                paths.append(path)
        fit = threading.active_count() == 1 and len(os.listdir("/proc/self/fd")) == len(files)
        return {
            "units": list(offers(module, self._name)),
            "keep_alive": getattr(module, "KEEP_ALIVE", False),
            "modules": modules if fit else [],
            "states": {path: self._states[path] for path in paths},
            "codes": {path: base64.b64encode(marshal.dumps(self._codes[path])).decode() for path in paths},
        }

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
            self._prepare()
            # A plug-in may be called like a module that others import.
            known = self._name in sys.stdlib_module_names or self._name in sys.modules
            module = types.ModuleType(f"plugin {self._name}" if known else self._name)
            module.__file__ = self._path
            sys.modules[module.__name__] = module
            try:
                # Running the plug-in is what this process is for.
                exec(self._code(self._path, lambda: compiled(self._path)), module.__dict__)
            except SystemExit as problem:
                raise Failed("the file ends the program when imported") from problem
            self._module = module
        return self._module

    def described(self, problem: BaseException) -> dict[str, Any]:
        """An exception as a sentence that says where, and its traceback without our own lines."""
        most = os.fstat(1).st_size
        if isinstance(problem, PermissionError) and max(os.lseek(fd, 0, os.SEEK_CUR) for fd in (1, 2)) > most - 4096:
            return {"error": f"printed more than {most} bytes", "spoiled": True}
        text, where, shown, trace = "its text cannot be read", "", "", problem.__traceback__
        with contextlib.suppress(BaseException):
            text = str(problem)[:500]
        with contextlib.suppress(Exception):
            while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
                trace = trace.tb_next
            frames = traceback.extract_tb(trace)
            if isinstance(problem, SyntaxError):
                line = f", line {problem.lineno}" if problem.lineno else ""
                text, where = str(problem.msg), f" ({problem.filename or self._path}{line})"
            elif inside := [frame for frame in frames if frame.filename == self._path] or frames:
                where = f" ({inside[-1].filename}, line {inside[-1].lineno})"
            shown = "".join(traceback.format_exception(problem.with_traceback(trace)))[-8000:]
        error = f"{type(problem).__name__}{': ' if text else ''}{text}{where}"
        return {"error": error, "traceback": shown, "spoiled": isinstance(problem, MemoryError)}


def compiled(path: str) -> types.CodeType:
    """The code of a file."""
    with open(path, "rb") as stream:
        text = stream.read(MAX_SOURCE_BYTES + 1)
    if len(text) > MAX_SOURCE_BYTES:
        raise Failed(f"it is larger than {MAX_SOURCE_BYTES} bytes")
    return compile(text, path, "exec", dont_inherit=True)


def state(path: str) -> list[int]:
    """What tells whether a file changed."""
    try:
        seen = os.stat(path)
    except OSError as error:
        return [error.errno or 0]
    return [seen.st_mtime_ns, seen.st_size, seen.st_ino]


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
            if name is None:
                continue
            properties = getattr(owner, "properties_validation", "")
            problem = _why_it_cannot_be_called(owner, name, "hosts, args" if kind == "balance" else "hosts, vm, args")
            if not isinstance(properties, str):
                problem, properties = problem or "properties_validation must be a str", ""
            description = inspect.getdoc(getattr(owner, name)) or inspect.getdoc(owner) or ""
            yield {"kind": kind, "name": unit, "class": cls, "function": name} | {
                "description": description, "properties": properties, "problem": problem,
            }  # fmt: skip


def _why_it_cannot_be_called(owner: Any, name: str, arguments: str) -> str | None:
    function, is_class = getattr(owner, name), isinstance(owner, type)
    bound = f"{owner.__name__}.{name}" if is_class else name
    if inspect.iscoroutinefunction(function):
        return f"{bound} is a coroutine, which nothing awaits. Write def, not async def"
    if is_class and isinstance(inspect.getattr_static(owner, name), types.FunctionType):
        arguments = f"self, {arguments}"
    if not _accepts(function, arguments.count(",") + 1):
        wanted = arguments.removeprefix("self, ")
        return f"{bound} cannot be called with ({wanted}). Write def {name}({arguments})"
    if is_class and not _accepts(owner, 0):
        return (
            f"{owner.__name__}.__init__ needs arguments, and a plug-in class is made without any. "
            "Give them defaults, or read the policy's properties from args"
        )
    return None


def _accepts(function: Callable[..., Any], count: int) -> bool:
    try:
        signature = inspect.signature(function, follow_wrapped=False)
    except (ValueError, TypeError):
        return True  # its parameters are unknown
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def call(module: types.ModuleType, question: dict[str, Any]) -> Any:
    """What the unit returns, None if it prints instead."""
    entities.Entity._why = question["why"]
    documents, vms = question["documents"], question.get("vms")

    def entity(id: str) -> Any:
        # The daemon read this text with a hardened parser before and wrote it anew: no DTD is in it.
        return entities.entity(id, (lambda: ET.fromstring(documents[id])) if id in documents else None)

    owner: Any = module
    try:
        if question["class"] is not None:
            owner = getattr(module, question["class"])()
        hosts = entities.Hosts(map(entity if documents else entities.Entity, question["hosts"]))
        if vms is not None:
            for host in hosts:
                host.vms = [entity(id) for id in vms.get(host, ())]
        vm = () if question["kind"] == "balance" else (entity(question["vm"]),)
        return getattr(owner, question["function"])(hosts, *vm, question["properties"])
    except SystemExit as problem:
        # The original ran a program, and a program that ends well has said what it had to say.
        if problem.code not in (None, 0):
            raise Failed(f"exited with {problem.code!r}") from problem
        return None



def _printed() -> str:
    """What the plug-in, its children or C code printed; flushed, unless it closed its output."""
    with contextlib.suppress(ValueError, OSError):
        sys.stdout.flush()
    return os.pread(1, min(os.fstat(1).st_size, os.lseek(1, 0, os.SEEK_CUR)), 0).decode("utf-8", "replace").strip()


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
