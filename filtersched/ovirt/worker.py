"""The inside of a plug-in worker: a process that holds one plug-in file and answers about it.

Run as a script, with nothing but the standard library: `python -P worker.py FD`. Questions and
answers are JSON, each after its length in 8 bytes, on the socket FD. What the plug-in writes to
its output with print is kept here; what its children or C code write goes to the daemon's pipe,
and if that is the answer it comes back as a question to read it, so that no plug-in's text is
ever parsed inside the daemon.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import importlib.util
import inspect
import io
import json
import os
import re
import resource
import signal
import socket
import struct
import sys
import time
import traceback
import types
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

# By path: importing the package would bring in a scheduler that no plug-in asked for.
_spec = importlib.util.spec_from_file_location(
    "filtersched_entities", os.path.join(os.path.dirname(os.path.abspath(__file__)), "entities.py")
)
assert _spec is not None
assert _spec.loader is not None
entities = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(entities)

FUNCTIONS = {
    "filters": ("do_filter", "filterFunction"),
    "scores": ("do_score", "scoreFunction"),
    "balance": ("do_balance", "balanceFunction"),
}
HEADER = struct.Struct(">Q")
_PR_SET_CHILD_SUBREAPER = 36
_BARE_BALANCE = re.compile(r"(?P<vm>[^\s'\"()\[\]]*)\s*(?P<hosts>\[.*\])", re.DOTALL)


class Failed(Exception):
    """The plug-in gave no answer; the text says why."""


class _Printed(io.BytesIO):
    """What a plug-in prints; bounded. To children and to C code it is still file 1."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > self._limit:
            raise Failed(f"printed more than {self._limit} bytes")
        return super().write(data)

    def fileno(self) -> int:
        return 1


def printed_text(stream: io.TextIOWrapper) -> str:
    """What was printed, unless the plug-in closed or took away its output."""
    try:
        stream.flush()
        return stream.buffer.getvalue().decode("utf-8").strip()  # type: ignore[attr-defined,no-any-return]
    except ValueError:
        return ""


def serve(channel: socket.socket) -> None:
    """Answer questions until the daemon hangs up."""
    module: types.ModuleType | None = None
    output_bytes = 0
    while (question := receive(channel)) is not None:
        reply: dict[str, Any] = {}
        signal.setitimer(signal.ITIMER_REAL, question["patience"])
        pid = os.getpid()
        try:
            if question["ask"] == "load":
                output_bytes = question["output_bytes"]
                module = load(question)
                reply["units"] = list(units(module, question["name"]))
            elif question["ask"] == "call":
                sys.stdout = printed = io.TextIOWrapper(_Printed(output_bytes), "utf-8", "backslashreplace")
                reply["answer"] = call(module, question)
                if reply["answer"] is None and (text := printed_text(printed)):
                    reply["answer"] = literal(text, question["kind"])
            else:
                reply["answer"] = literal(question["text"], question["kind"])
            text = json.dumps(reply, default=plain)
        except Failed as failure:
            text = json.dumps({"error": str(failure)})
        except BaseException as problem:
            text = json.dumps({"error": described(problem), "spoiled": isinstance(problem, MemoryError)})
        if os.getpid() != pid:
            os._exit(0)  # a child that the plug-in forked and that came back into our loop
        sys.stdout = sys.__stdout__
        sys.stderr = sys.__stderr__
        with contextlib.suppress(Exception):
            print(end="", flush=True)
            print(end="", file=sys.stderr, flush=True)
        if children_left():
            text = json.dumps({"error": "left a process behind", "spoiled": True})
        signal.setitimer(signal.ITIMER_REAL, 0)
        send(channel, text.encode())


def receive(channel: socket.socket) -> Any:
    """The next question, or None once the daemon has hung up."""
    header = _exactly(channel, HEADER.size)
    if header is None:
        return None
    body = _exactly(channel, HEADER.unpack(header)[0])
    return None if body is None else json.loads(body)


def _exactly(channel: socket.socket, count: int) -> bytes | None:
    got = bytearray(count)
    view = memoryview(got)
    while view:
        read = channel.recv_into(view)
        if not read:
            return None
        view = view[read:]
    return bytes(got)


