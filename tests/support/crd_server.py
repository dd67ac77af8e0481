"""A real kube-apiserver with our CRDs, for whoever asks; skipped where none can be had."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apiserver import ApiServer

CRDS = Path(__file__).parents[2] / "crds"


@contextmanager
def crd_server(folder: Path, *more: str) -> Iterator[ApiServer]:
    """Serve with our CRDs, controllers that make no pods and perhaps more, until the block ends."""
    # Imported here, so that tests without an API server need neither Go nor the built binary.
    from apiserver import CONTROLLERS, serving  # noqa: PLC0415 -- see above
    from devcluster.errors import NotPossibleError  # noqa: PLC0415 -- see above

    try:
        with serving(folder, controllers=(*CONTROLLERS, *more)) as server:
            server.install(CRDS)
            yield server
    except NotPossibleError as error:
        pytest.skip(f"a kube-apiserver can be neither found nor built here: {error}")
