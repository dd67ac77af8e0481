"""Which model a provider on the command line has, when nobody says."""

from __future__ import annotations

import httpx2
from pydantic import SecretStr

from headrace_cli.errors import GivenError, LocalError


async def only_model(http: httpx2.AsyncClient, endpoint: str, key: SecretStr | None) -> str:
    """Ask for the list, and take the one model that is on it; with more, a person must choose."""
    headers = {"authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    try:
        answer = await http.get(f"{endpoint}/models", headers=headers)
        answer.raise_for_status()
        names = [str(model["id"]) for model in answer.json()["data"]]
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError) as exc:
        msg = f"{endpoint}/models does not list models ({type(exc).__name__}); is it the address?"
        raise LocalError(msg) from exc
    if len(names) != 1:
        shown = ", ".join(f"'{name}'" for name in names[:20]) or "none"
        msg = f"`--model` must name one of the provider's models: {shown}"
        raise GivenError(msg)
    return names[0]
