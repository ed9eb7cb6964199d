"""The section on languages: the same measures for each language of the corpus and for all together."""

from __future__ import annotations

from pipeline.report.html.cells import measure_table
from pipeline.report.html.markup import join, tag
from pipeline.report.html.page import Section
from pipeline.report.html.source import Source

# Messages, who writes them, how alike they are, what they ask for: one measure of each family.
_SHOWN = (
    *("n_posts", "n_comments", "n_agents", "activity_gini", "duplicate_share", "comment_depth_mean"),
    *("airs_positive_share", "reply_enforce_share", "mean_similarity", "topic_entropy_bits"),
)
_ROWS = """
SELECT * FROM analysis.measure
WHERE corpus_id = $corpus_id AND (slice_id = 'all' OR slice_id LIKE 'language-%') AND unit = 'corpus'
  AND (period IS NULL OR period = 'all')
ORDER BY measure_id, slice_id, family
"""


def languages(source: Source) -> Section | None:
    """Return the section, ``None`` for a corpus without slices of one language."""
    found = [row for row in source.rows(_ROWS) if row["measure_id"] in _SHOWN]
    if not any(row["slice_id"] != "all" for row in found):
        return None
    rows = sorted(found, key=lambda row: (_SHOWN.index(row["measure_id"]), row["slice_id"]))
    names = [
        join((source.title(row["measure_id"]), tag("br"), tag("span", _language(row["slice_id"]), class_="soft small")))
        for row in rows
    ]
    lead = tag("p", "The largest languages apart, beside all together. Word lists and models are of English: what they "
               "say of another language carries a warning or is not computed.")  # fmt: skip
    return Section("languages", "By language", [lead, measure_table(source, "By language", rows, names)])


def _language(slice_id: str) -> str:
    return "all languages" if slice_id == "all" else slice_id.removeprefix("language-")
