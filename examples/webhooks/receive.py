"""A receiver of Tally's webhooks with nothing but Python's standard library:

    python3 examples/webhooks/receive.py            (prints where it listens)
    npx tally webhooks add http://127.0.0.1:PORT/ --operations inventory.take --crosses below:5

The secret that `add` prints is read from the environment: WEBHOOK_SECRET
"""

import base64
import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = base64.b64decode(os.environ.get("WEBHOOK_SECRET", "whsec_").removeprefix("whsec_"))
TOLERANCE_SECONDS = 5 * 60

# Tally sends an event until it is taken, and so perhaps twice. In a real service: a column in your database.
seen = set()


def is_from_tally(headers, body):
    """Whether the body has a signature with the secret, and is not an old one that somebody sends again."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(expected, given) for given in headers.get("webhook-signature", "").split(" "))


class Receiver(BaseHTTPRequestHandler):
    def do_OPTIONS(self):
        """Tally asks before it sends anything: only its own name is let in."""
        self.send_response(200)
        self.send_header("Allow", "POST")
        if self.headers.get("WebHook-Request-Origin") == "tally":
            self.send_header("WebHook-Allowed-Origin", "tally")
            self.send_header("WebHook-Allowed-Rate", "*")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if not SECRET or not is_from_tally(self.headers, body):
            self.answer(401)
            return
        message_id = self.headers["webhook-id"]
        if message_id not in seen:
            seen.add(message_id)
            event = json.loads(body)
            cell = (event["data"].get("cells") or [{}])[0]
            before, after = ("-" if cell.get(name) is None else cell[name] for name in ("before", "after"))
            print(f"{event['type']} {event.get('subject', '')} {before} -> {after}", flush=True)
        self.answer(204)  # within 15 seconds; work that takes longer goes into a queue first

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "0"))), Receiver)
print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
server.serve_forever()
