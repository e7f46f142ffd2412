"""Recordings: the callbacks, the resource and the audio."""

import io
import wave
from email.utils import parsedate_to_datetime

import pytest
from requests.auth import HTTPBasicAuth
from twilio.base.exceptions import TwilioRestException

from simulator import ACCOUNT_SID, API_KEY_SECRET, API_KEY_SID
from caller import BUSY, RECORDING_ABSENT, eventually, twiml

UNKNOWN_RECORDING = "RE" + "0" * 32


def media(recording_sid):
    return f"/2010-04-01/Accounts/{ACCOUNT_SID}/Recordings/{recording_sid}"


def completed(caller, call):
    (webhook,) = caller.mailbox.wait("recording", call=call, where=lambda w: w["RecordingStatus"] == "completed")
    return webhook


def audio(response):
    assert response.status_code == 200, response.text
    return wave.open(io.BytesIO(response.content))


def refusal(action):
    with pytest.raises(TwilioRestException) as refused:
        action()
    return refused.value.status, refused.value.code


def test_recording_is_reported_at_its_start_and_end(caller, number):
    call = caller.recorded(to=number)
    begun, done = caller.mailbox.wait("recording", 2, call)
    assert [begun["RecordingStatus"], done["RecordingStatus"]] == ["in-progress", "completed"]
    assert begun["RecordingSid"] == done["RecordingSid"]
    for webhook in (begun, done):
        assert (webhook["AccountSid"], webhook["CallSid"]) == (ACCOUNT_SID, call.sid)
        assert webhook["RecordingSource"] == "OutboundAPI"
        assert (webhook["RecordingChannels"], webhook["RecordingTrack"]) == ("1", "both")
        assert parsedate_to_datetime(webhook["RecordingStartTime"])
    assert done["RecordingUrl"].endswith(media(done["RecordingSid"]))
    assert int(done["RecordingDuration"]) >= 4


def test_last_status_callback_names_the_recording_before_it_is_completed(caller, number):
    call = caller.recorded(to=number)
    last, done = caller.status_callbacks(call)[-1], completed(caller, call)
    assert last["RecordingSid"] == done["RecordingSid"]
    assert last["RecordingUrl"] == done["RecordingUrl"]
    assert last["RecordingDuration"] == done["RecordingDuration"]
    order = [w.params.get("RecordingStatus") or w["CallStatus"] for w in caller.mailbox.webhooks(call=call)]
    assert order.index("completed") < len(order) - 1
    assert caller.mailbox.webhooks(call=call)[-1].params.get("RecordingStatus") == "completed"


def test_recording_is_a_wav_as_long_as_the_call(caller, simulator, number):
    call = caller.recorded(to=number, voice=twiml('<Say>Good morning.</Say><Pause length="7"/>'))
    done = completed(caller, call)
    with audio(simulator.get(media(done["RecordingSid"]) + ".wav")) as sound:
        seconds = sound.getnframes() / sound.getframerate()
        assert sound.getnchannels() == 1
    assert abs(seconds - int(done["RecordingDuration"])) <= 0.5
    assert abs(seconds - int(caller.wait_for_end(call).duration)) <= 1


def test_dual_recording_has_two_channels(caller, simulator, number):
    call = caller.recorded(to=number, recording_channels="dual")
    done = completed(caller, call)
    assert done["RecordingChannels"] == "2"
    assert caller.client.recordings(done["RecordingSid"]).fetch().channels in (2, "2")
    with audio(simulator.get(media(done["RecordingSid"]) + ".wav")) as sound:
        assert sound.getnchannels() == 2


def test_recording_url_without_extension_is_a_wav(caller, simulator, number):
    done = completed(caller, caller.recorded(to=number))
    with audio(simulator.get(media(done["RecordingSid"]))) as sound:
        assert sound.getnframes() > 0


