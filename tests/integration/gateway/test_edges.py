"""What is refused, and in which words: early, cheaply, uniformly."""

from __future__ import annotations

import gzip
import uuid

import pytest

from gateway_scene import Callers, Names, scene
from headrace_gateway.identity.caller import Caller

ALL = frozenset({"submit", "read", "operate", "work"})
PROBLEM = "application/problem+json"


@pytest.fixture
async def door(ledger_server):
    async with scene(ledger_server, []) as made:
        yield made


BODIES = {
    "what is no JSON": (b"{", 400),
    "nothing at all": (b"", 400),
    "a NaN": (b'{"a": NaN}', 400),
    "a NUL in a value": (b'{"a": "\\u0000"}', 422),
    "a NUL in a name": (b'{"a\\u0000": 1}', 422),
    "an integer beyond 64 bits": (b'{"a": 123456789012345678901234567890}', 422),
    "a number beyond a double": (b'{"a": 1e999}', 422),
    "half a character": (b'{"a": "\\ud800"}', 400),
    "65 levels": (b"[" * 65 + b"]" * 65, 400),
    "10,000 levels": (b"[" * 10_000 + b"]" * 10_000, 400),
    "more than the pipeline takes": (b'"' + b"a" * 100_001 + b'"', 413),
    "more than anybody takes": (b'"' + b"a" * 1_100_000 + b'"', 413),
}


@pytest.mark.parametrize(("body", "status"), BODIES.values(), ids=BODIES)
async def test_a_body_is_refused_when_it_is(door, body, status):
    answer = await door.http.post(door.runs, content=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    said = answer.json()
    assert said["status"] == status
    assert said["title"]


GOOD = {
    "64 levels": b"[" * 64 + b"]" * 64,
    "brackets in a text": b'"' + b"[" * 200 + b'"',
    "a backslash before u0000": b'{"a": "\\\\u0000"}',
    "a number": b"1",
    "the largest integer": b"9223372036854775807",
}


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD)
async def test_a_body_is_taken_when_it_is(door, body):
    assert (await door.http.post(door.runs, content=body)).status_code == 202


async def test_a_compressed_body_is_refused(door):
    headers = {"content-encoding": "gzip"}
    answer = await door.http.post(door.runs, content=gzip.compress(b"{}"), headers=headers)
    assert answer.status_code == 415


async def test_large_headers_are_refused(door):
    answer = await door.http.get(door.runs, headers={"x-large": "a" * 17_000})
    assert answer.status_code == 431


async def test_an_input_must_fit_the_schema_of_the_pipeline(ledger_server):
    schema = {"type": "object", "required": ["topic"]}
    async with scene(ledger_server, [], pipeline={"input_schema": schema}) as door:
        answer = await door.submit({"subject": "rivers"})
        assert answer.status_code == 422
        assert "topic" in answer.json()["problems"][0]["message"]
        assert (await door.submit({"topic": "rivers"})).status_code == 202


QUERIES = {
    "a wait that is no duration": ("POST", "", {"wait": "soon"}, {}),
    "a key with a space": ("POST", "", {}, {"idempotency-key": "a b"}),
    "a key of 201 characters": ("POST", "", {}, {"idempotency-key": "a" * 201}),
    "a status that is none": ("GET", "", {"status": "Odd"}, {}),
    "a limit of none": ("GET", "", {"limit": "0"}, {}),
    "a limit beyond the most": ("GET", "", {"limit": "201"}, {}),
    "a limit with a long head": ("GET", "", {"limit": "0000000019999999999999"}, {}),
    "a limit that is no number": ("GET", "", {"limit": "many"}, {}),
    "a cursor that is none of ours": ("GET", "", {"cursor": "!!"}, {}),
}


@pytest.mark.parametrize(("method", "path", "query", "headers"), QUERIES.values(), ids=QUERIES)
async def test_a_query_is_refused_when_it_has(door, method, path, query, headers):
    body = {"content": b"{}"} if method == "POST" else {}
    answer = await door.http.request(
        method, door.runs + path, params=query, headers=headers, **body
    )
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == PROBLEM


async def test_runs_are_listed_page_by_page_the_youngest_first(door):
    made = [await door.run_id() for _ in range(5)]
    seen, cursor = [], {}
    for _ in range(3):
        answer = await door.http.get(door.runs, params={"limit": 2, **cursor})
        page = answer.json()
        seen += [item["id"] for item in page["items"]]
        cursor = {"cursor": page.get("nextCursor")}
    assert seen == made[::-1]
    assert "nextCursor" not in page
    answer = await door.http.get(door.runs, params={"status": "Succeeded"})
    assert answer.json() == {"items": []}


