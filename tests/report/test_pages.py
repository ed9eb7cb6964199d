"""The pages: one file, no script, no request, every number from the tables, every text of a corpus escaped."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest
from hostile import CORPUS, HOSTILE, OTHER
from hostile_catalogue import write_catalogue

from pipeline.report.html import write_comparison_page, write_report, write_reports
from pipeline.report.html.markup import visible
from pipeline.report.html.numbers import number
from pipeline.settings import Settings
from pipeline.warehouse import WarehouseError

VOID = {"meta", "br", "hr", "img", "col"}
ALLOWED = frozenset(
    re.findall(
        r"\w+",
        "html head meta title style body header main footer nav section h1 h2 h3 p ul li a b code bdi span div br dl "
        "dt dd table caption thead tbody tr th td details summary figure figcaption svg text line rect path circle",
    )
)
ATTRIBUTES = frozenset(
    re.findall(
        r"\S+",
        "lang charset http-equiv content name class id href aria-label aria-labelledby scope role tabindex viewbox "
        "x y x1 y1 x2 y2 cx cy r d width height text-anchor",
    )
)
SECTIONS = ["headlines", "accounting", "activity", "airs", "enforcement", "lexicons", "contagion", "network",
            "structure", "convergence", "norms", "token_mint", "conversation", "topics", "homophily", "selection",
            "influence", "decomposition", "gender", "coordination", "persona", "socialisation", "self_statement",
            "transfer", "replication", "warnings"]  # fmt: skip


class Page(HTMLParser):
    """Elements, attributes, text, and whether every element was closed in order."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.raw = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(self.raw)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def count(self, name: str) -> int:
        return sum(1 for tag, _ in self.elements if tag == name)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("reports")
    made = Settings.load({"ETHOGRAM_HOME": str(home), "ETHOGRAM_THREADS": "2", "ETHOGRAM_MEMORY": "500MB"})
    write_catalogue(made)
    return made


@pytest.fixture(scope="module")
def pages(settings: Settings) -> dict[str, Page]:
    return {path.stem: Page(path) for path in write_reports(settings)}


def test_files_are_named_by_corpus(settings: Settings, pages: dict[str, Page]) -> None:
    assert sorted(pages) == ["_comparison", CORPUS, OTHER]
    assert sorted(path.name for path in (settings.warehouse / "reports").iterdir()) == [
        "_comparison.html", f"{CORPUS}.html", f"{OTHER}.html",
    ]  # fmt: skip


def test_only_known_elements_and_attributes(pages: dict[str, Page]) -> None:
    for page in pages.values():
        assert {tag for tag, _ in page.elements} <= ALLOWED
        assert {name for _, attributes in page.elements for name in attributes} <= ATTRIBUTES
        for tag, attributes in page.elements:
            target = attributes.get("href") or "#"
            assert tag == "a" or "href" not in attributes
            assert target.startswith("#")
        assert "url(" not in page.raw
        assert "@import" not in page.raw


