# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which nodes a lab has, and which links: shapes by name, and drawings in files (docs/lab.md)."""
import pathlib
import re

TOPOLOGIES = "chain:N, grid:CxR, tree:N, clusters:CxL or file:PATH"


class LabError(Exception):
    """What is wrong, for whoever asked for it."""


def parse_topology(text):
    """'chain:8', 'grid:4x3', 'tree:15', 'clusters:4x4' or 'file:PATH' as (names, links, settings by name)."""
    kind, _, argument = text.partition(":")
    if kind == "file":
        return parse_file(pathlib.Path(argument))
    if kind == "grid":
        columns, _, rows = argument.partition("x")
        columns, rows = int(columns), int(rows)
        count = columns * rows
        links = [(i, i + 1) for i in range(count) if (i + 1) % columns]
        links += [(i, i + columns) for i in range(count - columns)]
    elif kind == "chain":
        count = int(argument)
        links = [(i, i + 1) for i in range(count - 1)]
    elif kind == "tree":
        count = int(argument)
        links = [((i - 1) // 2, i) for i in range(1, count)]
    elif kind == "clusters":
        backbone, _, leaves = argument.partition("x")
        backbone, leaves = int(backbone), int(leaves)
        count = backbone * (1 + leaves)
        links = [(i, i + 1) for i in range(backbone - 1)]
        links += [(i, backbone + i * leaves + leaf) for i in range(backbone) for leaf in range(leaves)]
    else:
        raise LabError(f"{text}: a topology is {TOPOLOGIES}")
    names = [f"node{i + 1}" for i in range(count)]
    return names, [(names[a], names[b]) for a, b in links], {}


def parse_file(path):
    """Lines 'node NAME [board=B] [slots=N]' and 'link A B [rate=R]'; '#' begins a comment.

    A drawing works too: nodes as words, joined by '---' on one line or by '|' between two lines.
    """
    names, links, settings = [], [], {}
    drawing = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            drawing.append("")
            continue
        options = dict(word.split("=", 1) for word in words if "=" in word)
        if words[0] == "node" and len(words) >= 2:
            if words[1] not in names:
                names.append(words[1])
            settings[words[1]] = options
        elif words[0] == "link" and len(words) >= 3:
            links.append((words[1], words[2]))
            for name in words[1:3]:
                if name not in names:
                    names.append(name)
            if "rate" in options:
                settings[(words[1], words[2])] = options
        elif "-" in line or "|" in line or len(words) == 1:
            drawing.append(line.split("#")[0])
        else:
            raise LabError(f"{path}:{number}: cannot understand: {line}")
    drawn_names, drawn_links = parse_drawing(drawing)
    names += [name for name in drawn_names if name not in names]
    return names, links + drawn_links, settings


def parse_drawing(lines):
    places, links = [], []
    for row, line in enumerate(lines):
        last = None
        for match in re.finditer(r"[A-Za-z0-9_.]+", line):
            between = line[last.end():match.start()] if last else ""
            if last and re.fullmatch(r"\s*-+\s*", between):
                links.append((last.group(), match.group()))
            places.append((row, match.start(), match.end(), match.group()))
            last = match
    for row, line in enumerate(lines):
        for match in re.finditer(r"\|", line):
            column = match.start()

            def nearest(direction):
                at = row + direction
                while 0 <= at < len(lines):
                    for place in places:
                        if place[0] == at and place[1] <= column < place[2]:
                            return place[3]
                    if column >= len(lines[at]) or lines[at][column] != "|":
                        return None
                    at += direction
                return None

            above, below = nearest(-1), nearest(1)
            if above and below and (above, below) not in links:
                links.append((above, below))
    return [place[3] for place in places], links
