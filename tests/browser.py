"""A headless Chromium for tests of pages."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def launch(api: Any, playwright: Any) -> Any:
    """Start a browser; the test is skipped without one, or fails in continuous integration."""
    installed = next(filter(None, map(shutil.which, _NAMES)), None)
    flags = ["--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        flags.append("--no-sandbox")
    try:
        return playwright.chromium.launch(executable_path=installed, args=flags)
    except api.Error as error:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up(f"needs Chromium: {str(error).splitlines()[0]}")


class Opened:
    """A page in the browser, and everything it said and asked for."""

    def __init__(self, browser: Any, path: Path, width: int = 1240, dark: bool = False) -> None:
        self.page = browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("dialog", lambda dialog: self.problems.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector(".canvas:not([data-state=working])", timeout=60_000)

    @property
    def state(self) -> str:
        """What has become of the schematic."""
        return self.page.get_attribute(".canvas", "data-state")

    def close(self) -> None:
        """Close it; it must have been silent and must not have asked for anything."""
        self.page.close()
        assert self.problems == []
        assert all(url.startswith(("file:", "blob:")) for url in self.requests)

    def outputs(self) -> str:
        """The outputs as the schematic shows them, bit 0 first."""
        digits = self.page.locator(".port.output").evaluate_all(
            "ports => ports.map(port => "
            "[...port.querySelectorAll('.digit')].map(digit => digit.textContent).join(''))"
        )
        return "".join(digits)
