"""The pages of --report in a browser: no errors on its console, and the pictures are there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="the extra report is not installed")
pytest.importorskip("jinja2", reason="the extra report is not installed")
pytest.importorskip("PIL.Image", reason="pillow is not installed")

from filtersched.cli.main import main

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT_S = 240


class Opened(NamedTuple):
    """A page as the browser has it: its elements, what it complained about, and a picture of the screen."""

    dom: str
    console: list[str]
    screen: Path

    def share_of(self, *color: int) -> float:
        """The share of the screen that has about this color."""
        from PIL import Image

        with Image.open(self.screen) as shot:
            pixels = np.asarray(shot.convert("RGB"), dtype=np.int16)
        return float((np.abs(pixels - np.array(color, dtype=np.int16)) < 12).all(axis=2).mean())


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    """Opens a page; skips where no browser is installed, or it cannot start."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    folder = tmp_path_factory.mktemp("browser")

    def browse(page, *flags):
        screen = folder / f"{len(list(folder.iterdir()))}.png"
        command = [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder / 'profile'}",
            "--window-size=1100,2750",
            "--enable-logging=stderr",
            "--dump-dom",
            f"--screenshot={screen}",
            *flags,
            page.as_uri(),
        ]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"{browser} did not end within {TIMEOUT_S} s")
        if done.returncode or not screen.exists():
            pytest.skip(f"{browser} cannot start here: {done.stderr[-500:]}")
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return Opened(done.stdout, console, screen)

    return browse


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages of schedule and why, of the examples."""
    folder = tmp_path_factory.mktemp("pages")
    inventory = ["--inventory", str(EXAMPLES / "hosts.jsonl"), "-q"]
    schedule, why = folder / "schedule.html", folder / "why.html"
    requests = ["--requests", str(EXAMPLES / "requests.jsonl"), "--allow-partial"]
    assert main(["schedule", *inventory, *requests, "--report", str(schedule)]) == 0
    assert main(["why", "--all", *inventory, "--flavor", "ram=4096,vcpus=2", "--report", str(why)]) == 0
    return schedule, why


@pytest.fixture(scope="module")
def light(browse, pages):
    return browse(pages[0])


@pytest.fixture(scope="module")
def dark(browse, pages):
    return browse(pages[1], "--force-dark-mode", "--blink-settings=preferredColorScheme=0")


def test_page_opens_without_errors_on_the_console(light, dark):
    assert (light.console, dark.console) == ([], [])


def test_error_on_a_page_would_be_noticed(browse, tmp_path):
    page = tmp_path / "broken.html"
    page.write_text("<!DOCTYPE html><script>undefinedFunction()</script>")
    assert "undefinedFunction" in " ".join(browse(page).console)


def test_browser_has_every_picture_and_number(light, pages):
    assert light.dom.count("<svg") == 5
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", pages[0].read_text(encoding="utf-8"))
    assert re.findall(r"<td[^>]*>([^<]*)</td>", light.dom) == cells


def test_pictures_are_drawn(light, dark):
    # The color of bars, and that of hosts that are oversubscribed.
    assert light.share_of(0x4C, 0x78, 0xA8) > 0.005
    assert light.share_of(0x5B, 0x2A, 0x86) > 0.005
    assert dark.share_of(0x4C, 0x78, 0xA8) > 0.005


def test_page_is_light_or_dark_as_the_reader_has_it(light, dark):
    assert light.share_of(0xFF, 0xFF, 0xFF) > 0.5
    assert dark.share_of(0x14, 0x19, 0x1F) > 0.5
