"""Signatures that Twilio's official validator accepts, for unusual URLs and for no other request.

The mailbox checks the signatures of all other tests.
"""

from urllib.parse import parse_qs, urlsplit

import pytest
from twilio.request_validator import RequestValidator

from simulator import API_KEY_SECRET, API_KEY_SID, AUTH_TOKEN
from caller import HELLO, SPEAKS, twiml

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
def test_signature_is_valid_for_unusual_urls(caller, number, suffix, method):
    caller.call(
        number,
        twiml('<Pause length="2"/>'),
        url=caller.mailbox.url("voice", suffix),
        method=method,
        status_callback=caller.mailbox.url("status", suffix),
        status_callback_method=method,
        record=True,
        recording_status_callback=caller.mailbox.url("recording", suffix),
        recording_status_callback_method=method,
    )
    caller.mailbox.wait("recording")
    caller.mailbox.wait("status", 4)
    webhooks = caller.mailbox.webhooks()
    assert len(webhooks) == 6
    configured = {caller.mailbox.url(name, suffix).partition("#")[0] for name in ("voice", "status", "recording")}
    if method == "POST":
        assert {webhook.url for webhook in webhooks} == configured
    else:
        assert all(any(webhook.url.startswith(url) for url in configured) for webhook in webhooks)
    assert all(webhook.signature_valid for webhook in webhooks)


def test_non_ascii_url_is_signed_in_its_encoded_form(caller, number):
    call = caller.call(number, url=caller.mailbox.url("voice", "?name=Zürich's"))
    caller.status_callbacks(call)
    (request,) = caller.mailbox.webhooks("voice")
    assert parse_qs(urlsplit(request.url).query) == {"name": ["Zürich's"]}
    assert request.signature_valid


def test_speech_result_is_signed(caller):
    caller.mailbox.reply("heard", HELLO)
    gather = '<Gather input="speech" action="heard?näher=ja" hints="Grüße, 電話"><Say>Ja?</Say></Gather>'
    caller.status_callbacks(caller.call(SPEAKS, twiml(gather)))
    (heard,) = caller.mailbox.webhooks("heard")
    assert heard["SpeechResult"]
    assert heard.signature_valid


def test_empty_parameters_are_signed(caller, number):
    caller.status_callbacks(caller.call(number))
    (request,) = caller.mailbox.webhooks("voice")
    validator = RequestValidator(AUTH_TOKEN)
    full = dict(request.params)
    empty = [name for name, value in full.items() if value == ""]
    assert len(empty) >= 4
    assert validator.validate(request.url, full, request.headers[SIGNATURE])
    for name in empty:
        without = {key: value for key, value in full.items() if key != name}
        assert not validator.validate(request.url, without, request.headers[SIGNATURE])


def test_signature_is_valid_only_for_its_own_request(caller, number):
    call = caller.call(number)
    first, *_, last = caller.status_callbacks(call)
    validator = RequestValidator(AUTH_TOKEN)
    assert validator.validate(first.url, dict(first.params), first.headers[SIGNATURE])
    assert not validator.validate(last.url, dict(last.params), first.headers[SIGNATURE])
    assert not validator.validate(first.url + "?x=1", dict(first.params), first.headers[SIGNATURE])
    assert not RequestValidator(API_KEY_SECRET).validate(first.url, dict(first.params), first.headers[SIGNATURE])


def test_call_created_with_an_api_key_is_signed_with_the_auth_token(caller, simulator, contract, number):
    client = simulator.client(contract, API_KEY_SID, API_KEY_SECRET)
    caller.mailbox.reply("voice", HELLO)
    call = client.calls.create(
        to=number, from_="+15005550006", url=caller.mailbox.url("voice"), status_callback=caller.mailbox.url("status")
    )
    assert caller.status_callbacks(call)[0].signature_valid
