"""The Python steps of the research pipeline; the image of its workers carries this module."""

# ruff: noqa: INP001 -- one module beside its Dockerfile, in no package
from __future__ import annotations

from typing import Any


def dossier(ctx: Any) -> dict[str, Any]:
    """Join what the parallel steps found into one text, with its sources and its length."""
    views = [(name, str(ctx.outputs[name])) for name in ("past", "present", "future")]
    reading = _sources(ctx.outputs["sources"])
    parts = [f"## {name.capitalize()}\n\n{view.strip()}" for name, view in views]
    if reading:
        listed = "\n".join(f"- {each['title']} ({each['year']})" for each in reading)
        parts.append(f"## Reading\n\n{listed}")
    text = "\n\n".join(parts)
    ctx.log.info("The dossier is ready.")
    return {"text": text, "words": len(text.split()), "sources": len(reading)}


def _sources(answer: Any) -> list[dict[str, Any]]:
    # An HTTP step's output is its status, headers and body.
    body = answer.get("body", answer) if isinstance(answer, dict) else {}
    found = body.get("sources") if isinstance(body, dict) else None
    return found or []
