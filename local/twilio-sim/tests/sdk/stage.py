"""Places calls and waits for what becomes of them."""

import time

import pytest

from receiver import PATIENCE_SECONDS

FROM = "+15005550006"
HUMAN = "+12125550100"
BUSY = "+12125550101"
NO_ANSWER = "+12125550102"
FAILED = "+12125550103"
MACHINE = "+12125550104"
HANGS_UP_EARLY = "+12125550105"
PRESSES_ONE = "+12125550106"
SPEAKS = "+12125550107"
STAYS_SILENT = "+12125550108"
STAYS_QUEUED = "+12125550109"
RECORDING_ABSENT = "+12125550110"

ALL_EVENTS = ["initiated", "ringing", "answered", "completed"]
ENDED = ("completed", "busy", "failed", "no-answer", "canceled")


def twiml(verbs):
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{verbs}</Response>'


HELLO = twiml("<Say>Hello.</Say><Hangup/>")


class Stage:
    """A caller with a voice URL and a status callback in this test's mailbox."""

    def __init__(self, client, mailbox, simulator):
        self.client = client
        self.mailbox = mailbox
        self.simulator = simulator

    def call(self, to=HUMAN, voice=HELLO, **options):
        """Places a call whose voice URL answers `voice` and which reports all events to `status`."""
        answers = voice if isinstance(voice, (list, tuple)) else [voice]
        self.mailbox.answer("voice", *answers)
        options.setdefault("from_", FROM)
        options.setdefault("status_callback", self.mailbox.url("status"))
        options.setdefault("status_callback_event", ALL_EVENTS)
        if "twiml" not in options:
            options.setdefault("url", self.mailbox.url("voice"))
        return self.client.calls.create(to=to, **options)

    def recorded(self, **options):
        """Places a recorded call that speaks for a few seconds, and waits for its recording."""
        options.setdefault("voice", twiml('<Say>Good morning.</Say><Pause length="4"/>'))
        call = self.call(
            record=True,
            recording_status_callback=self.mailbox.url("recording"),
            recording_status_callback_event=["in-progress", "completed", "absent"],
            **options,
        )
        self.mailbox.wait("recording", call=call, where=lambda w: w["RecordingStatus"] in ("completed", "absent"))
        return call

    def told(self, call):
        """The status callbacks of a call in the order of their SequenceNumber, once the last has come."""
        self.mailbox.wait("status", call=call, where=lambda w: w["CallStatus"] in ENDED)
        total = 1 + max(int(w["SequenceNumber"]) for w in self.mailbox.letters("status", call))
        letters = self.mailbox.wait("status", total, call)
        return sorted(letters, key=lambda w: int(w["SequenceNumber"]))

    def until(self, call, *statuses):
        """Fetches the call until it has one of the statuses."""
        return eventually(lambda: call.fetch(), lambda fetched: fetched.status in statuses)

    def ended(self, call):
        return self.until(call, *ENDED)


def eventually(look, holds):
    """Looks until it holds, within the deadline; tells what was seen last if it never did."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        seen = look()
        if holds(seen):
            return seen
        if time.monotonic() > deadline:
            pytest.fail(f"after {PATIENCE_SECONDS} s it was still {seen!r:.2000}")
        time.sleep(0.03)


def statuses(letters):
    return [letter["CallStatus"] for letter in letters]
