"""The order of messages: by time to the hour or finer, else by the step of a simulator, else none.

What belongs here: the table of messages that all of this package reads, with one number by which they are ordered.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from pipeline.activity.row import Sampling, row
from pipeline.language.statements import BELIEF
from pipeline.language.statements import LONGEST as SEARCHED
from pipeline.schema import Measure

FAMILY = "transfer"
HOUR_PRECISIONS = ("us", "ms", "s", "minute", "hour")
MICROSECONDS_PER_HOUR = 3_600_000_000
MESSAGES, TEXTS, WORDS, SAID = "transfer_message", "transfer_text", "transfer_word", "transfer_said"
LONGEST, MOST_WORDS = 20_000, 300
"""Characters of a text that are read, and the first words of it that are."""
SHORTEST_WORD, LONGEST_WORD = 3, 30

RECALL = (
    r"\bi (?:used to|once|previously|originally|initially|formerly|at first) "
    r"(?:think|thought|believed?|assumed?|suspect(?:ed)?|doubt(?:ed)?|maintain(?:ed)?|argued?|claim(?:ed)?|"
    r"agreed?|disagreed?|be convinced|was convinced|saw|see|viewed?)(?: that| with)? "
    r"((?:[a-z'-]+,? ){2,14}[a-z'-]+)"
)
"""What says that a belief was held before; written for this project, English."""

_PRECISE = "(created_at IS NOT NULL AND (at_precision IS NULL OR at_precision IN ({})))".format(
    ", ".join(f"'{word}'" for word in HOUR_PRECISIONS)
)
_COUNTS = f"SELECT count(*) FILTER (WHERE {_PRECISE}), count(step), count(created_at) FROM message"

_TEXT = """
SELECT text_hash, CAST(row_number() OVER (ORDER BY text_hash) AS INTEGER) AS text_id
FROM text WHERE n_tokens > 0
"""

# A message by nobody, or a repost, says nothing of its author's words.
_MESSAGE = """
WITH able AS (
    SELECT m.run_id || chr(10) || m.agent_id AS agent, m.run_id, m.message_id, m.kind, m.parent_id,
           coalesce(m.community_id, r.community_id, '') AS community, t.text_id, {moment} AS moment, {spacing} AS day
    FROM message AS m
    JOIN transfer_text AS t ON t.text_hash = m.text_hash
    LEFT JOIN message AS r ON r.message_id = m.root_id
    WHERE m.agent_id IS NOT NULL AND m.kind <> 'repost' AND {usable}
),
coded AS (
    SELECT *, CAST(dense_rank() OVER (ORDER BY agent) - 1 AS INTEGER) AS agent_code FROM able
)
SELECT message_id, agent, agent_code, run_id, kind, parent_id, text_id, moment,
       CAST(dense_rank() OVER (ORDER BY run_id, community) - 1 AS INTEGER) AS community,
       CAST(dense_rank() OVER (ORDER BY run_id, community, day) - 1 AS INTEGER) AS cell,
       CAST(row_number() OVER (PARTITION BY agent_code ORDER BY moment, message_id) AS INTEGER) AS rank
FROM coded
"""

# Links and addresses are no words: who is addressed by name follows from who answers.
_STRIPPED = r"(https?://\S+|[@#]\S+|\b[umr]/\S+)"
_WORD = r"\p{L}+(?:['’]\p{L}+)*"
_WORDS = """
SELECT w.text_id, w.word FROM (
    SELECT i.text_id, unnest(list_distinct(regexp_extract_all(
               regexp_replace(lower(left(t.text, {longest})), '{stripped}', ' ', 'g'), '{word}')[1:{most}])) AS word
    FROM text AS t JOIN transfer_text AS i ON i.text_hash = t.text_hash
) AS w
WHERE length(w.word) BETWEEN {shortest} AND {longest_word}
  AND w.word NOT IN (SELECT word FROM transfer_function_word)
