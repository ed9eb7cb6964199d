"""Files of published archives that are known and are not read, each with the reason.

Collectors put results beside what they collected: graphs, counts, coordinates, checkpoints. Read as records they would
count the same messages twice, or make ties of what is none. They are listed as ignored, with the sentence given here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Unread:
    """A kind of file that is not read.

    Attributes
    ----------
    archive
        Whose file it is.
    path
        What its path matches.
    reason
        Why it is not read, as a sentence for whoever finds the file in the list.
    marks
        What its first 64 kB must hold, every one of them; a table has none.
    columns
        The columns that a table must have.
    """

    archive: str
    path: re.Pattern[str]
    reason: str
    marks: tuple[re.Pattern[bytes], ...] = ()
    columns: frozenset[str] = field(default_factory=frozenset)

    @property
    def sentence(self) -> str:
        """The reason, and whose file it is."""
        return f"{self.reason} ({self.archive})"


def _key(*names: str) -> re.Pattern[bytes]:
    """Return the pattern of a JSON member that has one of some names."""
    return re.compile(rb'"(' + "|".join(names).encode() + rb')"\s*:')


_REPEATED = (
    "computed by the collector from the files in raw/, which are read; read as records too, the same messages and "
    "agents would be counted twice, and its edges join names, not messages"
)
_LOG = "a log of the collector about its own run; it holds no messages"
_CO_OCCURRENCE = (
    "a graph that the collector drew: an edge says that two accounts posted on the same topics, not that one acted on "
    "the other, so it is no tie"
)
_COUNTS = "counts that the collector took over its posts; the posts themselves are not in it"
_MODEL = "coordinates, weights or a description of tables, computed by the publisher; a row is no message and no label"
_COPY = "a copy of raw/ in another shape; raw/ is read, and read twice every message would count as seen again"
_SCORES = (
    "scores that a model gave to a few posts in one run of the collector's pipeline, on scales of its own, and their "
    "means: results of a run, no records of the platform"
)
_RESULTS = "results of a study per author or over the whole platform: check targets, not records"

_RESULT_FILES = (
    r"a1_platform_stats|a2_temporal_patterns|a3_owner_analysis|a4_thread_structure|b1_temporal_signal|"
    r"b1_temporal_signal_v2|b2_content_signal|b3_batch_groups|b3_naming_signal|b4_agent_owner_labels|"
    r"b4_owner_signal|b5_triangulation|b5_triangulation_v2|batch_groups|c1_topic_clusters|"
    r"c2_suggested_topics|c3_reply_chains|c4_response_diversity|c5_depth_gradient|"
    r"comment_timing_analysis_20\d{6}_\d{6}|d3_batch_coordination|d4_karma_flow|d5_timing_coordination|"
    r"descriptive_statistics|descriptive_stats_20\d{6}_\d{6}|e1_post_restart|e2_within_agent_drift|"
    r"e3_platform_drift|e4_baseline_convergence|f1_first_contact|f2_bridge_agents|f3_network_evolution|"
    r"f4_cluster_characterization|novelty_analysis_sample|p1_myth_genealogy|p2_skill_vs_organic|"
    r"p3_echo_decay|p4_super_commenter_homogeneity|phase_00_audit_summary|phase_03_breach_split|"
    r"pre_post_cov_composition|pre_post_summary_table|thread_depth_analysis|topical_shift_analysis"
)

UNREAD: tuple[Unread, ...] = (
    Unread(
        "takschdube/moltbook-dataset",
        re.compile(r"(^|/)derived/(agents|social_graph|reply_graph|activity_timeline|submolt_stats)\.json$"),
        _REPEATED,
        (_key("from", "post_count", "posts"),),
    ),
    Unread(
        "takschdube/moltbook-dataset",
        re.compile(r"(^|/)(raw/(platform_stats|metadata)|manifest)\.json$"),
        _LOG,
        (_key("crawl_history", "submolt_count", "crawled_at", "schema_version", "record_counts"),),
    ),
    Unread(
        "kallsyms/archival", re.compile(r"(^|/)state\.json$"), _LOG, (_key("pending_posts", "last_seen_created_at"),)
    ),
    Unread(
        "tescolopio/moltbook-graph",
        re.compile(r"(^|/)[^/]*network_data\.json$"),
        _CO_OCCURRENCE,
        (_key("nodes"),),
    ),
    Unread(
        "tescolopio/moltbook-graph",
        re.compile(
            r"(^|/)(agent_history|agent_history_viz|agent_posting_stats|api_stats|api_stats_parity|connections_data|database|"
            r"endpoint_discovery|engagement_distribution|heatmap_data|leaderboard_data|summary_stats|timeline_data|"
            r"title_word_cloud|topic_data|word_cloud_data)\.json$"
        ),
        _COUNTS,
        (
            re.compile(
                rb'"(engagement|total_agents|totalAgents|pipeline|shared_topics|base_url)"\s*:|"range"\s*:\s*"\d+-\d+"|'
                rb'"text"\s*:\s*"[^"]*"\s*,\s*"value"|"date"\s*:\s*"[^"]*"\s*,\s*"count"|"day"\s*:\s*\d\s*,\s*"hour"|'
                rb'"timestamp"\s*:\s*"[^"]*"\s*,\s*"agents"\s*:\s*\d'
            ),
        ),
    ),
    Unread(
        "altsoph/moltan",
        re.compile(r"(^|/)(post_embeddings|submolt_umap|tag_edges|schema)\.json$"),
        _MODEL,
        (_key("x", "tag_a", "tables"),),
    ),
    Unread("viyercal/moltbook_safety", re.compile(r"(^|/)silver/transcripts\.jsonl$"), _COPY, (_key("transcript_id"),)),
    Unread("viyercal/moltbook_safety", re.compile(r"(^|/)gold/evals\.jsonl$"), _SCORES, (_key("transcript_id"),)),
    Unread("viyercal/moltbook_safety", re.compile(r"(^|/)gold/aggregates\.json$"), _SCORES, (_key("n_transcripts"),)),
    Unread(
        "hoho0912/moltbook-watcher",
        re.compile(r"(^|/)submolts\.json$"),
        _COUNTS + "; its days are those on which the collector looked",
        (_key("dailyStats"),),
    ),
    Unread(
        "hoho0912/moltbook-watcher",
        re.compile(r"(^|/)trusted-agents\.json$"),
        "lists that the collector keeps of accounts it trusts or blocks, with titles of a few of their posts",
        (_key("trustScore"),),
    ),
    Unread(
        "ln9527/moltbook-research",
        re.compile(rf"(^|/)results/({_RESULT_FILES})\.json$"),
        _RESULTS,
        (re.compile(rb"^\s*[\[{]"),),
    ),
    Unread(
        "ln9527/moltbook-research",
        re.compile(r"(^|/)results/(b\d_|signals_)[^/]*\.parquet$"),
        _RESULTS,
        columns=frozenset({"author_name"}),
    ),
    Unread(
        "SimulaMet/moltbook-observatory-archive",
        re.compile(r"\.(parquet|csv|tsv)$"),
        "numbers of the platform over time, counted by the collector; its rows are no messages",
        columns=frozenset({"timestamp", "total_agents", "total_posts"}),
    ),
    Unread(
        "SimulaMet/moltbook-observatory-archive",
        re.compile(r"\.(parquet|csv|tsv)$"),
        "words counted by hour by the collector; its rows are no messages",
        columns=frozenset({"word", "hour", "count"}),
    ),
    Unread(
        "giordano-dm/moltbook-crawl",
        re.compile(r"\.(parquet|csv|tsv)$"),
        "numbers of the platform's front page over time; its rows are no messages",
        columns=frozenset({"recorded_at", "agents", "submolts", "posts", "comments"}),
    ),
    Unread(
        "AlanChen75",
        re.compile(r"(^|/)reply_edges\.(csv|tsv|parquet)$"),
        "pairs of accounts, one row for each reply, without the reply, its post or its time: what is left of replies "
        "that are not published, and no tie that somebody declared",
        columns=frozenset({"opaque_replier_id", "opaque_author_id"}),
    ),
    Unread(
        "AlanChen75",
        re.compile(r"(^|/)gold_standard\.(csv|tsv|parquet)$"),
        "labels of a sample whose ids are not those of the posts, so that nothing of the corpus can be labelled",
        columns=frozenset({"opaque_sample_id", "human_majority"}),
    ),
    Unread(
        "kunmukh/MoltGraph",
        re.compile(r"(^|/)(neo4j|system)\.dump$"),
        "a dump of a Neo4j database, which only Neo4j reads; export its nodes and relationships as CSV or JSON lines",
    ),
)
_SENTENCES = frozenset(unread.sentence for unread in UNREAD)


def why_unread(path: str, head: bytes = b"", columns: frozenset[str] | None = None) -> str | None:
    """Return why a file is known not to be read, None when nothing is known of it.

    Parameters
    ----------
    path
        The path below the corpus folder.
    head
        The first 64 kB of a file that is read as text.
    columns
        The columns of a table.
    """
    for unread in UNREAD:
        if not unread.path.search(path):
            continue
        if columns is None and not unread.columns and all(mark.search(head) for mark in unread.marks):
            return unread.sentence
        if columns is not None and unread.columns and unread.columns <= columns:
            return unread.sentence
    return None


def is_known_unread(reason: str | None) -> bool:
    """Return whether a file is ignored because it is known, not because it is unknown."""
    return reason in _SENTENCES
