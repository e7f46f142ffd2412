"""Retries, time-outs and the URL fragment that sets them."""

import pytest

from receiver import Answer
from stage import HELLO, twiml

TOKEN = "I-Twilio-Idempotency-Token"
BROKEN = Answer("broken", 500, "text/plain")
GOOD = Answer("", 204)


def ends(letters):
    return [letter for letter in letters if letter["CallStatus"] == "completed"]


def completed(stage, count):
    return stage.mailbox.wait("status", count, where=lambda w: w["CallStatus"] == "completed")


def play(stage, number, fragment, **options):
    """Plays a call that reports its end alone, to a URL with a fragment, and returns it when it is over."""
    call = stage.call(
        number, status_callback=stage.mailbox.url("status", fragment), status_callback_event=["completed"], **options
    )
    stage.ended(call)
    return call


def test_a_failed_callback_is_repeated_as_the_fragment_says(stage, number):
    stage.mailbox.answer("status", BROKEN, BROKEN, GOOD)
    play(stage, number, "#rc=3&rp=5xx")
    first, *again = completed(stage, 3)
    assert len(ends(stage.mailbox.letters("status"))) == 3
    assert [dict(letter.params) for letter in again] == [dict(first.params)] * 2
    tokens = {letter.headers.get(TOKEN) for letter in again}
    assert len(tokens) == 1
    assert tokens.pop()
    assert first.headers.get(TOKEN) in (None, again[0].headers[TOKEN])


def test_retries_end_with_their_count(stage, number):
    stage.mailbox.answer("status", BROKEN)
    play(stage, number, "?a=1#rc=2&rp=all")
    completed(stage, 3)
    another_call(stage, number)
    assert len(ends(stage.mailbox.letters("status"))) == 3


def test_each_event_has_a_token_of_its_own(stage, number):
    stage.mailbox.answer("status", BROKEN)
    call = stage.call(number, status_callback=stage.mailbox.url("status", "#rc=1&rp=all"))
    letters = stage.mailbox.wait("status", 8, call)
    tokens = {}
    for letter in letters:
        tokens.setdefault(letter["SequenceNumber"], set()).add(letter.headers.get(TOKEN))
    named = [kinds - {None} for kinds in tokens.values()]
    assert [len(kinds) for kinds in named] == [1, 1, 1, 1]
    assert len(set.union(*named)) == 4


@pytest.mark.parametrize("fragment", ["#rc=0&rp=all", "#rc=2&rp=4xx", "#rc=2&rp=ct"])
def test_a_failure_outside_the_policy_is_not_repeated(stage, number, fragment):
    stage.mailbox.answer("status", BROKEN)
    play(stage, number, fragment)
    completed(stage, 1)
    another_call(stage, number)
    assert len(ends(stage.mailbox.letters("status"))) == 1


def test_a_slow_answer_is_repeated_where_the_policy_names_it(stage, number):
    stage.mailbox.answer("status", Answer("", 204, delay=3), GOOD)
    play(stage, number, "#rc=1&rp=rt&rt=200")
    first, second = completed(stage, 2)
    assert second.headers[TOKEN]
    assert dict(first.params) == dict(second.params)


def test_the_voice_url_is_repeated_before_the_fallback_is_asked(stage, number):
    stage.mailbox.answer("fallback", HELLO)
    call = stage.call(
        number,
        [Answer("", 503), HELLO],
        url=stage.mailbox.url("voice", "?who=me#rc=2&rp=5xx"),
        fallback_url=stage.mailbox.url("fallback"),
    )
    assert stage.told(call)[-1]["CallStatus"] == "completed"
    first, second = stage.mailbox.letters("voice")
    assert second.headers[TOKEN]
    assert first.url == second.url == stage.mailbox.url("voice", "?who=me")
    assert stage.mailbox.letters("fallback") == []


def test_a_slow_voice_url_is_given_up_for_the_fallback(stage, number):
    stage.mailbox.answer("fallback", HELLO)
    call = stage.call(
        number,
        Answer(HELLO, delay=3),
        url=stage.mailbox.url("voice", "#rc=0&rt=200&tt=400"),
        fallback_url=stage.mailbox.url("fallback"),
    )
    assert stage.told(call)[-1]["CallStatus"] == "completed"
    (asked,) = stage.mailbox.letters("fallback")
    assert asked["ErrorCode"].startswith("11")


def test_an_unreachable_voice_url_is_given_up_for_the_fallback(stage, number):
    stage.mailbox.answer("fallback", HELLO)
    call = stage.call(number, url="http://127.0.0.1:1/voice", fallback_url=stage.mailbox.url("fallback"))
    assert stage.told(call)[-1]["CallStatus"] == "completed"
    (asked,) = stage.mailbox.letters("fallback")
    assert asked["ErrorUrl"] == "http://127.0.0.1:1/voice"


def test_recording_callbacks_are_repeated_too(stage, number):
    stage.mailbox.answer("recording", BROKEN, GOOD)
    stage.call(
        number,
        twiml('<Pause length="4"/>'),
        record=True,
        recording_status_callback=stage.mailbox.url("recording", "#rc=1&rp=5xx"),
    )
    first, second = stage.mailbox.wait("recording", 2)
    assert first["RecordingSid"] == second["RecordingSid"]
    assert second.headers[TOKEN]


def another_call(stage, number):
    """Plays one more call to its end: what the calls before it had to send has been sent by then."""
    call = stage.call(number, status_callback=stage.mailbox.url("later"), status_callback_event=["completed"])
    stage.mailbox.wait("later", call=call)
    return call
