"""The inside of a plug-in file's processes: a fork server, and the workers that it forks.

Run as a script, with nothing but the standard library: `python -P worker.py FD`, the setup as JSON
on stdin. The fork server has the interpreter, the imports and the compiled sources ready, and
forks a worker when the daemon sends three file descriptors over the socket FD: a channel for
questions and answers (JSON, each after its length in 8 bytes), stdout and stderr. The worker runs
the plug-in file from its first line, so that nothing is left of earlier calls.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import ctypes
import gc
import importlib
import importlib.machinery
import importlib.util
import inspect
import io
import json
import os
import re
import resource
import select
import signal
import site
import socket
import struct
import sys
import sysconfig
import threading
import time
import traceback
import types
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
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
MAX_MESSAGE = 1 << 17
_INSTALLED = tuple(
    os.path.join(folder, "")
    for folder in {*map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib")), *site.getsitepackages()}
)
_GRACE = 0.3  # seconds that a worker may take to exit by itself
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_prctl = ctypes.CDLL(None).prctl
_BARE_BALANCE = re.compile(r"(?P<vm>[^\s'\"()\[\]]*)\s*(?P<hosts>\[.*\])", re.DOTALL)


class Failed(Exception):
    """The plug-in gave no answer; the text says why."""


class ForkServer:
    """Forks workers, and ends each with everything that it started."""

    def __init__(self, control: socket.socket, setup: dict[str, Any]) -> None:
        self._control = control
        self._setup = setup
        self._workers: set[int] = set()
        self._ending: dict[int, float] = {}  # worker -> when it is killed
        self._suspect: set[int] = set()  # workers that may have left processes behind
        self._codes: dict[str, Any] = {}
        _keep_code(self._codes)

    def prepare(self, *, imports: bool) -> bool:
        """Import what the plug-in file imports, and compile what each call runs afresh.

        False if that did more than to define things: threads and connections would not work in a fork.
        """
        before = set(os.listdir("/proc/self/fd"))
        for name in self._setup["modules"] if imports else ():
            with contextlib.suppress(BaseException):
                importlib.import_module(name)
        for path, text in [*self._setup["fresh"].items(), (self._setup["path"], self._setup["source"])]:
            with contextlib.suppress(Exception):  # a worker that compiles it again says what is wrong
                self._codes[path] = compiled(text, path)
        gc.collect()
        gc.freeze()
        return threading.active_count() == 1 and not set(os.listdir("/proc/self/fd")) - before

    def serve(self) -> None:
        """Do what the daemon says until it hangs up."""
        while True:
            if select.select([self._control], [], [], 0.003 if self._ending else None)[0]:
                message, fds, _flags, _address = socket.recv_fds(self._control, MAX_MESSAGE, 3)
                if not message:
                    break
                said = json.loads(message)
                if said["do"] == "fork":
                    self._fork(fds)
                elif said["pid"] in self._workers:
                    self._ending[said["pid"]] = time.monotonic() + (_GRACE if said["gently"] else 0.0)
                    if not said["gently"]:
                        self._suspect.add(said["pid"])
            for pid, killed_at in list(self._ending.items()):
                if exit_of(pid) is not None or time.monotonic() >= killed_at:
                    self._end(pid)
        for pid in self._workers:
            _kill_group(pid)
        kill_children()

    def _fork(self, fds: list[int]) -> None:
        try:
            pid = os.fork()
        except OSError as error:
            with socket.socket(fileno=fds.pop(0)) as channel:
                send(channel, {"error": f"no process could be started: {error}"})
        else:
            if pid == 0:
                self._control.close()
                work(fds, self._setup, self._codes)
            with contextlib.suppress(OSError):
                os.setpgid(pid, pid)
            self._workers.add(pid)
        for fd in fds:
            os.close(fd)

    def _end(self, pid: int) -> None:
        """Kill what is left of a worker's group, and what left the group; tell how the worker ended."""
        seen = exit_of(pid)
        _kill_group(pid)
        os.waitpid(pid, 0)
        self._workers.discard(pid)
        del self._ending[pid]
        if pid in self._suspect or seen is None or seen.si_status:
            self._suspect.discard(pid)
            kill_children(but=self._workers)
        told = {"pid": pid, "code": None if seen is None else seen.si_code, "status": seen and seen.si_status}
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(told).encode())


