"""Adds what the API document can't express: ids that exist, and signatures.

Half of the valid requests get existing ids and valid signatures, so that they are not all refused. Invalid requests stay
unchanged.
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
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData

THINGS = {name: os.environ[f"OUTDIAL_{name.upper()}"] for name in ("user_id", "call_id", "recording_id")}
RECORDING_SID = os.environ["OUTDIAL_RECORDING_SID"]
WEBHOOKS = os.environ["OUTDIAL_URL"]
RANDOM = random.Random(0)
# Numbers in an allowed country, and one in another country.
NUMBERS = ["+14155552671", "+12125550123", "+16502530000", "+442079460000"]

# Values of the fields of Twilio's callbacks. The first one is the usual one.
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

# Zones that every time zone database has.
ZONES = ["America/New_York", "Asia/Kolkata", "Etc/GMT+5", "Etc/GMT-5", "UTC"]
schemathesis.openapi.format("iana-time-zone", strategies.sampled_from(ZONES))

# Error codes of violations that a schema can express. Other codes are refusals by rules, stored data or a form's values.
BY_SCHEMA = {"malformed_json", "malformed_request", "validation_failed"}
# A cursor is opaque, belongs to one list, and excludes these parameters.
NOT_TOGETHER = {"cursor", "page", "email"}
# `from` must be earlier than `to`, and statistics cover at most 31 days.
TIMES = {"must be earlier than to", "must be at most 31 days before to"}
# The number is in no numbering plan.
NOT_VALID = ("must be a valid number", "must be written ")
# Times depend on each other and on the clock, delays on their sum. To a schema, 3.0 is a whole number. A script is a template, and
# recipients are a CSV table. A call has either a script or steps; a step has exactly one action, and a `goto` leads forward. A transcript
# needs a recording and a service, a sensitive call has none, and a part of speech has exactly one kind of words.
BEYOND_SCHEMA = (
    "expires_at",
    "max_wait_seconds",
    "recipients",
    "retry.",
    "scheduled_at",
    "script",
    "sensitive",
    "steps",
    "transcribe",
    "voicemail",
)
# The metadata have a limit in bytes.
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
    """Accepts the refusal of a valid request only if it is by a rule that a schema can't express. The fallback refuses nothing."""
    if isinstance(failure, AcceptedNegativeData) and case.operation.definition.raw.get("operationId") == "twilio_fallback":
        return False
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
    rest = errors.keys() - opaque - too_much - turned - not_valid
    return any(not field.startswith(BEYOND_SCHEMA) for field in rest)


@schemathesis.deserializer("audio/x-wav")
def audio(context, response):
    return response.content.decode("latin-1")


def sign_webhook(case):
    """Signs a webhook like Twilio: the URL, then the sorted names and values."""
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
    """Signs a URL like `/recordings/{recording_id}/media`."""
    if coin():
        expires = int(time.time()) + 60
        key = os.environ["OUTDIAL_MEDIA_SIGNING_KEY"].encode()
        tag = hmac.new(key, f"{RECORDING_SID}\n{expires}".encode(), hashlib.sha256).digest()
        signature = base64.urlsafe_b64encode(tag).decode().rstrip("=")
        case.query = {"recording_sid": RECORDING_SID, "expires": expires, "signature": signature}


def is_valid(case, location):
    """Returns true if the whole case conforms to the document, and this part of it was generated."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return False
    return location in {part.value for part in case.meta.components}


def is_linked(case):
    return case.meta is not None and case.meta.phase.name.value == "stateful"


def coin():
    return RANDOM.random() < 0.5
