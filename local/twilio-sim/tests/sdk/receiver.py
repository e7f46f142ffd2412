"""A webhook receiver: what a Twilio user's own server would be, with a memory."""

import threading
import time
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from requests.structures import CaseInsensitiveDict
from twilio.request_validator import RequestValidator

PATIENCE_SECONDS = 20
EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response/>'


class Parameters(dict):
    """Form parameters; `getlist` is how the official validator asks for repeated names."""

    def __init__(self, pairs):
        super().__init__(pairs)
        self.pairs = list(pairs)

    def getlist(self, name):
        return [value for key, value in self.pairs if key == name]


@dataclass(frozen=True)
class Answer:
    """What the receiver says: `delay` is in seconds of the wall clock."""

    body: str = ""
    status: int = 200
    content_type: str = "text/xml; charset=utf-8"
    delay: float = 0
    headers: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Webhook:
    """One request as it arrived; `genuine` is the official validator's verdict on it."""

    method: str
    url: str
    params: Parameters
    headers: CaseInsensitiveDict
    genuine: bool

    def __str__(self):
        told = ("CallStatus", "RecordingStatus", "SequenceNumber", "ErrorCode")
        return f"{self.method} {self.url} { ({name: self.params[name] for name in told if name in self.params}) }"

    def __getitem__(self, name):
        return self.params[name]

    @property
    def call_sid(self):
        return self.params.get("CallSid")


class Mailbox:
    """The part of the receiver that belongs to one test: its own path, answers and letters."""

    def __init__(self, origin):
        self.prefix = "/" + uuid.uuid4().hex
        self._origin = origin
        self._answers = {}
        self._letters = []
        self._arrival = threading.Condition()

    def url(self, name, suffix=""):
        """The address of `name`; `suffix` is a query or a fragment, with its own sign."""
        return f"{self._origin}{self.prefix}/{name}{suffix}"

    def answer(self, name, *answers):
        """Answers requests for `name` in turn; the last one is repeated. Text means TwiML."""
        self._answers[name] = [a if isinstance(a, Answer) else Answer(a) for a in answers]

    def letters(self, name=None, call=None):
        """What has arrived so far, in order of arrival."""
        with self._arrival:
            return [
                webhook
                for kind, webhook in self._letters
                if name in (None, kind) and (call is None or webhook.call_sid == call.sid)
            ]

    def wait(self, name, count=1, call=None, where=lambda webhook: True):
        """The first `count` letters to `name` that fit, or a failure that says what came instead."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self._arrival:
            while True:
                fitting = [w for w in self.letters(name, call) if where(w)]
                if len(fitting) >= count:
                    return fitting
                if not self._arrival.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                    came = [f"{kind}: {w}" for kind, w in self._letters]
                    raise AssertionError(f"{name}: {len(fitting)} of {count} came; in all: {came}")

    def deliver(self, name, webhook):
        with self._arrival:
            self._letters.append((name, webhook))
            answers = self._answers.get(name, [Answer(status=204, content_type="")])
            self._arrival.notify_all()
            return answers.pop(0) if len(answers) > 1 else answers[0]


class Server(ThreadingHTTPServer):
    """Holds a connection until it is served: a full queue would lose it, and its sender would wait for a second."""

    request_queue_size = 128
    daemon_threads = True


class Receiver:
    """The server itself: started once, on a port that the system chose."""

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
            return Answer("no such mailbox", 404, "text/plain")
        url = self.origin + target
        form = Parameters(parse_qsl(body, keep_blank_values=True, strict_parsing=bool(body)))
        query = Parameters(parse_qsl(urlsplit(target).query, keep_blank_values=True))
        genuine = self._validator.validate(url, form, headers.get("X-Twilio-Signature", ""))
        seen = form if method == "POST" else query
        return mailbox.deliver(name, Webhook(method, url, seen, CaseInsensitiveDict(headers), genuine))

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
                answer = receiver._receive(self.command, self.path, self.headers, body)
                time.sleep(answer.delay)
                payload = answer.body.encode("utf-8")
                try:
                    self.send_response(answer.status)
                    if answer.content_type:
                        self.send_header("Content-Type", answer.content_type)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    if answer.status != 204:
                        self.send_header("Content-Length", str(len(payload)))
                    self.end_headers()
                    self.wfile.write(payload)
                    self.wfile.flush()
                except ConnectionError:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        return Handler