def test_audio_needs_credentials(caller, simulator, number):
    path = media(completed(caller, caller.recorded(to=number))["RecordingSid"]) + ".wav"
    assert simulator.get(path, auth=None).status_code == 401
    assert simulator.get(path, auth=HTTPBasicAuth(ACCOUNT_SID, "wrong")).status_code == 401
    assert simulator.get(path, auth=HTTPBasicAuth(API_KEY_SID, API_KEY_SECRET)).status_code == 200


def test_mp3_is_not_found(caller, simulator, number):
    response = simulator.get(media(completed(caller, caller.recorded(to=number))["RecordingSid"]) + ".mp3")
    assert (response.status_code, response.json()["code"]) == (404, 20404)


def test_audio_is_not_found_before_the_recording_is_completed(caller, simulator, number):
    caller.call(
        number,
        twiml('<Pause length="600"/>'),
        record=True,
        recording_status_callback=caller.mailbox.url("recording"),
        recording_status_callback_event=["in-progress"],
    )
    (begun,) = caller.mailbox.wait("recording")
    assert caller.client.recordings(begun["RecordingSid"]).fetch().status in ("in-progress", "processing")
    assert simulator.get(media(begun["RecordingSid"]) + ".wav").status_code == 404
    caller.client.calls(begun["CallSid"]).update(status="completed")


def test_recording_can_be_fetched_by_account_and_by_call(caller, number):
    call = caller.recorded(to=number)
    sid = completed(caller, call)["RecordingSid"]
    by_account, by_call = caller.client.recordings(sid).fetch(), call.recordings(sid).fetch()
    for recording in (by_account, by_call):
        assert (recording.sid, recording.call_sid, recording.account_sid) == (sid, call.sid, ACCOUNT_SID)
        assert (recording.status, recording.source) == ("completed", "OutboundAPI")
        assert int(recording.duration) >= 4
        assert recording.error_code is None
    assert by_account.media_url.endswith(media(sid))


def test_recordings_are_listed_by_account_and_by_call(caller, number):
    calls = [caller.recorded(to=number) for _ in range(2)]
    sids = [completed(caller, call)["RecordingSid"] for call in calls]
    for call, sid in zip(calls, sids):
        assert [recording.sid for recording in call.recordings.list()] == [sid]
        assert [recording.sid for recording in caller.client.recordings.list(call_sid=call.sid)] == [sid]
    assert [r.sid for r in caller.client.recordings.stream(page_size=1) if r.sid in sids] == sids[::-1]


@pytest.mark.parametrize("by", ["account", "call"])
def test_deleted_recording_is_gone(caller, simulator, number, by):
    call = caller.recorded(to=number)
    sid = completed(caller, call)["RecordingSid"]
    assert (caller.client.recordings(sid) if by == "account" else call.recordings(sid)).delete() is True
    assert refusal(caller.client.recordings(sid).fetch) == (404, 20404)
    assert refusal(call.recordings(sid).fetch) == (404, 20404)
    assert refusal(caller.client.recordings(sid).delete) == (404, 20404)
    assert call.recordings.list() == []
    assert simulator.get(media(sid) + ".wav").status_code == 404


def test_unknown_recording_is_not_found(caller, simulator, number):
    call = caller.call(number)
    assert refusal(caller.client.recordings(UNKNOWN_RECORDING).fetch) == (404, 20404)
    assert refusal(caller.client.recordings(UNKNOWN_RECORDING).delete) == (404, 20404)
    assert refusal(call.recordings(UNKNOWN_RECORDING).fetch) == (404, 20404)
    assert simulator.get(media(UNKNOWN_RECORDING) + ".wav").status_code == 404


def test_recording_is_not_found_under_another_call(caller, number):
    sid = completed(caller, caller.recorded(to=number))["RecordingSid"]
    other = caller.call(number)
    assert refusal(other.recordings(sid).fetch) == (404, 20404)
    assert refusal(other.recordings(sid).delete) == (404, 20404)
    assert caller.client.recordings(sid).fetch().sid == sid


