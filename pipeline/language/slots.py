"""The slots of templates: what all texts of a template share, and where they differ, as a pattern with gaps.

What belongs here: the alignment of the texts of one template and the pattern made of it. Which texts are of one
template is decided in `templates`.

The texts are laid beside the one that the template is named after, word by word (letters and numbers, or one other
mark; case is ignored). A word of it is fixed when at least nine in ten of the others have it in its place, by the
longest matching runs (Ratcliff & Metzener 1988). The pattern is that text with `GAP` for every run of other words, and
where as many as one in ten has words between two fixed ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice

import numpy as np
import polars as pl

GAP = "⟨…⟩"
FIXED_SHARE = 0.9
MOST_TEXTS = 12
"""Texts of a template that are compared: the first by hash, which is as good as at random."""
MOST_TOKENS = 300
"""Words of a text that are compared; what comes after is one gap."""
MOST_TEMPLATES = 5_000
"""Templates with a pattern: those that most messages hold."""
MOST_CHARACTERS = 2_000
_WORD = re.compile(r"[^\W_]+|[^\s]", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Pattern:
    """The pattern of a template.

    Attributes
    ----------
    text
        Fixed words as the first text writes them, with gaps.
    fixed, slots
        Words that are fixed, and gaps.
    fixed_share
        Fixed words as a share of the words of the first text that were compared.
    """

    text: str
    fixed: int
    slots: int
    fixed_share: float


def pattern_of(texts: Sequence[str]) -> Pattern:
    """Return the pattern of texts of one template, the one it is named after first."""
    found = list(islice(_WORD.finditer(texts[0]), MOST_TOKENS + 1))
    words = [match.group().lower() for match in found[:MOST_TOKENS]]
    matched, broken = np.zeros(len(words), dtype=np.int64), np.zeros(len(words) + 1, dtype=np.int64)
    for text in texts[1:]:
        others = [match.group().lower() for match in islice(_WORD.finditer(text), MOST_TOKENS)]
        at, there = _matches(words, others)
        matched[at] += 1
        # Words of the other text that stand between two matches, before the first or behind the last.
        edges = np.concatenate([[-1], there, [len(others)]])
        broken[np.concatenate([at, [len(words)]])[np.diff(edges) > 1]] += 1
    compared = max(len(texts) - 1, 1)
    is_fixed = matched >= FIXED_SHARE * compared if len(texts) > 1 else np.ones(len(words), dtype=bool)
    is_cut = len(found) > MOST_TOKENS
    is_broken = broken > (1 - FIXED_SHARE) * compared
    return _written(texts[0], found[: len(words)], is_fixed, is_broken, is_cut)


def _matches(words: list[str], others: list[str]) -> tuple[np.typing.NDArray[np.int64], np.typing.NDArray[np.int64]]:
    blocks = SequenceMatcher(None, words, others, autojunk=False).get_matching_blocks()
    at = [np.arange(block.a, block.a + block.size) for block in blocks]
    there = [np.arange(block.b, block.b + block.size) for block in blocks]
    return np.concatenate(at).astype(np.int64), np.concatenate(there).astype(np.int64)


def _written(
    text: str,
    found: Sequence[re.Match[str]],
    is_fixed: np.typing.NDArray[np.bool_],
    is_broken: np.typing.NDArray[np.bool_],
    is_cut: bool,
) -> Pattern:
    parts, slots, is_open, end = [], 0, False, 0
    for at, match in enumerate(found):
        if is_fixed[at]:
            if is_broken[at] and not is_open:
                parts.append(text[end : match.start()] + GAP)
                slots += 1
            space = text[end : match.start()]
            parts.append(match.group() if is_broken[at] and not is_open and not space else space + match.group())
            is_open = False
        elif not is_open:
            parts.append(text[end : match.start()] + GAP)
            slots, is_open = slots + 1, True
        end = match.end()
    if (is_broken[len(found)] or is_cut) and not is_open:
        parts.append(" " + GAP)
        slots += 1
    fixed = int(is_fixed.sum())
    whole = "".join(parts).strip()
    shown = whole if len(whole) <= MOST_CHARACTERS else whole[: MOST_CHARACTERS - 1] + "…"
    return Pattern(shown, fixed, slots, fixed / len(found) if found else 0.0)


def members_sql() -> str:
    """Return the query of the texts that are compared, by template, its first text first.

    Templates have at least two texts; the most common ones by messages are taken. Its parameters are ``$templates`` and
    ``$texts``.
    """
    return """
    WITH member AS (
        SELECT DISTINCT p.template_id, p.text_hash, t.text, t.copies
        FROM template AS p JOIN text AS t ON t.text_hash = p.text_hash
    ),
    counted AS (
        SELECT template_id, CAST(count(*) AS BIGINT) AS texts, CAST(sum(copies) AS BIGINT) AS messages
        FROM member GROUP BY template_id HAVING count(*) > 1
    ),
    common AS (
        SELECT *, ROW_NUMBER() OVER (ORDER BY messages DESC, template_id) AS place FROM counted
    ),
    placed AS (
        SELECT c.template_id, c.texts, c.messages, m.text, m.text_hash,
               ROW_NUMBER() OVER (
                   PARTITION BY c.template_id
                   ORDER BY CASE WHEN m.text_hash = c.template_id THEN 0 ELSE 1 END, m.text_hash
               ) AS rank
        FROM common AS c JOIN member AS m ON m.template_id = c.template_id
        WHERE c.place <= $templates
    )
    SELECT template_id, texts, messages, text FROM placed WHERE rank <= $texts ORDER BY template_id, rank
    """


def patterns(members: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of ``feature.template_pattern``.

    Parameters
    ----------
    members
        Rows of `members_sql`.
    """
    schema = {
        "template_id": pl.String(),
        "pattern": pl.String(),
        "texts": pl.Int64(),
        "messages": pl.Int64(),
        "fixed_tokens": pl.Int64(),
        "slots": pl.Int64(),
        "fixed_share": pl.Float64(),
    }
    return pl.DataFrame(list(_rows(members)), schema=schema, orient="row")


def _rows(members: pl.DataFrame) -> Iterator[tuple[str, str, int, int, int, int, float]]:
    grouped = members.group_by("template_id", maintain_order=True).agg(
        pl.col("texts").first(), pl.col("messages").first(), pl.col("text")
    )
    for template_id, texts, messages, written in grouped.iter_rows():
        one = pattern_of(written)
        yield template_id, one.text, texts, messages, one.fixed, one.slots, one.fixed_share
