#!/usr/bin/env python3
"""Signs the events in this folder for the account in env.json.

    python3 events/sign.py             writes the signatures into the files
    python3 events/sign.py --check     lists the files with outdated signatures, and fails if there are any
    python3 events/sign.py --recording RE…
                                       prints media.json with this recording, and writes nothing
"""

import argparse
import base64
import hashlib
import hmac
import json
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

EVENTS = Path(__file__).resolve().parent
NOT_EVENTS = {"env.json", "seed.json"}
FOREIGN_TOKEN = "not the account's token"


def event_files():
    return sorted(file for file in EVENTS.glob("*.json") if file.name not in NOT_EVENTS)


def environment(function):
    return json.loads((EVENTS / "env.json").read_text())[function]


def body_of(event):
    body = event.get("body", "").encode()
    return base64.b64decode(body) if event["isBase64Encoded"] else body


def twilio_signature(event, token):
    """Returns Twilio's X-Twilio-Signature for the form of this event."""
    context = event["requestContext"]
    url = f"https://{context['domainName']}{event['rawPath']}"
    if event["rawQueryString"]:
        url += "?" + event["rawQueryString"]
    pairs = sorted(set(parse_qsl(body_of(event).decode(), keep_blank_values=True)))
    signed = url + "".join(name + value for name, value in pairs)
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), hashlib.sha1)).decode()


def media_signature(recording_sid, expires, key):
    """Returns the signature in the short-lived URL of a recording's audio."""
    signed = hmac.digest(key.encode(), f"{recording_sid}\n{expires}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()


def sign(name, event, recording=None):
    """Returns the event with its signature. Events whose name ends in -forged get one of another account."""
    path = event.get("rawPath", "")
    if path.startswith("/twilio/"):
        genuine = environment("Voice")["TWILIO_AUTH_TOKEN"]
        token = FOREIGN_TOKEN if name.endswith("-forged") else genuine
        event["headers"]["x-twilio-signature"] = twilio_signature(event, token)
    elif path == "/media":
        query = event["queryStringParameters"]
        query["recording_sid"] = recording or query["recording_sid"]
        key = environment("Media")["MEDIA_SIGNING_KEY"]
        query["signature"] = media_signature(query["recording_sid"], query["expires"], key)
        event["rawQueryString"] = urlencode(query)
    return event


def as_text(event):
    return json.dumps(event, indent=2, ensure_ascii=False) + "\n"


def main():
    arguments = argparse.ArgumentParser(description="Signs the events in this folder.")
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("--recording", metavar="RE…")
    options = arguments.parse_args()

    if options.recording:
        event = json.loads((EVENTS / "media.json").read_text())
        print(as_text(sign("media", event, options.recording)), end="")
        return 0

    stale = []
    for file in event_files():
        before = file.read_text()
        after = as_text(sign(file.stem, json.loads(before)))
        if after != before:
            stale.append(file.name)
            if not options.check:
                file.write_text(after)
    for name in stale:
        print(f"{name}: {'stale' if options.check else 'signed'}")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