def send(channel: socket.socket, body: bytes) -> None:
    channel.sendall(HEADER.pack(len(body)) + body)


def load(question: dict[str, Any]) -> types.ModuleType:
    """The plug-in's module, made of the source that the daemon read at discovery."""
    limit = question["memory_mb"] << 20
    # Private memory is bounded; address space more loosely, since threads and libraries reserve much.
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_AS, (4 * limit, 4 * limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    path, name = question["path"], question["name"]
    sys.path.insert(0, os.path.dirname(path))
    # A plug-in may be called like a module that others import.
    known = name in sys.stdlib_module_names or name in sys.modules
    module = types.ModuleType(f"plugin {name}" if known else name)
    module.__file__ = path
    sys.modules[module.__name__] = module
    code = compile(question["source"].encode("latin-1"), path, "exec", dont_inherit=True)
    try:
        exec(code, module.__dict__)  # running the plug-in is what this process is for
    except SystemExit as problem:
        raise Failed("the file ends the program when imported") from problem
    return module


def units(module: types.ModuleType, file_name: str) -> Iterator[dict[str, Any]]:
    """What the file offers: its own classes and functions with one of the known names."""
    for name, thing in list(vars(module).items()):
        if name.startswith("_") or not isinstance(thing, type):
            continue
        if thing.__module__ == module.__name__ and thing.__name__ == name:
            yield from _offers(thing, name, name)
    yield from _offers(module, file_name, None)


def _offers(owner: Any, unit: str, cls: str | None) -> Iterator[dict[str, Any]]:
    for kind, names in FUNCTIONS.items():
        for name in names:
            function = getattr(owner, name, None)
            if callable(function):
                properties = getattr(owner, "properties_validation", "")
                yield {
                    "kind": kind,
                    "name": unit,
                    "class": cls,
                    "function": name,
                    "description": inspect.getdoc(function) or inspect.getdoc(owner) or "",
                    "properties": properties if isinstance(properties, str) else "",
                }
                break


def call(module: types.ModuleType | None, question: dict[str, Any]) -> Any:
    """What the unit returns, None if it prints instead."""
    owner: Any = module
    try:
        if question["class"] is not None:
            owner = getattr(module, question["class"])()
        documents = question["documents"]
        if documents:
            hosts = entities.Hosts(entities.entity(id, _reader(documents.get(id))) for id in question["hosts"])
        else:
            hosts = entities.Hosts(map(entities.Entity, question["hosts"]))
        arguments = [hosts, question["properties"]]
        if question["kind"] != "balance":
            arguments.insert(1, entities.entity(question["vm"], _reader(question.get("vm_document"))))
        answer = getattr(owner, question["function"])(*arguments)
    except SystemExit as problem:
        # The original ran a program, and a program that ends well has said what it had to say.
        if problem.code not in (None, 0):
            raise Failed(f"exited with {problem.code!r}") from problem
        return None
    return answer


def _reader(text: str | None) -> Any:
    # The daemon read this text with a hardened parser before and wrote it anew: no DTD is in it.
    return None if text is None else lambda: ET.fromstring(text)


def literal(text: str, kind: str) -> Any:
    """The Python literal that was printed; a balance answer may also be `print(vm, [hosts])`."""
    if text.startswith("['") and not set('"\\(') & set(text):
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


def described(problem: BaseException) -> str:
    """One line about an exception; its traceback goes to stderr, which the daemon logs."""
    with contextlib.suppress(BaseException):
        trace = problem.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        traceback.print_exception(problem.with_traceback(trace))
    try:
        text = str(problem)[:500]
    except BaseException:
        text = "its text cannot be read"
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__


def children_left() -> bool:
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


def main() -> None:
    """Be a worker on the socket whose number is the first argument."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)
    sys.dont_write_bytecode = True
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    with contextlib.suppress(OSError, AttributeError):
        # Processes that outlive their parent come to us, so that none hides behind a double fork.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    serve(channel)
    os._exit(0)  # not waiting for threads that the plug-in left running


if __name__ == "__main__":
    main()
