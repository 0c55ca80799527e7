"""A private machine on which a page's commands are typed as root: own /etc, /opt, /var/log and network.

Made of namespaces, so it needs root. The Python of the tests is its `python3.11`, a wheel of this
checkout its package index, and `systemctl` a program that starts a unit as systemd would: as an
unprivileged user, with credentials, waiting for READY=1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IN_WHEEL = ("filtersched", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
TIMEOUT_S = 240
PROXY = "/opt/filtersched-proxy"

_SYSTEMCTL = """\
#!/opt/python/bin/python3
import ctypes, glob, os, re, shlex, shutil, signal, socket, subprocess, sys, time
USER = 65519
action, name = [word for word in sys.argv[1:] if not word.startswith("-")][:2] + [""] * (len(sys.argv) < 3)
unit = f"/etc/systemd/system/{name}.service"
pid_file, journal = f"/etc/{name}.pid", f"/var/log/{name}.journal"

def values(key):
    return [value.replace("%%", "%") for value in re.findall(rf"^{key}=(.*)", open(unit).read(), re.M)]

def stop():
    if os.path.exists(pid_file):
        pid = int(open(pid_file).read())
        os.kill(pid, signal.SIGTERM)
        os.unlink(pid_file)
        while os.path.exists(f"/proc/{pid}"):
            time.sleep(0.05)

def rights():
    libc = ctypes.CDLL(None)
    if values("MemoryDenyWriteExecute") == ["yes"]:
        libc.prctl(65, 1, 0, 0, 0)
    if values("NoNewPrivileges") == ["yes"]:
        libc.prctl(38, 1, 0, 0, 0)

def start():
    assert values("DynamicUser") == ["yes"] and values("Type") == ["notify"]
    credentials = f"/etc/credentials-{name}"
    shutil.rmtree(credentials, ignore_errors=True)
    os.makedirs(credentials)
    for key, _, path in (text.partition(":") for text in values("LoadCredential")):
        shutil.copyfile(path, f"{credentials}/{key}")
        os.chmod(f"{credentials}/{key}", 0o400)
        os.chown(f"{credentials}/{key}", USER, USER)
    logs = f"/var/log/{values('LogsDirectory')[0]}"
    os.makedirs(logs, exist_ok=True)
    os.chown(logs, USER, USER)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.settimeout(240)
    address = f"{logs}/notify"
    if os.path.exists(address):
        os.unlink(address)
    listener.bind(address)
    os.chmod(address, 0o777)
    daemon = subprocess.Popen(
        shlex.split(values("ExecStart")[0]),
        env={"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": address, "CREDENTIALS_DIRECTORY": credentials,
             "LOGS_DIRECTORY": logs},
        user=USER, group=USER, extra_groups=[], umask=0o077, cwd="/", start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(journal, "a"), preexec_fn=rights,
    )
    open(pid_file, "w").write(str(daemon.pid))
    try:
        assert listener.recv(100).startswith(b"READY=1")
    except OSError:
        sys.exit(f"{name} is not ready:\\n{open(journal).read()}")

if action in ("enable", "start", "restart"):
    stop()
    start()
elif action == "reload":
    os.kill(int(open(pid_file).read()), signal.SIGHUP)
elif action == "stop":
    stop()
else:
    assert action == "daemon-reload", action
"""
_LOOPBACK = """\
import fcntl, socket, struct
with socket.socket() as one:
    fcntl.ioctl(one, 0x8914, struct.pack("16sh", b"lo", 1 | 64))
"""


class Machine:
    """A shell of root on a machine of its own; `run` gives it commands.

    folder : holds what the machine has; `opt` is its /opt.
    wheels : what the page tells to build elsewhere; the machine has it in /opt/dist.
    """

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.folder = folder
        for name in ("opt", "etc", "log", "bin", "opt/python", "opt/site-packages"):
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name).chmod(0o755)
        shutil.copytree(wheels, folder / "opt" / "dist")
        self._script("bin/systemctl", _SYSTEMCTL)
        self._script("bin/python3.11", '#!/bin/sh\nexec /opt/python/bin/python3 "$@"\n')
        command = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "bash", "--norc"]
        self._shell = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                "PATH": f"{folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": "/nowhere",
                "LANG": "C.UTF-8",
                "PYTHONUNBUFFERED": "1",
                "PIP_NO_INDEX": "1",
                "PIP_NO_DEPS": "1",
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            },
        )
        self.run(
            f"""
            mount --make-rprivate / && mount -t proc proc /proc &&
            mount --bind {sys.base_prefix} {folder}/opt/python &&
            mount --bind {sysconfig.get_path("purelib")} {folder}/opt/site-packages &&
            cp -a /etc/. {folder}/etc && mount --bind {folder}/etc /etc &&
            mkdir -p /etc/systemd/system &&
            mount --bind {folder}/log /var/log &&
            mount --rbind {folder}/opt /opt &&
            {_everyone_enters(sys.base_prefix)}
            umask 022 && cd / &&
            /opt/python/bin/python3 -c '{_LOOPBACK}'
            """
        )

    def _script(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
        (self.folder / name).chmod(0o755)

    def run(self, command: str, *, status: int = 0, stdin: str = "") -> str:
        """What a command prints, errors too; it must end with `status`. `cd` and variables last."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        (self.folder / "stdin").write_text(stdin)
        text = textwrap.dedent(command).strip()
        self._shell.stdin.write(f"{{ {text}\n}} < {self.folder}/stdin > {self.folder}/out 2>&1; echo $?\n")
        self._shell.stdin.flush()
        ended = self._shell.stdout.readline().strip()
        said = (self.folder / "out").read_text(errors="replace")
        assert ended == str(status), f"# {text}\nended with status {ended}, not {status}:\n{said}"
        return said

    def python(self, code: str) -> str:
        """What Python prints for `code`, in the environment of the service."""
        (self.folder / "opt" / "code.py").write_text(textwrap.dedent(code))
        return self.run(f"{PROXY}/bin/python /opt/code.py")

    def write(self, path: str, text: str, *, more: bool = False) -> None:
        """Write a file of the machine, as an editor would; `more` appends."""
        (self.folder / "text").write_text(text)
        self.run(f"cat {self.folder}/text {'>>' if more else '>'} {path}")

    def share_packages(self) -> None:
        """Let the page's virtual environment use what the tests' own one has: no index is asked for dependencies."""
        self.run(f"echo /opt/site-packages > $(echo {PROXY}/lib/python3.*/site-packages)/zz_shared.pth")

    def close(self) -> None:
        """End it with everything that runs there."""
        self._shell.kill()
        self._shell.wait()
        for stream in (self._shell.stdin, self._shell.stdout):
            if stream is not None:
                stream.close()


def _everyone_enters(prefix: str) -> str:
    """Commands after which other users can enter a Python below /root: it may load its library by that path."""
    if not prefix.startswith("/root/"):
        return "true &&"
    return f"mount -t tmpfs -o mode=755 none /root && mkdir -p {prefix} && mount --bind /opt/python {prefix} &&"


def can_be_made() -> bool:
    """Whether this user can have such a machine."""
    tried = ["unshare", "--mount", "--net", "--pid", "--fork", "mount", "--make-rprivate", "/"]
    return os.geteuid() == 0 and subprocess.run(tried, capture_output=True, check=False).returncode == 0


def build_wheel(folder: Path) -> Path:
    """The folder that a wheel of this checkout is in."""
    source, wheels = folder / "source", folder / "wheels"
    source.mkdir()
    for name in IN_WHEEL:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(wheels)]
    subprocess.run([*pip, str(source)], check=True, timeout=TIMEOUT_S)
    return wheels
