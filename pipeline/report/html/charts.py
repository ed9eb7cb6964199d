"""The drawings of the report: lines over time with intervals and nulls, and intervals side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.report.html import svg
from pipeline.report.html.markup import Html

Value = float | None


@dataclass(frozen=True, slots=True)
class Line:
    """A series over time (or steps).

    Parameters
    ----------
    name
        Name in the legend, plain text; empty for none.
    x
        Times (UTC) or steps, ascending.
    y
        Values; ``None`` breaks the line.
    style
        Class of the colour, ``s-a`` to ``s-e``, ``s-null`` or ``s-soft``.
    low, high
        Ends of a band around the values.
    is_thin
        True for a dashed line without dots.
    """

    name: str
    x: Sequence[datetime | float]
    y: Sequence[Value]
    style: str
    low: Sequence[Value] = ()
    high: Sequence[Value] = ()
    is_thin: bool = False


def line_chart(
    title: str,
    description: str,
    lines: Sequence[Line],
    *,
    size: tuple[float, float] = (900, 270),
    y_range: tuple[float, float] | None = None,
    has_dots: bool = False,
    is_titled: bool = False,
) -> Html:
    """Draw lines over time.

    Parameters
    ----------
    title, description
        What the drawing shows, for those who do not see it.
    lines
        The series; the first is drawn last, on top.
    size
        Width and height.
    y_range
        Ends of the value axis; over the values when omitted.
    has_dots
        True marks each value.
    is_titled
        True writes the title above the drawing.
    """
    width, height = size
    x_values = [svg.seconds(x) for line in lines for x in line.x]
    y_values = [v for line in lines for part in (line.y, line.low, line.high) for v in part if v is not None]
    legend, legend_height = _legend(lines, 44, 12 + 16 * is_titled, width)
    top = 10 + 16 * is_titled + legend_height
    y_scale = (
        svg.Scale(*y_range, height - 22, top) if y_range else svg.scale_over(y_values, height - 22, top)
    )  # fmt: skip
    x_scale = svg.Scale(min(x_values), max(x_values), 50, width - 14)
    is_time = any(isinstance(line.x[0], datetime) for line in lines if line.x)
    least = svg.DAY if all(value % svg.DAY == 0 for value in x_values) else svg.HOUR  # days have no hours to mark
    content: list[object] = [svg.words(0, 12, title, "title")] if is_titled else []
    content += [*legend, *_axes(x_scale, y_scale, width, height, least=least if is_time else None)]
    for line in reversed(lines):
        content += _draw(line, x_scale, y_scale, has_dots=has_dots)
    return svg.drawing(title, description, width, height, *content)


def _legend(lines: Sequence[Line], left: float, y: float, width: float) -> tuple[list[Html], float]:
    named = [line for line in lines if line.name]
    if len(named) < 2 and not any(line.low for line in named):
        return [], 0.0
    parts, x, row = [], left, 0
    for line in named:
        needed = svg.text_width(line.name) + 40
        if x > left and x + needed > width:
            x, row = left, row + 1
        middle = y + 15 * row - 4
        if line.low and not line.is_thin:
            parts.append(svg.rectangle((x, middle - 4), 18, 8, f"band {line.style}"))
        parts.append(svg.segment((x, middle), (x + 18, middle), f"{_stroke(line)} {line.style}"))
        parts.append(svg.words(x + 23, y + 15 * row, line.name))
        x += needed
    return parts, 15.0 * (row + 1)


def _stroke(line: Line) -> str:
    return "thin" if line.is_thin else "line"


def _axes(x: svg.Scale, y: svg.Scale, width: float, height: float, *, least: float | None) -> Iterator[Html]:
    for value in y.ticks():
        yield svg.segment((50, y(value)), (width - 8, y(value)), "axis" if value == 0 else "gridline")
        yield svg.words(44, y(value) + 4, svg.tick_label(value), anchor="end")
    ticks = svg.time_ticks(x.low, x.high, least) if least else [(v, svg.tick_label(v)) for v in x.ticks()]
    for place, label in ticks:
        yield svg.segment((x(place), height - 22), (x(place), height - 18), "axis")
        is_last = x(place) + svg.text_width(label) / 2 > width
        yield svg.words(x(place), height - 6, label, anchor="end" if is_last else "middle")


def _runs(line: Line, x: svg.Scale) -> Iterator[list[int]]:
    """Yield the positions of the values between gaps."""
    run: list[int] = []
    for i, value in enumerate(line.y):
        if value is None:
            if run:
                yield run
            run = []
        else:
            run.append(i)
    if run:
        yield run


def _draw(line: Line, x: svg.Scale, y: svg.Scale, *, has_dots: bool) -> Iterator[Html]:
    place = [x(svg.seconds(value)) for value in line.x]
    for run in _runs(line, x):
        ends = [(i, line.low[i], line.high[i]) for i in run] if line.low else []
        known = [(i, low, high) for i, low, high in ends if low is not None and high is not None]
        if len(known) > 1:
            upper = [(place[i], y(high)) for i, _, high in known]
            lower = [(place[i], y(low)) for i, low, _ in reversed(known)]
            yield svg.path([*upper, *lower], f"band {line.style}", is_closed=True)
        elif known:
            i, low, high = known[0]
            yield svg.segment((place[i], y(low)), (place[i], y(high)), f"bar {line.style}")
        points = [(place[i], y(value)) for i in run if (value := line.y[i]) is not None]
        if len(points) > 1:
            yield svg.path(points, f"{_stroke(line)} {line.style}")
        if (has_dots and not line.is_thin) or len(points) == 1:
            yield from (svg.dot(point, 2.6, f"dot {line.style}") for point in points)


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its interval, its null, and its name (plain text)."""

    name: str
    value: float
    low: Value = None
    high: Value = None
    null: tuple[float, float] | None = None
    style: str = "s-a"