def test_the_policy_allows_this_style_and_nothing_else(pages: dict[str, Page]) -> None:
    for page in pages.values():
        (style,) = re.findall(r"<style>(.*?)</style>", page.raw, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policies = [a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
        assert policies == [f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
                            "form-action 'none'"]  # fmt: skip
        assert page.raw.index("Content-Security-Policy") < page.raw.index("<style>")


def test_links_have_targets_and_names_are_unique(pages: dict[str, Page]) -> None:
    for page in pages.values():
        ids = [a["id"] for _, a in page.elements if "id" in a]
        assert len(ids) == len(set(ids))
        assert {str(a["href"])[1:] for tag, a in page.elements if tag == "a"} <= set(ids)
        assert {a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a} <= set(ids)


def test_sections_headings_captions_and_drawings(pages: dict[str, Page]) -> None:
    for name in (CORPUS, OTHER):
        page = pages[name]
        anchors = [a["id"] for tag, a in page.elements if tag == "h2"]
        assert anchors == [s for s in SECTIONS if s != "warnings" or name == CORPUS]
        assert page.count("h1") == 1
        assert page.count("caption") == page.count("table")
        assert all(a.get("aria-label") for tag, a in page.elements if tag == "svg")
    # activity, two of AIRS, curve, two each of lexicons and contagion, network, four of convergence, norms, five of
    # minting, two each of topics and homophily, coordination, two of persona, six of socialisation
    assert pages[CORPUS].count("svg") == 32
    assert pages["_comparison"].count("svg") == 1
    assert pages[OTHER].count("svg") == 0


def test_hostile_texts_are_shown_as_text(pages: dict[str, Page]) -> None:
    page = pages[CORPUS]
    for name in ("script", "image", "link", "style", "svg", "remote", "prompt", "bidi", "marks", "mathtext"):
        start = visible(HOSTILE[name])[:35]
        assert start in page.text, name
    assert "alert" in page.text
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\u200b\ufeff\x00]", page.raw)


def test_every_measure_stands_with_interval_n_and_warnings(settings: Settings, pages: dict[str, Page]) -> None:
    with duckdb.connect(str(settings.warehouse / "ethogram.duckdb"), read_only=True) as con:
        rows = con.sql(
            "SELECT value, ci_low, ci_high, n, n_unit, warnings FROM analysis.measure"
            " WHERE period IS NULL AND unit = 'corpus'"
        ).fetchall()
        estimates = con.sql("SELECT estimate, conf_low FROM analysis.estimate WHERE estimate IS NOT NULL").fetchall()
        compared = con.sql("SELECT ratio FROM analysis.comparison WHERE ratio IS NOT NULL").fetchall()
    text = pages[CORPUS].text
    assert len(rows) == 19
    for value, low, high, n, unit, warnings in rows:
        assert f"{n:,} {unit}" in text
        assert all(word.replace("_", " ") in text for word in (warnings or "").split(",") if word)
        if value is not None:
            assert number(value) in text
            assert f"{number(low)} to {number(high)}" in text
    for estimate, low in estimates:
        assert number(estimate) in text
        assert number(low) in text
    for (ratio,) in compared:
        assert number(ratio) in pages["_comparison"].text


def test_refused_rows_say_why(pages: dict[str, Page]) -> None:
    text = pages[CORPUS].text
    assert "not computed" in text
    assert "2 rows have no value. Warnings: few ties." in text  # homophily: one refused week in each of two networks
    assert "2 rows have no value. Warnings: few posts." in text  # AIRS: one refused day in each of two slices
    assert "time too coarse" in text


def test_empty_sections_are_sentences(pages: dict[str, Page]) -> None:
    for sentence in (
        "No measure of this corpus is in the tables.",
        "No file is recorded for this corpus.",
        "No message has a time or a step: there is no activity over time to show.",
        "No estimate of enforcement is in the tables for this corpus.",
        "No lexicon was scored for this corpus.",
        "No measure of contagion is in the tables for this corpus.",
        "No measure of homophily is in the tables for this corpus.",
        "No measure of convergence is in the tables for this corpus.",
        "No measure of topics is in the tables for this corpus.",
        "No estimate of influence is in the tables for this corpus.",
        "No measure of gender performance is in the tables for this corpus.",
        "No measure of coordination is in the tables for this corpus.",
        "No measure of norm clusters is in the tables for this corpus.",
        "No measure of persona is in the tables for this corpus.",
        "No measure of socialisation is in the tables for this corpus.",
        "No published number has a counterpart in this corpus.",
        "The most active authors are not listed: this corpus is of people.",
    ):
        assert sentence in pages[OTHER].text


def test_verdicts_and_margin(pages: dict[str, Page]) -> None:
    text = pages["_comparison"].text
    for words in (
        "equivalent",
        "different",
        "undecided",
        "not comparable",
        "× 1.25",
        "clock is step",
        "0.800 to 1.250",
    ):
        assert words in text
    classes = [a.get("class") for tag, a in pages["_comparison"].elements if tag == "span"]
    assert classes.count("verdict different") == 5  # two in the overview, two in the table, one in the legend


def test_a_page_is_the_same_twice_and_replaced_as_a_whole(settings: Settings, tmp_path: Path) -> None:
    first = write_report(settings, CORPUS, tmp_path / "page.html").read_bytes()
    assert write_report(settings, CORPUS, tmp_path / "page.html").read_bytes() == first
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert write_comparison_page(settings, tmp_path / "c.html").read_bytes().startswith(b"<!doctype html>")
    assert first.isascii() or b'charset="utf-8"' in first


def test_an_unknown_corpus_is_a_sentence(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="corpus nobody is not in the catalogue; run `make run CORPUS=nobody` first"):
        write_report(settings, "nobody", tmp_path / "page.html")
    with pytest.raises(WarehouseError, match="corpus id"):
        write_report(settings, "../../etc", tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_runs_are_listed(pages: dict[str, Page]) -> None:
    assert "Scenario" in pages[CORPUS].text
    assert visible(HOSTILE["link"])[:59] + "…" in pages[CORPUS].text  # names of models are cut at 60 characters
