"""Retries and timeouts of webhooks, which the URL's fragment sets."""

import pytest

from receiver import Reply
from caller import HELLO, twiml

TOKEN = "I-Twilio-Idempotency-Token"
BROKEN = Reply("broken", 500, "text/plain")
GOOD = Reply("", 204)


def end_callbacks(webhooks):
    return [webhook for webhook in webhooks if webhook["CallStatus"] == "completed"]


def completed(caller, count):
    return caller.mailbox.wait("status", count, where=lambda w: w["CallStatus"] == "completed")


def play(caller, number, fragment, **options):
    """Plays a call to its end. It reports only its end, to a URL with this fragment."""
    call = caller.call(
        number, status_callback=caller.mailbox.url("status", fragment), status_callback_event=["completed"], **options
    )
    caller.wait_for_end(call)
    return call


def test_failed_callback_is_retried_as_the_fragment_says(caller, number):
    caller.mailbox.reply("status", BROKEN, BROKEN, GOOD)
    play(caller, number, "#rc=3&rp=5xx")
    first, *again = completed(caller, 3)
    assert len(end_callbacks(caller.mailbox.webhooks("status"))) == 3
    assert [dict(webhook.params) for webhook in again] == [dict(first.params)] * 2
    tokens = {webhook.headers.get(TOKEN) for webhook in again}
    assert len(tokens) == 1
    assert tokens.pop()
    assert first.headers.get(TOKEN) in (None, again[0].headers[TOKEN])


def test_retries_stop_at_their_limit(caller, number):
    caller.mailbox.reply("status", BROKEN)
    play(caller, number, "?a=1#rc=2&rp=all")
    completed(caller, 3)
    another_call(caller, number)
    assert len(end_callbacks(caller.mailbox.webhooks("status"))) == 3


def test_each_event_has_its_own_token(caller, number):
    caller.mailbox.reply("status", BROKEN)
    call = caller.call(number, status_callback=caller.mailbox.url("status", "#rc=1&rp=all"))
    webhooks = caller.mailbox.wait("status", 8, call)
    tokens = {}
    for webhook in webhooks:
        tokens.setdefault(webhook["SequenceNumber"], set()).add(webhook.headers.get(TOKEN))
    named = [kinds - {None} for kinds in tokens.values()]
    assert [len(kinds) for kinds in named] == [1, 1, 1, 1]
    assert len(set.union(*named)) == 4


@pytest.mark.parametrize("fragment", ["#rc=0&rp=all", "#rc=2&rp=4xx", "#rc=2&rp=ct"])
def test_failure_outside_the_policy_is_not_retried(caller, number, fragment):
    caller.mailbox.reply("status", BROKEN)
    play(caller, number, fragment)
    completed(caller, 1)
    another_call(caller, number)
    assert len(end_callbacks(caller.mailbox.webhooks("status"))) == 1


def test_read_timeout_is_retried_if_the_policy_allows_it(caller, number):
    caller.mailbox.reply("status", Reply("", 204, delay=3), GOOD)
    play(caller, number, "#rc=1&rp=rt&rt=200")
    first, second = completed(caller, 2)
    assert second.headers[TOKEN]
    assert dict(first.params) == dict(second.params)


def test_voice_url_is_retried_before_the_fallback(caller, number):
    caller.mailbox.reply("fallback", HELLO)
    call = caller.call(
        number,
        [Reply("", 503), HELLO],
        url=caller.mailbox.url("voice", "?who=me#rc=2&rp=5xx"),
        fallback_url=caller.mailbox.url("fallback"),
    )
    assert caller.status_callbacks(call)[-1]["CallStatus"] == "completed"
    first, second = caller.mailbox.webhooks("voice")
    assert second.headers[TOKEN]
    assert first.url == second.url == caller.mailbox.url("voice", "?who=me")
    assert caller.mailbox.webhooks("fallback") == []


def test_slow_voice_url_leads_to_the_fallback(caller, number):
    caller.mailbox.reply("fallback", HELLO)
    call = caller.call(
        number,
        Reply(HELLO, delay=3),
        url=caller.mailbox.url("voice", "#rc=0&rt=200&tt=400"),
        fallback_url=caller.mailbox.url("fallback"),
    )
    assert caller.status_callbacks(call)[-1]["CallStatus"] == "completed"
    (request,) = caller.mailbox.webhooks("fallback")
    assert request["ErrorCode"].startswith("11")


def test_unreachable_voice_url_leads_to_the_fallback(caller, number):
    caller.mailbox.reply("fallback", HELLO)
    call = caller.call(number, url="http://127.0.0.1:1/voice", fallback_url=caller.mailbox.url("fallback"))
    assert caller.status_callbacks(call)[-1]["CallStatus"] == "completed"
    (request,) = caller.mailbox.webhooks("fallback")
    assert request["ErrorUrl"] == "http://127.0.0.1:1/voice"


def test_recording_callback_is_retried(caller, number):
    caller.mailbox.reply("recording", BROKEN, GOOD)
    caller.call(
        number,
        twiml('<Pause length="4"/>'),
        record=True,
        recording_status_callback=caller.mailbox.url("recording", "#rc=1&rp=5xx"),
    )
    first, second = caller.mailbox.wait("recording", 2)
    assert first["RecordingSid"] == second["RecordingSid"]
    assert second.headers[TOKEN]


def another_call(caller, number):
    """Plays one more call to its end. By then, the earlier calls have sent all their webhooks."""
    call = caller.call(number, status_callback=caller.mailbox.url("later"), status_callback_event=["completed"])
    caller.mailbox.wait("later", call=call)
    return call
