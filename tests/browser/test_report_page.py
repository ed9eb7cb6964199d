"""The report in a browser: hostile texts are text, nothing runs, nothing is asked of the network, all can be seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from hostile import CORPUS, HOSTILE
from hostile_catalogue import write_catalogue
from watching import Watched

from pipeline.report.html import write_reports
from pipeline.report.html.markup import visible
from pipeline.settings import Settings

PHONE = {"width": 390, "height": 800}
CONTRAST = 4.5  # WCAG 2.2, 1.4.3, level AA
CONTRASTS = """
() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = light(numbers(getComputedStyle(document.body).backgroundColor));
  const found = [];
  for (const element of document.querySelectorAll("p, td, th, a, summary, caption, figcaption, dt, dd, .verdict")) {
    const ink = light(numbers(getComputedStyle(element).color));
    found.push((Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05));
  }
  return Math.min(...found);
}
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    settings = Settings.load({"ETHOGRAM_HOME": str(tmp_path_factory.mktemp("browser"))})
    write_catalogue(settings)
    return {path.stem: path for path in write_reports(settings)}


def open_all(watched: Watched, path: Path) -> str:
    """Open a page, unfold and touch everything, and return its text."""
    watched.page.goto(path.as_uri())
    for summary in watched.page.locator("summary").all():
        summary.click()
    for element in watched.page.locator("bdi").all()[:40]:
        element.hover()
    watched.page.keyboard.press("Tab")
    watched.page.wait_for_timeout(300)  # whatever would fire later than the load
    return watched.page.locator("body").inner_text()


@pytest.mark.parametrize("name", [CORPUS, "_comparison"])
def test_hostile_texts_are_inert(watched: Watched, pages: dict[str, Path], name: str) -> None:
    text = open_all(watched, pages[name])
    assert watched.dialogs == []
    assert watched.console == []
    assert watched.requests == [pages[name].as_uri()]
    assert watched.page.url == pages[name].as_uri()
    assert "<script>alert('script')</script>" in text
    assert '<img src=x onerror="alert(' in text
    assert watched.page.locator("script, img, iframe, object, embed, form, link, svg svg, svg a").count() == 0
    assert watched.page.evaluate("getComputedStyle(document.body).display") == "block"


def test_every_hostile_text_can_be_read(watched: Watched, pages: dict[str, Path]) -> None:
    text = " ".join(open_all(watched, pages[CORPUS]).split())
    for name, hostile in HOSTILE.items():
        assert visible(hostile)[:35] in text, name


def test_a_violation_of_the_policy_would_be_seen(watched: Watched, pages: dict[str, Path], tmp_path: Path) -> None:
    """The watch itself works: markup that is injected past the escape is stopped by the policy, and reported."""
    broken = (
        pages[CORPUS].read_text(encoding="utf-8").replace("</main>", f"{HOSTILE['script']}{HOSTILE['image']}</main>")
    )
    path = tmp_path / "broken.html"
    path.write_text(broken, encoding="utf-8")
    watched.page.goto(path.as_uri())
    watched.page.wait_for_timeout(300)
    assert watched.dialogs == []
    assert any("Content Security Policy" in message for message in watched.console)


def test_headings_and_drawings_can_be_seen(watched: Watched, pages: dict[str, Path]) -> None:
    watched.page.goto(pages[CORPUS].as_uri())
    for element in watched.page.locator("h1, h2, svg, table caption").all():
        if element.evaluate("e => e.closest('details:not([open])') === null"):
            box = element.bounding_box()
            assert box is not None
            assert box["width"] > 40
            assert box["height"] > 10
    assert watched.page.locator("svg[role=img][aria-label]").count() == watched.page.locator("svg").count() == 32
    drawn = watched.page.evaluate("[...document.querySelectorAll('svg text')].every(t => t.getBBox().width > 0)")
    assert drawn
    outside = watched.page.evaluate(
        "[...document.querySelectorAll('svg text')].filter(t => { const b = t.getBBox(), v = t.ownerSVGElement.viewBox"
        ".baseVal; return b.x < -2 || b.x + b.width > v.width + 4 }).map(t => t.textContent)"
    )
    assert outside == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone_and_colours(watched: Watched, pages: dict[str, Path], scheme: str) -> None:
    watched.page.set_viewport_size(PHONE)
    watched.page.emulate_media(color_scheme=scheme)
    for name in (CORPUS, "_comparison"):
        watched.page.goto(pages[name].as_uri())
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert watched.page.evaluate(CONTRASTS) >= CONTRAST