async def test_a_wrong_method_says_which_is_right(door):
    answer = await door.http.delete("/v1/work/claim")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.headers["content-type"] == PROBLEM
    answer = await door.http.delete(door.runs)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert "GET, POST" in answer.json()["title"]


async def test_without_credentials_nobody_is_let_in(door):
    for path in (door.runs, f"{door.runs}/{uuid.uuid4()}", "/v1/keys"):
        answer = await door.http.get(path, headers={"authorization": "Bearer wrong"})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


def callers(names: Names) -> dict[str, Caller]:
    return {
        "dev-key": Caller("dev", names.tenant, ALL, platform=True),
        "reader": Caller("r", names.tenant, frozenset({"read"})),
        "submitter": Caller("s", names.tenant, frozenset({"submit"})),
        "stranger": Caller("x", "somebody-else", ALL),
        "worker": Caller("w", names.tenant, frozenset({"work"}), pipeline=-1),
    }


@pytest.fixture
async def shared(ledger_server):
    names = Names()
    async with scene(ledger_server, [], names=names, identity=Callers(callers(names))) as made:
        yield made


def as_(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name}"}


async def test_absent_and_not_yours_are_the_same_answer(shared):
    run = await shared.run_id()
    absent = f"{shared.runs}/{uuid.uuid4()}"
    elsewhere = shared.runs.replace(shared.names.namespace, "elsewhere")
    cases = [
        ("stranger", "GET", f"{shared.runs}/{run}"),
        ("stranger", "GET", f"{shared.runs}/{run}/events"),
        ("stranger", "POST", f"{shared.runs}/{run}/cancel"),
        ("stranger", "GET", shared.runs),
        ("stranger", "POST", shared.runs),
        ("reader", "GET", absent),
        ("reader", "GET", f"{elsewhere}/{run}"),
        ("reader", "GET", f"{shared.runs}/not-an-id"),
        ("reader", "GET", f"{shared.runs}/{run}".replace("draft", "other")),
        ("submitter", "POST", elsewhere),
        ("reader", "GET", "/v1/no-such-route"),
    ]
    answers = []
    for who, method, path in cases:
        body = {"content": b"{}"} if method == "POST" else {}
        answers.append(await shared.http.request(method, path, headers=as_(who), **body))
    assert [answer.status_code for answer in answers] == [404] * len(cases)
    assert len({answer.content for answer in answers}) == 1
    assert len({frozenset(answer.headers.items()) for answer in answers}) == 1


RIGHTS = {
    "a reader may not submit": ("reader", "POST", "", 403),
    "a submitter may not read": ("submitter", "GET", "", 403),
    "a worker may not read": ("worker", "GET", "", 403),
    "a worker may not submit": ("worker", "POST", "", 403),
    "a reader may read": ("reader", "GET", "", 200),
    "a submitter may submit": ("submitter", "POST", "", 202),
}


@pytest.mark.parametrize(("who", "method", "path", "status"), RIGHTS.values(), ids=RIGHTS)
async def test_rights(shared, who, method, path, status):
    body = {"content": b"{}"} if method == "POST" else {}
    answer = await shared.http.request(method, shared.runs + path, headers=as_(who), **body)
    assert answer.status_code == status


async def test_a_callers_traceparent_is_kept_and_given_to_the_worker(door):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await door.submit(headers={"traceparent": trace})
    (lease,) = await door.claim("c-1")
    assert lease["traceparent"] == trace


async def test_the_description_names_every_route(door):
    described = (await door.http.get("/openapi.json")).json()
    routes = {
        (method.lower(), route.path)
        for route in door.app.routes
        for method in route.methods - {"HEAD"}
    }
    told = {(method, path) for path, each in described["paths"].items() for method in each}
    assert told == routes


async def test_the_description_says_what_may_be_sent_and_answered(door):
    paths = (await door.http.get("/openapi.json")).json()["paths"]
    submit = next(each["post"] for path, each in paths.items() if path.endswith("/runs"))
    answers = {
        code: said["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
        for code, said in submit["responses"].items()
        if code != "default"
    }
    assert answers == {"200": "RunView", "202": "RunAccepted"}
    chat = paths["/v1/chat/completions"]["post"]
    asked = chat["requestBody"]["content"]["application/json"]["schema"]
    assert {"model", "messages"} == set(asked["required"]) < set(asked["properties"])
    assert set(chat["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
    assert paths["/openapi.json"]["get"]["security"] == []
    assert "security" not in submit
