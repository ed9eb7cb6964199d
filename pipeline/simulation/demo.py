"""The demo corpora: which truth is written into which folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipeline.simulation.chirper import generate_chirper
from pipeline.simulation.chirper_live import write_chirper_live
from pipeline.simulation.chirper_truth import ChirperTruth
from pipeline.simulation.folders import is_current
from pipeline.simulation.forum import generate
from pipeline.simulation.moltbook_v1 import write_moltbook_v1
from pipeline.simulation.oasis import generate_oasis
from pipeline.simulation.oasis_sqlite import write_oasis_sqlite
from pipeline.simulation.oasis_truth import OasisTruth
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
    return not is_current(folder, planted) and write_moltbook_v1(generate(planted), folder)


def write_demo_chirper(folder: Path, truth: ChirperTruth | None = None) -> bool:
    """Write the demo follower network into `folder`, normally ``data/demo-chirper``, as `demo_moltbook` does."""
    planted = ChirperTruth.coevolving() if truth is None else truth
    return not is_current(folder, planted) and write_chirper_live(generate_chirper(planted), folder)


def write_demo_oasis(folder: Path, truth: OasisTruth | None = None) -> bool:
    """Write the demo runs of a simulator into `folder`, normally ``data/demo-oasis``, as `demo_moltbook` does."""
    planted = OasisTruth() if truth is None else truth
    return not is_current(folder, planted) and write_oasis_sqlite(generate_oasis(planted), folder)


DEMOS: dict[str, Callable[[Path], bool]] = {
    "demo-moltbook": demo_moltbook,
    "demo-chirper": write_demo_chirper,
    "demo-oasis": write_demo_oasis,
}
"""The demo corpora by corpus id: what writes each."""


def write_demos(data: Path) -> dict[str, bool]:
    """Write all demo corpora below `data`, each into the folder of its corpus id; those that are current stay.

    Parameters
    ----------
    data : Path
        The folder of all corpora.

    Returns
    -------
    dict of bool
        By corpus id, whether anything was written.
    """
    return {corpus_id: write(data / corpus_id) for corpus_id, write in DEMOS.items()}
