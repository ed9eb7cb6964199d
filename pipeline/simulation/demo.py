"""The demo corpora: which truth is written into which folder."""

from __future__ import annotations

from pathlib import Path

from pipeline.simulation.forum import generate
from pipeline.simulation.moltbook_v1 import is_current, write_moltbook_v1
from pipeline.simulation.truth import ForumTruth


def demo_moltbook(folder: Path, truth: ForumTruth | None = None) -> bool:
    """Write the demo corpus into `folder`, normally ``data/demo-moltbook``; do nothing when it is current.

    Parameters
    ----------
    folder : Path
        Destination.
    truth : ForumTruth, optional
        What to plant; the default truth when absent.

    Returns
    -------
    bool
        Whether anything was written.

    Raises
    ------
    FileExistsError
        If `folder` holds files that the generator did not write.
    """
    planted = ForumTruth() if truth is None else truth
    if is_current(folder, planted):
        return False
    return write_moltbook_v1(generate(planted), folder)
