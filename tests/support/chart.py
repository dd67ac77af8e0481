"""The chart, rendered by Helm's own library: no cluster, no binary, no network."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHART: Final = Path(__file__).parents[2] / "charts" / "headrace"
NAMESPACE: Final = "headrace-system"
Object = dict[str, Any]
# The safe loader in C, where PyYAML was built with it: the definitions are long.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


EVALUATION = {"evaluation": {"enabled": True, "hostPath": "/var/lib/headrace-eval"}}
ISSUER = {
    "issuer": "https://login.acme.example/realms/staff",
    "audience": "headrace",
    "algorithms": ["RS256", "ES256"],
    "jwksUri": "https://login.acme.example/keys",
    "tenantClaim": "groups",
    "tenants": {"/llm/research": "acme"},
    "scopes": ["submit", "read"],
}
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
EVERYTHING = {
    **EVALUATION,
    "imagePullSecrets": [{"name": "registry"}],
    "commonLabels": {"team": "platform"},
    "operator": {
        "watchNamespaces": ["team-a", "team-b"],
        "nodeCIDRs": ["10.0.0.0/16", "2001:db8::/32"],
        "priorityClassName": "high",
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
    },
    "gateway": {
        "secretNames": ["acme-llm"],
        "oidc": [ISSUER],
        "webhooks": {
            "allowedCIDRs": ["10.20.0.0/16"],
            "allowedPorts": [443, 9443],
            "caBundle": CERTIFICATE,
        },
        "service": {"annotations": {"a": "b"}},
    },
    "networkPolicy": {"metricsNamespaces": ["monitoring"]},
    "extraObjects": [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "more", "namespace": "{{ .Release.Namespace }}"},
        }
    ],
}


class Rendered:
    """Everything that one install would apply."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.notes = texts["headrace/templates/NOTES.txt"]
        manifests = (text for name, text in texts.items() if not name.endswith(".txt"))
        self.objects = [one for text in manifests for one in yaml.load_all(text, _LOADER) if one]

    def of_kind(self, kind: str) -> list[Object]:
        return [one for one in self.objects if one["kind"] == kind]

    def only(self, kind: str, name: str) -> Object:
        [found] = [one for one in self.of_kind(kind) if one["metadata"]["name"] == name]
        return found

    def pods(self) -> Iterator[tuple[str, Object]]:
        """Yield the name and the pod's spec of everything that runs."""
        for one in (*self.of_kind("Deployment"), *self.of_kind("Job")):
            yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def render(values: Mapping[str, Any] | None = None, namespace: str = NAMESPACE) -> Rendered:
    """Render with these values over the defaults; raise what Helm would say if it refuses them."""
    return Rendered(json.loads(_texts(json.dumps(values or {}), namespace)))


@functools.cache
def _texts(values: str, namespace: str) -> str:
    import helm_python  # noqa: PLC0415 -- 85 MB that only these tests need

    with helm_python.Chart.load(str(CHART)) as chart:
        given = json.loads(values)
        chart.validate_schema(chart.merge_values(given))
        return json.dumps(chart.render(given, name="headrace", namespace=namespace))


def env_of(pod: Object) -> dict[str, Any]:
    """Return the variables of a pod's one container: values, or where they come from."""
    return {
        one["name"]: one.get("value", one.get("valueFrom")) for one in pod["containers"][0]["env"]
    }
