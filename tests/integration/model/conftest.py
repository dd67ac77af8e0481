from __future__ import annotations

import pytest

import local_model as real


@pytest.fixture(scope="session")
def local_model():
    """Serve SmolLM2 from this machine's cache; the first time it is built, which takes minutes."""
    try:
        with real.serving() as base:
            yield base, real.ALIAS
    except real.LocalModelError as error:
        pytest.skip(f"the local model can not be had here: {error}")
