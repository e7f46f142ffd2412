"""What happens to a call, as its webhooks tell it."""

from email.utils import parsedate_to_datetime

import pytest

from simulator import ACCOUNT_SID
from stage import (
    BUSY,
    FAILED,
    FROM,
    HANGS_UP_EARLY,
    HELLO,
    HUMAN,
    MACHINE,
    NO_ANSWER,
    STAYS_QUEUED,
    statuses,
    twiml,
)

ALWAYS = {"CallSid", "AccountSid", "From", "To", "CallStatus", "ApiVersion", "Direction"}
PLACES = {f"{who}{what}" for who in ("From", "To", "Caller", "Called") for what in ("City", "State", "Zip", "Country")}
FAILED_STATUSES = {BUSY: "busy", NO_ANSWER: "no-answer", FAILED: "failed"}


def test_an_answered_call_tells_each_of_its_steps_in_order(stage, number):
    call = stage.call(number, twiml('<Say>Hello.</Say><Pause length="5"/>'))
    told = stage.told(call)
    assert statuses(told) == ["initiated", "ringing", "in-progress", "completed"]
    assert [letter["SequenceNumber"] for letter in told] == ["0", "1", "2", "3"]
    times = [parsedate_to_datetime(letter["Timestamp"]) for letter in told]
    assert times == sorted(times)
    for letter in told:
        assert ALWAYS <= letter.params.keys()
        assert (letter.method, letter["CallSid"], letter["AccountSid"]) == ("POST", call.sid, ACCOUNT_SID)
        assert (letter["To"], letter["From"]) == (number, FROM)
        assert (letter["ApiVersion"], letter["Direction"]) == ("2010-04-01", "outbound-api")
        assert letter["CallbackSource"] == "call-progress-events"
        assert letter.headers["Content-Type"].startswith("application/x-www-form-urlencoded")


def test_the_last_callback_tells_how_long_the_call_was(stage, number):
    call = stage.call(number, twiml('<Pause length="6"/>'))
    *before, last = stage.told(call)
    assert 6 <= int(last["CallDuration"]) <= 15
    assert last["Duration"] == "1"
    assert last["SipResponseCode"] == "200"
    assert stage.ended(call).duration == last["CallDuration"]
    for letter in before:
        assert not {"CallDuration", "Duration", "SipResponseCode"} & letter.params.keys()


def test_duration_counts_begun_minutes(stage, number):
    last = stage.told(stage.call(number, twiml('<Pause length="61"/>')))[-1]
    assert 61 <= int(last["CallDuration"]) <= 75
    assert last["Duration"] == "2"


def test_the_voice_request_comes_when_the_call_is_answered(stage, number):
    call = stage.call(number)
    stage.told(call)
    (asked,) = stage.mailbox.letters("voice")
    assert (asked.method, asked.call_sid, asked["CallStatus"]) == ("POST", call.sid, "in-progress")
    assert ALWAYS | PLACES | {"Caller", "Called"} <= asked.params.keys()
    assert (asked["Caller"], asked["Called"]) == (FROM, number)
    assert "" in asked.params.values()
    assert "SequenceNumber" not in asked.params
    assert "AnsweredBy" not in asked.params


def test_a_voice_url_is_fetched_with_get_where_that_was_asked(stage, number):
    call = stage.call(number, method="GET", status_callback_method="GET")
    assert statuses(stage.told(call)) == ["initiated", "ringing", "in-progress", "completed"]
    (asked,) = stage.mailbox.letters("voice")
    assert (asked.method, asked.call_sid) == ("GET", call.sid)
    assert {letter.method for letter in stage.mailbox.letters("status")} == {"GET"}


@pytest.mark.parametrize("to", FAILED_STATUSES, ids=FAILED_STATUSES.get)
def test_a_call_that_nobody_answers_ends_with_the_reason(stage, to):
    call = stage.call(to, timeout=5)
    told = stage.told(call)
    assert told[0]["CallStatus"] == "initiated"
    assert told[-1]["CallStatus"] == FAILED_STATUSES[to]
    assert "in-progress" not in statuses(told)
    assert told[-1]["CallDuration"] == "0"
    assert told[-1]["SipResponseCode"].isdigit()
    assert told[-1]["SipResponseCode"] != "200"
    assert stage.ended(call).status == FAILED_STATUSES[to]
    assert stage.mailbox.letters("voice") == []


