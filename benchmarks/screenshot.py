"""Test the report page of a multiplier and take its picture, ``docs/images/report_m3.png``.

    python benchmarks/screenshot.py hdl_out/multiplier_3

The folder is that of ``btfsynth build multiplier:3 --report``. The page is opened without a network; the inputs
are switched through all vectors, one at a time, and must give the product; the console must stay empty. Needs
playwright and Chromium (``pip install playwright``, then ``playwright install chromium`` or a package of the
system).
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from btfsynth.report.page import write_report

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "report_m3.png"
VECTOR = "45"


def switch_through(page: Page) -> int:
    """Switch the inputs through all vectors in the Gray code; return how many there are.

    Ends the program where a value shown is not the product.
    """
    rows = page.locator(".values").nth(0).locator("tr")
    ports = [rows.nth(port).locator("button") for port in (0, 1)]
    # The most significant bit stands first.
    buttons = [port.nth(port.count() - 1 - bit) for port in ports for bit in range(port.count())]
    for vector in range(1 << len(buttons)):
        if vector:
            buttons[(vector & -vector).bit_length() - 1].click()
        a, b, product = (int(text) for text in page.locator(".value-number").all_inner_texts())
        if product != a * b:
            sys.exit(f"{a} times {b} is shown as {product}")
    return 1 << len(buttons)


def main() -> None:
    """Write the page, open it, try it, step to a vector and take the picture."""
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
        page.context.set_offline(True)
        errors: list[str] = []
        page.on("console", lambda message: errors.append(message.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_selector(".canvas[data-state=drawn]")
        vectors = switch_through(page)
        if errors:
            sys.exit(f"the console is not empty: {errors}")
        page.fill("[data-part=vector]", VECTOR)
        page.keyboard.press("Tab")
        page.evaluate("document.activeElement.blur()")
        page.evaluate("window.scrollTo(0, 0)")
        options.output.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=options.output)
        browser.close()
    print(f"{vectors} of {vectors} products right; picture in {options.output.name}")


if __name__ == "__main__":
    main()
