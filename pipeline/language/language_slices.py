"""Slices of one language: which a corpus has, and any measure on one of them without a loop of its own.

What belongs here: the rule that names them, and views that show a measure only what is of one language. A measure that
reads the views ``message``, ``text`` and what is derived from them needs to know nothing of languages; one that rests
on embeddings finds a language that its model does not cover, and is null with ``language_unsupported``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import duckdb
import polars as pl

from pipeline.inference.slices import LANGUAGE, SliceRule
from pipeline.language.covered import ENGLISH
from pipeline.language.identify import UNDETERMINED

MOST_LANGUAGES, LEAST_TEXTS = 3, 200
"""Languages besides English, the largest by distinct texts, and the texts that each needs."""
MIXED = 0.9
"""English has a slice of its own where fewer of the texts of known language are English; else ``all`` is nearly it."""
FAMILY = "language"
SCOPES = ("message", "thread")

_COUNTS = """
SELECT language, count(*) AS texts FROM text
WHERE language IS NOT NULL AND n_tokens > 0 GROUP BY language ORDER BY texts DESC, language
"""
# What else is of a message or a text, by the column that says of which.
_DERIVED = {
    "interaction": "message_id", "reply_class": "message_id", "lexicon_score": "text_hash", "embedding": "text_hash",
    "template": "text_hash", "text_topic": "text_hash",
}  # fmt: skip


def language_slices(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return the rows of ``corpus.slice`` for the languages of a corpus.

    Parameters
    ----------
    con
        Connection with the view ``text`` of one corpus.

    Returns
    -------
    polars.DataFrame
        One row per language: the three largest besides English with at least 200 distinct texts, and English where the
        corpus is mixed. Their ids hold a hyphen, which those of corpus.toml cannot.
    """
    counted = [(str(code), int(n)) for code, n in con.sql(_COUNTS).fetchall() if code != UNDETERMINED]
    known = sum(n for _, n in counted)
    others = [code for code, n in counted if code not in ENGLISH and n >= LEAST_TEXTS][:MOST_LANGUAGES]
    english = [code for code, n in counted if code in ENGLISH and LEAST_TEXTS <= n < MIXED * known]
    rows = [
        {
            "slice_id": f"language-{code}",
            "title": f"Texts in the language {code}",
            "filter": f"{LANGUAGE}{code}",
            "start_at": None,
            "end_at": None,
            "origin": "built-in",
        }
        for code in (*english, *others)
        if others
    ]
    schema: dict[str, pl.DataType] = {
        **{name: pl.String() for name in ("slice_id", "title", "filter")},
        "start_at": pl.Datetime("us"), "end_at": pl.Datetime("us"), "origin": pl.String(),
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema)


def of_languages(slices: Sequence[SliceRule]) -> list[SliceRule]:
    """Return the slices that are one language over the whole span."""
    return [rule for rule in slices if rule.filter.startswith(LANGUAGE) and rule.start_at == rule.end_at]


@contextlib.contextmanager
def in_language(con: duckdb.DuckDBPyConnection, rule: SliceRule, scope: str = "message") -> Iterator[None]:
    """Show only what is of one language, in the views ``message``, ``text`` and those derived from them.

    Parameters
    ----------
    con
        Connection with the views of one corpus.
    rule
        A slice of one language.
    scope
        ``message``: messages whose text is of the language. ``thread``: whole threads whose first post is, so that
        depths and replies stay what they are.
    """
    if scope not in SCOPES:
        raise ValueError(f"scope {scope!r} is not one of {SCOPES}")
    place, views = con.sql("SELECT current_database()").fetchall()[0][0], _views(con)
    whole = f'"{place}".main'
    con.execute("CREATE OR REPLACE TEMP TABLE language_chosen AS SELECT CAST($code AS VARCHAR) AS code",
                {"code": rule.filter.removeprefix(LANGUAGE)})  # fmt: skip
    spoken = f"SELECT text_hash FROM {whole}.text WHERE language = (SELECT code FROM language_chosen)"
    threads = f"SELECT root_id FROM {whole}.message WHERE message_id = root_id AND text_hash IN ({spoken})"
    kept = f"text_hash IN ({spoken})" if scope == "message" else f"root_id IN ({threads})"
    shown = {
        "text": "language = (SELECT code FROM language_chosen)" if scope == "message"
        else f"text_hash IN (SELECT text_hash FROM {whole}.message WHERE {kept})",
        "message": kept,
        **{name: f"{key} IN (SELECT {key} FROM {whole}.message WHERE {kept})" for name, key in _DERIVED.items()},
    }  # fmt: skip
    made = [name for name in shown if name in views]
    try:
        for name in made:
            con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * FROM {whole}.{name} WHERE {shown[name]}")
        yield
    finally:
        for name in made:
            con.execute(f"DROP VIEW IF EXISTS temp.{name}")
        con.execute("DROP TABLE IF EXISTS temp.language_chosen")


def _views(con: duckdb.DuckDBPyConnection) -> set[str]:
    query = "SELECT table_name FROM information_schema.tables WHERE table_catalog = current_database()"
    return {str(row[0]) for row in con.sql(query).fetchall()}
