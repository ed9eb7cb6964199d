"""The section on conversations: sanctions, stance, deliberation, states of mind, floor, repair, support, pile-on."""

from __future__ import annotations

from pipeline.report.html.cells import measure_table, refused
from pipeline.report.html.conduct_sections import measure_head, specifications
from pipeline.report.html.markup import tag
from pipeline.report.html.page import Section, empty
from pipeline.report.html.source import Source

_GROUPS = (
    ("Sanctions: by whom, and what follows", ("sanction", "unsanctioned")),
    ("Stance toward a partner, before and after its answer", ("stance_", "returned_stance")),
    ("Latency, deliberation, and the order of what is told", ("latency_", "narrated_")),
    ("Attribution of states of mind, confirmed, corrected, taken up", ("attribution_", "unattributed_")),
    ("States of the addressee, said or not, and advice", ("unstated_", "advised_")),
    ("Who is addressed, and who holds the floor", ("addressee_", "floor_")),
    ("Repair, challenges, questions left unanswered, shared words",
     ("clarification_", "repair_", "unrepaired_", "challenge_", "author_return_", "multi_turn_", "statement_",
      "question_", "unasked_", "entrainment_")),
    ("Distress, support, and how authors come back", ("distress_", "undistressed_", "support_", "unsupported_")),
    ("Accusations, their evidence, and pile-on", ("accusation_", "unaccusing_", "pile_on_")),
)  # fmt: skip


def conversation(source: Source) -> Section:
    """Return the section on what goes on between agents that answer each other."""
    title = "Conversations: sanctions, stances, slow answers, and states of mind"
    frame = source.measures("conversation")
    if frame.height == 0:
        return Section("conversation", title, [empty("No measure of conversations is in the tables for this corpus.")])
    rows = frame.to_dicts()
    about = (
        "Corpus analogues of studies of games, trials and training: associations, told by word lists. Differences are "
        "within threads or among posts alike; read each value beside its null, and each estimate beside its placebo."
    )
    blocks: list[object] = [tag("p", about)]
    for caption, starts in _GROUPS:
        chosen = [row for row in rows if str(row["measure_id"]).startswith(starts)]
        if chosen:
            blocks.append(measure_table(source, caption, chosen, [measure_head(source, row) for row in chosen]))
    return Section("conversation", title, [*blocks, refused(source, rows), specifications(source, "conversation")])
