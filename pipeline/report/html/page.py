"""The page around the sections: head with policy, table of contents, glossary of warnings, footer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.report.html.markup import Html, join, tag
from pipeline.report.html.style import STYLE, policy
from pipeline.schema import WARNINGS

ROW_MOST = 200
"""Rows of one table that a page holds; the sentence below it says how many there are."""


@dataclass(slots=True)
class Glossary:
    """The words of the warning vocabulary that a page has used so far."""

    used: set[str] = field(default_factory=set)

    def words(self, warnings: object) -> Html | None:
        """Return comma-separated words as links to their meaning; a word that is not in the vocabulary is plain."""
        if not warnings:
            return None
        parts: list[object] = []
        for word in str(warnings).split(","):
            if parts:
                parts.append(", ")
            parts.append(tag("a", word.replace("_", " "), href=f"#word-{word}") if word in WARNINGS else word)
            self.used.update({word} & WARNINGS.keys())
        return join(parts)

    def sentences(self, warnings: object) -> Html | None:
        """Return the meaning of comma-separated words, as a list."""
        if not warnings:
            return None
        words = str(warnings).split(",")
        return tag("ul", *(tag("li", tag("b", word.replace("_", " ")), ": ", WARNINGS.get(word, "")) for word in words))

    def section(self) -> Section | None:
        """Return the section that explains the words, ``None`` when there were none."""
        if not self.used:
            return None
        entries = [
            join((tag("dt", tag("code", word), id=f"word-{word}"), tag("dd", WARNINGS[word])))
            for word in sorted(self.used)
        ]
        lead = tag("p", "Words beside the numbers above, and what they mean.")
        return Section("warnings", "Warnings", (lead, tag("dl", *entries, class_="glossary")))


@dataclass(frozen=True, slots=True)
class Section:
    """One section: its anchor, its title and what it shows."""

    anchor: str
    title: str
    blocks: Sequence[object]

    def html(self) -> Html:
        """Return the section as markup."""
        heading = tag("h2", self.title, id=self.anchor)
        return tag("section", heading, *self.blocks, aria_labelledby=self.anchor)


def empty(sentence: str) -> Html:
    """Return the sentence that stands where there is nothing to show."""
    return tag("p", sentence, class_="empty")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading and the class of its cells (``n`` for numbers)."""

    heading: str
    kind: str | None = None


def table(caption: object, columns: Sequence[Column], rows: Sequence[Sequence[object]], most: int = ROW_MOST) -> Html:
    """Return a table whose first column heads its rows; a long one is cut, and says so.

    Parameters
    ----------
    caption
        What the table shows.
    columns
        The columns.
    rows
        Cells by row; what is not `Html` is escaped.
    most
        Rows that are shown.
    """
    head = tag("tr", *(tag("th", column.heading, scope="col", class_=column.kind) for column in columns))
    body = [
        tag("tr", *(_cell(i, column, cell) for i, (column, cell) in enumerate(zip(columns, row, strict=True))))
        for row in rows[:most]
    ]
    cut = f" The first {most:,} of {len(rows):,} rows." if len(rows) > most else None
    parts = (tag("caption", caption, cut), tag("thead", head), tag("tbody", *body))
    return scroll(tag("table", *parts), "Table")


def _cell(position: int, column: Column, content: object) -> Html:
    scope = {"scope": "row"} if position == 0 else {}
    return tag("td" if position else "th", content, class_=column.kind, **scope)


def scroll(content: Html, label: str, class_: str = "scroll") -> Html:
    """Return content in a box that scrolls sideways, also with the keyboard."""
    return tag("div", content, class_=class_, tabindex=0, role="group", aria_label=label)


def figure(drawing: Html, caption: object, *, is_wide: bool = False) -> Html:
    """Return a drawing with its caption."""
    box = scroll(drawing, "Figure", f"scroll {'wide-figure' if is_wide else 'figure-box'}")
    return tag("figure", box, tag("figcaption", caption))


def all_of(n: int, noun: str) -> str:
    """Return what a table of `n` rows shows: all of them, or the first."""
    return f"All {n:,} {noun}" if n <= ROW_MOST else f"The first {ROW_MOST:,} of {n:,} {noun}"


def more(summary: str, *content: object) -> Html:
    """Return content that opens on demand."""
    return tag("details", tag("summary", summary), *content)


def document(title: str, header: Html, sections: Sequence[Section], footer: Html) -> str:
    """Return a whole page.

    Parameters
    ----------
    title
        Title of the window.
    header
        What stands above the table of contents.
    sections
        The sections, in order.
    footer
        What stands below.
    """
    links = (tag("li", tag("a", section.title, href=f"#{section.anchor}")) for section in sections)
    head = join((
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy()),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Html(STYLE)),
    ))  # fmt: skip
    body = (
        tag("header", header, tag("nav", tag("ul", *links), aria_label="Sections")),
        tag("main", *(section.html() for section in sections)),
        tag("footer", footer),
    )
    return f"<!doctype html>\n{tag('html', tag('head', head), tag('body', *body), lang='en')}\n"
