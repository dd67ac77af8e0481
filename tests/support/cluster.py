"""
What the gateway asks of a Kubernetes API server, and no more: its keys, and its word on a token.

It is asked a handful of times in a run (tokens are verified by the keys, once a minute), so it
bears on no figure; it is here so that the gateway runs its own program, with workers known by
tokens of their ServiceAccounts and clients by API keys.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
AUDIENCE: Final = "headrace"
LIFE_SECONDS: Final = 3600


def uid_of(account: str) -> str:
    """Return the UID of a ServiceAccount: what tokens say and the operator has written down."""
    return f"uid-of-{account}"


@dataclass(frozen=True, slots=True)
class Cluster:
    """An address, and what a pod would find mounted."""

    url: str
    mount: Path
    key: rsa.RSAPrivateKey

    def token(self, namespace: str, account: str) -> str:
        """Sign what the kubelet would project into a pod of this ServiceAccount."""
        now = time.time()
        claims = {
            "iss": ISSUER,
            "aud": [AUDIENCE],
            "sub": f"system:serviceaccount:{namespace}:{account}",
            "exp": now + LIFE_SECONDS,
            "iat": now,
            "nbf": now,
            "kubernetes.io": {
                "namespace": namespace,
                "serviceaccount": {"name": account, "uid": uid_of(account)},
                "pod": {"name": "bench", "uid": "uid-of-bench"},
            },
        }
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": "bench"})


@contextlib.contextmanager
def serving_cluster(folder: Path) -> Iterator[Cluster]:
    key = rsa.generate_private_key(65537, 2048)
    answers = _Answers(key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers.handler())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    mount = folder / "serviceaccount"
    mount.mkdir()
    (mount / "token").write_text("the-gateways-own")
    (mount / "ca.crt").write_bytes(Authority(folder).pair.certificate.read_bytes())
    try:
        yield Cluster(f"http://127.0.0.1:{server.server_port}", mount, key)
    finally:
        server.shutdown()
        server.server_close()


class _Answers:
    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
        self._jwks = {"keys": [{**public, "kid": "bench", "use": "sig", "alg": "RS256"}]}

    def of(self, path: str, body: bytes) -> dict[str, Any]:
        if path.endswith("openid-configuration"):
            return {"issuer": ISSUER}
        if path.endswith("jwks"):
            return self._jwks
        token = json.loads(body)["spec"]["token"]
        said = jwt.decode(token, options={"verify_signature": False})
        user = {"username": said["sub"], "uid": said["kubernetes.io"]["serviceaccount"]["uid"]}
        return {"status": {"authenticated": True, "audiences": [AUDIENCE], "user": user}}

    def handler(self) -> type[BaseHTTPRequestHandler]:
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                text = json.dumps(answers.of(self.path, self.rfile.read(length))).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_POST = do_GET  # noqa: N815 -- the base class looks these names up

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
