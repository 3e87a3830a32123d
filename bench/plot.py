# SPDX-License-Identifier: AGPL-3.0-or-later
"""Lines over two axes, as an SVG file."""
import math
import pathlib

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 360, 70, 50, 30, 20
COLOURS = ["#0a6", "#06c", "#c30", "#a0a", "#880", "#088", "#555", "#f80"]


class Axis:
    """From values to places between `start` and `end`, by decades or evenly."""

    def __init__(self, values, start, end, decades):
        self.start, self.end, self.decades = start, end, decades
        if decades:
            self.low, self.high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
            self.high = max(self.high, self.low + 1)
            self.ticks = [10 ** decade for decade in range(self.low, self.high + 1)]
        else:
            step = 10 ** math.floor(math.log10(max(values)))
            step = next(step * part for part in (0.1, 0.2, 0.5, 1, 2) if max(values) <= 8 * step * part)
            count = math.ceil(max(values) / step)
            self.low, self.high = 0, count * step
            self.ticks = [number * step for number in range(count + 1)]

    def place(self, value):
        value = math.log10(value) if self.decades else value
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def draw(path, title, x_label, series, x_decades=False, y_decades=False, y_unit="", dots=True):
    """`series`: names, each with points; a name of "" is not written."""
    points = [point for line in series.values() for point in line]
    x = Axis([point[0] for point in points], LEFT, WIDTH - RIGHT, x_decades)
    y = Axis([point[1] for point in points], HEIGHT - BOTTOM, TOP, y_decades)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
             'font-size="12">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
             f'<text x="{LEFT}" y="18">{title}</text>']
    for tick in x.ticks:
        at = x.place(tick)
        parts.append(f'<line x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#ccc"/>')
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick:,.10g}</text>')
    for tick in y.ticks:
        at = y.place(tick)
        parts.append(f'<line x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}" stroke="#ccc"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{tick:g}{y_unit}</text>')
    for number, (name, line) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [(x.place(a), y.place(b)) for a, b in line]
        parts.append('<polyline points="' + " ".join(f"{a:.1f},{b:.1f}" for a, b in places) +
                     f'" fill="none" stroke="{colour}" stroke-width="2"/>')
        if dots:
            parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4" fill="{colour}"/>' for a, b in places]
        if name:
            parts.append(f'<text x="{WIDTH - RIGHT - 4}" y="{HEIGHT - BOTTOM - 8 - 14 * number}" fill="{colour}" '
                         f'text-anchor="end">{name}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH) / 2:.0f}" y="{HEIGHT - 10}" text-anchor="middle">{x_label}</text></svg>')
    pathlib.Path(path).write_text("\n".join(parts) + "\n")
