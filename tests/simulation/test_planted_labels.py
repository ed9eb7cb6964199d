"""Planted labels of texts against the published patterns, retyped here and matched by Python `re` alone."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest

from pipeline.simulation import Corpus, ForumTruth, generate, pools

# METHODS.md 1.3 and 1.4, typed again on purpose: an error in a card or a pool must not hide in both.
ACTION = (
    r"do this",
    r"follow (these|this) steps",
    r"how to",
    r"guide",
    r"tutorial",
    r"walkthrough",
    r"step[- ]by[- ]step",
    r"you should",
    r"you must",
    r"try",
    r"run",
    r"execute",
    r"install",
    r"download",
    r"configure",
    r"set up",
    r"copy",
    r"paste",
    r"command",
    r"curl",
    r"powershell",
    r"bash",
    r"python",
)
SENSITIVE = (
    r"api key",
    r"token",
    r"password",
    r"credential",
    r"secret",
    r"auth",
    r"exploit",
    r"hack",
    r"bypass",
    r"malware",
    r"phishing",
    r"steal",
    r"dump",
    r"leak",
    r"postgres",
)
REPLY = {
    "toxic": r"\bfuck\b|\bshit\b|\bidiot\b|\bstupid\b|\bretard\b|\bslur\b|\bkill\b|\bdie\b",
    "enforce": r"\bdon't\b|\bdo not\b|\bshouldn't\b|\bunsafe\b|\billegal\b|\bagainst\b|\brules?\b|\bnot allowed\b"
    r"|\bpolicy\b|\bavoid\b|\bstop\b|\bno\b|\bforbidden\b|\bban\b",
    "endorse": r"\bthank(s| you)?\b|\bgood\b|\bgreat\b|\bawesome\b|\bexactly\b|\bagree\b|\byes\b|\bcorrect\b"
    r"|\blgtm\b|\bupvote\b",
}
PATTERNS = [re.compile(rf"\b{pattern}\b") for pattern in (*ACTION, *SENSITIVE)]
N_ACTION = len(ACTION)
# A twin may differ from its AIRS sentence by a word ending; a post of 500 characters then differs by 1 %.
TWIN_CHARACTERS = 4
FOUR_SIGMA = 4.0  # one false alarm in 16,000 for a fixed seed that somebody changes


def airs_hits(text: str) -> list[int]:
    lowered = text.lower()
    return [place for place, pattern in enumerate(PATTERNS) if pattern.search(lowered)]


def markers(text: str) -> set[str]:
    lowered = text.lower()
    return {name for name, pattern in REPLY.items() if re.search(pattern, lowered)}


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return generate(ForumTruth())


def test_every_post_has_exactly_the_planted_airs(corpus: Corpus) -> None:
    for row in corpus.posts.iter_rows(named=True):
        hits = airs_hits(f"{row['title']}\n{row['content']}")
        assert (len(hits) > 0) == row["is_action_inducing"]
        assert len(hits) == row["airs_count"]
        assert sum(hit < N_ACTION for hit in hits) == row["airs_action_count"]


def test_every_comment_has_exactly_the_planted_class_and_airs(corpus: Corpus) -> None:
    for row in corpus.comments.iter_rows(named=True):
        expected = set() if row["reply_class"] == "other" else {row["reply_class"]}
        assert markers("\n" + row["content"]) == expected
        hits = airs_hits("\n" + row["content"])
        assert (len(hits) > 0) == row["is_action_inducing"]
        assert len(hits) == row["airs_count"]
        assert sum(hit < N_ACTION for hit in hits) == row["airs_action_count"]


def test_every_pattern_and_class_occurs(corpus: Corpus) -> None:
    """A corpus that misses a pattern would let a lost line of a lexicon pass."""
    posts = (f"{t}\n{c}" for t, c in corpus.posts.select("title", "content").iter_rows())
    assert {hit for text in posts for hit in airs_hits(text)} == set(range(len(PATTERNS)))
    assert set(corpus.comments["reply_class"]) == set(pools.REPLY_CLASSES)
    whole = "\n".join(corpus.comments["content"]).lower()
    absent = {"fuck", "shit", "retard", "slur"}  # left out: the demo's insults are mild
    for pattern in "|".join(REPLY.values()).split("|"):
        if pattern.strip(r"\b") not in absent and "(" not in pattern and "you)" not in pattern:
            assert re.search(pattern, whole), pattern


def test_each_airs_sentence_holds_one_pattern_and_its_twin_none() -> None:
    assert len(pools.AIRS_SENTENCES) == len(PATTERNS)
    for place, (_, sentence, twin) in enumerate(pools.AIRS_SENTENCES):
        assert airs_hits(sentence) == [place]
        assert airs_hits(twin) == []
        assert markers(sentence) == markers(twin) == set()
        assert abs(len(sentence) - len(twin)) <= TWIN_CHARACTERS


def test_neutral_and_hostile_pools_hold_no_pattern_even_side_by_side() -> None:
    names = ("OPENERS", "SUBJECTS", "VERBS", "OBJECTS", "TAILS", "TITLE_HEADS", "TITLE_TOPICS", "NAME_HEADS")
    entries = [entry for name in (*names, "NAME_TAILS", "COMMUNITY_NAMES") for entry in getattr(pools, name)]
    entries += [text for _, text in pools.HOSTILE]
    entries += [sentence for pool in pools.FOREIGN.values() for sentence in pool]
    for one, other in combinations(entries, 2):
        for text in (f"{one} {other}", f"{other} {one}"):
            assert airs_hits(text) == []
            assert markers(text) == set()


def test_near_misses_are_present(corpus: Corpus) -> None:
    """Substring matching must fail on this corpus: unlabelled posts hold near misses."""
    plain = corpus.posts.filter(~corpus.posts["is_action_inducing"])["content"].str.to_lowercase()
    for word in ("tokens", "passwords", "bashful", "authentic", "hackathon", "leaky", "running", "dumpling"):
        assert plain.str.contains(word, literal=True).any(), word


def test_airs_share_is_binomial(corpus: Corpus) -> None:
    share = corpus.truth.airs_positive_share
    error = np.sqrt(share * (1 - share) / corpus.posts.height)
    assert abs(corpus.posts["is_action_inducing"].mean() - share) < FOUR_SIGMA * error
    assert set(corpus.posts.filter(corpus.posts["is_action_inducing"])["airs_count"]) == {1, 2, 3}


@pytest.mark.parametrize("excluding_mints", [False, True])
def test_length_does_not_depend_on_airs(corpus: Corpus, excluding_mints: bool) -> None:
    posts = corpus.posts.filter(~corpus.posts["is_token_mint"]) if excluding_mints else corpus.posts
    length = np.log1p((posts["title"] + "\n" + posts["content"]).str.len_chars().to_numpy())
    correlation = np.corrcoef(length, posts["is_action_inducing"].to_numpy())[0, 1]
    assert abs(correlation) < FOUR_SIGMA / np.sqrt(posts.height)  # sd of a null correlation is 1/sqrt(n)


def test_length_shift_is_planted_when_asked() -> None:
    posts = generate(ForumTruth(airs_length_shift=0.8, token_mint_share=0.0, comments_per_post=1)).posts
    length = posts["content"].str.len_chars().log().to_numpy()
    is_airs = posts["is_action_inducing"].to_numpy()
    difference = length[is_airs].mean() - length[~is_airs].mean()
    assert 0.5 < difference < 0.8  # the 1 to 3 slots do not grow with the shift, so less than .8 in characters


def test_hostile_content_is_flagged_and_nothing_else_is_hostile(corpus: Corpus) -> None:
    flagged = dict(corpus.posts.drop_nulls("hostile").select("hostile", "content").iter_rows())
    assert flagged.keys() == {kind for kind, _ in pools.HOSTILE}
    for kind, payload in pools.HOSTILE:
        assert flagged[kind].endswith(payload)
        holders = corpus.posts["content"].str.contains(payload, literal=True).sum()
        assert holders + corpus.comments["content"].str.contains(payload, literal=True).sum() == 1


def test_mints_are_protocol_posts_and_duplicates_are_templates(corpus: Corpus) -> None:
    posts, comments = corpus.posts, corpus.comments
    is_mint = posts["content"].str.contains('"p":"mbc-20","op":"mint"', literal=True)
    assert is_mint.to_list() == posts["is_token_mint"].to_list()
    template = {text for _, text, _, _ in pools.TEMPLATES}
    assert comments["content"].is_in(template).to_list() == comments["is_template"].to_list()
    texts = [*(posts["title"] + "\n" + posts["content"]), *("\n" + comments["content"])]
    planted = int(comments["is_template"].sum()) - comments.filter(comments["is_template"])["content"].n_unique()
    assert len(texts) - len(set(texts)) == planted
    for share, found in (
        (corpus.truth.duplicate_share, comments["is_template"]),
        (corpus.truth.token_mint_share, posts["is_token_mint"]),
    ):
        assert abs(found.mean() - share) < FOUR_SIGMA * np.sqrt(share * (1 - share) / found.len())
