"""Looks at files of an unknown layout and writes a first `corpus.toml` for them.

`sample` reads a little of each file, `places` finds where records stand, `columns` and `roles` say what their fields
hold and what they may be, `draft` writes the mapping, `report` prints what was seen. Nothing here ingests, and what is
printed or written is redacted and escaped: the texts of a corpus are hostile.
"""

from pipeline.inspection.look import Findings, inspect_path

__all__ = ["Findings", "inspect_path"]
