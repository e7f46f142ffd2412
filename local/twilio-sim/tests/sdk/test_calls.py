"""The Calls resource through the official SDK."""

import contextlib
import re
from datetime import datetime, timedelta, timezone

import pytest
from twilio.base.exceptions import TwilioRestException

from simulator import ACCOUNT_SID, API_KEY_SECRET, API_KEY_SID, AUTH_TOKEN
from caller import FROM, OTHER_FROM, HELLO, HUMAN, NO_ANSWER, STAYS_QUEUED, Caller, eventually, twiml

UNKNOWN_CALL = "CA" + "0" * 32
VALID = {"to": HUMAN, "from_": FROM, "url": "https://example.com/voice"}


def test_created_call_is_queued_and_has_its_parameters(caller, number):
    call = caller.call(number)
    assert call.status == "queued"
    assert call.sid.startswith("CA")
    assert len(call.sid) == 34
    assert (call.to, call._from, call.account_sid) == (number, FROM, ACCOUNT_SID)
    assert (call.direction, call.api_version) == ("outbound-api", "2010-04-01")
    assert (call.start_time, call.end_time, call.duration, call.answered_by) == (None, None, None, None)
    assert (call.date_created, call.date_updated) == (None, None)
    assert re.fullmatch("PN[0-9a-f]{32}", call.phone_number_sid)
    assert call.uri == f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls/{call.sid}.json"
    assert call.subresource_uris["recordings"].endswith(f"/Calls/{call.sid}/Recordings.json")


def test_fetched_call_has_its_result(caller, number):
    call = caller.call(number, twiml('<Pause length="6"/>'))
    ended = caller.wait_for_end(call)
    assert (ended.sid, ended.status, ended.to) == (call.sid, "completed", number)
    assert 6 <= int(ended.duration) <= 15
    assert ended.start_time.tzinfo
    assert abs(datetime.now(timezone.utc) - ended.start_time) < timedelta(minutes=30)
    assert (ended.end_time - ended.start_time).total_seconds() >= int(ended.duration) - 1


def test_inline_twiml_needs_no_request(caller, number):
    call = caller.call(number, twiml="<Response><Say>Inline.</Say></Response>")
    assert caller.status_callbacks(call)[-1]["CallStatus"] == "completed"
    assert caller.mailbox.webhooks("voice") == []


def test_unknown_call_is_not_found(client):
    with pytest.raises(TwilioRestException) as refused:
        client.calls(UNKNOWN_CALL).fetch()
    assert (refused.value.status, refused.value.code) == (404, 20404)
    with pytest.raises(TwilioRestException) as refused:
        client.calls(UNKNOWN_CALL).update(status="completed")
    assert (refused.value.status, refused.value.code) == (404, 20404)


@pytest.mark.parametrize(
    ("user", "password"),
    [(ACCOUNT_SID, "wrong"), ("AC" + "9" * 32, AUTH_TOKEN), (API_KEY_SID, AUTH_TOKEN), (ACCOUNT_SID, API_KEY_SECRET)],
    ids=["token", "account", "key-with-token", "account-with-key-secret"],
)
def test_wrong_credentials_are_refused(simulator, contract, user, password):
    with pytest.raises(TwilioRestException) as refused:
        simulator.client(contract, user, password).api.v2010.accounts(ACCOUNT_SID).fetch()
    assert (refused.value.status, refused.value.code) == (401, 20003)


def test_api_key_works_like_the_auth_token(simulator, contract):
    client = simulator.client(contract, API_KEY_SID, API_KEY_SECRET)
    assert client.api.v2010.accounts(ACCOUNT_SID).fetch().sid == ACCOUNT_SID


def test_account_is_active(client):
    account = client.api.v2010.accounts(ACCOUNT_SID).fetch()
    assert (account.sid, account.status, account.type) == (ACCOUNT_SID, "active", "Full")
    assert account.subresource_uris["calls"] == f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json"


@pytest.mark.parametrize(
    ("code", "change"),
    [
        (21201, {"to": None}),
        (21201, {"to": ""}),
        (21213, {"from_": None}),
        (21213, {"from_": ""}),
        (21211, {"to": "not-a-number"}),
        (21211, {"to": "+1212"}),
        (21212, {"from_": "not-a-number"}),
        (21210, {"from_": "+14155550100"}),
        (21205, {"url": None}),
        (21205, {"url": "not a url"}),
        (21205, {"url": "ftp://example.com/voice"}),
        (21217, {"to": "+15005550001"}),
        (21214, {"to": "+15005550002"}),
        (21215, {"to": "+15005550003"}),
        (21216, {"to": "+15005550004"}),
    ],
    ids=lambda value: str(value),
)
def test_refused_call_has_the_error_code_of_twilio(client, code, change):
    with pytest.raises(TwilioRestException) as refused:
        client.calls.create(**(VALID | change))
    assert (refused.value.status, refused.value.code) == (400, code)
    to = (VALID | change)["to"]
    assert to in (None, "", HUMAN) or client.calls.list(to=to) == []


def test_strict_urls_refuses_unreachable_urls(launch, contract, mailbox):
    strict = launch("--strict-urls").client(contract)
    for url in (mailbox.url("voice"), "http://localhost/voice"):
        with pytest.raises(TwilioRestException) as refused:
            strict.calls.create(to=HUMAN, from_=FROM, url=url)
        assert (refused.value.status, refused.value.code) == (400, 21205)
    with pytest.raises(TwilioRestException) as refused:
        strict.calls.create(**VALID, status_callback=mailbox.url("status"))
    assert refused.value.status == 400
    assert mailbox.webhooks() == []