def exit_of(pid: int) -> os.waitid_result | None:
    """How a child ended, None while it runs; it is not reaped, so that its group keeps its number."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)


def _kill_group(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def kill_children(but: set[int] | frozenset[int] = frozenset()) -> None:
    """End our children but these: processes that left the group of a worker come to us when it ends."""
    for _generation in range(50):
        found = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _parent(pid) == os.getpid()]
        strays = [pid for pid in found if pid not in but]
        for pid in strays:
            _kill_group(pid)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        if not strays:
            return


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return int(stream.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def _keep_code(codes: dict[str, Any]) -> None:
    """Have modules beside the plug-in made of the code that is kept: of the last good version."""
    loader = importlib.machinery.SourceFileLoader
    read = loader.get_code

    def get_code(self: Any, name: str) -> Any:
        return codes.get(self.path) or read(self, name)

    loader.get_code = get_code  # type: ignore[method-assign,assignment]


# -- a worker ----------------------------------------------------------------------------------


def work(fds: list[int], setup: dict[str, Any], codes: dict[str, Any]) -> None:
    """Be a worker: answer questions until the daemon hangs up, then exit as a program does."""
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # Processes that outlive their parent come to us, so that none hides behind a double fork.
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.dup2(fds[1], 1)
    os.dup2(fds[2], 2)
    os.close(fds[1])
    os.close(fds[2])
    if "numpy.random" in sys.modules:  # unlike the standard library's, it would repeat itself
        sys.modules["numpy.random"].seed()
    pid = os.getpid()
    try:
        with socket.socket(fileno=fds[0]) as channel:
            send(channel, {"pid": pid})
            _answer_all(channel, _Plugin(setup, codes))
        atexit._run_exitfuncs()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(0)


def _answer_all(channel: socket.socket, plugin: _Plugin) -> None:
    pid = os.getpid()
    while (question := receive(channel)) is not None:
        try:
            reply = getattr(plugin, question["ask"])(question)
            text = json.dumps(reply, default=plain)
        except Failed as failure:
            text = json.dumps({"error": str(failure)})
        except BaseException as problem:
            text = json.dumps(plugin.described(problem))
        if os.getpid() != pid:
            os._exit(0)  # a child that the plug-in forked and that came back into our loop
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        with contextlib.suppress(Exception):
            print(end="", flush=True)
            print(end="", file=sys.stderr, flush=True)
        if children_left():
            text = json.dumps({"error": "left a process behind", "spoiled": True})
        send(channel, text)


def receive(channel: socket.socket) -> Any:
    """The next question, or None once the daemon has hung up."""
    header = _exactly(channel, HEADER.size)
    body = None if header is None else _exactly(channel, HEADER.unpack(header)[0])
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


def send(channel: socket.socket, message: Any) -> None:
    """Send text, or what becomes text as JSON."""
    body = (message if isinstance(message, str) else json.dumps(message)).encode()
    channel.sendall(HEADER.pack(len(body)) + body)


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
        sys.stdout = printed = self._capture()
        answer = call(module, question)
        if answer is None and (text := printed_text(printed)):
            answer = literal(text, question["kind"])
        return {"answer": answer}

    def literal(self, question: dict[str, Any]) -> dict[str, Any]:
        """Text that children of the plug-in or C code printed; it is not read in the daemon."""
        return {"answer": literal(question["text"], question["kind"])}

    def _capture(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(_Printed(self._setup["output_bytes"]), "utf-8", "backslashreplace")

    def _loaded(self) -> types.ModuleType:
        if self._module is None:
            sys.stdout = self._capture()
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


def printed_text(stream: io.TextIOWrapper) -> str:
    """What was printed, unless the plug-in closed or took away its output."""
    try:
        stream.flush()
        return stream.buffer.getvalue().decode("utf-8", "replace").strip()  # type: ignore[attr-defined,no-any-return]
    except ValueError:
        return ""


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
    """Be a fork server on the socket whose number is the first argument."""
    control = socket.socket(fileno=int(sys.argv[1]))
    setup = json.loads(sys.stdin.buffer.read())
    stdin = os.dup(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    limit = setup["memory_mb"] << 20
    # Private memory is bounded; address space more loosely, since threads and libraries reserve much.
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_AS, (4 * limit, 4 * limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.dirname(setup["path"]))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    server = ForkServer(control, setup)
    if not server.prepare(imports="cold" not in sys.argv):
        # Nothing that was begun can be undone: start again, and leave the imports to each call.
        os.lseek(stdin, 0, os.SEEK_SET)
        os.dup2(stdin, 0)
        os.set_inheritable(control.fileno(), True)
        os.execv(sys.executable, [sys.executable, "-P", __file__, sys.argv[1], "cold"])
    os.close(stdin)
    control.set_inheritable(False)
    server.serve()
    os._exit(0)


if __name__ == "__main__":
    main()
