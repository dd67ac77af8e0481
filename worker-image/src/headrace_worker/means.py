"""What the parts of one worker share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace_worker.keys import Keys
from headrace_worker.pipelines import Pipelines
from headrace_worker.retry import Insist

if TYPE_CHECKING:
    from headrace_worker.profile import Profile
    from headrace_worker.world import World


@dataclass(frozen=True, slots=True)
class Means:
    """Claims, chains and settlements of one worker are given this, and it is made once."""

    profile: Profile
    world: World
    keys: Keys
    pipelines: Pipelines
    insist: Insist

    @classmethod
    def of(cls, profile: Profile, world: World) -> Means:
        return cls(profile, world, Keys(world.new_key), Pipelines(), Insist(world.rng))
