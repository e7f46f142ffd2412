"""A webhook receiver: the server of a Twilio user, which also remembers its requests."""

import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from requests.structures import CaseInsensitiveDict
from twilio.request_validator import RequestValidator

WAIT_SECONDS = 20
EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


class Parameters(dict):
    """Form parameters. The official validator calls `getlist` for repeated names."""

    def __init__(self, pairs):
        super().__init__(pairs)
        self.pairs = list(pairs)

    def getlist(self, name):
        return [value for key, value in self.pairs if key == name]


@dataclass(frozen=True)
class Reply:
    """A response of the receiver. `delay` is in seconds of wall time."""

    body: str = ""
    status: int = 200
    content_type: str = "text/xml; charset=utf-8"
    delay: float = 0
    headers: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Webhook:
    """A received request. `signature_valid` is the result of the official validator."""

    method: str
    url: str
    params: Parameters
    headers: CaseInsensitiveDict
    signature_valid: bool

    def __str__(self):
        shown = ("CallStatus", "RecordingStatus", "SequenceNumber", "ErrorCode")
        return f"{self.method} {self.url} { ({name: self.params[name] for name in shown if name in self.params}) }"

    def __getitem__(self, name):
        return self.params[name]

    @property
    def call_sid(self):
        return self.params.get("CallSid")


class Mailbox:
    """The part of the receiver for one test, with its own path, replies and webhooks."""

    def __init__(self, origin):
        self.prefix = "/" + uuid.uuid4().hex
        self._origin = origin
        self._replies = {}
        self._webhooks = []
        self._arrival = threading.Condition()

    def url(self, name, suffix=""):
        """Returns the URL of `name`. `suffix` is a query or a fragment, with its `?` or `#`."""
        return f"{self._origin}{self.prefix}/{name}{suffix}"

    def reply(self, name, *replies):
        """Sets the replies for `name` in order. The last one repeats. Text is TwiML."""
        self._replies[name] = [r if isinstance(r, Reply) else Reply(r) for r in replies]

    def webhooks(self, name=None, call=None):
        """Returns the webhooks so far, in order of arrival."""
        with self._arrival:
            return [
                webhook
                for kind, webhook in self._webhooks
                if name in (None, kind) and (call is None or webhook.call_sid == call.sid)
            ]

    def wait(self, name, count=1, call=None, where=lambda webhook: True):
        """Waits for `count` matching webhooks to `name`, and returns all matching ones."""
        deadline = time.monotonic() + WAIT_SECONDS
        with self._arrival:
            while True:
                matching = [w for w in self.webhooks(name, call) if where(w)]
                if len(matching) >= count:
                    return matching
                if not self._arrival.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                    arrived = [f"{kind}: {w}" for kind, w in self._webhooks]
                    raise AssertionError(f"{name}: {len(matching)} of {count} arrived; all webhooks: {arrived}")

    def deliver(self, name, webhook):
        with self._arrival:
            self._webhooks.append((name, webhook))
            replies = self._replies.get(name, [Reply(status=204, content_type="")])
            self._arrival.notify_all()
            return replies.pop(0) if len(replies) > 1 else replies[0]


class Server(ThreadingHTTPServer):
    """A server with a long queue of connections. With a full queue, the sender would retry after a second."""

    request_queue_size = 128
    daemon_threads = True


class Receiver:
    """The receiver, on a free port."""

    def __init__(self, auth_token):
        self._validator = RequestValidator(auth_token)
        self._mailboxes = {}
        self._server = Server(("127.0.0.1", 0), self._handler())
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def mailbox(self):
        mailbox = Mailbox(self.origin)
        self._mailboxes[mailbox.prefix] = mailbox
        return mailbox

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def _receive(self, method, target, headers, body):
        prefix, _, name = urlsplit(target).path.rpartition("/")
        mailbox = self._mailboxes.get(prefix)
        if mailbox is None:
            return Reply("no such mailbox", 404, "text/plain")
        url = self.origin + target
        form = Parameters(parse_qsl(body, keep_blank_values=True, strict_parsing=bool(body)))
        query = Parameters(parse_qsl(urlsplit(target).query, keep_blank_values=True))
        signature_valid = self._validator.validate(url, form, headers.get("X-Twilio-Signature", ""))
        seen = form if method == "POST" else query
        return mailbox.deliver(name, Webhook(method, url, seen, CaseInsensitiveDict(headers), signature_valid))

    def _handler(receiver):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65536
            disable_nagle_algorithm = True

            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                self._reply(self.rfile.read(length).decode("utf-8"))

            def do_GET(self):
                self._reply("")

            def _reply(self, body):
                reply = receiver._receive(self.command, self.path, self.headers, body)
                time.sleep(reply.delay)
                payload = reply.body.encode("utf-8")
                try:
                    self.send_response(reply.status)
                    if reply.content_type:
                        self.send_header("Content-Type", reply.content_type)
                    for name, value in reply.headers.items():
                        self.send_header(name, value)
                    if reply.status != 204:
                        self.send_header("Content-Length", str(len(payload)))
                    self.end_headers()
                    self.wfile.write(payload)
                    self.wfile.flush()
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        return Handler
