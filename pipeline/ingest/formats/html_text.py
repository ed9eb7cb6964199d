"""SQL that turns the HTML of a short message into the text that its reader sees."""

from __future__ import annotations

_NEWLINE = "chr(10)"
# The ampersand comes last, so that what it wrote is not read twice.
_ENTITIES = (
    ("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "''"), ("&#x27;", "''"), ("&apos;", "''"),
    ("&nbsp;", " "), ("&amp;", "&"),
)  # fmt: skip


def plain(expr: str) -> str:
    """Return SQL for the text of HTML: paragraphs and breaks become newlines, other tags go, entities are resolved.

    The parts of a link that a page hides or shortens are its text too, so that an address is whole. Patterns are
    linear in the length of the text. What is left between tags is text, also of tags that a page would not show.
    """
    text = f"regexp_replace({expr}, '(?i)<br[^<>]*>', {_NEWLINE}, 'g')"
    text = f"regexp_replace({text}, '(?i)</p>\\s*<p[^<>]*>', {_NEWLINE} || {_NEWLINE}, 'g')"
    text = f"regexp_replace({text}, '(?i)</(p|li|div|blockquote|pre|h[1-6])>', {_NEWLINE}, 'g')"
    text = f"regexp_replace({text}, '<[^<>]*>', '', 'g')"
    for entity, character in _ENTITIES:
        text = f"replace({text}, '{entity}', '{character}')"
    return f"CASE WHEN regexp_matches({expr}, '[<&]') THEN trim({text}, {_NEWLINE} || ' ') ELSE {expr} END"


def has_markup(expr: str) -> str:
    """Return whether HTML holds more than plain paragraphs and breaks: only then does `plain` lose something."""
    return f"regexp_matches(regexp_replace({expr}, '(?i)</?(p|br)\\s*/?>', '', 'g'), '<[^<>]*>')"
