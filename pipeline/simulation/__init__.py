"""Simulated corpora with planted truth: what an estimator must find, and where it must find nothing.

Belongs here: generators and writers of simulated dumps. Reading dumps does not, even simulated ones: they go
through the ingestion that real dumps go through.
"""

from pipeline.simulation.demo import demo_moltbook
from pipeline.simulation.forum import Corpus, Irregularities, RowAccount, generate
from pipeline.simulation.moltbook_v1 import write_moltbook_v1
from pipeline.simulation.truth import ForumTruth

__all__ = [
    "Corpus",
    "ForumTruth",
    "Irregularities",
    "RowAccount",
    "demo_moltbook",
    "generate",
    "write_moltbook_v1",
]
