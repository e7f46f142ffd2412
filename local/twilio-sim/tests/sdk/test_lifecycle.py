"""The course of a call as its webhooks report it."""

from email.utils import parsedate_to_datetime

import pytest

from simulator import ACCOUNT_SID
from caller import (
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


def test_answered_call_reports_each_status_in_order(caller, number):
    call = caller.call(number, twiml('<Say>Hello.</Say><Pause length="5"/>'))
    callbacks = caller.status_callbacks(call)
    assert statuses(callbacks) == ["initiated", "ringing", "in-progress", "completed"]
    assert [webhook["SequenceNumber"] for webhook in callbacks] == ["0", "1", "2", "3"]
    times = [parsedate_to_datetime(webhook["Timestamp"]) for webhook in callbacks]
    assert times == sorted(times)
    for webhook in callbacks:
        assert ALWAYS <= webhook.params.keys()
        assert (webhook.method, webhook["CallSid"], webhook["AccountSid"]) == ("POST", call.sid, ACCOUNT_SID)
        assert (webhook["To"], webhook["From"]) == (number, FROM)
        assert (webhook["ApiVersion"], webhook["Direction"]) == ("2010-04-01", "outbound-api")
        assert webhook["CallbackSource"] == "call-progress-events"
        assert webhook.headers["Content-Type"].startswith("application/x-www-form-urlencoded")


def test_last_callback_has_the_duration(caller, number):
    call = caller.call(number, twiml('<Pause length="6"/>'))
    *before, last = caller.status_callbacks(call)
    assert 6 <= int(last["CallDuration"]) <= 15
    assert last["Duration"] == "1"
    assert last["SipResponseCode"] == "200"
    assert caller.wait_for_end(call).duration == last["CallDuration"]
    for webhook in before:
        assert not {"CallDuration", "Duration", "SipResponseCode"} & webhook.params.keys()


def test_duration_rounds_minutes_up(caller, number):
    last = caller.status_callbacks(caller.call(number, twiml('<Pause length="61"/>')))[-1]
    assert 61 <= int(last["CallDuration"]) <= 75
    assert last["Duration"] == "2"


def test_voice_request_arrives_when_the_call_is_answered(caller, number):
    call = caller.call(number)
    caller.status_callbacks(call)
    (request,) = caller.mailbox.webhooks("voice")
    assert (request.method, request.call_sid, request["CallStatus"]) == ("POST", call.sid, "in-progress")
    assert ALWAYS | PLACES | {"Caller", "Called"} <= request.params.keys()
    assert (request["Caller"], request["Called"]) == (FROM, number)
    assert "" in request.params.values()
    assert "SequenceNumber" not in request.params
    assert "AnsweredBy" not in request.params


def test_voice_url_is_requested_with_get_if_configured(caller, number):
    call = caller.call(number, method="GET", status_callback_method="GET")
    assert statuses(caller.status_callbacks(call)) == ["initiated", "ringing", "in-progress", "completed"]
    (request,) = caller.mailbox.webhooks("voice")
    assert (request.method, request.call_sid) == ("GET", call.sid)
    assert {webhook.method for webhook in caller.mailbox.webhooks("status")} == {"GET"}


@pytest.mark.parametrize("to", FAILED_STATUSES, ids=FAILED_STATUSES.get)
def test_unanswered_call_ends_with_its_reason(caller, to):
    call = caller.call(to, timeout=5)
    callbacks = caller.status_callbacks(call)
    assert callbacks[0]["CallStatus"] == "initiated"
    assert callbacks[-1]["CallStatus"] == FAILED_STATUSES[to]
    assert "in-progress" not in statuses(callbacks)
    assert callbacks[-1]["CallDuration"] == "0"
    assert callbacks[-1]["SipResponseCode"].isdigit()
    assert callbacks[-1]["SipResponseCode"] != "200"
    assert caller.wait_for_end(call).status == FAILED_STATUSES[to]
    assert caller.mailbox.webhooks("voice") == []


def test_phone_rings_until_the_timeout(caller):
    call = caller.call(NO_ANSWER, timeout=20)
    webhooks = caller.status_callbacks(call)
    times = {webhook["CallStatus"]: parsedate_to_datetime(webhook["Timestamp"]) for webhook in webhooks}
    assert 20 <= (times["no-answer"] - times["ringing"]).total_seconds() <= 35


def test_called_party_can_hang_up_early(caller):
    call = caller.call(HANGS_UP_EARLY, twiml('<Pause length="300"/><Redirect>after</Redirect>'))
    last = caller.status_callbacks(call)[-1]
    assert last["CallStatus"] == "completed"
    assert int(last["CallDuration"]) < 60
    assert caller.mailbox.webhooks("after") == []


def test_time_limit_ends_the_call(caller, number):
    last = caller.status_callbacks(caller.call(number, twiml('<Pause length="300"/>'), time_limit=7))[-1]
    assert last["CallStatus"] == "completed"
    assert 7 <= int(last["CallDuration"]) <= 12


def test_queued_call_is_dialled_later(caller):
    call = caller.call(STAYS_QUEUED)
    callbacks = caller.status_callbacks(call)
    assert statuses(callbacks) == ["initiated", "ringing", "in-progress", "completed"]
    assert (parsedate_to_datetime(callbacks[0]["Timestamp"]) - call.fetch().date_created).total_seconds() >= 29


@pytest.mark.parametrize(("to", "by"), [(MACHINE, "machine_start"), (HUMAN, "human")], ids=["machine", "human"])
def test_machine_detection_reports_who_answered(caller, to, by):
    call = caller.call(to, machine_detection="Enable")
    last = caller.status_callbacks(call)[-1]
    (request,) = caller.mailbox.webhooks("voice")
    assert request["AnsweredBy"] == last["AnsweredBy"] == by
    assert caller.wait_for_end(call).answered_by == by


def test_machine_detection_can_wait_for_the_end_of_the_greeting(caller):
    caller.status_callbacks(caller.call(MACHINE, machine_detection="DetectMessageEnd"))
    (request,) = caller.mailbox.webhooks("voice")
    assert request["AnsweredBy"] in ("machine_end_beep", "machine_end_silence", "machine_end_other")


def test_background_machine_detection_has_its_own_callback(caller):
    call = caller.call(
        MACHINE,
        twiml('<Pause length="20"/>'),
        machine_detection="Enable",
        async_amd="true",
        async_amd_status_callback=caller.mailbox.url("amd"),
    )
    (detected,) = caller.mailbox.wait("amd")
    assert (detected.call_sid, detected["AccountSid"]) == (call.sid, ACCOUNT_SID)
    assert detected["AnsweredBy"] == "machine_start"
    assert int(detected["MachineDetectionDuration"]) > 0
    assert "AnsweredBy" not in caller.mailbox.webhooks("voice")[0].params
    caller.status_callbacks(call)


def test_without_machine_detection_there_is_no_answered_by(caller):
    call = caller.call(MACHINE)
    assert all("AnsweredBy" not in webhook.params for webhook in caller.status_callbacks(call))
    assert caller.wait_for_end(call).answered_by is None


def test_only_the_end_is_reported_by_default(caller, number):
    call = caller.call(number, status_callback_event=[])
    (last,) = caller.status_callbacks(call)
    assert (last["CallStatus"], last["SequenceNumber"]) == ("completed", "0")


def test_only_the_requested_events_are_reported(caller, number):
    call = caller.call(number, status_callback_event=["answered", "completed"])
    caller.mailbox.wait("status", where=lambda w: w["CallStatus"] == "completed")
    callbacks = caller.mailbox.wait("status", 2)
    numbers = {webhook["CallStatus"]: int(webhook["SequenceNumber"]) for webhook in callbacks}
    assert numbers.keys() == {"in-progress", "completed"}
    assert numbers["in-progress"] < numbers["completed"]
    assert caller.wait_for_end(call).status == "completed"


@pytest.mark.parametrize(
    "events", [["finished"], ["initiated", "finished"], ["initiated ringing"]], ids=["alone", "among-good", "joined"]
)
def test_unknown_event_is_accepted_and_disables_all_status_callbacks(caller, number, events):
    call = caller.call(number, status_callback_event=events)
    assert caller.wait_for_end(call).status == "completed"
    caller.status_callbacks(caller.call(HUMAN))
    assert caller.mailbox.webhooks("status", call) == []
    assert len(caller.mailbox.webhooks("voice", call)) == 1


def test_call_without_a_status_callback_sends_none(caller, number):
    call = caller.call(number, HELLO, status_callback=None)
    assert caller.wait_for_end(call).status == "completed"
    assert [webhook.url for webhook in caller.mailbox.webhooks()] == [caller.mailbox.url("voice")]
