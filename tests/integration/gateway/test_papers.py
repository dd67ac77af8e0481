"""The README's ten lines, typed at a real gateway."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest

from gateway_scene import KEY, scene

README = Path(__file__).parents[3] / "README.md"
# As it stands, but silent about its progress and loud about refusals.
CURL = 'curl() { command curl -sS --fail --max-time 60 "$@"; echo; }'


def ten_lines(url, runs):
    """The block as it is printed, with the addresses of the scene in the place of a cluster's."""
    text = README.read_text().partition("## The API in ten lines")[2]
    (block,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    block = re.sub(r"^GATEWAY=\S+", f"GATEWAY={url}", block, flags=re.MULTILINE)
    return re.sub(r"^RUNS=.*", f"RUNS=$GATEWAY{runs}", block, flags=re.MULTILINE)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's reader has curl")
async def test_the_api_in_ten_lines_is_what_the_gateway_speaks(ledger_server):
    async with scene(ledger_server, []) as door:
        typed = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", f"{CURL}\n{ten_lines(door.url, door.runs)}"),
            env={**os.environ, "HEADRACE_API_KEY": KEY},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        # Nobody works here, so the run ends by a cancellation, and with it the stream of events.
        while not (found := (await door.http.get(door.runs)).json()["items"]):
            assert typed.returncode is None
        await door.http.post(f"{door.runs}/{found[0]['id']}/cancel")
        out, err = await typed.communicate()
        assert typed.returncode == 0, err.decode()
    assert out.decode().count(found[0]["id"]) >= 4
    assert "event: run.accepted" in out.decode()
    assert "event: run.finished" in out.decode() or "event: run.cancelled" in out.decode()
