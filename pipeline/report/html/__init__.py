"""The HTML report: one self-contained page per corpus and one of comparisons, without script or request.

What belongs here: reading rows of the catalogue and writing them as text, tables and drawings. No number is computed
here that a table could hold; texts of the corpus are data and reach the page only through `markup`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.on_demand import handed_on

if TYPE_CHECKING:
    from pipeline.report.html.write import write_comparison_page, write_report, write_reports
else:
    __getattr__ = handed_on(
        __name__,
        {
            "write": ("write_comparison_page", "write_report", "write_reports"),
        },
    )

__all__ = ["write_comparison_page", "write_report", "write_reports"]