def interval_chart(
    title: str,
    description: str,
    rows: Sequence[Interval],
    *,
    reference: float | None = None,
    shaded: tuple[float, float] | None = None,
    is_log: bool = False,
    unit: str = "",
) -> Html:
    """Draw values with intervals below each other.

    Parameters
    ----------
    title, description
        What the drawing shows, for those who do not see it.
    rows
        The values, from the top.
    reference
        A value to compare with, drawn as a dashed line.
    shaded
        A range drawn as a stripe.
    is_log
        True for a logarithmic axis.
    unit
        Label of the axis.
    """
    left = min(max((svg.text_width(row.name) for row in rows), default=60) + 14, 300)
    width, height = 900.0, 36.0 + 20 * len(rows)
    values = [v for row in rows for v in (row.value, row.low, row.high, *(row.null or ())) if v is not None]
    extra = [v for v in (reference, *(shaded or ())) if v is not None]
    x = svg.scale_over([*values, *extra], left, width - 16, is_log=is_log)
    content: list[object] = []
    if shaded:
        content.append(svg.rectangle((x(shaded[0]), 0), x(shaded[1]) - x(shaded[0]), height - 30, "stripe"))
    for value in x.ticks(8):
        content.append(svg.segment((x(value), 0), (x(value), height - 30), "gridline"))
        content.append(svg.words(x(value), height - 16, svg.tick_label(value), anchor="middle"))
    if reference is not None:
        content.append(svg.segment((x(reference), 0), (x(reference), height - 30), "one"))
    for i, row in enumerate(rows):
        y = 12.0 + 20 * i
        content.append(svg.words(left - 10, y + 4, row.name, "name", "end"))
        if row.null:
            start, end = x(row.null[0]), x(row.null[1])
            content.append(svg.rectangle((start, y - 6), max(end - start, 2), 12, "band s-null"))
        if row.low is not None and row.high is not None:
            content.append(svg.segment((x(row.low), y), (x(row.high), y), f"bar {row.style}"))
        content.append(svg.dot((x(row.value), y), 4, f"dot {row.style}"))
    if unit:
        content.append(svg.words((left + width - 16) / 2, height - 2, unit, anchor="middle"))
    return svg.drawing(title, description, width, height, *content)
