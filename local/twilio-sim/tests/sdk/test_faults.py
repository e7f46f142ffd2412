"""Injected faults as a user of the official SDK sees them."""

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
from caller import FROM, HELLO, Caller, eventually, statuses


@pytest.fixture(scope="module")
def faulty(launch):
    """A simulator for this module only, because a fault plan affects all its users."""
    return launch()


@pytest.fixture
def caller(faulty, mailbox):
    """A caller of the faulty simulator. The fault plan is cleared afterwards."""
    yield Caller(faulty.client(), mailbox, faulty)
    plan(faulty)


def plan(simulator, **rules):
    response = requests.put(simulator.origin + "/_sim/faults", json=rules, timeout=10)
    assert response.ok, response.text


def call_sids(caller, number):
    return [call.sid for call in caller.client.calls.list(to=number)]


def create(caller, number, client=None):
    caller.mailbox.reply("voice", HELLO)
    options = {"url": caller.mailbox.url("voice"), "status_callback": caller.mailbox.url("status")}
    return (client or caller.client).calls.create(to=number, from_=FROM, **options)


def test_plan_can_be_read_back(caller, faulty):
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
def test_invalid_plan_is_refused(caller, faulty, tmp_path, body):
    before = faulty.get("/_sim/faults").json()
    assert requests.put(faulty.origin + "/_sim/faults", data=body, timeout=10).status_code == 400
    assert faulty.get("/_sim/faults").json() == before
    file = tmp_path / "faults.json"
    file.write_text(body)
    ended = subprocess.run([binary(), "--faults", file], capture_output=True, text=True, timeout=20)
    assert ended.returncode != 0
    assert str(file) in ended.stderr


def test_rate_limited_call_is_not_created_and_can_be_retried(caller, faulty, number):
    plan(faulty, rest=[{"on": "create", "action": "rate_limit", "requests": [1]}])
    with pytest.raises(TwilioRestException) as refused:
        create(caller, number)
    assert (refused.value.status, refused.value.code) == (429, 20429)
    assert call_sids(caller, number) == []
    placed = create(caller, number)
    assert call_sids(caller, number) == [placed.sid]


def test_refusal_has_the_code_of_the_plan(caller, faulty, number):
    plan(faulty, rest=[{"on": "create", "action": "refuse", "status": 400, "code": 21210}])
    with pytest.raises(TwilioRestException) as refused:
        create(caller, number)
    assert (refused.value.status, refused.value.code) == (400, 21210)
    assert call_sids(caller, number) == []


