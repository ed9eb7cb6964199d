"""Draws the picture of the assets in the README, ``python tests/browser/asset_graph.py``, after ``make demo``.

Starts Dagster's page on the project that the environment names, in a session of its own, opens the graph of all assets
with the group of features unfolded, and writes docs/images/asset-graph.png.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageChops
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1] / "end_to_end"))  # the running `dagster dev` of those tests
TARGET = HERE.parents[2] / "docs" / "images" / "asset-graph.png"
SIZE = {"width": 1900, "height": 1500}
COLOURS = 64


def picture(page: Page, address: str) -> bytes:
    """Return a picture of the graph of all assets."""
    page.goto(f"{address}/asset-groups?expanded=feature", wait_until="networkidle")
    page.wait_for_timeout(8_000)
    return page.screenshot()


def main() -> None:
    """Write the picture."""
    from dagster_page import dagster_dev

    found = shutil.which("chromium") or sys.exit("Chromium is not installed (Debian: apt-get install chromium)")
    with (
        tempfile.TemporaryDirectory() as folder,
        dagster_dev(os.environ, Path(folder) / "log") as served,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        shot = picture(browser.new_page(viewport=SIZE), served.url.removesuffix("/graphql"))
        browser.close()
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    box = ImageChops.difference(image, Image.new("RGB", image.size, "white")).getbbox()
    image.crop(box).quantize(COLOURS).save(TARGET, optimize=True)


if __name__ == "__main__":
    main()
