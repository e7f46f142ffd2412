"""Recordings: the callback, the resource, and the audio itself."""

import io
import wave
from email.utils import parsedate_to_datetime

import pytest
from requests.auth import HTTPBasicAuth
from twilio.base.exceptions import TwilioRestException

from simulator import ACCOUNT_SID, API_KEY_SECRET, API_KEY_SID
from stage import BUSY, RECORDING_ABSENT, eventually, twiml

UNKNOWN_RECORDING = "RE" + "0" * 32


def media(recording_sid):
    return f"/2010-04-01/Accounts/{ACCOUNT_SID}/Recordings/{recording_sid}"


def completed(stage, call):
    (letter,) = stage.mailbox.wait("recording", call=call, where=lambda w: w["RecordingStatus"] == "completed")
    return letter


def audio(response):
    assert response.status_code == 200, response.text
    return wave.open(io.BytesIO(response.content))


def refusal(action):
    with pytest.raises(TwilioRestException) as refused:
        action()
    return refused.value.status, refused.value.code


def test_a_recorded_call_reports_its_recording_in_two_steps(stage, number):
    call = stage.recorded(to=number)
    begun, done = stage.mailbox.wait("recording", 2, call)
    assert [begun["RecordingStatus"], done["RecordingStatus"]] == ["in-progress", "completed"]
    assert begun["RecordingSid"] == done["RecordingSid"]
    for letter in (begun, done):
        assert (letter["AccountSid"], letter["CallSid"]) == (ACCOUNT_SID, call.sid)
        assert letter["RecordingSource"] == "OutboundAPI"
        assert (letter["RecordingChannels"], letter["RecordingTrack"]) == ("1", "both")
        assert parsedate_to_datetime(letter["RecordingStartTime"])
    assert done["RecordingUrl"].endswith(media(done["RecordingSid"]))
    assert int(done["RecordingDuration"]) >= 4


def test_the_last_status_callback_names_the_recording_and_comes_before_it_is_done(stage, number):
    call = stage.recorded(to=number)
    last, done = stage.told(call)[-1], completed(stage, call)
    assert last["RecordingSid"] == done["RecordingSid"]
    assert last["RecordingUrl"] == done["RecordingUrl"]
    assert last["RecordingDuration"] == done["RecordingDuration"]
    order = [w.params.get("RecordingStatus") or w["CallStatus"] for w in stage.mailbox.letters(call=call)]
    assert order.index("completed") < len(order) - 1
    assert stage.mailbox.letters(call=call)[-1].params.get("RecordingStatus") == "completed"


def test_a_recording_is_a_wav_as_long_as_the_call(stage, simulator, number):
    call = stage.recorded(to=number, voice=twiml('<Say>Good morning.</Say><Pause length="7"/>'))
    done = completed(stage, call)
    with audio(simulator.get(media(done["RecordingSid"]) + ".wav")) as sound:
        seconds = sound.getnframes() / sound.getframerate()
        assert sound.getnchannels() == 1
    assert abs(seconds - int(done["RecordingDuration"])) <= 0.5
    assert abs(seconds - int(stage.ended(call).duration)) <= 1


def test_a_dual_recording_has_two_channels(stage, simulator, number):
    call = stage.recorded(to=number, recording_channels="dual")
    done = completed(stage, call)
    assert done["RecordingChannels"] == "2"
    assert stage.client.recordings(done["RecordingSid"]).fetch().channels in (2, "2")
    with audio(simulator.get(media(done["RecordingSid"]) + ".wav")) as sound:
        assert sound.getnchannels() == 2


def test_the_recording_url_itself_is_a_wav(stage, simulator, number):
    done = completed(stage, stage.recorded(to=number))
    with audio(simulator.get(media(done["RecordingSid"]))) as sound:
        assert sound.getnframes() > 0


def test_media_wants_credentials(stage, simulator, number):
    path = media(completed(stage, stage.recorded(to=number))["RecordingSid"]) + ".wav"
    assert simulator.get(path, auth=None).status_code == 401
    assert simulator.get(path, auth=HTTPBasicAuth(ACCOUNT_SID, "wrong")).status_code == 401
    assert simulator.get(path, auth=HTTPBasicAuth(API_KEY_SID, API_KEY_SECRET)).status_code == 200


def test_an_mp3_is_not_found(stage, simulator, number):
    answer = simulator.get(media(completed(stage, stage.recorded(to=number))["RecordingSid"]) + ".mp3")
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


def test_media_is_not_there_before_the_recording_is_done(stage, simulator, number):
    stage.call(
        number,
        twiml('<Pause length="600"/>'),
        record=True,
        recording_status_callback=stage.mailbox.url("recording"),
        recording_status_callback_event=["in-progress"],
    )
    (begun,) = stage.mailbox.wait("recording")
    assert stage.client.recordings(begun["RecordingSid"]).fetch().status in ("in-progress", "processing")
    assert simulator.get(media(begun["RecordingSid"]) + ".wav").status_code == 404
    stage.client.calls(begun["CallSid"]).update(status="completed")


def test_a_recording_is_fetched_by_account_and_by_call(stage, number):
    call = stage.recorded(to=number)
    sid = completed(stage, call)["RecordingSid"]
    by_account, by_call = stage.client.recordings(sid).fetch(), call.recordings(sid).fetch()
    for recording in (by_account, by_call):
        assert (recording.sid, recording.call_sid, recording.account_sid) == (sid, call.sid, ACCOUNT_SID)
        assert (recording.status, recording.source) == ("completed", "OutboundAPI")
        assert int(recording.duration) >= 4
        assert recording.error_code is None
    assert by_account.media_url.endswith(media(sid))