"""

# What is asked of every text is asked once: the first belief that is stated, and the first that is recalled.
_SAID = f"""
SELECT * FROM (
    SELECT text_id, regexp_extract(text, $belief, 1) AS belief, regexp_extract(text, $recall, 1) AS recalled
    FROM (
        SELECT i.text_id, replace(lower(left(t.text, {SEARCHED})), '’', '''') AS text
        FROM text AS t JOIN {TEXTS} AS i ON i.text_hash = t.text_hash
    ) AS lower
) AS said WHERE belief <> '' OR recalled <> ''
"""


@dataclass(frozen=True, slots=True)
class Order:
    """By what the messages of a corpus are ordered.

    Attributes
    ----------
    unit
        ``us`` (microseconds since 1970), ``step``, or None.
    refusal
        Word of the warning vocabulary that says why there is no order, or no time where there are steps.
    """

    unit: str | None
    refusal: str | None

    @property
    def is_timed(self) -> bool:
        """True when hours can be counted."""
        return self.unit == "us"


def read_order(con: duckdb.DuckDBPyConnection) -> Order:
    """Return by what the messages of view ``message`` are ordered: times where any is fine enough, else steps."""
    precise, stepped, timed = con.sql(_COUNTS).fetchall()[0]
    if precise:
        return Order("us", None)
    if stepped:
        return Order("step", "clock_is_step")
    return Order(None, "time_too_coarse" if timed else "no_times")


def make_messages(con: duckdb.DuckDBPyConnection, order: Order) -> None:
    """Make the temporary tables `TEXTS` (number of each text) and `MESSAGES`; without an order nothing is made.

    Parameters
    ----------
    con
        Connection with the views ``message`` and ``text`` of one corpus.
    order
        What orders them; messages that it does not order are left out. A cell is a community on a day, or at a step.
    """
    con.execute(f"DROP TABLE IF EXISTS {SAID}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE {TEXTS} AS {_TEXT}")
    if order.unit is None:
        return
    moment, usable = ("epoch_us(m.created_at)", _precise("m")) if order.is_timed else ("m.step", "m.step IS NOT NULL")
    spacing = "CAST(date_trunc('day', m.created_at) AS VARCHAR)" if order.is_timed else "CAST(m.step AS VARCHAR)"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {MESSAGES} AS {_MESSAGE.format(moment=moment, spacing=spacing, usable=usable)}"
    )


def _precise(alias: str) -> str:
    return _PRECISE.replace("created_at", f"{alias}.created_at").replace("at_precision", f"{alias}.at_precision")


def make_words(con: duckdb.DuckDBPyConnection) -> None:
    """Make the temporary table `WORDS`: the distinct content words of each text, function words left out."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    con.execute(
        "CREATE OR REPLACE TEMP TABLE transfer_function_word AS SELECT unnest($words) AS word",
        {"words": sorted(ENGLISH_STOP_WORDS)},
    )
    query = _WORDS.format(
        longest=LONGEST, stripped=_STRIPPED.replace("'", "''"), word=_WORD.replace("'", "''"), most=MOST_WORDS,
        shortest=SHORTEST_WORD, longest_word=LONGEST_WORD,
    )  # fmt: skip
    con.execute(f"CREATE OR REPLACE TEMP TABLE {WORDS} AS {query}")


def make_said(con: duckdb.DuckDBPyConnection) -> None:
    """Make the temporary table `SAID` unless it is there: texts that state or recall a belief, and what they state."""
    con.execute(f"CREATE TEMP TABLE IF NOT EXISTS {SAID} AS {_SAID}", {"belief": BELIEF, "recall": RECALL})


def drop_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Drop the temporary tables."""
    for name in (MESSAGES, WORDS, TEXTS, SAID, "transfer_function_word", "transfer_rare", "transfer_use"):
        con.execute(f"DROP TABLE IF EXISTS {name}")


def null_rows(names: tuple[str, ...], n_unit: str, sampling: Sampling, words: list[str]) -> list[Measure]:
    """Return one row without value for each name, with the reasons."""
    return [row(FAMILY, name, None, 0, n_unit, level=sampling.level, warnings=words) for name in names]
