"""Transcripts: Twilio's Intelligence API, version 2, through the official client."""

import uuid

import pytest
from twilio.base.exceptions import TwilioRestException

from caller import eventually, twiml

TALKS = "+12125550129"
SCRIPT = twiml('<Say>Hello. Does Monday at nine work for you?</Say><Pause length="14"/>')


@pytest.fixture
def service(client):
    """A service of this test."""
    name = f"calls-{uuid.uuid4()}"
    return client.intelligence.v2.services.create(unique_name=name, language_code="en-US")


def transcribed(client, service, recording, **options):
    channel = {"media_properties": {"source_sid": recording}, "participants": [{"channel_participant": 1, "user_id": "callee"}]}
    return client.intelligence.v2.transcripts.create(service_sid=service.sid, channel=channel, **options)


def test_service_is_created_changed_and_listed(client, service):
    assert service.sid.startswith("GA")
    assert (service.language_code, service.auto_transcribe) == ("en-US", False)
    changed = service.update(webhook_url="https://example.com/transcripts")
    assert changed.webhook_url == "https://example.com/transcripts"
    assert service.sid in [one.sid for one in client.intelligence.v2.services.list(limit=100)]
    assert client.intelligence.v2.services(service.sid).fetch().webhook_http_method == "POST"


def test_transcript_has_the_words_of_both_sides(client, caller, service):
    call = caller.recorded(to=TALKS, voice=SCRIPT, recording_channels="dual")
    (recording,) = client.recordings.list(call_sid=call.sid)
    transcript = transcribed(client, service, recording.sid, customer_key="order-17")
    assert (transcript.status, transcript.customer_key) == ("queued", "order-17")
    assert transcript.channel["media_properties"]["source_sid"] == recording.sid
    done = eventually(transcript.fetch, lambda it: it.status == "completed")
    assert done.duration == int(recording.duration)
    # Pages of two, so that the client follows the URL of the next page.
    sentences = done.sentences.list(page_size=2)
    assert [one.sentence_index for one in sentences] == list(range(5))
    said = {channel: [one.transcript for one in sentences if one.media_channel == channel] for channel in (1, 2)}
    assert said[2] == ["Hello.", "Does Monday at nine work for you?"]
    assert said[1] == ["Hello?", "Yes, that works for me.", "Thank you."]
    assert all(float(one.start_time) < float(one.end_time) for one in sentences)
    (found,) = client.intelligence.v2.transcripts.list(source_sid=recording.sid)
    assert found.sid == transcript.sid


def test_deleted_transcript_is_gone(client, caller, service, number):
    call = caller.recorded(to=number)
    (recording,) = client.recordings.list(call_sid=call.sid)
    transcript = transcribed(client, service, recording.sid)
    assert transcript.delete()
    with pytest.raises(TwilioRestException) as gone:
        transcript.fetch()
    assert (gone.value.status, gone.value.code) == (404, 20404)


def test_unknown_service_is_refused(client):
    channel = {"media_properties": {"source_sid": "RE" + "0" * 32}}
    with pytest.raises(TwilioRestException) as unknown:
        client.intelligence.v2.transcripts.create(service_sid="GA" + "0" * 32, channel=channel)
    assert (unknown.value.status, unknown.value.code) == (404, 20404)
