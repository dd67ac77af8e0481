"""User functions of Python steps that speak through OpenAI's own package, as users' code does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openai import AsyncOpenAI, OpenAI

if TYPE_CHECKING:
    from headrace_worker.context import Context


def whole(context: Context) -> Any:
    """Ask once; address and key are in the environment, and nothing here knows headrace."""
    asked = [{"role": "user", "content": f"About {context.input['topic']}."}]
    answer = OpenAI().chat.completions.create(model="small", messages=asked, max_tokens=64)
    return {"text": answer.choices[0].message.content, "tokens": answer.usage.total_tokens}


async def streamed(context: Context) -> Any:
    """Ask once, and take the answer as it comes."""
    stream = await AsyncOpenAI().chat.completions.create(
        model="small",
        messages=[{"role": "user", "content": f"On {context.outputs['whole']['text']}"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    pieces, tokens = [], 0
    async for chunk in stream:
        pieces += [choice.delta.content for choice in chunk.choices if choice.delta.content]
        tokens = chunk.usage.total_tokens if chunk.usage else tokens
    return {"pieces": pieces, "tokens": tokens}
