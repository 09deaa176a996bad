"""Take the picture of a report page that the documentation shows: ``docs/images/report_m3.png``.

    python benchmarks/screenshot.py hdl_out/multiplier_3

The folder is that of ``btfsynth build multiplier:3 --report``. Needs playwright and Chromium
(``pip install playwright``, then ``playwright install chromium`` or a package of the system).
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from btfsynth.report import write_report

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "report_m3.png"
VECTOR = "45"


def main() -> None:
    """Write the page, open it, step to a vector and take the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, help="a design folder")
    parser.add_argument("-o", "--output", type=Path, default=PICTURE)
    parser.add_argument("--dark", action="store_true")
    options = parser.parse_args()
    names = ("chromium", "chromium-browser", "google-chrome")
    flags = ["--disable-gpu", "--hide-scrollbars"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        flags.append("--no-sandbox")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "report.html"
        write_report(options.directory, path)
        browser = playwright.chromium.launch(
            executable_path=next(filter(None, map(shutil.which, names)), None), args=flags
        )
        page = browser.new_page(
            viewport={"width": 1200, "height": 880},
            color_scheme="dark" if options.dark else "light",
        )
        page.goto(path.as_uri())
        page.wait_for_selector(".canvas[data-state=drawn]")
        page.fill("[data-part=vector]", VECTOR)
        page.keyboard.press("Tab")
        page.evaluate("document.activeElement.blur()")
        page.evaluate("window.scrollTo(0, 0)")
        options.output.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=options.output)
        browser.close()


if __name__ == "__main__":
    main()
