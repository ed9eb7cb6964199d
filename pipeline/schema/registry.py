"""The registry of all tables by name."""

from __future__ import annotations

from pipeline.schema.analysis import ANALYSIS_TABLES
from pipeline.schema.corpus import CORPUS_TABLES
from pipeline.schema.corpus_events import EVENT_TABLES
from pipeline.schema.feature import FEATURE_TABLES
from pipeline.schema.model import Table
from pipeline.schema.personal import marked

LAYERS: dict[str, str] = {
    "corpus": "What was said and done, as the dumps have it.",
    "feature": "What is derived from single texts, messages and pairs of agents.",
    "analysis": "Small tidy tables of results: what people query.",
}

TABLES: dict[str, Table] = {
    table.name: marked(table) for table in (*CORPUS_TABLES, *EVENT_TABLES, *FEATURE_TABLES, *ANALYSIS_TABLES)
}
