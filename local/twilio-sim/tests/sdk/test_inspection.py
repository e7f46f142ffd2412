"""What the simulator tells about itself under /_sim, and what it never tells."""

from email.utils import parsedate_to_datetime

from simulator import API_KEY_SECRET, AUTH_TOKEN
from stage import HUMAN, Stage, eventually, twiml


def test_the_log_tells_everything_that_happened_to_a_call(stage, simulator, number):
    call = stage.call(number, twiml("<Say>Good morning.</Say>"))
    stage.told(call)
    whole = eventually(lambda: simulator.log(call), lambda log: len(posted(log, "status")) == 4)
    assert [entry["n"] for entry in whole] == sorted(entry["n"] for entry in whole)
    assert all(entry["at"] and entry["kind"] for entry in whole)
    assert [url for url, _ in posted(whole, "voice")] == [stage.mailbox.url("voice")]
    assert {status for _, status in posted(whole, "status")} == {204}
    assert "Good morning." in str(whole)


def posted(log, kind):
    return [(entry["url"], entry["status"]) for entry in log if entry["kind"] == "webhook" and entry["webhook"] == kind]


def test_the_log_is_read_from_any_entry_on_and_for_one_call(stage, simulator, number):
    call = stage.call(number)
    stage.told(call)
    *_, last = simulator.log(call)
    later = simulator.get("/_sim/log", params={"since": last["n"], "call_sid": call.sid}).text.splitlines()
    assert len(later) >= 1
    assert all(call.sid in line for line in later)


def test_the_log_holds_no_secret(stage, simulator, number):
    stage.told(stage.call(number))
    log = simulator.get("/_sim/log").text
    assert AUTH_TOKEN not in log
    assert API_KEY_SECRET not in log


def test_calls_are_told_as_they_are(stage, simulator, number):
    call = stage.recorded(to=number)
    (told,) = [each for each in simulator.get("/_sim/calls").json()["calls"] if each["sid"] == call.sid]
    assert (told["to"], told["status"]) == (number, "completed")
    assert told["spoken"] == ["Good morning."]
    assert [recording["status"] for recording in told["recordings"]] == ["completed"]


def test_calls_beyond_the_rate_of_the_account_wait_in_the_queue(launch, contract, mailbox):
    slow = launch("--max-calls-per-second", "0.05")
    stage = Stage(slow.client(contract), mailbox, slow)
    calls = [stage.call(HUMAN) for _ in range(3)]
    waits = [parsedate_to_datetime(stage.told(call)[0]["Timestamp"]) - call.date_created for call in calls]
    assert waits[0].total_seconds() <= 2
    assert 20 < waits[2].total_seconds() <= 42


def test_a_verbose_simulator_says_readably_what_it_does(launch, mailbox):
    talkative = launch("--verbose")
    stage = Stage(talkative.client(), mailbox, talkative)
    call = stage.call(HUMAN, twiml("<Say>Good morning.</Say>"))
    stage.told(call)
    said = eventually(lambda: list(talkative.said), lambda lines: any("completed" in line for line in lines))
    assert any("Good morning." in line for line in said)
    assert any(stage.mailbox.url("voice") in line for line in said)
    assert AUTH_TOKEN not in "".join(said)
