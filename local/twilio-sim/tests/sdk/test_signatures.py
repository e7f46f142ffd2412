"""Every request is signed so that Twilio's official validator accepts it, and as nothing else.

The mailbox holds each request of each test against the validator; here the URLs are the awkward ones.
"""

from urllib.parse import parse_qs, urlsplit

import pytest
from twilio.request_validator import RequestValidator

from simulator import API_KEY_SECRET, API_KEY_SID, AUTH_TOKEN
from stage import HELLO, SPEAKS, twiml

SIGNATURE = "X-Twilio-Signature"
SUFFIXES = {
    "plain": "",
    "query": "?call_id=42&b=2&a=1",
    "fragment": "#rc=2&rp=all&ct=2000&rt=6500&tt=15000",
    "query-and-fragment": "?call_id=42#rc=1",
    "escaped": "?name=Z%C3%BCrich%20%2B%2f&plus=a+b",
    "repeated": "?a=2&a=1&a=2",
    "empty": "?a=&b&=c",
    "like-a-parameter": "?CallSid=mine&Digits=7",
    "punctuation": "?x=~-._!$()*,;:@/?",
}


@pytest.mark.parametrize("suffix", SUFFIXES.values(), ids=SUFFIXES.keys())
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_every_request_to_an_awkward_url_is_accepted(stage, number, suffix, method):
    stage.call(
        number,
        twiml('<Pause length="2"/>'),
        url=stage.mailbox.url("voice", suffix),
        method=method,
        status_callback=stage.mailbox.url("status", suffix),
        status_callback_method=method,
        record=True,
        recording_status_callback=stage.mailbox.url("recording", suffix),
        recording_status_callback_method=method,
    )
    stage.mailbox.wait("recording")
    stage.mailbox.wait("status", 4)
    letters = stage.mailbox.letters()
    assert len(letters) == 6
    configured = {stage.mailbox.url(name, suffix).partition("#")[0] for name in ("voice", "status", "recording")}
    if method == "POST":
        assert {letter.url for letter in letters} == configured
    else:
        assert all(any(letter.url.startswith(url) for url in configured) for letter in letters)
    assert all(letter.genuine for letter in letters)


def test_what_a_url_cannot_hold_is_encoded_and_signed_as_it_is_sent(stage, number):
    call = stage.call(number, url=stage.mailbox.url("voice", "?name=Zürich's"))
    stage.told(call)
    (asked,) = stage.mailbox.letters("voice")
    assert parse_qs(urlsplit(asked.url).query) == {"name": ["Zürich's"]}
    assert asked.genuine


def test_what_the_caller_said_is_signed_too(stage):
    stage.mailbox.answer("heard", HELLO)
    gather = '<Gather input="speech" action="heard?näher=ja" hints="Grüße, 電話"><Say>Ja?</Say></Gather>'
    stage.told(stage.call(SPEAKS, twiml(gather)))
    (heard,) = stage.mailbox.letters("heard")
    assert heard["SpeechResult"]
    assert heard.genuine


def test_empty_parameters_are_part_of_the_signature(stage, number):
    stage.told(stage.call(number))
    (asked,) = stage.mailbox.letters("voice")
    validator = RequestValidator(AUTH_TOKEN)
    full = dict(asked.params)
    empty = [name for name, value in full.items() if value == ""]
    assert len(empty) >= 4
    assert validator.validate(asked.url, full, asked.headers[SIGNATURE])
    for name in empty:
        without = {key: value for key, value in full.items() if key != name}
        assert not validator.validate(asked.url, without, asked.headers[SIGNATURE])


def test_a_signature_is_good_for_its_own_request_alone(stage, number):
    call = stage.call(number)
    first, *_, last = stage.told(call)
    validator = RequestValidator(AUTH_TOKEN)
    assert validator.validate(first.url, dict(first.params), first.headers[SIGNATURE])
    assert not validator.validate(last.url, dict(last.params), first.headers[SIGNATURE])
    assert not validator.validate(first.url + "?x=1", dict(first.params), first.headers[SIGNATURE])
    assert not RequestValidator(API_KEY_SECRET).validate(first.url, dict(first.params), first.headers[SIGNATURE])


def test_a_call_placed_with_an_api_key_is_signed_with_the_auth_token(stage, simulator, contract, number):
    client = simulator.client(contract, API_KEY_SID, API_KEY_SECRET)
    stage.mailbox.answer("voice", HELLO)
    call = client.calls.create(
        to=number, from_="+15005550006", url=stage.mailbox.url("voice"), status_callback=stage.mailbox.url("status")
    )
    assert stage.told(call)[0].genuine
