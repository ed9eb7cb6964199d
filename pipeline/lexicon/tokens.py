r"""The token rule: one regular expression, used wherever the project counts or cuts words.

A token is a run of letters, numbers and underscores of any script; runs joined by a single apostrophe
(ASCII ``'`` or typographic ``’``) are one token, so ``don't`` and ``l’eau`` are one token and
``step-by-step`` is three. Letters and numbers are the Unicode general categories L and N; combining marks
(category M) are not, so a base letter followed by a combining mark ends a token. Scripts that write no
spaces (Chinese, Japanese, Thai) give one token per unbroken run: shares of tokens are not comparable across
such languages.
"""

from __future__ import annotations

import polars as pl

TOKEN_PATTERN = r"[\p{L}\p{N}_]+(?:['’][\p{L}\p{N}_]+)*"  # noqa: S105
"""The token rule, in the syntax of Rust's `regex` (polars); the leftmost longest matches are the tokens."""


def count_tokens(expr: pl.Expr) -> pl.Expr:
    """Count the tokens of a text.

    Parameters
    ----------
    expr
        String expression, one text per row.

    Returns
    -------
    polars.Expr
        Int64, tokens per text; null for a null text.
    """
    return expr.str.count_matches(TOKEN_PATTERN).cast(pl.Int64)


def token_starts(texts: list[str]) -> list[tuple[int, ...]]:
    """Return the byte offsets (UTF-8) at which the tokens of each text start.

    For the few literals of lexicon cards, not for corpora: the result is a Python list.
    """
    starts: list[tuple[int, ...]] = []
    for text in texts:
        tokens = pl.Series([text]).str.extract_all(TOKEN_PATTERN)[0]
        offsets, at = [], 0
        for token in tokens:
            at = text.index(token, at)
            offsets.append(len(text[:at].encode()))
            at += len(token)
        starts.append(tuple(offsets))
    return starts
