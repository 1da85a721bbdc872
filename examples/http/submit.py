"""Submits updates with nothing but Python's standard library:

    npm start
    python3 examples/http/submit.py

Another server is given as an argument: python3 examples/http/submit.py http://127.0.0.1:3001
An API key, where one is needed, is read from the environment: API_KEY
"""

import json
import os
import sys
import time
import uuid
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

TALLY = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:3000"
API_KEY = os.environ.get("API_KEY")
ATTEMPTS = 5


def call(path, body=None, content_type="application/json"):
    """Asks Tally, again when it did not answer or can't at the moment.

    That is safe for updates with an idempotency key: however often one is sent, it counts once.
    """
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": content_type, **({"Authorization": f"Bearer {API_KEY}"} if API_KEY else {})}
    for attempt in range(1, ATTEMPTS + 1):
        request = Request(TALLY + path, data, headers)
        try:
            with urlopen(request, timeout=40) as response:
                return json.load(response)
        except HTTPError as error:
            problem = json.load(error)
            if error.code not in (429, 503) or attempt == ATTEMPTS:
                raise RuntimeError(f"{problem['code']}: {problem['detail']}") from error
            time.sleep(int(error.headers.get("Retry-After", "1")))
        except (URLError, ConnectionError, TimeoutError):
            if attempt == ATTEMPTS:
                raise
            time.sleep(1)


def show(answer):
    print(json.dumps(answer, separators=(",", ":")))


order = f"order-{uuid.uuid4()}"

# One update. The answer says that Redis has it.
xp = {"operation": "xp.award", "params": {"key": f"xp:{order}", "amount": 50}, "idempotencyKey": order}
accepted = call("/v1/updates", xp)
show(accepted)

# Its outcome, asked for by its id until it is there.
update_id = accepted["updates"][0]["id"]
while (outcome := call(f"/v1/updates/{update_id}"))["status"] == "accepted":
    time.sleep(0.1)
show(outcome)

# The same again: it is not applied twice, and the answer is the first outcome. `wait` saves asking for it.
show(call("/v1/updates?wait=5000", xp))

# Several at once. Each takes effect or not by itself.
take = {
    "operation": "inventory.take",
    "params": {"key": f"stock:{order}", "quantity": 1, "whenShort": "reject"},
    "idempotencyKey": f"{order}-lamp",
}
count = {
    "operation": "counter.increment",
    "params": {"key": f"orders:{order}"},
    "idempotencyKey": f"{order}-count",
}
show(call("/v1/updates?wait=5000", [take, count]))

# A CloudEvent. Delivered again, with the same source and id, it would count once.
event = {
    "specversion": "1.0",
    "source": "/shop",
    "id": order,
    "type": "tally.counter.increment",
    "data": {"key": f"orders:{order}"},
}
show(call("/v1/events?wait=5000", event, "application/cloudevents+json"))

# What Redis holds now.
show(call(f"/v1/cells?key={quote(f'xp:{order}')}"))
