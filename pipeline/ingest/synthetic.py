"""Files that look made up: generated files that imitate the dump of a platform.

What belongs here: the warning ``looks_synthetic`` of ``source_file``. The rule looks at three signs in the messages of
a file that has at least `FEWEST_MESSAGES` of them:

ids
    Nearly all are a word and a short number or code (``post_abc123``, ``comment-17``), or numbers in one unbroken run.
counts
    Of the scores and counts from 100 on, at least ten of them, most are multiples of 50; or the file holds exactly a
    multiple of 500 of every kind of message, as in 500 posts and 2,500 comments.
times
    Written to the second or finer, nearly all fall on whole minutes, or nearly all follow each other at one interval.

Two signs of three make a file look synthetic. One alone is common in real dumps: pages of an export hold round numbers
of rows, and small platforms count their ids. Simulators are not looked at, since they say what they are. A generator
that draws UUIDs, uneven counts and times to the microsecond passes; so does this project's own demo. Times are known to
the microsecond here, so that digits of random nanoseconds are not seen. The sign is a reason to ask where a file is
from, and its absence is no proof.
"""

from __future__ import annotations

import duckdb
import polars as pl

WORD = "looks_synthetic"
FEWEST_MESSAGES = 30
NEARLY_ALL = 0.95
ROUND_FROM, ROUND_TO, FEWEST_COUNTS, ROUND_SHARE = 100, 50, 10, 0.5
ROUND_ROWS = 500
_ID = r"^(post|comment|msg|message|reply|thread|item|p|c|t)[_-][A-Za-z0-9]{1,12}$"
_NUMBER = r"^[A-Za-z]{0,10}[_-]?([0-9]{1,12})$"
_MOST_CHARS = 24  # of what either pattern takes; nearly all ids of platforms are longer

_SIGNS = f"""
WITH used AS (
    SELECT file_no, message_id, kind, created_at, score, upvotes, claimed_comment_count,
           coalesce(at_precision, 'us') IN ('us', 'ms', 's') AS is_fine,
           strlen(message_id) <= {_MOST_CHARS} AS is_short,
           CASE WHEN is_short THEN try_cast(nullif(regexp_extract(message_id, '{_NUMBER}', 1), '') AS BIGINT) END
               AS number
    FROM merged_message
    WHERE kind IN ('post', 'comment') AND coalesce(run_id, 'observed') = 'observed'
      AND file_no IN (SELECT file_no FROM merged_message GROUP BY file_no HAVING count(*) >= {FEWEST_MESSAGES})
), counted AS (
    SELECT file_no, unnest([abs(coalesce(score, upvotes)), claimed_comment_count]) AS value FROM used
), rounded AS (
    SELECT file_no, count(*) AS n, count(*) FILTER (WHERE value % {ROUND_TO} = 0) AS n_round
    FROM counted WHERE value >= {ROUND_FROM} GROUP BY file_no
), kinds AS (
    SELECT file_no, kind, count(*) AS n, count(DISTINCT number) AS numbered, max(number) - min(number) + 1 AS span
    FROM used GROUP BY file_no, kind
), runs AS (
    SELECT file_no, bool_and(n % {ROUND_ROWS} = 0) AS is_round_total,
           bool_and(numbered = n AND span = n) AS is_run
    FROM kinds GROUP BY file_no
), steps AS (
    SELECT file_no, created_at - lag(created_at) OVER (PARTITION BY file_no, kind ORDER BY created_at) AS step
    FROM used WHERE is_fine AND created_at IS NOT NULL
), intervals AS (
    SELECT file_no, max(n) AS most, sum(n) AS total FROM (
        SELECT file_no, step, count(*) AS n FROM steps WHERE step > INTERVAL 0 SECOND GROUP BY file_no, step
    ) GROUP BY file_no
), files_used AS (
    SELECT file_no, count(*) AS n,
           count(*) FILTER (CASE WHEN is_short THEN regexp_matches(message_id, '{_ID}') END) AS named,
           count(*) FILTER (WHERE is_fine AND created_at IS NOT NULL) AS timed,
           count(*) FILTER (WHERE is_fine AND epoch_us(created_at) % 60000000 = 0) AS whole
    FROM used GROUP BY file_no
)
SELECT f.path,
       u.named >= {NEARLY_ALL} * u.n OR r.is_run AS has_ids,
       coalesce(c.n >= {FEWEST_COUNTS} AND c.n_round >= {ROUND_SHARE} * c.n, false) OR r.is_round_total AS has_counts,
       u.timed >= {FEWEST_MESSAGES} AND (u.whole >= {NEARLY_ALL} * u.timed
           OR coalesce(i.total >= {FEWEST_MESSAGES} AND i.most >= {NEARLY_ALL} * i.total, false)) AS has_times
FROM files_used u JOIN files f ON f.file_no = u.file_no JOIN runs r ON r.file_no = u.file_no
LEFT JOIN rounded c ON c.file_no = u.file_no LEFT JOIN intervals i ON i.file_no = u.file_no
WHERE u.n >= {FEWEST_MESSAGES}
ORDER BY f.path
"""


def synthetic_signs(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return path, has_ids, has_counts and has_times of every file with enough messages.

    Parameters
    ----------
    con
        Connection with tables ``merged_message`` and ``files``.
    """
    found: pl.DataFrame = con.sql(_SIGNS).pl()
    return found


def with_warnings(con: duckdb.DuckDBPyConnection, files: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of ``source_file`` with column ``warnings``."""
    signs = synthetic_signs(con)
    votes = pl.sum_horizontal(pl.col("has_ids", "has_counts", "has_times").fill_null(value=False).cast(pl.Int64))
    suspect = signs.filter(votes >= 2)["path"]
    word = pl.when(pl.col("path").is_in(suspect.implode())).then(pl.lit(WORD))
    marked: pl.DataFrame = files.with_columns(warnings=word)
    return marked
