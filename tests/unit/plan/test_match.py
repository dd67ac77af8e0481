"""When nothing needs to be sent."""

from __future__ import annotations

import pytest

from headrace_operator.plan.match import matches

SAME = {
    "the same": ({"a": 1}, {"a": 1}),
    "what others added": ({"a": {"b": 1}}, {"a": {"b": 1, "theirs": 2}, "more": 3}),
    "a default of the server in a list of named things": (
        {"containers": [{"name": "w", "image": "x"}]},
        {"containers": [{"name": "w", "image": "x", "imagePullPolicy": "IfNotPresent"}]},
    ),
    "a named thing that others added": (
        {"env": [{"name": "A", "value": "1"}]},
        {"env": [{"name": "THEIRS", "value": "2"}, {"name": "A", "value": "1"}]},
    ),
    "a quantity that the server writes otherwise": ({"cpu": "1000m"}, {"cpu": "1"}),
    "a size that the server writes otherwise": ({"memory": "1024Mi"}, {"memory": "1Gi"}),
    "an empty string that the server drops": ({"value": ""}, {}),
}
OTHER = {
    "another value": ({"a": 1}, {"a": 2}),
    "a field that is gone": ({"a": {"b": 1}}, {"a": {}}),
    "a named thing that is gone": ({"env": [{"name": "A", "value": "1"}]}, {"env": []}),
    "a rule more in a list that is ours as a whole": (
        {"egress": [{"ports": [1]}]},
        {"egress": [{"ports": [1]}, {"ports": [2]}]},
    ),
    "another order of a list that is ours as a whole": ({"a": [1, 2]}, {"a": [2, 1]}),
    "a switch that was turned on": ({"a": False}, {"a": True}),
    "a switch that is gone": ({"a": False}, {}),
    "another quantity": ({"cpu": "1000m"}, {"cpu": "2"}),
    "nothing at all": ({"a": {"b": 1}}, {}),
}


@pytest.mark.parametrize(("wanted", "observed"), SAME.values(), ids=SAME)
def test_is_as_wanted(wanted, observed):
    assert matches(wanted, observed)


@pytest.mark.parametrize(("wanted", "observed"), OTHER.values(), ids=OTHER)
def test_is_not_as_wanted(wanted, observed):
    assert not matches(wanted, observed)
