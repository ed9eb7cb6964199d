"""A small writer of inline SVG: shapes with classes, scales and ticks.

What belongs here: geometry. Colours and fonts are in the style sheet, because the policy of the page allows no style
attribute and because they follow the reader's light or dark scheme. The same numbers give the same text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.report.html.markup import Html, tag

Point = tuple[float, float]

HOUR, DAY = 3_600, 86_400
_TIME_STEPS = (HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 4 * DAY, 7 * DAY, 14 * DAY)
_MOST_TICKS = 8
_MONDAY = 4 * DAY  # 1970-01-05
_CHARACTER = 6.3  # mean width of a character of the labels at 12 px


def at(value: float) -> str:
    """Return a coordinate."""
    return f"{value:.1f}".removesuffix(".0")


def drawing(title: str, description: str, width: float, height: float, *content: object) -> Html:
    """Return an SVG element that a screen reader reads as one image with title and description."""
    name = f"{title}. {description}".replace("..", ".")
    box = f"0 0 {at(width)} {at(height)}"
    # The attribute is written in camel case, which keyword arguments of `tag` would carry but a linter would not.
    attributes = {"viewBox": box, "role": "img", "aria_label": name}
    return tag("svg", *content, **attributes)


def words(x: float, y: float, text: object, class_: str | None = None, anchor: str | None = None) -> Html:
    """Return a text."""
    return tag("text", text, x=at(x), y=at(y), class_=class_, text_anchor=anchor)


def segment(start: Point, end: Point, class_: str) -> Html:
    """Return a straight line."""
    return tag("line", x1=at(start[0]), y1=at(start[1]), x2=at(end[0]), y2=at(end[1]), class_=class_)


def rectangle(corner: Point, width: float, height: float, class_: str) -> Html:
    """Return a rectangle."""
    return tag("rect", x=at(corner[0]), y=at(corner[1]), width=at(width), height=at(max(height, 0)), class_=class_)


def dot(centre: Point, radius: float, class_: str) -> Html:
    """Return a filled circle."""
    return tag("circle", cx=at(centre[0]), cy=at(centre[1]), r=at(radius), class_=class_)


def path(points: Sequence[Point], class_: str, *, is_closed: bool = False) -> Html:
    """Return a line through points."""
    text = "M" + "L".join(f"{at(x)},{at(y)}" for x, y in points) + ("Z" if is_closed else "")
    return tag("path", d=text, class_=class_)


def text_width(text: str) -> float:
    """Return about how wide a label is."""
    return _CHARACTER * len(text)


@dataclass(frozen=True, slots=True)
class Scale:
    """A map from values to a coordinate, straight or logarithmic.

    Parameters
    ----------
    low, high
        The values at `start` and `end`.
    start, end
        The coordinates; `start` may be the larger.
    is_log
        True for a logarithmic scale of positive values.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        """Return the coordinate of a value, cut at the ends."""
        low, high, x = (math.log(v) for v in (self.low, self.high, max(value, 1e-300))) if self.is_log else (
            self.low, self.high, value
        )  # fmt: skip
        share = 0.5 if high == low else (x - low) / (high - low)
        return self.start + (self.end - self.start) * min(max(share, 0.0), 1.0)

    def ticks(self, most: int = 6) -> list[float]:
        """Return round values inside the scale."""
        return log_ticks(self.low, self.high, most) if self.is_log else round_ticks(self.low, self.high, most)


def scale_over(values: Sequence[float], start: float, end: float, *, is_log: bool = False) -> Scale:
    """Return a scale over finite values with a little room around them."""
    known = [value for value in values if math.isfinite(value) and (value > 0 or not is_log)]
    low, high = (min(known), max(known)) if known else (1.0, 1.0) if is_log else (0.0, 1.0)
    if is_log:
        room = max((high / low) ** 0.05, 1.03)
        return Scale(low / room, high * room, start, end, is_log=True)
    room = (high - low) * 0.06 or abs(high) * 0.1 or 0.5
    return Scale(0.0 if 0 <= low < room * 4 else low - room, high + room, start, end)


def round_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten between two values."""
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round values between two positive ones, powers of ten when the span is wide."""
    if high / low < 4:
        return [value for value in round_ticks(low, high, most) if value > 0]
    for factors in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        found = [round(f * 10.0**k, 12) for k in range(first, last + 1) for f in factors if low <= f * 10.0**k <= high]
        if len(found) <= most:
            return found
    stride = math.ceil(len(found) / most)
    return found[::stride]


def tick_label(value: float) -> str:
    """Return the text of a tick."""
    if value and (abs(value) >= 1e6 or abs(value) < 1e-3):
        return f"{value:.0e}".replace("e+0", "e").replace("e-0", "e−").replace("-", "−")
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}").replace("-", "−")


def seconds(value: datetime | float) -> float:
    """Return a time as seconds since 1970 (UTC); a step stays what it is."""
    return value.replace(tzinfo=UTC).timestamp() if isinstance(value, datetime) else float(value)


def time_ticks(low: float, high: float, least: float = HOUR) -> list[tuple[float, str]]:
    """Return ticks at least so far apart, each with its label: hours, days, weeks (Mondays) or months."""
    step = next((s for s in _TIME_STEPS if s >= least and (high - low) / s <= _MOST_TICKS), None)
    if step is None:
        return _month_ticks(low, high)
    offset = _MONDAY if step % (7 * DAY) == 0 else 0
    first = math.ceil((low - offset) / step) * step + offset
    ticks: list[tuple[float, str]] = []
    for k in range(int((high - first) // step) + 1):
        moment = datetime.fromtimestamp(first + k * step, UTC)
        ticks.append((first + k * step, f"{moment:%H:%M}" if moment.hour else f"{moment.day} {moment:%b}"))
    return ticks


def _month_ticks(low: float, high: float) -> list[tuple[float, str]]:
    first, last = (datetime.fromtimestamp(value, UTC) for value in (low, high))
    months = [12 * first.year + first.month - 1, 12 * last.year + last.month - 1]
    stride = next((s for s in (1, 2, 3, 6, 12, 24, 60, 120) if (months[1] - months[0]) / s <= _MOST_TICKS), 240)
    ticks = []
    for month in range(months[0] - months[0] % stride, months[1] + 1, stride):
        moment = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
        if low <= moment.timestamp() <= high:
            ticks.append((moment.timestamp(), f"{moment:%b %Y}"))
    return ticks
