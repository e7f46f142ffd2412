"""The inspection API under /_sim, and the absence of secrets in it."""

from email.utils import parsedate_to_datetime

from simulator import API_KEY_SECRET, AUTH_TOKEN
from caller import HUMAN, Caller, eventually, twiml


def test_log_has_everything_about_a_call(caller, simulator, number):
    call = caller.call(number, twiml("<Say>Good morning.</Say>"))
    caller.status_callbacks(call)
    whole = eventually(lambda: simulator.log(call), lambda log: len(posted(log, "status")) == 4)
    assert [entry["n"] for entry in whole] == sorted(entry["n"] for entry in whole)
    assert all(entry["at"] and entry["kind"] for entry in whole)
    assert [url for url, _ in posted(whole, "voice")] == [caller.mailbox.url("voice")]
    assert {status for _, status in posted(whole, "status")} == {204}
    assert "Good morning." in str(whole)


def posted(log, kind):
    return [(entry["url"], entry["status"]) for entry in log if entry["kind"] == "webhook" and entry["webhook"] == kind]


def test_log_can_start_at_an_entry_and_filter_by_call(caller, simulator, number):
    call = caller.call(number)
    caller.status_callbacks(call)
    *_, last = simulator.log(call)
    later = simulator.get("/_sim/log", params={"since": last["n"], "call_sid": call.sid}).text.splitlines()
    assert len(later) >= 1
    assert all(call.sid in line for line in later)


def test_log_has_no_secrets(caller, simulator, number):
    caller.status_callbacks(caller.call(number))
    log = simulator.get("/_sim/log").text
    assert AUTH_TOKEN not in log
    assert API_KEY_SECRET not in log


def test_calls_report_what_happened(caller, simulator, number):
    call = caller.recorded(to=number)
    (report,) = [each for each in simulator.get("/_sim/calls").json()["calls"] if each["sid"] == call.sid]
    assert (report["to"], report["status"]) == (number, "completed")
    assert report["spoken"] == ["Good morning."]
    assert [recording["status"] for recording in report["recordings"]] == ["completed"]


def test_calls_over_the_rate_limit_stay_queued(launch, contract, mailbox):
    slow = launch("--max-calls-per-second", "0.05")
    caller = Caller(slow.client(contract), mailbox, slow)
    calls = [caller.call(HUMAN) for _ in range(3)]
    waits = [parsedate_to_datetime(caller.status_callbacks(call)[0]["Timestamp"]) - call.fetch().date_created for call in calls]
    assert waits[0].total_seconds() <= 2
    assert 20 < waits[2].total_seconds() <= 42


def test_verbose_prints_readable_log_entries(launch, mailbox):
    verbose = launch("--verbose")
    caller = Caller(verbose.client(), mailbox, verbose)
    call = caller.call(HUMAN, twiml("<Say>Good morning.</Say>"))
    caller.status_callbacks(call)
    printed = eventually(lambda: list(verbose.output), lambda lines: any("completed" in line for line in lines))
    assert any("Good morning." in line for line in printed)
    assert any(caller.mailbox.url("voice") in line for line in printed)
    assert AUTH_TOKEN not in "".join(printed)


def test_malformed_twiml_is_a_notification(simulator, caller, number):
    call = caller.call(number, twiml="<Response><Say>")
    caller.wait_for_end(call)
    # Twilio's OpenAPI document in TWILIO_OPENAPI may lack this resource.
    notifications = simulator.client().calls(call.sid).notifications
    (error,) = notifications.list()
    assert (error.error_code, error.log, error.call_sid) == ("12100", "0", call.sid)
    assert notifications(error.sid).fetch().message_text == error.message_text
