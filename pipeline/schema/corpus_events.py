"""The tables of layer ``corpus`` for what simulators, games, graphs and third parties record."""

from __future__ import annotations

from pipeline.schema.model import Table
from pipeline.schema.model import column as c

_RUN = c("run_id", "VARCHAR", "The run of a simulator; 'observed' for a platform.", required=True)
_PRECISION = c("at_precision", "VARCHAR", "Precision of the time: us, ms, s, minute, hour, day, week, month or year.")

EVENT_TABLES: tuple[Table, ...] = (
    Table(
        "tie_event",
        "corpus",
        "Observed changes of ties.",
        ("run_id", "source_id", "target_id", "relation", "at", "step", "action", "origin"),
        (
            _RUN,
            c("source_id", "VARCHAR", "Ego: the agent that acts.", required=True),
            c("target_id", "VARCHAR", "Alter.", required=True),
            c("relation", "VARCHAR", "follow, mute or friend.", required=True),
            c("action", "VARCHAR", "add or remove.", required=True),
            c("at", "TIMESTAMP", "When (UTC)."),
            _PRECISION,
            c("step", "BIGINT", "Step of the simulator's clock."),
            c("origin", "VARCHAR", "Log of the event; 'snapshot': between the crawls that show the tie and do not."),
        ),
        produced_by="corpus/ingestion",
    ),
    Table(
        "reaction",
        "corpus",
        "Likes, dislikes and other reactions.",
        ("run_id", "agent_id", "message_id", "target_agent_id", "type", "at", "step"),
        (
            _RUN,
            c("agent_id", "VARCHAR", "Who reacts.", required=True),
            c("message_id", "VARCHAR", "Message reacted to."),
            c("target_agent_id", "VARCHAR", "Agent reacted to, where no message is known."),
            c("type", "VARCHAR", "Type of reaction.", required=True),
            c("at", "TIMESTAMP", "When (UTC)."),
            _PRECISION,
            c("step", "BIGINT", "Step of the simulator's clock."),
        ),
        produced_by="corpus/ingestion",
    ),
    Table(
        "membership_event",
        "corpus",
        "Who joined, left, created or moderates a community.",
        ("run_id", "community_id", "agent_id", "action", "role", "at", "step", "origin"),
        (
            _RUN,
            c("agent_id", "VARCHAR", "The agent.", required=True),
            c("community_id", "VARCHAR", "The community.", required=True),
            c("action", "VARCHAR", "join, leave, create or moderate.", required=True),
            c("at", "TIMESTAMP", "When (UTC), null when only the state is known."),
            _PRECISION,
            c("step", "BIGINT", "Step of the simulator's clock."),
            c("role", "VARCHAR", "Role, such as owner or moderator."),
            c("origin", "VARCHAR", "Log or field that the event was read from."),
        ),
        produced_by="corpus/ingestion",
    ),
    Table(
        "exposure",
        "corpus",
        "Which messages were shown to which agent.",
        ("run_id", "agent_id", "message_id", "at", "step", "source"),
        (
            _RUN,
            c("agent_id", "VARCHAR", "Who saw it.", required=True),
            c("message_id", "VARCHAR", "What was shown.", required=True),
            c("at", "TIMESTAMP", "When (UTC)."),
            _PRECISION,
            c("step", "BIGINT", "Step of the simulator's clock."),
            c("source", "VARCHAR", "Log that the exposure was read from."),
        ),
        produced_by="corpus/ingestion",
    ),
    Table(
        "agent_state",
        "corpus",
        "Variables of agents over time, as simulators log them.",
        ("run_id", "agent_id", "variable", "at", "step"),
        (
            _RUN,
            c("agent_id", "VARCHAR", "The agent.", required=True),
            c("at", "TIMESTAMP", "When (UTC)."),
            c("step", "BIGINT", "Step of the simulator's clock."),
            c("variable", "VARCHAR", "Name of the variable.", required=True),
            c("number", "DOUBLE", "Value, when it is a number."),
            c("text", "VARCHAR", "Value, when it is a text."),
        ),
    ),
    Table(
        "game_round",
        "corpus",
        "Rounds of games between agents.",
        ("run_id", "episode", "round", "agent_id"),
        (
            _RUN,
            c("episode", "BIGINT", "Episode.", required=True),
            c("round", "BIGINT", "Round.", required=True),
            c("agent_id", "VARCHAR", "Player.", required=True),
            c("partner_id", "VARCHAR", "Partner."),
            c("action", "VARCHAR", "Action."),
            c("is_cooperative", "BOOLEAN", "True when the action is the cooperative one."),
            c("amount", "DOUBLE", "Amount, such as a harvest or a donation."),
            c("payoff", "DOUBLE", "Payoff."),
            c("pool_before", "DOUBLE", "Pool before the round."),
            c("pool_after", "DOUBLE", "Pool after the round."),
        ),
    ),
    Table(
        "label",
        "corpus",
        "Labels from third parties and classifiers.",
        ("target_kind", "target_id", "scheme", "value", "origin"),
        (
            c("target_kind", "VARCHAR", "message, agent or community.", required=True),
            c("target_id", "VARCHAR", "What is labelled.", required=True),
            c("scheme", "VARCHAR", "Name of the coding scheme.", required=True),
            c("value", "VARCHAR", "Label.", required=True),
            c("origin", "VARCHAR", "Who labelled."),
        ),
        produced_by="corpus/ingestion",
    ),
    Table(
        "resource_item",
        "corpus",
        "Items of external resources, such as rules of thumb.",
        ("resource", "item_id"),
        (
            c("resource", "VARCHAR", "Name of the resource.", required=True),
            c("item_id", "VARCHAR", "Item.", required=True),
            c("text", "VARCHAR", "Text."),
            c("extra", "VARCHAR", "JSON object of further fields."),
        ),
    ),
)