def test_absent_recording_has_a_reason_and_no_audio(caller, simulator):
    call = caller.recorded(to=RECORDING_ABSENT)
    webhook = caller.mailbox.wait("recording", call=call, where=lambda w: w["RecordingStatus"] == "absent")[0]
    assert webhook["ErrorCode"] in ("16101", "16102")
    recording = caller.client.recordings(webhook["RecordingSid"]).fetch()
    assert (recording.status, str(recording.error_code)) == ("absent", webhook["ErrorCode"])
    assert simulator.get(media(recording.sid) + ".wav").status_code == 404


def test_only_the_completed_recording_is_reported_by_default(caller, number):
    spoken = twiml('<Pause length="4"/>')
    call = caller.call(number, spoken, record=True, recording_status_callback=caller.mailbox.url("recording"))
    completed(caller, call)
    assert len(caller.mailbox.webhooks("recording")) == 1


def test_unrecorded_call_has_no_recording(caller, number):
    call = caller.call(number, recording_status_callback=caller.mailbox.url("recording"))
    last = caller.status_callbacks(call)[-1]
    assert "RecordingSid" not in last.params
    assert call.recordings.list() == []
    assert caller.mailbox.webhooks("recording") == []


def test_unanswered_call_has_no_recording(caller):
    call = caller.call(BUSY, record=True, recording_status_callback=caller.mailbox.url("recording"))
    caller.status_callbacks(call)
    assert call.recordings.list() == []
    assert caller.mailbox.webhooks("recording") == []


def test_record_verb_reports_to_its_action_and_its_callback(caller, number):
    record = twiml('<Record maxLength="5" action="heard" recordingStatusCallback="recording"/>')
    caller.mailbox.reply("heard", twiml("<Hangup/>"))
    call = caller.call(number, record)
    (heard,) = caller.mailbox.wait("heard")
    assert heard["CallStatus"] == "in-progress"
    assert heard["RecordingUrl"].endswith(media(heard["RecordingSid"]))
    assert 1 <= int(heard["RecordingDuration"]) <= 6
    done = completed(caller, call)
    assert (done["RecordingSource"], done["RecordingSid"]) == ("RecordVerb", heard["RecordingSid"])
    fetched = eventually(caller.client.recordings(heard["RecordingSid"]).fetch, lambda r: r.status == "completed")
    assert fetched.source == "RecordVerb"


def test_range_of_the_audio_matches_the_whole_file(caller, simulator, number):
    path = media(completed(caller, caller.recorded(to=number))["RecordingSid"]) + ".wav"
    whole = simulator.get(path)
    part = simulator.get(path, headers={"Range": "bytes=100-299"})
    assert (whole.status_code, part.status_code) == (200, 206)
    assert part.headers["Content-Range"] == f"bytes 100-299/{len(whole.content)}"
    assert part.content == whole.content[100:300]


def test_recordings_can_be_deleted_during_listing(caller, number):
    sids = {completed(caller, caller.recorded(to=number))["RecordingSid"] for _ in range(3)}
    for recording in caller.client.recordings.stream(page_size=1):
        if recording.sid in sids:
            recording.delete()
            sids.remove(recording.sid)
    assert sids == set()


def test_recording_of_a_live_call_is_started_paused_and_stopped(caller, number):
    call = caller.call(number, twiml('<Pause length="600"/>'))
    caller.wait_for_status(call, "in-progress")
    recording = call.recordings.create(
        recording_status_callback=caller.mailbox.url("recording"), recording_status_callback_event=["in-progress"]
    )
    assert (recording.status, recording.source) == ("in-progress", "StartCallRecordingAPI")
    own = caller.client.calls(call.sid).recordings
    assert own(recording.sid).update(status="paused", pause_behavior="skip").status == "paused"
    assert own("Twilio.CURRENT").update(status="in-progress").status == "in-progress"
    assert own("Twilio.CURRENT").update(status="stopped").sid == recording.sid
    webhook = caller.mailbox.wait("recording")[0]
    assert webhook["RecordingSid"] == recording.sid
    call.update(status="completed")
    with pytest.raises(TwilioRestException) as refused:
        call.recordings.create()
    assert (refused.value.status, refused.value.code) == (400, 21220)
