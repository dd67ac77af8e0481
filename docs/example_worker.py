"""A whole headrace worker in plain Python: python example_worker.py URL NAMESPACE PIPELINE POOL."""

import contextlib
import hashlib
import json
import os
import secrets
import sys
import threading
import urllib.request

URL, NAMESPACE, PIPELINE, POOL = sys.argv[1:5]
TOKEN = os.environ["HEADRACE_TOKEN"]  # in a pod: the file that $HEADRACE_TOKEN_FILE names
WORKER = f"{os.uname().nodename}-{os.getpid()}"
HELD = {}  # task -> fence, of what runs now


def ask(verb, body, key=TOKEN, path="/v1/work/"):
    """Send one request; whoever gets no answer may send it again under the same request id."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    request = urllib.request.Request(URL + path + verb, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=90) as answer:
        return json.load(answer)


def work(lease, key):
    """Do the step. An LLM step asks its model through the gateway, with the key of its slot."""
    step = next(s for s in lease["pipeline"]["steps"] if s["name"] == lease["step"])
    if step["type"] != "LLM":
        return {"echo": lease["input"], "seen": sorted(lease["outputs"])}
    asked = {"model": step["llm"]["modelClass"], "messages": [{"role": "user", "content": "Hi."}]}
    return ask("completions", asked, key, "/v1/chat/")["choices"][0]["message"]["content"]


def beat(stop):
    """Keep the leases: a third of a lease's length between two beats."""
    while not stop.wait(10):
        if held := [{"task": task, "fence": fence} for task, fence in list(HELD.items())]:
            with contextlib.suppress(Exception):  # who reaches nobody keeps trying
                ask("heartbeat", {"worker": WORKER, "leases": held})


threading.Thread(target=beat, args=[threading.Event()], daemon=True).start()
wait = 0  # the first claim does not wait: its answer says that everything works
while True:
    key = secrets.token_hex(32)  # never sent with the claim, only its hash
    slot = {"keyHash": hashlib.sha256(key.encode()).hexdigest()}
    wish = {"requestId": secrets.token_hex(8), "worker": WORKER, "waitSeconds": wait}
    wish |= {"namespace": NAMESPACE, "pipeline": PIPELINE, "pool": POOL}
    claimed = ask("claim", wish | {"stepTypes": ["LLM", "HTTP", "Python"], "slots": [slot]})
    wait = 30
    for lease in claimed["leases"]:
        item = {"task": lease["task"], "fence": lease["fence"]}
        HELD[lease["task"]] = lease["fence"]
        try:
            verb, item["output"] = "complete", work(lease, key)
        except Exception as error:
            verb, item["errorClass"], item["message"] = "fail", "StepError", str(error)[:4000]
        ask(verb, {"requestId": secrets.token_hex(8), "worker": WORKER, "items": [item]})
        del HELD[lease["task"]]
