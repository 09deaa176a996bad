"""A browser, and report pages opened in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Opened, launch

from btfsynth.report.page import write_report


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with api.sync_playwright() as playwright:
        browser = launch(api, playwright)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium, tmp_path):
    """Make the page of a folder and open it; it is closed and judged after the test."""
    pages = []

    def open_page(directory: Path, **window: Any) -> Opened:
        path = tmp_path / f"page {len(pages)}.html"
        write_report(directory, path)
        pages.append(Opened(chromium, path, **window))
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()
