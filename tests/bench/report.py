"""What the benches found, as a page: docs/benchmarks.md is written from the lines they printed."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

Line = dict[str, Any]

NAMES: Final = ("figure", "series", "over")
TOLD_ELSEWHERE: Final = {
    *NAMES,
    *("bench", "side", "ratio", "spread", "pairs", "value", "unit", "floor", "holds", "load"),
    *("versions", "durability", "settings", "added_ms"),
}


def page(results: Mapping[str, Sequence[Line]], commands: Mapping[str, str], notes: str) -> str:
    """Write the page: notes by hand, then results, whose first line is their head."""
    parts = [notes.strip()]
    for name, what in commands.items():
        if results.get(name):
            parts += section(name, what, results[name])
        else:
            parts += [f"## {name}: {what}", "Not measured on the machine of this page."]
    return "\n\n".join(parts) + "\n"


def section(name: str, what: str, lines: Sequence[Line]) -> list[str]:
    head, *rest = lines
    loads = [line["load"] for line in rest if "load" in line]
    load = f", load {min(loads)} to {max(loads)}" if loads else ""
    command = " ".join([name, *(("--", *head["options"]) if head["options"] else ())])
    parts = [
        f"## {name}: {what}",
        f"`uv run tests/bench/run.py {command}`, {head['date']}, {head['machine']}{load}.",
    ]
    judged = [line for line in rest if "side" not in line and any(one in line for one in NAMES)]
    if judged:
        parts.append(table(("figure", "measured", "floor", ""), map(row, judged)))
    sides = defaultdict(list)
    for line in rest:
        if "side" in line:
            series = f"{line['series']}: " if "series" in line else ""
            sides[f"{series}{line['side']}"].append(line)
    if sides:
        told = ((side, medians(each)) for side, each in sides.items())
        parts.append(table(("side", "medians"), told))
    ground = [
        f"- {key}: {flat(line[key])}"
        for line in rest
        for key in ("settings", "durability", "versions")
        if key in line
    ]
    return parts + (["\n".join(dict.fromkeys(ground))] if ground else [])


def row(line: Line) -> tuple[str, str, str, str]:
    where = " over ".join(str(line[one]) for one in NAMES if one in line)
    verdict = {True: "holds", False: "**missed**"}.get(line.get("holds"), "")
    return where, measured(line), str(line.get("floor", "")), verdict


def measured(line: Line) -> str:
    """Say the figure first, then whatever else the line has."""
    said = []
    for key, unit in (("ratio", " x"), ("added_ms", " ms"), ("value", "")):
        if key in line:
            given = f" {line['unit']}" if key == "value" and line.get("unit") else unit
            low_high = line.get("spread")
            spread = f" ({' to '.join(map(number, low_high))})" if low_high else ""
            said.append(f"{number(line[key])}{given}{spread}")
    said += [
        f"{key} {flat(value)}".replace("_", " ")
        for key, value in line.items()
        if key not in TOLD_ELSEWHERE
    ]
    return "; ".join(said)


def medians(lines: Sequence[Line]) -> str:
    found: dict[str, list[float]] = defaultdict(list)
    words: dict[str, str] = {}
    for line in lines:
        for key, value in line.items():
            if key in TOLD_ELSEWHERE:
                continue
            if isinstance(value, int | float) and not isinstance(value, bool):
                found[key].append(value)
            else:
                words[key] = flat(value)
    told = [f"{key} {number(statistics.median(values))}" for key, values in found.items()]
    return "; ".join([*told, *(f"{key} {value}" for key, value in words.items())]).replace("_", " ")


def flat(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key} {flat(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return " ".join(flat(inner) for inner in value)
    return number(value) if isinstance(value, int | float) else str(value)


def number(value: float) -> str:
    """Write a figure with three digits that count, or all of a whole number."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def read(folder: Path) -> dict[str, list[Line]]:
    """Read what was kept of the last run of each bench."""
    return {
        file.stem: [json.loads(line) for line in file.read_text().splitlines()]
        for file in sorted(folder.glob("*.jsonl"))
    }
