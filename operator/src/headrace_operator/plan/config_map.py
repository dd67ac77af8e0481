"""The compiled pipeline for people to read; the truth is the ledger's row of the same digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from headrace_contract.names import pipeline_name
from headrace_operator.model.resource import CONFIG_MAPS
from headrace_operator.plan.stamp import stamp

if TYPE_CHECKING:
    from headrace_operator.plan.context import PipelineContext
    from headrace_operator.plan.stamp import Manifest

LARGEST: Final = 900_000  # of the 1 MiB that a ConfigMap may hold


def compiled_map(ctx: PipelineContext) -> Manifest:
    """Show what was compiled, or its digest alone where it is too large to show."""
    # Its generation is left out: an edit that compiles to the same thing changes no child.
    document = ctx.compiled.model_dump(mode="json", by_alias=True, exclude={"generation"})
    text = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    data = {"digest": ctx.compiled.digest}
    if len(text) <= LARGEST:
        data["pipeline.json"] = text.decode()
    return stamp(CONFIG_MAPS, ctx.owner, pipeline_name(ctx.pipeline.name), {"data": data})
