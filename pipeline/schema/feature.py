"""The tables of layer ``feature``: what is derived from single texts, messages and pairs of agents."""

from __future__ import annotations

from pipeline.schema.model import Table
from pipeline.schema.model import column as c

_HASH = c("text_hash", "VARCHAR", "The text: joins corpus.message and feature.text.", required=True)
_PERSONA = c(
    "persona_hash", "VARCHAR", "First 32 hex digits of SHA-256 of corpus.agent.persona.", required=True
)

FEATURE_TABLES: tuple[Table, ...] = (
    Table(
        "text",
        "feature",
        "Every distinct text once; a text is title, newline, content.",
        ("text_hash",),
        (
            _HASH,
            c("text", "VARCHAR", "The text that scorers read.", required=True),
            c("n_chars", "BIGINT", "Length.", unit="characters", required=True),
            c(
                "n_tokens",
                "BIGINT",
                "Matches of the token rule (pipeline/lexicon/tokens.py).",
                unit="tokens",
                required=True,
            ),
            c(
                "language",
                "VARCHAR",
                "Language (code of ISO 639) identified from the text; 'und' where it is too short, mixed or unsure.",
            ),
            c("copies", "BIGINT", "Messages that hold this text.", unit="messages", required=True),
        ),
        produced_by="feature/text",
    ),
    Table(
        "lexicon_score",
        "feature",
        "Scores of texts by lexicon and category; no row means zero.",
        ("text_hash", "lexicon", "category"),
        (
            _HASH,
            c("lexicon", "VARCHAR", "Identifier of the lexicon card.", required=True),
            c("category", "VARCHAR", "Category of the card, or its total.", required=True),
            c(
                "count",
                "BIGINT",
                "Entries present, or occurrences, as the card says; capped as the card says.",
                required=True,
            ),
            c("weight_sum", "DOUBLE", "Sum of the weights of what was counted.", required=True),
            c("share", "DOUBLE", "Tokens inside matches as a share of the tokens of the text."),
        ),
        produced_by="feature/lexicon_score",
    ),
    Table(
        "reply_class",
        "feature",
        "Class of every comment by the reply rules, first match in the order of the card.",
        ("message_id",),
        (
            c("message_id", "VARCHAR", "The comment.", required=True),
            c("class", "VARCHAR", "toxic, enforce, endorse or other.", required=True),
        ),
        produced_by="feature/reply_class",
    ),
    Table(
        "embedding",
        "feature",
        "Vectors of texts.",
        ("text_hash", "model", "rung"),
        (
            _HASH,
            c("model", "VARCHAR", "Teacher that the vectors are of, or are mapped to.", required=True),
            c(
                "rung",
                "VARCHAR",
                "static (distilled, mapped to the teacher, every text) or full (the teacher, a hash sample).",
                required=True,
            ),
            c("vector", "FLOAT[]", "The vector, of length one, in half precision."),
        ),
        produced_by="feature/embedding",
    ),
    Table(
        "persona_embedding",
        "feature",
        "Vectors of the descriptions that agents give of themselves, every distinct one once.",
        ("persona_hash", "model", "rung"),
        (
            _PERSONA,
            c("model", "VARCHAR", "Teacher that the vectors are of, or are mapped to.", required=True),
            c(
                "rung",
                "VARCHAR",
                "static (distilled, mapped to the teacher, every description) or full (the teacher, the descriptions of "
                "the authors of the texts that it has read).",
                required=True,
            ),
            c("vector", "FLOAT[]", "The vector, of length one, in half precision."),
        ),
        produced_by="feature/persona_embedding",
    ),
    Table(
        "persona_alignment",
        "feature",
        "How like the description of its author a message is; no row without a description, a text or vectors.",
        ("message_id",),
        (
            c("message_id", "VARCHAR", "The message.", required=True),
            _PERSONA,
            c("persona_tokens", "BIGINT", "Matches of the token rule in the description.", unit="tokens", required=True),
            c("similarity_static", "DOUBLE", "Cosine of the static vectors of message and description.", required=True),
            c("similarity_full", "DOUBLE", "Cosine of the teacher's vectors; null where the teacher read no text."),
        ),
        produced_by="feature/persona_alignment",
    ),
    Table(
        "template",
        "feature",
        "Texts that belong to a template.",
        ("text_hash", "community_id", "template_id"),
        (
            _HASH,
            c("community_id", "VARCHAR", "Community."),
            c("template_id", "VARCHAR", "The representative: the smallest text_hash of the group.", required=True),
            c("similarity", "DOUBLE", "Jaccard similarity of word shingles to the representative."),
        ),
        produced_by="feature/template",
    ),
    Table(
        "template_pattern",
        "feature",
        "Templates of at least two texts as patterns: fixed words, and gaps where texts differ.",
        ("template_id",),
        (
            c("template_id", "VARCHAR", "The template, as in feature.template.", required=True),
            c("pattern", "VARCHAR", "Fixed words as its first text writes them; ⟨…⟩ is a slot.", required=True),
            c("texts", "BIGINT", "Distinct texts of the template.", unit="texts", required=True),
            c("messages", "BIGINT", "Messages that hold one of them.", unit="messages", required=True),
            c("fixed_tokens", "BIGINT", "Words and marks that nine in ten texts share.", unit="tokens", required=True),
            c("slots", "BIGINT", "Gaps of the pattern.", required=True),
            c("fixed_share", "DOUBLE", "Fixed words as a share of those of the first text.", required=True),
        ),
        produced_by="feature/template_pattern",
    ),
    Table(
        "interaction",
        "feature",
        "Who addressed whom, by which rule: events, not ties. Self-interactions are kept; networks drop them.",
        ("rule", "message_id", "target_id", "source_id"),
        (
            c("source_id", "VARCHAR", "Ego: the agent that acts.", required=True),
            c("target_id", "VARCHAR", "Alter: the agent addressed.", required=True),
            c("rule", "VARCHAR", "reply_any, comment_post_author or mention.", required=True),
            c("message_id", "VARCHAR", "The message that makes the interaction.", required=True),
            c("at", "TIMESTAMP", "When (UTC)."),
        ),
        produced_by="feature/interaction",
        warnings=("derived_ties",),
    ),
    Table(
        "tie",
        "feature",
        "Intervals in which a tie stood.",
        ("source_id", "target_id", "relation", "start_at"),
        (
            c("source_id", "VARCHAR", "Ego.", required=True),
            c("target_id", "VARCHAR", "Alter.", required=True),
            c("relation", "VARCHAR", "follow, mute or friend.", required=True),
            c("start_at", "TIMESTAMP", "First instant (UTC)."),
            c("end_at", "TIMESTAMP", "First instant after the end (UTC), null while it stands."),
            c("origin", "VARCHAR", "Observed, or the rule that it is derived by."),
        ),
        produced_by="feature/tie",
    ),
    Table(
        "exposure_week",
        "feature",
        "What an agent's alters showed it in a week.",
        ("agent_id", "week_start", "variable"),
        (
            c("agent_id", "VARCHAR", "Ego.", required=True),
            c("week_start", "DATE", "Monday of the week (UTC).", required=True),
            c("variable", "VARCHAR", "Score that is averaged.", required=True),
            c("mean", "DOUBLE", "Mean of the alters' scores."),
            c("n_alters", "BIGINT", "Alters with a score.", unit="agents"),
            c("sd", "DOUBLE", "Standard deviation of the alters' scores."),
        ),
    ),
    Table(
        "agent_week",
        "feature",
        "Weekly scores of agents.",
        ("agent_id", "week_start", "variable"),
        (
            c("agent_id", "VARCHAR", "The agent.", required=True),
            c("week_start", "DATE", "Monday of the week (UTC).", required=True),
            c("variable", "VARCHAR", "Score.", required=True),
            c("value", "DOUBLE", "Value."),
            c("n_messages", "BIGINT", "Messages in the week.", unit="messages"),
        ),
        produced_by="feature/agent_week",
    ),
    Table(
        "agent_signal",
        "feature",
        "What of each agent bears on human influence: how regular its posts are, its batch, the tier of its owner.",
        ("agent_id",),
        (
            c("agent_id", "VARCHAR", "The agent.", required=True),
            c("n_posts", "BIGINT", "Posts.", unit="posts", required=True),
            c("n_comments", "BIGINT", "Comments.", unit="comments", required=True),
            c(
                "n_intervals",
                "BIGINT",
                "Times between consecutive posts, those across a gap in the collection left out.",
            ),
            c("mean_hours", "DOUBLE", "Mean time between posts.", unit="hours"),
            c("least_hours", "DOUBLE", "Shortest time between posts.", unit="hours"),
            c("cov", "DOUBLE", "Standard deviation over mean of the times; null with fewer than two of them."),
            c(
                "cov_class",
                "VARCHAR",
                "very_regular below 0.3, regular, mixed from 0.5, irregular from 1, very_irregular from 2.",
            ),
            c(
                "burstiness",
                "DOUBLE",
                "Burstiness of the times, corrected for their number; null with fewer than five.",
            ),
            c("memory", "DOUBLE", "Correlation of each time with the next; null with fewer than five."),
            c("batch_name", "VARCHAR", "What the names of the batch have in common; null outside batches."),
            c("batch_size", "BIGINT", "Agents whose names have the same base; null without a name.", unit="agents"),
            c("owner_tier", "VARCHAR", "auto_generated, burner, low_profile, moderate, established or high_profile."),
            c("warnings", "VARCHAR", "Why an agent with posts has no coefficient: few_intervals or no_variation."),
        ),
        produced_by="feature/agent_signal",
    ),
    Table(
        "copy_tie",
        "feature",
        "Pairs of agents that wrote near-duplicates of each other within ten minutes.",
        ("source_id", "target_id"),
        (
            c("source_id", "VARCHAR", "One agent, the smaller identifier.", required=True),
            c("target_id", "VARCHAR", "The other agent.", required=True),
            c(
                "pairs",
                "BIGINT",
                "Pairs of neighbouring messages of one template, at most ten minutes apart.",
                required=True,
            ),
            c("least_seconds", "DOUBLE", "Shortest time between two of them.", unit="seconds", required=True),
        ),
        produced_by="feature/copy_tie",
        warnings=("derived_ties",),
    ),
)