def test_recordings_are_listed_by_account_and_by_call(stage, number):
    calls = [stage.recorded(to=number) for _ in range(2)]
    sids = [completed(stage, call)["RecordingSid"] for call in calls]
    for call, sid in zip(calls, sids):
        assert [recording.sid for recording in call.recordings.list()] == [sid]
        assert [recording.sid for recording in stage.client.recordings.list(call_sid=call.sid)] == [sid]
    assert [r.sid for r in stage.client.recordings.stream(page_size=1) if r.sid in sids] == sids[::-1]


@pytest.mark.parametrize("by", ["account", "call"])
def test_a_deleted_recording_is_gone(stage, simulator, number, by):
    call = stage.recorded(to=number)
    sid = completed(stage, call)["RecordingSid"]
    assert (stage.client.recordings(sid) if by == "account" else call.recordings(sid)).delete() is True
    assert refusal(stage.client.recordings(sid).fetch) == (404, 20404)
    assert refusal(call.recordings(sid).fetch) == (404, 20404)
    assert refusal(stage.client.recordings(sid).delete) == (404, 20404)
    assert call.recordings.list() == []
    assert simulator.get(media(sid) + ".wav").status_code == 404


def test_an_unknown_recording_is_not_found(stage, simulator, number):
    call = stage.call(number)
    assert refusal(stage.client.recordings(UNKNOWN_RECORDING).fetch) == (404, 20404)
    assert refusal(stage.client.recordings(UNKNOWN_RECORDING).delete) == (404, 20404)
    assert refusal(call.recordings(UNKNOWN_RECORDING).fetch) == (404, 20404)
    assert simulator.get(media(UNKNOWN_RECORDING) + ".wav").status_code == 404


def test_a_recording_belongs_to_its_call_alone(stage, number):
    sid = completed(stage, stage.recorded(to=number))["RecordingSid"]
    other = stage.call(number)
    assert refusal(other.recordings(sid).fetch) == (404, 20404)
    assert refusal(other.recordings(sid).delete) == (404, 20404)
    assert stage.client.recordings(sid).fetch().sid == sid


def test_an_absent_recording_tells_why_and_has_no_media(stage, simulator):
    call = stage.recorded(to=RECORDING_ABSENT)
    letter = stage.mailbox.wait("recording", call=call, where=lambda w: w["RecordingStatus"] == "absent")[0]
    assert letter["ErrorCode"] in ("16101", "16102")
    recording = stage.client.recordings(letter["RecordingSid"]).fetch()
    assert (recording.status, str(recording.error_code)) == ("absent", letter["ErrorCode"])
    assert simulator.get(media(recording.sid) + ".wav").status_code == 404


def test_without_chosen_events_only_the_finished_recording_is_told(stage, number):
    spoken = twiml('<Pause length="4"/>')
    call = stage.call(number, spoken, record=True, recording_status_callback=stage.mailbox.url("recording"))
    completed(stage, call)
    assert len(stage.mailbox.letters("recording")) == 1


def test_a_call_that_was_not_recorded_has_no_recording(stage, number):
    call = stage.call(number, recording_status_callback=stage.mailbox.url("recording"))
    last = stage.told(call)[-1]
    assert "RecordingSid" not in last.params
    assert call.recordings.list() == []
    assert stage.mailbox.letters("recording") == []


def test_a_recorded_call_that_nobody_answers_has_no_recording(stage):
    call = stage.call(BUSY, record=True, recording_status_callback=stage.mailbox.url("recording"))
    stage.told(call)
    assert call.recordings.list() == []
    assert stage.mailbox.letters("recording") == []


def test_the_record_verb_tells_its_action_and_its_callback(stage, number):
    record = twiml('<Record maxLength="5" action="heard" recordingStatusCallback="recording"/>')
    stage.mailbox.answer("heard", twiml("<Hangup/>"))
    call = stage.call(number, record)
    (heard,) = stage.mailbox.wait("heard")
    assert heard["CallStatus"] == "in-progress"
    assert heard["RecordingUrl"].endswith(media(heard["RecordingSid"]))
    assert 1 <= int(heard["RecordingDuration"]) <= 6
    done = completed(stage, call)
    assert (done["RecordingSource"], done["RecordingSid"]) == ("RecordVerb", heard["RecordingSid"])
    fetched = eventually(stage.client.recordings(heard["RecordingSid"]).fetch, lambda r: r.status == "completed")
    assert fetched.source == "RecordVerb"


def test_a_part_of_the_audio_is_the_same_as_in_the_whole(stage, simulator, number):
    path = media(completed(stage, stage.recorded(to=number))["RecordingSid"]) + ".wav"
    whole = simulator.get(path)
    part = simulator.get(path, headers={"Range": "bytes=100-299"})
    assert (whole.status_code, part.status_code) == (200, 206)
    assert part.headers["Content-Range"] == f"bytes 100-299/{len(whole.content)}"
    assert part.content == whole.content[100:300]


def test_recordings_may_be_deleted_while_they_are_listed(stage, number):
    sids = {completed(stage, stage.recorded(to=number))["RecordingSid"] for _ in range(3)}
    for recording in stage.client.recordings.stream(page_size=1):
        if recording.sid in sids:
            recording.delete()
            sids.remove(recording.sid)
    assert sids == set()
