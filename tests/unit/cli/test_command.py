"""The command as a whole: arguments in every spelling, errors, pipes, help."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import pty
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from filtersched import __version__

COMMAND = (sys.executable, "-m", "filtersched")


def shell(line, **options):
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=240, check=False, **options)


# Arguments


@pytest.mark.parametrize(
    "argv",
    [
        ("schedule", "--ram_allocation_ratio=1.0", "--flavor", "ram=16385"),
        ("schedule", "--ram-allocation-ratio", "1.0", "--flavor", "ram=16385"),
        ("--ram-allocation-ratio=1.0", "schedule", "--flavor", "ram=16385"),
        ("--ram_allocation_ratio", "1.0", "--flavor", "ram=16385", "schedule"),
        ("--flavor=ram=16385", "--format", "json", "schedule"),
    ],
)
def test_settings_and_flags_may_stand_before_or_after_the_command(run, hosts, argv):
    result = run(*argv, "--inventory", hosts)
    assert result.status == 1
    assert "No valid host was found" in result.out


def test_config_file_is_read_and_the_command_line_is_stronger(run, hosts, tmp_path):
    conf = tmp_path / "nova.conf"
    conf.write_text("[filter_scheduler]\nenabled_filters = ComputeFilter\n")
    command = ("schedule", "--inventory", hosts, "--flavor", "ram=99999", "--config-file", conf)
    assert run(*command).status == 0
    assert run(*command, "--enabled-filters", "RamFilter").status == 1


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (("schedule", "--inventroy", "x"), "--inventory"),
        (("schedule", "--ram_weight_multiplyer", "1"), "--ram-weight-multiplier"),
        (("--verbos", "schedule"), "--verbose"),
        (("shedule",), "'schedule'"),
        (("--verbose",), "which command?"),
        (("schedule", "stray"), "'stray' is not understood"),
        (("why",), "HOST"),
        (("schedule", "--inventory"), "--inventory"),
        (("schedule", "--ram-weight-multiplier"), "--ram-weight-multiplier"),
        (("schedule", "--config-file", "/nowhere.conf"), "/nowhere.conf"),
    ],
)
def test_wrong_argument_is_one_line_that_names_the_nearest(run, argv, word):
    result = run(*argv)
    assert result.status == 2
    assert result.err.startswith("filtersched: error: ")
    assert result.err.count("\n") == 1
    assert word in result.err


@pytest.mark.parametrize("argv", [("--help",), ("schedule", "--help"), ("why", "-h"), ("--help", "plugins")])
def test_help_goes_to_the_standard_output(run, argv):
    result = run(*argv)
    assert result.status == 0
    assert result.out.startswith("usage: filtersched")
    assert "--config-file FILE" in result.out
    assert max(map(len, result.out.splitlines())) <= 110


def test_without_arguments_there_is_help_and_an_error_status(run):
    result = run()
    assert result.status == 2
    assert "schedule" in result.out


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version_is_that_of_the_library(run, flag):
    assert run(flag).out == f"filtersched {__version__}\n"


@pytest.mark.parametrize("command", ["schedule", "why", "plugins", "files", "config", "man"])
def test_help_of_a_command_is_what_its_help_flag_prints(run, command):
    assert run("help", command) == run(command, "--help")
    assert run("help", command).out.startswith(f"usage: filtersched {command}")


def test_help_alone_is_that_of_the_command_as_a_whole(run):
    assert run("help") == run("--help")


def test_help_of_an_unknown_command_names_the_nearest(run):
    result = run("help", "shedule")
    assert (result.status, "'schedule'" in result.err) == (2, True)


def test_v_is_verbose(run, hosts):
    argv = ("schedule", "--inventory", hosts, "--flavor", "ram=1")
    assert "ComputeFilter: 3 -> 2 hosts" in run(*argv, "-v").err
    short, long = run("-v", *argv).err, run(*argv, "--verbose").err
    assert short.partition("  time: ")[0] == long.partition("  time: ")[0] != short


def test_quiet_prints_errors_and_nothing_else(run, hosts, tmp_path):
    argv = ("schedule", "--inventory", hosts, "-q", "--output", tmp_path / "o", "--flavor")
    assert run(*argv, "ram=1") == (0, "", "")
    assert json.loads((tmp_path / "o").read_text())["placed"] is True
    assert run(*argv, "ram=99999") == (1, "", "")
    assert "must be a number" in run(*argv, "ram=x").err
    assert run(*argv, "ram=1", "--verbose").err == ""
    assert run(*argv, "ram=1", "-v").err == "filtersched: error: give either -q or -v, not both\n"


def test_garbage_collector_is_set_as_before_once_the_command_is_done(run, hosts):
    before = gc.get_threshold()
    run("schedule", "--inventory", hosts, "--flavor", "ram=1")
    assert gc.get_threshold() == before


def test_debug_prints_what_verbose_does_not(run, hosts):
    argv = ("schedule", "--inventory", hosts, "--flavor", "ram=99999")
    verbose, debug = run(*argv, "-v").err, run(*argv, "-v", "--debug").err
    assert "filtersched: INFO: No host for instance 1 of 1" in debug
    assert "DEBUG" not in verbose
    assert "INFO" not in verbose


def test_debug_logs_settings_classes_and_times(run, hosts, tmp_path):
    conf = tmp_path / "nova.conf"
    conf.write_text("[filter_scheduler]\nenabled_filters = RamFilter\nweight_classes = RAMWeigher\n")
    argv = ("schedule", "--inventory", hosts, "--flavor", "ram=1", "--config-file", conf, "--seed", 5, "--debug")
    lines = run(*argv).err.splitlines()
    assert [line for line in lines if " ms" not in line] == [
        f"filtersched: DEBUG: settings files: {conf}",
        "filtersched: DEBUG: driver: filtersched.schedulers.filter_scheduler.FilterScheduler",
        "filtersched: DEBUG: filters: filtersched.filters.ram_filter.RamFilter",
        "filtersched: DEBUG: weighers: filtersched.weighers.ram_weigher.RAMWeigher",
    ]
    inventory, decision = (line for line in lines if " ms" in line)
    assert inventory.startswith(f"filtersched: DEBUG: inventory: 3 hosts of {hosts} in ")
    assert decision.startswith("filtersched: DEBUG: request #1: decided in ")
    assert decision.endswith(" ms, seed 5")


# Errors


@pytest.fixture
def broken_plugin(tmp_path, monkeypatch):
    (tmp_path / "broken_plugin.py").write_text(
        textwrap.dedent(
            """
            from filtersched import BaseHostFilter

            class BrokenFilter(BaseHostFilter):
                def host_passes(self, host_state, spec):
                    return host_state.no_such_attribute

            class FilelessFilter(BaseHostFilter):
                def host_passes(self, host_state, spec):
                    return open("/nowhere/at/all")
            """
        )
    )
    monkeypatch.syspath_prepend(tmp_path)
    return ("--available-filters", "broken_plugin.BrokenFilter,broken_plugin.FilelessFilter", "--enabled-filters")


def test_error_inside_a_plug_in_is_one_line_that_names_plug_in_and_host(run, hosts, broken_plugin):
    result = run("schedule", "--inventory", hosts, "--flavor", "ram=1", *broken_plugin, "BrokenFilter")
    assert result.status == 2
    assert result.err.count("\n") == 1
    for word in ("AttributeError", "no_such_attribute", "BrokenFilter", "alpha", "--debug"):
        assert word in result.err


def test_file_that_a_plug_in_lacks_is_not_taken_for_one_that_cannot_be_written(run, hosts, broken_plugin):
    result = run("schedule", "--inventory", hosts, "--flavor", "ram=1", *broken_plugin, "FilelessFilter")
    assert result.status == 2
    assert "FileNotFoundError" in result.err
    assert "FilelessFilter" in result.err
    assert "written" not in result.err


def test_debug_shows_the_traceback(run, hosts, broken_plugin):
    result = run("schedule", "--inventory", hosts, "--flavor", "ram=1", "--debug", *broken_plugin, "BrokenFilter")
    assert result.status == 2
    assert "Traceback" in result.err
    assert "host_passes" in result.err


@pytest.mark.slow
@pytest.mark.parametrize("has_rich", [True, False])
def test_terminal_and_pipe_have_the_same_headings_with_and_without_rich(tmp_path, hosts, has_rich):
    if not has_rich:
        (tmp_path / "rich").mkdir()
        (tmp_path / "rich" / "__init__.py").write_text("raise ImportError('no rich here')")
    done = _on_a_terminal("schedule", "--inventory", str(hosts), "--flavor", "ram=1", path=str(tmp_path))
    assert _plain(done).splitlines()[0] == "REQUEST  INSTANCE  HOST  WEIGHT  WHY"


@pytest.mark.slow
def test_terminal_shows_choices_in_green_and_refusals_in_red(hosts):
    argv = ("schedule", "--inventory", str(hosts), "--flavor")
    assert "\x1b[32mbeta\x1b[0m" in _on_a_terminal(*argv, "ram=1")
    assert "\x1b[31m#1: No valid host was found." in _on_a_terminal(*argv, "ram=99999", status=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "flags", "colored"),
    [
        ({}, (), True),
        ({"NO_COLOR": "1"}, (), False),
        ({"NO_COLOR": ""}, (), True),
        ({"TERM": "dumb"}, (), False),
        ({}, ("--color", "never"), False),
        ({"NO_COLOR": "1"}, ("--color=always",), True),
    ],
)
def test_colors_of_a_terminal_are_as_the_user_says(hosts, variables, flags, colored):
    done = _on_a_terminal("schedule", "--inventory", str(hosts), "--flavor", "ram=1", *flags, variables=variables)
    assert ("\x1b[32m" in done) == colored


def test_verdicts_of_filters_are_in_color_too(run, hosts):
    argv = ("why", "alpha", "--inventory", hosts, "--flavor", "ram=99999", "--color", "always")
    said = run(*argv).out
    assert "\x1b[31mrefuses\x1b[0m" in said
    assert "\x1b[32mpasses\x1b[0m" in said


def test_pipe_has_colors_only_if_they_are_asked_for(run, hosts):
    argv = ("schedule", "--inventory", hosts, "--flavor", "ram=1")
    assert "\x1b" not in run(*argv).out
    assert "\x1b[32mbeta\x1b[0m" in run(*argv, "--color", "always").out


@pytest.mark.slow
@pytest.mark.parametrize("columns", [20, 50, 80, 200])
def test_lines_fit_the_terminal_and_nothing_is_cut(hosts, columns):
    argv = ("schedule", "--inventory", str(hosts), "--flavor", "ram=1,vcpus=1,disk=1", "--count", "2")
    argv += ("--capacity-filters",)
    lines = _plain(_on_a_terminal(*argv, variables={"COLUMNS": str(columns)})).splitlines()
    assert max(map(len, lines)) <= columns
    said = " ".join(" ".join(lines).split())
    assert "best of 2; CPU +1.00, Disk +1.00, RAM +1.00; 0.500 ahead of alpha" in said
    assert "1 of 1 request placed (2 instances) on 3 hosts." in said


def _plain(said):
    return re.sub(r"\x1b\[\d*m", "", said.replace("\r", ""))


def _on_a_terminal(*argv, path="", variables=(), status=0):
    """What the command says to a terminal."""
    ours, theirs = pty.openpty()
    search = os.pathsep.join(filter(None, [path, os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "PYTHONPATH": search}
    environment.pop("NO_COLOR", None)
    environment.update(variables)
    with subprocess.Popen([*COMMAND, *argv], stdout=theirs, stderr=theirs, stdin=theirs, env=environment) as process:
        os.close(theirs)
        said = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # how a terminal ends
                break
            if not piece:
                break
            said += piece
        assert process.wait(timeout=240) == status
    os.close(ours)
    return said.decode()


# The process


@pytest.mark.slow
def test_module_is_the_same_command(hosts):
    done = subprocess.run(
        [*COMMAND, "schedule", "--inventory", hosts, "--flavor", "ram=1", "--format", "json"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["summary"]["placed"] == 1


@pytest.mark.slow
def test_closed_pipe_ends_quietly(tmp_path, hosts):
    requests = tmp_path / "requests.jsonl"
    requests.write_text('{"flavor": {"memory_mb": 0}}\n' * 3000)
    done = shell(
        f"{' '.join(COMMAND)} schedule --inventory {hosts} --requests {requests} --format json | head -n 1; "
        "echo ${PIPESTATUS[0]}"
    )
    assert done.stdout.splitlines() == ['{"version": 1, "placements": [', "141"]
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_full_standard_output_is_one_line_and_status_2(hosts):
    done = shell(f"{' '.join(COMMAND)} schedule --inventory {hosts} --flavor ram=1 > /dev/full")
    assert done.returncode == 2
    assert done.stderr == "filtersched: error: the result cannot be written: No space left on device\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)],
    ids=lambda value: getattr(value, "name", None),
)
def test_signal_ends_quietly_and_leaves_no_half_file(tmp_path, hosts, number, status):
    with waiting_for_requests(tmp_path, hosts) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=240)
    assert (process.returncode, out, err) == (status, "", "")
    assert sorted(os.listdir(tmp_path)) == ["hosts.jsonl", "requests"]


@pytest.mark.slow
def test_kill_leaves_no_half_file_where_files_need_no_name(tmp_path, hosts):
    try:
        os.close(os.open(tmp_path, os.O_TMPFILE | os.O_WRONLY))
    except (AttributeError, OSError):
        pytest.skip("this system makes no files without a name")
    with waiting_for_requests(tmp_path, hosts) as process:
        process.kill()
        process.communicate(timeout=240)
    assert sorted(os.listdir(tmp_path)) == ["hosts.jsonl", "requests"]


@pytest.mark.slow
def test_hangup_that_the_caller_ignores_ends_nothing(tmp_path, hosts):
    with waiting_for_requests(tmp_path, hosts, ignored=signal.SIGHUP) as process:
        process.send_signal(signal.SIGHUP)
    assert process.returncode == 0
    assert sorted(os.listdir(tmp_path)) == ["hosts.jsonl", "placements.jsonl", "requests"]


@contextlib.contextmanager
def waiting_for_requests(tmp_path, hosts, ignored=None):
    """The command when it has placed one request and waits for more; they end when the block does."""
    fifo = tmp_path / "requests"
    os.mkfifo(fifo)
    output = tmp_path / "placements.jsonl"

    def signals():
        # A caller that ignores a signal, such as a shell that runs tests in the background, hands that down.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number == ignored else signal.SIG_DFL)

    argv = [*COMMAND, "schedule", "--inventory", hosts, "--requests", fifo, "--output", output, "--verbose"]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdout=pipe, stderr=pipe, text=True, preexec_fn=signals) as process:
        with open(fifo, "w", encoding="utf-8") as stream:
            stream.write('{"flavor": {"memory_mb": 1}}\n')
            stream.flush()
            # The last line about the request tells where its time went.
            for line in process.stderr:
                if line.startswith("  time:"):
                    break
            yield process
        process.communicate(timeout=240)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "module", "argument"),
    [("filtersched.cli", "numpy", "plugins"), ("filtersched.ovirt", "aiohttp", "--check")],
)
def test_interrupt_while_modules_are_loaded_ends_quietly(package, module, argument):
    code = (
        "import sys\n"
        "class Interrupted:\n"
        "    def find_spec(name, path=None, target=None):\n"
        f"        if name == '{module}': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted)\n"
        f"from {package}.main import main\n"
        f"sys.argv[1:] = ['{argument}']\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.slow
@pytest.mark.parametrize("package", ["filtersched.cli", "filtersched.ovirt"])
def test_command_is_ready_for_an_interrupt_before_it_loads_anything(package):
    code = (
        "import __future__, sys\n"
        "before = set(sys.modules)\n"
        f"from {package}.main import main\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=True)
    assert done.stdout.split() == ["filtersched", package, f"{package}.main"]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_interrupt_once_the_command_is_done_prints_nothing():
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from filtersched.cli.main import main\n"
        "sys.argv[1:] = ['--version']\n"
        "main()\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


@pytest.mark.slow
@pytest.mark.parametrize("program", ["filtersched.cli.main", "filtersched.ovirt.main"])
def test_version_is_printed_without_loading_numpy(program):
    code = (
        f"import sys, atexit\nfrom {program} import main\nsys.argv[1:] = ['--version']\n"
        "atexit.register(lambda: print('numpy' in sys.modules))\nsys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)
    name = {"filtersched.cli.main": "filtersched", "filtersched.ovirt.main": "filtersched-proxy"}[program]
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{name} {__version__}\nFalse\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", ["schedule --inventory {hosts} --flavor ram=1 --output o", "--help", "--version"])
def test_closed_standard_output_is_one_line_and_status_2(tmp_path, hosts, arguments):
    done = shell(f"{' '.join(COMMAND)} {arguments.format(hosts=hosts)} >&-", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "filtersched: error: the result cannot be written: the standard output is closed\n"
    assert os.listdir(tmp_path) == ["hosts.jsonl"]


@pytest.mark.slow
def test_closed_standard_input_is_one_line_and_status_2():
    done = shell(f"{' '.join(COMMAND)} schedule --inventory - --flavor ram=1 <&-")
    assert done.returncode == 2
    assert done.stderr == "filtersched: error: <stdin>: cannot be read: the standard input is closed\n"


@pytest.mark.slow
def test_closed_standard_error_never_becomes_the_output_file(tmp_path, hosts):
    (tmp_path / "noisy.py").write_text(
        "import os\nfrom filtersched import BaseHostFilter\n\n\nclass NoisyFilter(BaseHostFilter):\n"
        "    def host_passes(self, host_state, spec):\n        os.write(2, b'noise')\n        return True\n"
    )
    done = shell(
        f"{' '.join(COMMAND)} schedule --inventory {hosts} --flavor ram=1 --output o --available-filters "
        "noisy.NoisyFilter --enabled-filters NoisyFilter 2>&-",
        cwd=tmp_path,
    )
    assert done.returncode == 0
    assert json.loads((tmp_path / "o").read_text())["placed"] is True


@pytest.mark.slow
def test_ascii_terminal_gets_escapes_and_no_error(tmp_path):
    path = tmp_path / "hosts.jsonl"
    path.write_text('{"host": "köln", "total_usable_ram_mb": 4096}', encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [*COMMAND, "schedule", "--inventory", path, "--flavor", "ram=1"],
        capture_output=True,
        text=True,
        timeout=240,
        env=environment,
        check=False,
    )
    assert done.returncode == 0
    assert "k\\xf6ln" in done.stdout


@pytest.mark.slow
def test_standard_input_is_a_dash(hosts):
    done = shell(
        f"""echo '{{"flavor": {{"memory_mb": 1}}}}' | {' '.join(COMMAND)} schedule --inventory {hosts} --requests -"""
    )
    assert done.returncode == 0
    assert "1 of 1 request placed" in done.stdout


# Plug-ins beside the user

PLUGIN = "from filtersched import BaseHostFilter\n\n\nclass MyOwnFilter(BaseHostFilter):\n    {body}\n"
NO_HOST = "def host_passes(self, host_state, spec): return False"
SCRIPT = str(Path(sys.executable).with_name("filtersched"))


def own_filter(hosts, directory, **options):
    line = (
        f"{SCRIPT} schedule --inventory {hosts} --flavor ram=1 --scheduler_available_filters=myfilter.MyOwnFilter "
        "--scheduler_default_filters=MyOwnFilter"
    )
    return shell(line, cwd=directory, **options)


@pytest.mark.slow
def test_filter_in_the_current_directory_is_found(tmp_path, hosts):
    (tmp_path / "myfilter.py").write_text(PLUGIN.format(body=NO_HOST))
    assert "MyOwnFilter: refuses" in own_filter(hosts, tmp_path).stdout


@pytest.mark.slow
def test_module_in_the_current_directory_never_hides_an_installed_one(tmp_path, hosts):
    (tmp_path / "numpy.py").write_text("raise RuntimeError('the wrong numpy')")
    (tmp_path / "myfilter.py").write_text(PLUGIN.format(body=NO_HOST))
    assert "MyOwnFilter: refuses" in own_filter(hosts, tmp_path).stdout


@pytest.mark.slow
def test_error_names_the_places_that_were_searched(tmp_path, hosts):
    done = own_filter(hosts, tmp_path)
    assert done.returncode == 2
    assert "names 'myfilter.MyOwnFilter', but there is no module myfilter in /" in done.stderr
    assert done.stderr.rstrip().endswith(f"{tmp_path}.")


def test_safe_path_of_python_keeps_the_current_directory_out(tmp_path, hosts):
    (tmp_path / "myfilter.py").write_text(PLUGIN.format(body=NO_HOST))
    done = own_filter(hosts, tmp_path, env={**os.environ, "PYTHONSAFEPATH": "1"})
    assert "there is no module myfilter" in done.stderr
    assert str(tmp_path) not in done.stderr


def test_run_inside_a_program_leaves_its_path_alone(run, hosts):
    before = list(sys.path)
    run("schedule", "--inventory", hosts, "--flavor", "ram=1")
    assert sys.path == before