@pytest.mark.parametrize("action", ["error", "reset", "garbage"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_broken_response_leaves_a_call_only_if_the_fault_came_after(caller, faulty, number, action, when):
    plan(faulty, rest=[{"on": "create", "action": action, "when": when}])
    with pytest.raises((TwilioRestException, requests.RequestException, ValueError)):
        create(caller, number, faulty.client(broken=True))
    if when == "before":
        assert call_sids(caller, number) == []
        return
    (sid,) = call_sids(caller, number)
    assert caller.mailbox.wait("voice")[0].call_sid == sid


def test_stalled_request_still_creates_the_call_after_a_timeout(caller, faulty, number):
    plan(faulty, rest=[{"on": "create", "action": "stall", "when": "after", "delay_ms": 5000}])
    with pytest.raises(requests.Timeout):
        create(caller, number, faulty.client(timeout=0.3))
    assert caller.mailbox.wait("status")[0]["CallStatus"] == "completed"


def test_dropped_callback_never_arrives(caller, faulty, number):
    plan(faulty, callbacks=[{"kind": "status", "event": "ringing", "action": "drop"}])
    call = caller.call(number)
    caller.mailbox.wait("status", call=call, where=lambda w: w["CallStatus"] == "completed")
    webhooks = sorted(caller.mailbox.wait("status", 3, call), key=lambda w: int(w["SequenceNumber"]))
    assert statuses(webhooks) == ["initiated", "in-progress", "completed"]
    assert [webhook["SequenceNumber"] for webhook in webhooks] == ["0", "2", "3"]


def test_duplicated_callback_arrives_twice_unchanged(caller, faulty, number):
    plan(faulty, callbacks=[{"kind": "status", "event": "completed", "action": "duplicate"}])
    call = caller.call(number)
    first, second = caller.mailbox.wait("status", 2, call, lambda w: w["CallStatus"] == "completed")
    assert dict(first.params) == dict(second.params)


def test_delayed_callback_arrives_after_the_others(caller, faulty, number):
    plan(faulty, callbacks=[{"kind": "status", "event": "initiated", "action": "delay", "delay_ms": 1000}])
    call = caller.call(number)
    assert [w["SequenceNumber"] for w in caller.mailbox.wait("status", 4, call)] == ["1", "2", "3", "0"]


def test_reordered_callback_arrives_after_the_next_one(caller, faulty, number):
    plan(faulty, callbacks=[{"kind": "status", "event": "ringing", "action": "reorder"}])
    call = caller.call(number)
    assert [w["SequenceNumber"] for w in caller.mailbox.wait("status", 4, call)] == ["0", "2", "1", "3"]


def test_dropped_voice_request_leads_to_the_fallback(caller, faulty, number):
    plan(faulty, callbacks=[{"kind": "voice", "action": "drop", "to": number}])
    caller.mailbox.reply("fallback", HELLO)
    call = caller.call(number, fallback_url=caller.mailbox.url("fallback"))
    caller.status_callbacks(call)
    assert caller.mailbox.webhooks("voice") == []


def settled(simulator, call):
    """Returns the number of status callbacks of a call that have been delivered or dropped."""
    log = simulator.log(call)
    return sum(entry["kind"] in ("webhook", "fault") and entry["webhook"] == "status" for entry in log)


def test_same_seed_gives_the_same_faults(launch, mailbox, tmp_path, number):
    file = tmp_path / "faults.json"
    file.write_text(json.dumps({"seed": 11, "callbacks": [{"kind": "status", "action": "drop", "probability": 0.5}]}))

    def lost():
        simulator = launch("--faults", str(file))
        caller = Caller(simulator.client(), mailbox, simulator)
        calls = [caller.call(number) for _ in range(6)]
        for call in calls:
            eventually(functools.partial(settled, simulator, call), lambda count: count == 4)
        arrived = [{w["SequenceNumber"] for w in mailbox.webhooks("status", call)} for call in calls]
        return [sorted({"0", "1", "2", "3"} - numbers) for numbers in arrived]

    first = lost()
    assert 0 < sum(map(len, first)) < 24
    assert lost() == first


def test_too_many_concurrent_requests_are_refused_until_others_end(caller, faulty):
    plan(faulty, rest=[{"on": "account", "action": "stall", "delay_ms": 600_000}])

    def code_of_an_unknown_call():
        with pytest.raises(TwilioRestException) as refused:
            caller.client.calls("CA" + "0" * 32).fetch()
        return refused.value.code

    assert code_of_an_unknown_call() == 20404
    with contextlib.ExitStack() as open_lines:
        waiting = [open_lines.enter_context(ask_for_the_account(faulty)) for _ in range(100)]

        def code_while_others_wait():
            # This request may have used the slot of a waiting one, which was then refused. Send another one instead.
            for line in answered(waiting):
                waiting.remove(line)
                waiting.append(open_lines.enter_context(ask_for_the_account(faulty)))
            return code_of_an_unknown_call()

        eventually(code_while_others_wait, lambda code: code == 20429)
        refused = [open_lines.enter_context(ask_for_the_account(faulty)) for _ in range(3)]
        eventually(lambda: answered(refused), lambda lines: lines == refused)
        assert all(line.recv(12) == b"HTTP/1.1 429" for line in refused)
        assert answered(waiting) == []
    eventually(code_of_an_unknown_call, lambda code: code == 20404)


def ask_for_the_account(simulator):
    """Sends a request without reading the response."""
    address = urlsplit(simulator.origin)
    line = socket.create_connection((address.hostname, address.port), timeout=10)
    credentials = b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
    path = f"/2010-04-01/Accounts/{ACCOUNT_SID}.json"
    line.sendall(f"GET {path} HTTP/1.1\r\nHost: twilio\r\nAuthorization: Basic {credentials}\r\n\r\n".encode())
    return line


def answered(lines):
    """Returns the connections on which a response has begun."""
    return select.select(lines, [], [], 0)[0]
