"""The programs that we build, and where each one is; tests import `kube_binary` from here."""

from pathlib import Path
from typing import Final

from devcluster import golang, versions
from devcluster.golang import Program

_MAJOR, _MINOR, _ = versions.KUBERNETES.split(".")
_KUBERNETES_VARIABLES = {
    "k8s.io/component-base/version.gitVersion": f"v{versions.KUBERNETES}",
    "k8s.io/component-base/version.gitMajor": _MAJOR,
    "k8s.io/component-base/version.gitMinor": _MINOR,
    "k8s.io/client-go/pkg/version.gitVersion": f"v{versions.KUBERNETES}",
}
_KEDA_VERSION = {"github.com/kedacore/keda/v2/version.Version": versions.KEDA}

KUBE: Final = Program("kube", "kube", ".", versions.KUBERNETES, 345, _KUBERNETES_VARIABLES)
KUBEADM: Final = Program(
    "kubeadm", "kube", "./kubeadm", versions.KUBERNETES, 30, _KUBERNETES_VARIABLES
)
KIND: Final = Program("kind", "kind", "sigs.k8s.io/kind", "0.33.0", 6)
COREDNS: Final = Program("coredns", "coredns", ".", versions.COREDNS, 75)
PAUSE: Final = Program("pause", "pause", ".", versions.PAUSE, 1)
KEDA: Final = Program(
    "keda",
    "keda",
    "github.com/kedacore/keda/v2/cmd/operator",
    versions.KEDA,
    460,
    _KEDA_VERSION,
)
KEDA_ADAPTER: Final = Program(
    "keda-adapter",
    "keda",
    "github.com/kedacore/keda/v2/cmd/adapter",
    versions.KEDA,
    70,
    _KEDA_VERSION,
)
HELM: Final = Program("helm", "helm", "helm.sh/helm/v4/cmd/helm", "4.3.1", 150)


def kube_binary() -> Path:
    """
    Return the path of `kube`: etcd, kube-apiserver and the rest, chosen by `argv[0]`.

    Call it as `kube NAME ARGS…`, or through a link called NAME. Built if missing.
    """
    return golang.build(KUBE)


def helm_binary() -> Path:
    """Return the path of Helm, built if missing."""
    return golang.build(HELM)
