"""Faults on purpose, as a user of the official SDK meets them."""

import contextlib
import functools
import json
import select
import socket
import subprocess
from base64 import b64encode
from urllib.parse import urlsplit

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from simulator import ACCOUNT_SID, AUTH_TOKEN, binary
from stage import FROM, HELLO, Stage, eventually, statuses


@pytest.fixture(scope="module")
def faulty(launch):
    """A simulator of this module's own: a fault plan is everybody's."""
    return launch()


@pytest.fixture
def stage(faulty, mailbox):
    """A stage on the faulty simulator, which forgets its faults afterwards."""
    yield Stage(faulty.client(), mailbox, faulty)
    plan(faulty)


def plan(simulator, **rules):
    answer = requests.put(simulator.origin + "/_sim/faults", json=rules, timeout=10)
    assert answer.ok, answer.text


def call_sids(stage, number):
    return [call.sid for call in stage.client.calls.list(to=number)]


def create(stage, number, client=None):
    stage.mailbox.answer("voice", HELLO)
    options = {"url": stage.mailbox.url("voice"), "status_callback": stage.mailbox.url("status")}
    return (client or stage.client).calls.create(to=number, from_=FROM, **options)


def test_a_plan_is_read_back_as_it_was_put(stage, faulty):
    plan(faulty, seed=7, callbacks=[{"kind": "status", "action": "drop", "probability": 0.5}])
    read = faulty.get("/_sim/faults").json()
    assert (read["seed"], read["rest"]) == (7, [])
    (rule,) = read["callbacks"]
    assert (rule["kind"], rule["action"], rule["probability"]) == ("status", "drop", 0.5)


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        '{"callbacks": [{"action": "explode"}]}',
        '{"rest": [{"action": "reset", "probability": 2}]}',
        '{"x": 1}',
    ],
    ids=["text", "action", "probability", "field"],
)
def test_a_plan_that_makes_no_sense_is_refused(stage, faulty, tmp_path, body):
    before = faulty.get("/_sim/faults").json()
    assert requests.put(faulty.origin + "/_sim/faults", data=body, timeout=10).status_code == 400
    assert faulty.get("/_sim/faults").json() == before
    file = tmp_path / "faults.json"
    file.write_text(body)
    ended = subprocess.run([binary(), "--faults", file], capture_output=True, text=True, timeout=20)
    assert ended.returncode != 0
    assert str(file) in ended.stderr


def test_a_rate_limited_call_was_not_placed_and_may_be_repeated(stage, faulty, number):
    plan(faulty, rest=[{"on": "create", "action": "rate_limit", "requests": [1]}])
    with pytest.raises(TwilioRestException) as refused:
        create(stage, number)
    assert (refused.value.status, refused.value.code) == (429, 20429)
    assert call_sids(stage, number) == []
    placed = create(stage, number)
    assert call_sids(stage, number) == [placed.sid]


def test_a_refusal_has_the_code_that_was_planned(stage, faulty, number):
    plan(faulty, rest=[{"on": "create", "action": "refuse", "status": 400, "code": 21210}])
    with pytest.raises(TwilioRestException) as refused:
        create(stage, number)
    assert (refused.value.status, refused.value.code) == (400, 21210)
    assert call_sids(stage, number) == []


