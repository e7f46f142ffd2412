"""What the API's document cannot say: which things exist, and what Twilio and we have signed.

Half of the valid requests name what exists, and are signed, so that more is reached than refusals. What is invalid is
sent as it was made.
"""

import base64
import hashlib
import hmac
import os
import random
import time
from urllib.parse import parse_qsl, urlencode

import schemathesis
from hypothesis import strategies
from schemathesis.openapi.checks import RejectedPositiveData

THINGS = {name: os.environ[f"OUTDIAL_{name.upper()}"] for name in ("user_id", "call_id", "recording_id")}
RECORDING_SID = os.environ["OUTDIAL_RECORDING_SID"]
WEBHOOKS = os.environ["OUTDIAL_URL"]
RANDOM = random.Random(0)
# Those of a country that may be called, and one of another.
NUMBERS = ["+14155552671", "+12125550123", "+16502530000", "+442079460000"]

# What Twilio's callbacks tell, as a rule first, and what else a field may hold.
FORM = {
    "CallSid": ["CA" + 32 * "0", "CA0", ""],
    "CallStatus": ["queued", "ringing", "in-progress", "completed", "busy", "gone"],
    "SequenceNumber": ["0", "3", "-1", "many"],
    "CallDuration": ["12", "99999999999999999999"],
    "Timestamp": ["Mon, 15 Aug 2005 15:52:01 +0000", "yesterday"],
    "RecordingSid": ["RE" + 32 * "0", "RE0"],
    "RecordingStatus": ["in-progress", "completed", "absent", "gone"],
    "RecordingUrl": ["https://example.com/recording", "\0"],
}

# Some of those that every database of time zones knows.
ZONES = ["America/New_York", "Asia/Kolkata", "Etc/GMT+5", "Etc/GMT-5", "UTC"]
schemathesis.openapi.format("iana-time-zone", strategies.sampled_from(ZONES))

# What a schema can say. A refusal by any other code is one by a rule: what exists in the world, what is stored, what a
# form says.
BY_SCHEMA = {"malformed_json", "malformed_request", "validation_failed"}
# A cursor is opaque and belongs to one list; it stands alone.
NOT_TOGETHER = {"cursor", "page", "email"}
# A time begins before it ends, and statistics are of a month at most.
TIMES = {"must be earlier than to", "must be at most 31 days before to"}
# No numbering plan has the number.
NOT_VALID = ("must be a valid number", "must be written ")
# The notes are bounded as a whole, in bytes.
TOO_MUCH = "must have at most 2048 bytes"


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation.definition.raw.get("operationId")
    if operation.startswith("twilio_") and is_valid(case, "body"):
        sign_webhook(case)
    elif operation == "stream_media" and is_valid(case, "query"):
        sign_media(case)
    elif operation == "create_outbound_call" and is_valid(case, "body"):
        case.body["to_number"] = RANDOM.choice([case.body["to_number"], *NUMBERS])
        if not is_linked(case) and coin():
            case.body["user_id"] = THINGS["user_id"]
    elif operation == "block_number" and is_valid(case, "body"):
        case.body["phone_number"] = RANDOM.choice([case.body["phone_number"], *NUMBERS])
    if case.method != "DELETE" and not is_linked(case) and is_valid(case, "path"):
        for name in THINGS.keys() & case.path_parameters.keys():
            if coin():
                case.path_parameters[name] = THINGS[name]


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """A valid request may be refused by a rule that no schema can say, and by no other."""
    if not isinstance(failure, RejectedPositiveData) or response.status_code not in (400, 422):
        return True
    problem = response.json()
    if problem["code"] not in BY_SCHEMA:
        return False
    errors = {error["field"]: error["message"] for error in problem["errors"]}
    opaque = NOT_TOGETHER if "cursor" in errors else set()
    too_much = {"metadata"} if errors.get("metadata", "").startswith(TOO_MUCH) else set()
    turned = {"from"} if errors.get("from") in TIMES else set()
    not_valid = {"phone_number"} if errors.get("phone_number", "").startswith(NOT_VALID) else set()
    return not errors.keys() <= opaque | too_much | turned | not_valid


@schemathesis.deserializer("audio/x-wav")
def audio(context, response):
    return response.content.decode("latin-1")


def sign_webhook(case):
    """As Twilio does: the URL, then the names and values in order."""
    if not coin():
        return
    form = dict(parse_qsl(case.body)) if isinstance(case.body, str) else {}
    for name, values in FORM.items():
        form[name] = values[0] if RANDOM.random() < 0.8 else RANDOM.choice(values)
    case.query = {"call_id": THINGS["call_id"]} if coin() else {}
    url = WEBHOOKS + case.path + ("?" + urlencode(case.query) if case.query else "")
    message = url + "".join(name + form[name] for name in sorted(form))
    key = os.environ["OUTDIAL_AUTH_TOKEN"].encode()
    tag = hmac.new(key, message.encode(), hashlib.sha1).digest()
    case.body = urlencode(form)
    case.headers["X-Twilio-Signature"] = base64.b64encode(tag).decode()


def sign_media(case):
    """As `/recordings/{recording_id}/media` does."""
    if coin():
        expires = int(time.time()) + 60
        key = os.environ["OUTDIAL_MEDIA_SIGNING_KEY"].encode()
        tag = hmac.new(key, f"{RECORDING_SID}\n{expires}".encode(), hashlib.sha256).digest()
        signature = base64.urlsafe_b64encode(tag).decode().rstrip("=")
        case.query = {"recording_sid": RECORDING_SID, "expires": expires, "signature": signature}


def is_valid(case, location):
    """Whether the whole case fits the document, and that part of it was made up."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return False
    return location in {part.value for part in case.meta.components}


def is_linked(case):
    return case.meta is not None and case.meta.phase.name.value == "stateful"


def coin():
    return RANDOM.random() < 0.5
