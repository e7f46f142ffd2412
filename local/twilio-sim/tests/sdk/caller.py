"""Creates calls and waits for their results."""

import time

import pytest

from receiver import WAIT_SECONDS

FROM = "+15005550006"
OTHER_FROM = "+15005550007"
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


class Caller:
    """Creates calls whose voice URL and status callback are in this test's mailbox."""

    def __init__(self, client, mailbox, simulator):
        self.client = client
        self.mailbox = mailbox
        self.simulator = simulator

    def call(self, to=HUMAN, voice=HELLO, **options):
        """Creates a call. Its voice URL replies with `voice`, and it reports all events to `status`."""
        replies = voice if isinstance(voice, (list, tuple)) else [voice]
        self.mailbox.reply("voice", *replies)
        options.setdefault("from_", FROM)
        options.setdefault("status_callback", self.mailbox.url("status"))
        options.setdefault("status_callback_event", ALL_EVENTS)
        if "twiml" not in options:
            options.setdefault("url", self.mailbox.url("voice"))
        return self.client.calls.create(to=to, **options)

    def recorded(self, **options):
        """Creates a recorded call that speaks for a few seconds, and waits for its recording."""
        options.setdefault("voice", twiml('<Say>Good morning.</Say><Pause length="4"/>'))
        call = self.call(
            record=True,
            recording_status_callback=self.mailbox.url("recording"),
            recording_status_callback_event=["in-progress", "completed", "absent"],
            **options,
        )
        self.mailbox.wait("recording", call=call, where=lambda w: w["RecordingStatus"] in ("completed", "absent"))
        return call

    def status_callbacks(self, call):
        """Waits for all status callbacks of a call, and returns them in the order of SequenceNumber."""
        self.mailbox.wait("status", call=call, where=lambda w: w["CallStatus"] in ENDED)
        total = 1 + max(int(w["SequenceNumber"]) for w in self.mailbox.webhooks("status", call))
        webhooks = self.mailbox.wait("status", total, call)
        return sorted(webhooks, key=lambda w: int(w["SequenceNumber"]))

    def wait_for_status(self, call, *statuses):
        """Fetches the call until it has one of these statuses."""
        return eventually(lambda: call.fetch(), lambda fetched: fetched.status in statuses)

    def wait_for_end(self, call):
        return self.wait_for_status(call, *ENDED)


def eventually(look, holds):
    """Calls `look` until its result satisfies `holds`, and returns that result. Fails after WAIT_SECONDS."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        seen = look()
        if holds(seen):
            return seen
        if time.monotonic() > deadline:
            pytest.fail(f"after {WAIT_SECONDS} s the result was still {seen!r:.2000}")
        time.sleep(0.03)


def statuses(webhooks):
    return [webhook["CallStatus"] for webhook in webhooks]
