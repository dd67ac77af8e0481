"""HTTP steps against a server on loopback."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from worker_scenes import Scene, egress, finished, http, llm, pipeline
from worker_server import Reply, Site, serving


@pytest.fixture
def site():
    with serving(Site()) as site:
        yield site


async def run_of(step, given=None, *, scene=None, rules=(), before=()):
    scene = scene or Scene().with_profile(allow_loopback=True)
    async with scene.worker():
        run = scene.door.submit(pipeline(*before, step, egress=list(rules)), given)
        return await finished(run)


async def test_json_comes_back_as_json_with_a_few_headers(site):
    headers = {"content-type": "application/json", "etag": "1", "set-cookie": "secret"}
    site.reply("/rivers", Reply(b'{"rivers": ["Rhine"]}', headers=headers))
    run = await run_of(http("get", site.url + "/rivers?q={{ input.q }}"), {"q": "long"})
    want = {
        "status": 200,
        "headers": {"content-type": "application/json", "etag": "1"},
        "body": {"rivers": ["Rhine"]},
    }
    assert run.outputs["get"] == want
    sent = site.requests[0]
    assert (sent.method, sent.path) == ("GET", "/rivers?q=long")
    assert sent.headers["host"] == f"127.0.0.1:{site.port}"
    assert sent.headers["idempotency-key"] == f"{run.id}/get"
    assert sent.headers["traceparent"].startswith("00-")


async def test_a_body_and_headers_are_sent(site):
    site.reply("/notes", Reply(b"kept", 201, {"content-type": "text/plain"}))
    scene = Scene(environ={"TOKEN": "s3cret\n"}).with_profile(allow_loopback=True)
    step = http(
        "post",
        site.url + "/notes",
        after=["draft"],
        method="POST",
        body='{"text": {{ steps.draft.output | tojson }}}',
        headers=[
            {"name": "Authorization", "value_from_env": "TOKEN"},
            {"name": "X-Kind", "value": "note"},
        ],
    )
    run = await run_of(step, before=[llm("draft")], scene=scene)
    assert run.outputs["post"]["body"] == "kept"
    sent = site.requests[0]
    assert sent.body == b'{"text": "An answer."}'
    assert sent.headers["content-type"] == "application/json"
    assert (sent.headers["authorization"], sent.headers["x-kind"]) == ("s3cret", "note")


async def test_a_redirect_is_not_followed(site):
    site.reply("/away", Reply(status=302, headers={"location": site.url + "/secret"}))
    site.reply("/secret", Reply())
    run = await run_of(http("get", site.url + "/away"))
    assert run.tasks["get"].error.error_class == "HTTPStatus"
    assert {request.path for request in site.requests} == {"/away"}


async def test_an_unexpected_status_says_when_to_come_back(site):
    site.reply("/busy", Reply(status=503, headers={"retry-after": "9"}))
    task = (await run_of(http("get", site.url + "/busy"))).tasks["get"]
    assert task.error.error_class == "HTTPStatus"
    assert task.error.message == "The server answered 503."
    assert task.error.retry_after_seconds == 9
    assert task.attempt == 2


REFUSED = {
    "loopback, outside a laptop": ("http://127.0.0.1:{port}/", "BadRequest", "loopback"),
    "loopback by a number": ("http://2130706433:{port}/", "BadRequest", "loopback"),
    "loopback by a short form": ("http://127.1:{port}/", "BadRequest", "loopback"),
    "loopback in IPv6": ("http://[::1]:{port}/", "BadRequest", "loopback"),
    "loopback, mapped": ("http://[::ffff:127.0.0.1]:{port}/", "BadRequest", "loopback"),
    "loopback by name": ("http://localhost:{port}/", "BadRequest", "loopback"),
    "metadata": ("http://169.254.169.254/latest/meta-data/", "BadRequest", "metadata"),
    "what no rule opens": ("http://192.0.2.1:22/", "BadRequest", "No egress rule"),
    "another scheme": ("file:///etc/passwd", "BadRequest", "http or https"),
    "no address at all": ("rivers", "BadRequest", "http or https"),
    "credentials in the address": ("http://a:b@192.0.2.1/", "BadRequest", "credentials"),
    "a port that is none": ("http://192.0.2.1:99999/", "BadRequest", "port 99999"),
    "an undefined variable": ("http://{{{{ input.nothing }}}}/", "InvalidInput", "http.url"),
}


@pytest.mark.parametrize(("url", "error_class", "words"), REFUSED.values(), ids=REFUSED)
async def test_refusals(site, url, error_class, words):
    rules = [
        egress(cidr="0.0.0.0/0", ports=[80, site.port]),
        egress(cidr="::/0", ports=[site.port]),
    ]
    run = await run_of(http("get", url.format(port=site.port)), {}, scene=Scene(), rules=rules)
    task = run.tasks["get"]
    assert (task.error.error_class, task.attempt) == (error_class, 1)
    assert words in task.error.message
    assert site.requests == []


async def test_the_nodes_are_out_of_reach(site):
    scene = Scene().with_profile(node_cidrs=("192.0.2.0/24",))
    rules = [egress(cidr="0.0.0.0/0", ports=[80])]
    run = await run_of(http("get", "http://192.0.2.1/"), {}, scene=scene, rules=rules)
    assert "a node's address" in run.tasks["get"].error.message


async def test_the_name_is_resolved_once_and_the_checked_address_is_used(site, monkeypatch):
    asked = []

    def getaddrinfo(host, port, *args, **kwargs):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    site.reply("/", Reply())
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    run = await run_of(http("get", f"http://rivers.example:{site.port}/"))
    assert run.status == "succeeded"
    # anyio asks once more for the bare address that it was given, which resolves to itself.
    assert asked.count("rivers.example") == 1
    assert site.requests[0].headers["host"] == f"rivers.example:{site.port}"


async def test_a_missing_variable_of_the_pool_is_named_and_no_request_goes_out(site):
    step = http("get", site.url + "/", headers=[{"name": "X", "value_from_env": "GONE"}])
    task = (await run_of(step)).tasks["get"]
    assert (task.error.error_class, task.attempt) == ("InvalidInput", 1)
    assert "GONE" in task.error.message
    assert site.requests == []


async def test_our_own_variables_are_no_headers(site):
    scene = Scene(environ={"HEADRACE_TOKEN_FILE": "/t"}).with_profile(allow_loopback=True)
    headers = [{"name": "X", "value_from_env": "HEADRACE_TOKEN_FILE"}]
    task = (await run_of(http("get", site.url + "/", headers=headers), scene=scene)).tasks["get"]
    assert task.error.error_class == "InvalidInput"


async def test_an_answer_that_is_too_large_is_invalid(site):
    site.reply("/", Reply(b"x" * (1024 * 1024 + 1), headers={}))
    task = (await run_of(http("get", site.url + "/"))).tasks["get"]
    assert task.error.error_class == "InvalidOutput"


async def test_a_connection_that_breaks_is_tried_again(site):
    site.reply("/", Reply(b"half", cut=True), Reply(b"{}"))
    run = await run_of(http("get", site.url + "/"))
    assert run.status == "succeeded"
    assert run.tasks["get"].attempt == 2
    assert run.tasks["get"].error.error_class == "StepError"


async def test_words_that_are_no_json_come_as_text(site):
    site.reply("/", Reply(b"{broken", headers={"content-type": "application/json"}))
    assert (await run_of(http("get", site.url + "/"))).outputs["get"]["body"] == "{broken"


async def test_over_tls_the_host_is_named_and_its_certificate_checked(tmp_path, monkeypatch):
    named = []
    context = self_signed(tmp_path, "elsewhere.example")
    context.sni_callback = lambda _socket, name, _context: named.append(name)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: addresses)
    async with server:
        task = (await run_of(http("get", f"https://rivers.example:{port}/"))).tasks["get"]
    assert set(named) == {"rivers.example"}
    assert task.error.error_class == "StepError"


def self_signed(folder, name):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