def test_completed_hangs_up_a_live_call(caller, number):
    call = caller.call(number, twiml('<Pause length="600"/>'))
    caller.wait_for_status(call, "in-progress")
    call.update(status="completed")
    last = caller.status_callbacks(call)[-1]
    assert last["CallStatus"] == "completed"
    assert int(last["CallDuration"]) < 600
    assert caller.wait_for_end(call).status == "completed"


def test_new_url_redirects_a_live_call(caller, number):
    call = caller.call(number, twiml('<Pause length="600"/>'))
    caller.wait_for_status(call, "in-progress")
    caller.mailbox.reply("elsewhere", HELLO)
    call.update(url=caller.mailbox.url("elsewhere"), method="POST")
    assert caller.mailbox.wait("elsewhere")[0].call_sid == call.sid
    assert caller.status_callbacks(call)[-1]["CallStatus"] == "completed"


def test_ended_call_cannot_be_hung_up(caller, number):
    call = caller.call(number)
    caller.wait_for_end(call)
    for status in ("completed", "canceled"):
        with pytest.raises(TwilioRestException) as refused:
            call.update(status=status)
        assert (refused.value.status, refused.value.code) == (400, 21220)


def test_call_canceled_while_queued_sends_no_callback(launch, contract, mailbox):
    slow = launch(speed=5)
    caller = Caller(slow.client(contract), mailbox, slow)
    call = caller.call(STAYS_QUEUED)
    assert call.update(status="canceled").status == "canceled"
    caller.status_callbacks(caller.call(HUMAN))
    assert caller.wait_for_end(call).status == "canceled"
    assert mailbox.webhooks(call=call) == []
    with pytest.raises(TwilioRestException) as refused:
        call.update(status="completed")
    assert refused.value.code == 21220


def test_call_canceled_while_ringing_reports_canceled(caller):
    call = caller.call(NO_ANSWER, timeout=600)
    caller.wait_for_status(call, "ringing")
    call.update(status="canceled")
    assert caller.status_callbacks(call)[-1]["CallStatus"] == "canceled"
    assert caller.wait_for_end(call).status == "canceled"
    assert caller.mailbox.webhooks("voice") == []


def test_canceled_does_not_end_a_call_in_progress(caller, number):
    call = caller.call(number, twiml('<Pause length="600"/>'))
    caller.wait_for_status(call, "in-progress")
    with contextlib.suppress(TwilioRestException):
        call.update(status="canceled")
    assert call.fetch().status == "in-progress"
    call.update(status="completed")
    assert caller.status_callbacks(call)[-1]["CallStatus"] == "completed"


def test_list_streams_its_pages_newest_first(client, caller, number):
    placed = [caller.call(number).sid for _ in range(7)]
    client.http_client.exchanges.clear()
    listed = [call.sid for call in client.calls.list(to=number, page_size=3)]
    assert listed == placed[::-1]
    assert len(client.http_client.exchanges) == 3
    assert [call.sid for call in client.calls.stream(to=number, page_size=2)] == listed
    assert [call.sid for call in client.calls.list(to=number, limit=4, page_size=3)] == listed[:4]
    assert [call.sid for call in client.calls.list(to=number, limit=2)] == listed[:2]


def test_page_links_to_the_next_and_the_previous_one(client, caller, number):
    placed = [caller.call(number).sid for _ in range(5)]
    first = client.calls.page(to=number, page_size=2)
    assert [call.sid for call in first] == placed[:2:-1]
    assert first.previous_page_url is None
    second = first.next_page()
    assert [call.sid for call in second] == [placed[2], placed[1]]
    assert [call.sid for call in second.previous_page()] == placed[:2:-1]
    last = client.calls.get_page(second.next_page_url)
    assert [call.sid for call in last] == [placed[0]]
    assert last.next_page_url is None


def test_new_call_between_two_pages_shifts_nothing(client, caller, number):
    placed = [caller.call(number).sid for _ in range(4)]
    first = client.calls.page(to=number, page_size=2)
    caller.call(number)
    assert [call.sid for call in first] + [call.sid for call in first.next_page()] == placed[::-1]


def test_filters_select_calls(client, caller, number):
    ended = caller.wait_for_end(caller.call(number))
    live = caller.call(number, twiml('<Pause length="600"/>'), from_=OTHER_FROM)
    caller.wait_for_status(live, "in-progress")
    now = datetime.now(timezone.utc)

    def listed(**filters):
        return {call.sid for call in client.calls.list(to=number, **filters)}

    assert listed() == {ended.sid, live.sid}
    assert listed(status="completed") == {ended.sid}
    assert listed(status="in-progress") == {live.sid}
    assert listed(from_=FROM) == {ended.sid}
    assert listed(parent_call_sid=UNKNOWN_CALL) == set()
    assert listed(start_time=now) == {ended.sid, live.sid}
    assert listed(start_time=now.date()) == {ended.sid, live.sid}
    assert listed(start_time_after=now - timedelta(days=2)) == {ended.sid, live.sid}
    assert listed(start_time_after=now + timedelta(days=2)) == set()
    assert listed(start_time_before=now - timedelta(days=2)) == set()
    live.update(status="completed")


def test_empty_list_is_one_empty_page(client, number):
    page = client.calls.page(to=number)
    assert list(page) == []
    assert (page.next_page_url, page.previous_page_url) == (None, None)


def test_concurrent_calls_are_all_played(caller, number):
    calls = [caller.call(number) for _ in range(12)]
    for call in calls:
        assert eventually(call.fetch, lambda seen: seen.status == "completed").sid == call.sid
    assert len({call.sid for call in calls}) == 12