@pytest.mark.parametrize("action", ["error", "reset", "garbage"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_broken_answer_leaves_a_call_only_if_it_broke_after_it_was_accepted(stage, faulty, number, action, when):
    plan(faulty, rest=[{"on": "create", "action": action, "when": when}])
    with pytest.raises((TwilioRestException, requests.RequestException, ValueError)):
        create(stage, number, faulty.client(broken=True))
    if when == "before":
        assert call_sids(stage, number) == []
        return
    (sid,) = call_sids(stage, number)
    assert stage.mailbox.wait("voice")[0].call_sid == sid


def test_a_stalled_answer_may_be_given_up_and_the_call_is_placed_all_the_same(stage, faulty, number):
    plan(faulty, rest=[{"on": "create", "action": "stall", "when": "after", "delay_ms": 5000}])
    with pytest.raises(requests.Timeout):
        create(stage, number, faulty.client(timeout=0.3))
    assert stage.mailbox.wait("status")[0]["CallStatus"] == "completed"


def test_a_dropped_callback_never_comes(stage, faulty, number):
    plan(faulty, callbacks=[{"kind": "status", "event": "ringing", "action": "drop"}])
    call = stage.call(number)
    stage.mailbox.wait("status", call=call, where=lambda w: w["CallStatus"] == "completed")
    letters = sorted(stage.mailbox.wait("status", 3, call), key=lambda w: int(w["SequenceNumber"]))
    assert statuses(letters) == ["initiated", "in-progress", "completed"]
    assert [letter["SequenceNumber"] for letter in letters] == ["0", "2", "3"]


def test_a_duplicated_callback_comes_twice_and_is_the_same(stage, faulty, number):
    plan(faulty, callbacks=[{"kind": "status", "event": "completed", "action": "duplicate"}])
    call = stage.call(number)
    first, second = stage.mailbox.wait("status", 2, call, lambda w: w["CallStatus"] == "completed")
    assert dict(first.params) == dict(second.params)


def test_a_delayed_callback_lets_the_others_pass(stage, faulty, number):
    plan(faulty, callbacks=[{"kind": "status", "event": "initiated", "action": "delay", "delay_ms": 1000}])
    call = stage.call(number)
    assert [w["SequenceNumber"] for w in stage.mailbox.wait("status", 4, call)] == ["1", "2", "3", "0"]


def test_a_reordered_callback_comes_after_the_next(stage, faulty, number):
    plan(faulty, callbacks=[{"kind": "status", "event": "ringing", "action": "reorder"}])
    call = stage.call(number)
    assert [w["SequenceNumber"] for w in stage.mailbox.wait("status", 4, call)] == ["0", "2", "1", "3"]


def test_a_lost_voice_request_goes_to_the_fallback(stage, faulty, number):
    plan(faulty, callbacks=[{"kind": "voice", "action": "drop", "to": number}])
    stage.mailbox.answer("fallback", HELLO)
    call = stage.call(number, fallback_url=stage.mailbox.url("fallback"))
    stage.told(call)
    assert stage.mailbox.letters("voice") == []


def settled(simulator, call):
    """How many of a call's status callbacks have been delivered or lost."""
    log = simulator.log(call)
    return sum(entry["kind"] in ("webhook", "fault") and entry["webhook"] == "status" for entry in log)


def test_the_same_seed_meets_the_same_faults(launch, mailbox, tmp_path, number):
    file = tmp_path / "faults.json"
    file.write_text(json.dumps({"seed": 11, "callbacks": [{"kind": "status", "action": "drop", "probability": 0.5}]}))

    def lost():
        simulator = launch("--faults", str(file))
        stage = Stage(simulator.client(), mailbox, simulator)
        calls = [stage.call(number) for _ in range(6)]
        for call in calls:
            eventually(functools.partial(settled, simulator, call), lambda count: count == 4)
        came = [{w["SequenceNumber"] for w in mailbox.letters("status", call)} for call in calls]
        return [sorted({"0", "1", "2", "3"} - numbers) for numbers in came]

    first = lost()
    assert 0 < sum(map(len, first)) < 24
    assert lost() == first


def test_too_many_requests_at_once_are_refused_until_others_have_ended(stage, faulty):
    plan(faulty, rest=[{"on": "account", "action": "stall", "delay_ms": 600_000}])

    def code_of_an_unknown_call():
        with pytest.raises(TwilioRestException) as refused:
            stage.client.calls("CA" + "0" * 32).fetch()
        return refused.value.code

    assert code_of_an_unknown_call() == 20404
    with contextlib.ExitStack() as open_lines:
        waiting = [open_lines.enter_context(ask_for_the_account(faulty)) for _ in range(100)]

        def code_beside_the_waiting():
            # A look may have taken the place of a waiting request, which then was refused: another one waits instead.
            for line in answered(waiting):
                waiting.remove(line)
                waiting.append(open_lines.enter_context(ask_for_the_account(faulty)))
            return code_of_an_unknown_call()

        eventually(code_beside_the_waiting, lambda code: code == 20429)
        refused = [open_lines.enter_context(ask_for_the_account(faulty)) for _ in range(3)]
        eventually(lambda: answered(refused), lambda lines: lines == refused)
        assert all(line.recv(12) == b"HTTP/1.1 429" for line in refused)
        assert answered(waiting) == []
    eventually(code_of_an_unknown_call, lambda code: code == 20404)


def ask_for_the_account(simulator):
    """Sends a request and leaves its answer unread."""
    address = urlsplit(simulator.origin)
    line = socket.create_connection((address.hostname, address.port), timeout=10)
    credentials = b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
    path = f"/2010-04-01/Accounts/{ACCOUNT_SID}.json"
    line.sendall(f"GET {path} HTTP/1.1\r\nHost: twilio\r\nAuthorization: Basic {credentials}\r\n\r\n".encode())
    return line


def answered(lines):
    """Those on which an answer has begun."""
    return select.select(lines, [], [], 0)[0]
