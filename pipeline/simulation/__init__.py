"""Simulated corpora with planted truth: what an estimator must find, and where it must find nothing.

Belongs here: generators and writers of simulated dumps. Reading dumps does not, even simulated ones: they go
through the ingestion that real dumps go through.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.on_demand import handed_on

if TYPE_CHECKING:
    from pipeline.simulation.chirper import Chirper, ChirperRealised, generate_chirper
    from pipeline.simulation.chirper_live import write_chirper_live
    from pipeline.simulation.chirper_truth import ChirperTruth
    from pipeline.simulation.demo import DEMOS, demo_moltbook, write_demo_chirper, write_demo_oasis, write_demos
    from pipeline.simulation.forum import Corpus, Irregularities, RowAccount, generate
    from pipeline.simulation.moltbook_v1 import write_moltbook_v1
    from pipeline.simulation.oasis import Oasis, OasisRealised, OasisRun, generate_oasis
    from pipeline.simulation.oasis_sqlite import write_oasis_sqlite
    from pipeline.simulation.oasis_truth import OasisTruth
    from pipeline.simulation.truth import ForumTruth
else:
    __getattr__ = handed_on(
        __name__,
        {
            "chirper": ("Chirper", "ChirperRealised", "generate_chirper"),
            "chirper_live": ("write_chirper_live",),
            "chirper_truth": ("ChirperTruth",),
            "demo": ("DEMOS", "demo_moltbook", "write_demo_chirper", "write_demo_oasis", "write_demos"),
            "forum": ("Corpus", "Irregularities", "RowAccount", "generate"),
            "moltbook_v1": ("write_moltbook_v1",),
            "oasis": ("Oasis", "OasisRealised", "OasisRun", "generate_oasis"),
            "oasis_sqlite": ("write_oasis_sqlite",),
            "oasis_truth": ("OasisTruth",),
            "truth": ("ForumTruth",),
        },
    )

__all__ = [
    "DEMOS",
    "Chirper",
    "ChirperRealised",
    "ChirperTruth",
    "Corpus",
    "ForumTruth",
    "Irregularities",
    "Oasis",
    "OasisRealised",
    "OasisRun",
    "OasisTruth",
    "RowAccount",
    "demo_moltbook",
    "generate",
    "generate_chirper",
    "generate_oasis",
    "write_chirper_live",
    "write_demo_chirper",
    "write_demo_oasis",
    "write_demos",
    "write_moltbook_v1",
    "write_oasis_sqlite",
]
