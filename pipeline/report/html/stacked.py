"""The drawing of parts that add up to a change, period by period: bars above and below zero, a dot for their sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.report.html import svg
from pipeline.report.html.markup import Html

_SIZE = (900.0, 290.0)
_LEFT, _RIGHT, _BOTTOM = 50.0, 14.0, 22.0


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its name (plain text), class of its colour, and value in each period (None: no bar)."""

    name: str
    style: str
    values: Sequence[float | None]


def stacked_chart(
    title: str, description: str, periods: Sequence[datetime], parts: Sequence[Part], total: Sequence[float | None]
) -> Html:
    """Draw the parts of a change.

    Parameters
    ----------
    title, description
        What the drawing shows, for those who do not see it.
    periods
        First instant of each period, ascending.
    parts
        Values above zero are stacked upwards, those below downwards, in this order.
    total
        Sum of all parts, drawn as a dot.
    """
    width, height = _SIZE
    tops = [sum(max(part.values[i] or 0.0, 0.0) for part in parts) for i in range(len(periods))]
    lows = [sum(min(part.values[i] or 0.0, 0.0) for part in parts) for i in range(len(periods))]
    y = svg.scale_over([*tops, *lows, 0.0], height - _BOTTOM, 30)
    step = (width - _LEFT - _RIGHT) / max(len(periods), 1)
    x = svg.Scale(svg.seconds(periods[0]), svg.seconds(periods[-1]), _LEFT + step / 2, width - _RIGHT - step / 2)
    content: list[object] = _legend([(part.name, part.style) for part in parts])
    for value in y.ticks():
        content.append(svg.segment((_LEFT, y(value)), (width - 8, y(value)), "axis" if value == 0 else "gridline"))
        content.append(svg.words(_LEFT - 6, y(value) + 4, svg.tick_label(value), anchor="end"))
    if len(periods) > 1:
        for place, label in svg.time_ticks(x.low, x.high, svg.DAY):
            content.append(svg.words(x(place), height - 6, label, anchor="middle"))
    bar = min(0.7 * step, 40.0)
    for i, period in enumerate(periods):
        middle, above, below = x(svg.seconds(period)), 0.0, 0.0
        for part in parts:
            value = part.values[i] or 0.0
            start = above if value > 0 else below
            if value:
                top = max(start, start + value)
                corner = (middle - bar / 2, y(top))
                content.append(svg.rectangle(corner, bar, abs(y(start) - y(start + value)), f"dot {part.style}"))
            above, below = above + max(value, 0.0), below + min(value, 0.0)
        if (whole := total[i]) is not None:
            content.append(
                svg.segment((middle - bar / 2 - 2, y(whole)), (middle + bar / 2 + 2, y(whole)), "line s-null")
            )
    return svg.drawing(title, description, width, height, *content)


def _legend(names: Sequence[tuple[str, str]]) -> list[object]:
    content: list[object] = []
    at = _LEFT
    for name, style in names:
        content += [svg.rectangle((at, 5), 12, 9, f"dot {style}"), svg.words(at + 17, 14, name)]
        at += svg.text_width(name) + 34
    content += [svg.segment((at, 10), (at + 14, 10), "line s-null"), svg.words(at + 19, 14, "sum")]
    return content
