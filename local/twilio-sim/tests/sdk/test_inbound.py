"""Calls to the account's numbers, and the IncomingPhoneNumbers resource, through the official SDK."""

import pytest
import requests
from twilio.base.exceptions import TwilioRestException

from caller import OTHER_FROM, eventually


@pytest.fixture
def client(simulator):
    """Not checked against Twilio's OpenAPI document, whose part about voice lacks the numbers."""
    return simulator.client()


def test_number_is_found_and_updated(client, mailbox):
    (number,) = client.incoming_phone_numbers.list(phone_number=OTHER_FROM)
    assert (number.voice_url, number.voice_method) == ("", "POST")
    url = mailbox.url("voice")
    updated = client.incoming_phone_numbers(number.sid).update(voice_url=url, voice_method="GET")
    assert (updated.voice_url, updated.voice_method, updated.phone_number) == (url, "GET", OTHER_FROM)
    updated = client.incoming_phone_numbers(number.sid).update(voice_url=url, voice_method="POST")
    assert client.incoming_phone_numbers(number.sid).fetch().voice_url == url
    client.incoming_phone_numbers(number.sid).update(voice_url="")
    with pytest.raises(TwilioRestException) as refused:
        client.incoming_phone_numbers("PN" + "0" * 32).fetch()
    assert refused.value.status == 404


def test_call_to_the_number_is_inbound(client, mailbox, simulator, number):
    (own,) = client.incoming_phone_numbers.list(phone_number=OTHER_FROM)
    client.incoming_phone_numbers(own.sid).update(voice_url=mailbox.url("voice"))
    received = requests.post(f"{simulator.origin}/_sim/inbound", json={"from": number, "to": OTHER_FROM}, timeout=10)
    sid = received.json()["sid"]
    call = eventually(lambda: client.calls(sid).fetch(), lambda call: call.status == "completed")
    assert (call.direction, call._from, call.to, call.phone_number_sid) == ("inbound", number, OTHER_FROM, own.sid)
    (asked,) = mailbox.webhooks("voice")
    assert (asked["Direction"], asked["CallStatus"], asked["From"]) == ("inbound", "ringing", number)
