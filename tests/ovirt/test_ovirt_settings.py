"""The configuration file of the daemon: spellings, defaults, and what is refused."""

from __future__ import annotations

import pytest

from filtersched import ConfigurationError
from filtersched.ovirt.settings import is_loopback, load, plugin_conf


@pytest.fixture
def conf(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "scheduler.conf"
        path.write_text(text)
        return str(path)

    return write


def test_no_file_is_the_defaults():
    settings = load(environ={})
    assert (settings.port, settings.listen, settings.ssl, settings.plugins_path) == (18781, "127.0.0.1", False, ())
    assert (settings.plugin_timeout, settings.cost_scale, settings.facts_max_age) == (5.0, 1000, 60.0)


def test_the_feature_pages_own_sample_is_read(conf):
    text = "#listerning port=18781\n#ssl=true\n#plugins_path=$PYTHONPATH/ovirt_scheduler/plugins\n"
    assert load(conf(text), environ={"PYTHONPATH": "/opt/a"}).plugins_path == ("/opt/a/ovirt_scheduler/plugins",)


@pytest.mark.parametrize("text", ["port=1234", "port = 1234\n", "[DEFAULT]\nport: 1234", "--port=1234"])
def test_bare_keys_sections_and_flags_say_the_same(conf, text):
    assert load(conf(text), environ={}).port == 1234


def test_each_entry_of_pythonpath_is_looked_in(conf):
    assert load(environ={"PYTHONPATH": "/a::/b"}).plugins_path == (
        "/a/ovirt_scheduler/plugins",
        "/b/ovirt_scheduler/plugins",
    )


def test_plugins_path_may_name_several_folders_and_variables(conf):
    settings = load(conf("plugins_path = /x:${HOME}/y:$A/z"), environ={"HOME": "/home/me", "A": "/1:/2"})
    assert settings.plugins_path == ("/x", "/home/me/y", "/1/z", "/2/z")


def test_the_original_proxys_variable_names_the_folder_if_nothing_else_does(conf):
    environ = {"OSCHEDPROXY_PLUGINS": "/opt/plugins", "PYTHONPATH": "/a"}
    assert load(environ=environ).plugins_path == ("/opt/plugins",)
    assert load(conf("plugins_path=/x"), environ=environ).plugins_path == ("/x",)


def test_an_unset_variable_is_an_error(conf):
    with pytest.raises(ConfigurationError, match=r"uses \$NOWHERE, which is not set"):
        load(conf("plugins_path=$NOWHERE/x"), environ={})


def test_an_unknown_key_is_a_warning_with_the_nearest_known_one(conf):
    (warning,) = load(conf("plugin_timout=3"), environ={}).warnings
    assert "'plugin_timout' is not a key of filtersched-proxy. Did you mean 'plugin_timeout'" in warning


def test_a_key_of_the_scheduler_is_no_warning(conf):
    assert load(conf("ram_weight_multiplier=2"), environ={}).warnings == []


def test_a_certificate_turns_tls_on(conf, tmp_path):
    (tmp_path / "c.pem").write_text("")
    assert load(conf(f"ssl_certfile={tmp_path}/c.pem"), environ={}).ssl is True
    assert load(conf(f"ssl_certfile={tmp_path}/c.pem\nssl=false"), environ={}).ssl is False


@pytest.mark.parametrize(
    ("text", "option", "word"),
    [
        ("port=-1", "port", "at least 0, at most 65535"),
        ("port=many", "port", "an integer"),
        ("port=" + "9" * 30, "port", "at most 65535"),
        ("plugin_timeout=0", "plugin_timeout", "at least 0.1, at most 600"),
        ("plugin_timeout=nan", "plugin_timeout", "a finite number"),
        ("request_timeout=1e9", "request_timeout", "at most 3600"),
        ("max_request_bytes=1", "max_request_bytes", "at least 1024"),
        ("plugin_memory_mb=1", "plugin_memory_mb", "at least 32"),
        ("dialect=both", "dialect", "one of 'engine', 'page'"),
        ("on_plugin_error=ignore", "on_plugin_error", "one of 'skip', 'fail'"),
        ("cost_scale=1", "cost_scale", "at least 2"),
        ("ssl=maybe", "ssl", "true or false"),
        ("ssl=true", "ssl", "needs ssl_certfile"),
        ("ssl_client_ca=/x", "ssl_client_ca", "need ssl"),
        ("ssl_certfile=/no/such.pem", "ssl_certfile", "cannot be read"),
        ("listen=0.0.0.0", "listen", "reached from other machines"),
        ("listen=192.0.2.1", "listen", "reached from other machines"),
        ("listen=", "listen", "must not be empty"),
        ("engine_url=ftp://x", "engine_url", "must be a URL"),
        ("engine_url=https://x", "engine_url", "needs engine_password_file"),
        ("engine_refresh=0", "engine_refresh", "at least 0.1"),
        ("log_level=loud", "log_level", "one of 'debug', 'info'"),
    ],
)
def test_what_cannot_be_is_an_error_that_names_the_key(conf, text, option, word):
    with pytest.raises(ConfigurationError, match=word) as caught:
        load(conf(text), environ={})
    assert caught.value.option == option


def test_facts_must_last_longer_than_from_one_reading_to_the_next(conf, tmp_path):
    (tmp_path / "secret").write_text("x")
    text = f"engine_url=https://x\nengine_password_file={tmp_path}/secret\nfacts_max_age=10\nengine_refresh=10\n"
    with pytest.raises(ConfigurationError, match="must be above engine_refresh") as caught:
        load(conf(text), environ={})
    assert caught.value.option == "facts_max_age"


@pytest.mark.parametrize("written", ["[::1]", "::1"])
def test_the_loopback_of_version_6_may_stand_in_brackets(conf, written):
    assert load(conf(f"listen={written}"), environ={}).listen == "::1"


def test_a_file_that_systemd_brought_as_a_credential_stands_for_the_one_named(conf, tmp_path):
    brought = tmp_path / "credentials"
    brought.mkdir()
    (brought / "engine.password").write_text("x")
    path = conf("engine_password_file=/no/such/place/engine.password\n")
    environ = {"CREDENTIALS_DIRECTORY": str(brought)}
    assert load(path, environ=environ).engine_password_file == str(brought / "engine.password")


@pytest.mark.parametrize(
    ("address", "own"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True)]
    + [(address, False) for address in ("0.0.0.0", "::", "192.0.2.1", "engine.example.org", "")],
)
def test_only_this_machines_addresses_are_loopback(address, own):
    assert is_loopback(address) is own


def test_a_plugins_conf_is_taken_from_the_first_folder_that_has_one(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    (second / "Memory.conf").write_text("customProperties=ip=\\b\\d{1,3}$;t=[0-9]\ndefaultValues=127.0.0.1;70\n")
    folders = [str(first), str(second)]
    assert plugin_conf("Memory", folders) == ("ip=\\b\\d{1,3}$;t=[0-9]", "127.0.0.1;70")
    (first / "Memory.conf").write_text("[x]\nCustomProperties=a=b\n")
    assert plugin_conf("Memory", folders) == ("a=b", None)
    assert plugin_conf("Other", folders) == (None, None)
