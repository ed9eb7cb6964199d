"""The whole vocabulary of a corpus, as Holtz counts it: tokens, types, Zipf exponent, Jaccard similarity.

What belongs here: counting every token once, in batches. Measures on samples of a fixed size are in `diversity`.

A token is one of the token rule, in lower case, of the content (without the title), that holds a letter from a to z;
every copy of a text counts. So does the code of the study (arXiv 2602.10131), whose words are those of ICU.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import FloatArray, IntArray, jackknife_interval
from pipeline.activity.row import CENSUS, Sampling, row
from pipeline.lexicon.tokens import TOKEN_PATTERN
from pipeline.schema import Measure
from pipeline.socialisation.lexis import zipf_ols

FAMILY = "socialisation"
GROUPS = 16
MIN_TOKENS = 1_000
_BATCH, _AT_ONCE = 10_000, 2

_TEXTS = """
SELECT min(content) AS content, substr(sha256($salt || coalesce(agent_id, message_id)), 1, 1) AS digit,
       CAST(count(*) AS BIGINT) AS copies, text_hash
FROM message WHERE kind <> 'repost' AND content IS NOT NULL
GROUP BY text_hash, digit ORDER BY text_hash, digit
"""


def count_types(con: duckdb.DuckDBPyConnection, folder: Path, seed: int) -> IntArray:
    """Count every type by group of authors.

    Parameters
    ----------
    con
        Connection with view ``message`` of one corpus.
    folder
        Scratch folder, which the connection may write to.
    seed
        Seed of the groups.

    Returns
    -------
    ndarray
        Shape (types, `GROUPS`).
    """
    path = folder / "contents.parquet"
    con.sql(_TEXTS, params={"salt": f"{seed}:vocabulary:"}).write_parquet(str(path))
    contents, parts = pl.scan_parquet(path), []
    total = int(contents.select(pl.len()).collect().item())
    batches = [contents.slice(start, _BATCH) for start in range(0, total, _BATCH)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # the order in which counts are added does not matter
        for part in pool.map(_counted, batches):
            parts.append(part)
            if len(parts) > 20:
                parts = [_summed(pl.concat(parts))]
    if not parts:
        return np.zeros((0, GROUPS), dtype=np.int64)
    counts = _summed(pl.concat(parts)).sort("token", "digit")
    types = counts["token"].rle_id().to_numpy().astype(np.int64)
    result = np.zeros((int(types[-1]) + 1 if len(types) else 0, GROUPS), dtype=np.int64)
    result[types, counts["digit"].str.to_integer(base=16).to_numpy()] = counts["n"].to_numpy()
    return result


def _counted(batch: pl.LazyFrame) -> pl.DataFrame:
    lower = pl.col("content").str.to_lowercase().str.extract_all(TOKEN_PATTERN)
    long = batch.select("digit", "copies", token=lower).explode("token")
    counts = long.group_by("token", "digit").agg(n=pl.col("copies").sum()).collect()
    return counts.filter(pl.col("token").str.contains("[a-z]"))  # of types: there are far fewer than tokens


def _summed(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.group_by("token", "digit").agg(pl.col("n").sum())


def vocabulary_measures(
    con: duckdb.DuckDBPyConnection, folder: Path, sampling: Sampling, words: list[str]
) -> list[Measure]:
    """Compute tokens, types and the Zipf exponent of the study.

    Parameters
    ----------
    con
        Connection with view ``message`` of one corpus.
    folder
        Scratch folder.
    sampling
        Seed and level.
    words
        Warnings about the corpus.

    Returns
    -------
    list of Measure
        ``n_tokens`` and ``n_token_types``, counts of all there is; ``zipf_exponent`` with a jackknife interval over 16
        groups of authors.
    """
    counts = count_types(con, folder, sampling.seed)
    whole = counts.sum(axis=1)
    n = int(whole.sum())
    exponent = zipf_ols(whole) if n >= MIN_TOKENS else None
    few = [*words, *([] if n >= MIN_TOKENS else ["few_texts"])]
    left = np.array([_without(whole - counts[:, g]) for g in range(GROUPS)]) if exponent is not None else np.zeros(0)
    spread = jackknife_interval(
        float("nan") if exponent is None else exponent, left, level=sampling.level, method="jackknife_author_groups",
        bounds=(0.0, np.inf),
    )  # fmt: skip
    return [
        row(FAMILY, "n_tokens", n, n, "tokens", level=sampling.level, interval=CENSUS, warnings=words),
        row(FAMILY, "n_token_types", len(whole), n, "tokens", level=sampling.level, interval=CENSUS, warnings=words),
        row(FAMILY, "zipf_exponent", exponent, n, "tokens", level=sampling.level, interval=spread, warnings=few),
    ]


def _without(counts: FloatArray | IntArray) -> float:
    return zipf_ols(counts[counts > 0].astype(np.int64))