def test_a_phone_rings_as_long_as_the_timeout_says(stage):
    call = stage.call(NO_ANSWER, timeout=20)
    told = {letter["CallStatus"]: parsedate_to_datetime(letter["Timestamp"]) for letter in stage.told(call)}
    assert 20 <= (told["no-answer"] - told["ringing"]).total_seconds() <= 35


def test_a_caller_may_hang_up_early(stage):
    call = stage.call(HANGS_UP_EARLY, twiml('<Pause length="300"/><Redirect>after</Redirect>'))
    last = stage.told(call)[-1]
    assert last["CallStatus"] == "completed"
    assert int(last["CallDuration"]) < 60
    assert stage.mailbox.letters("after") == []


def test_a_time_limit_ends_the_call(stage, number):
    last = stage.told(stage.call(number, twiml('<Pause length="300"/>'), time_limit=7))[-1]
    assert last["CallStatus"] == "completed"
    assert 7 <= int(last["CallDuration"]) <= 12


def test_a_queued_call_is_dialled_later(stage):
    call = stage.call(STAYS_QUEUED)
    told = stage.told(call)
    assert statuses(told) == ["initiated", "ringing", "in-progress", "completed"]
    assert (parsedate_to_datetime(told[0]["Timestamp"]) - call.date_created).total_seconds() >= 29


@pytest.mark.parametrize(("to", "by"), [(MACHINE, "machine_start"), (HUMAN, "human")], ids=["machine", "human"])
def test_machine_detection_tells_who_answered(stage, to, by):
    call = stage.call(to, machine_detection="Enable")
    last = stage.told(call)[-1]
    (asked,) = stage.mailbox.letters("voice")
    assert asked["AnsweredBy"] == last["AnsweredBy"] == by
    assert stage.ended(call).answered_by == by


def test_machine_detection_may_wait_for_the_end_of_the_greeting(stage):
    stage.told(stage.call(MACHINE, machine_detection="DetectMessageEnd"))
    (asked,) = stage.mailbox.letters("voice")
    assert asked["AnsweredBy"] in ("machine_end_beep", "machine_end_silence", "machine_end_other")


def test_machine_detection_in_the_background_has_a_callback_of_its_own(stage):
    call = stage.call(
        MACHINE,
        twiml('<Pause length="20"/>'),
        machine_detection="Enable",
        async_amd="true",
        async_amd_status_callback=stage.mailbox.url("amd"),
    )
    (detected,) = stage.mailbox.wait("amd")
    assert (detected.call_sid, detected["AccountSid"]) == (call.sid, ACCOUNT_SID)
    assert detected["AnsweredBy"] == "machine_start"
    assert int(detected["MachineDetectionDuration"]) > 0
    assert "AnsweredBy" not in stage.mailbox.letters("voice")[0].params
    stage.told(call)


def test_without_machine_detection_nobody_says_who_answered(stage):
    call = stage.call(MACHINE)
    assert all("AnsweredBy" not in letter.params for letter in stage.told(call))
    assert stage.ended(call).answered_by is None


def test_without_chosen_events_only_the_end_is_told(stage, number):
    call = stage.call(number, status_callback_event=[])
    (last,) = stage.told(call)
    assert (last["CallStatus"], last["SequenceNumber"]) == ("completed", "0")


def test_only_the_chosen_events_are_told(stage, number):
    call = stage.call(number, status_callback_event=["answered", "completed"])
    stage.mailbox.wait("status", where=lambda w: w["CallStatus"] == "completed")
    told = stage.mailbox.wait("status", 2)
    numbers = {letter["CallStatus"]: int(letter["SequenceNumber"]) for letter in told}
    assert numbers.keys() == {"in-progress", "completed"}
    assert numbers["in-progress"] < numbers["completed"]
    assert stage.ended(call).status == "completed"


@pytest.mark.parametrize(
    "events", [["finished"], ["initiated", "finished"], ["initiated ringing"]], ids=["alone", "among-good", "joined"]
)
def test_a_bad_event_is_accepted_and_silences_every_callback(stage, number, events):
    call = stage.call(number, status_callback_event=events)
    assert stage.ended(call).status == "completed"
    stage.told(stage.call(HUMAN))
    assert stage.mailbox.letters("status", call) == []
    assert len(stage.mailbox.letters("voice", call)) == 1


def test_a_call_without_status_callback_tells_nothing(stage, number):
    call = stage.call(number, HELLO, status_callback=None)
    assert stage.ended(call).status == "completed"
    assert [letter.url for letter in stage.mailbox.letters()] == [stage.mailbox.url("voice")]
