"""Executing the TwiML of a voice URL."""

import pytest
from twilio.twiml.voice_response import Gather, VoiceResponse

from receiver import EMPTY_TWIML, Reply
from caller import HELLO, PRESSES_ONE, SPEAKS, STAYS_SILENT, twiml

MENU = """
<Gather numDigits="1" timeout="3" action="chosen"{more}><Say>Press a key.</Say></Gather>
<Redirect>fell-through</Redirect>
"""


@pytest.fixture
def menu(caller):
    """Plays a Gather. Returns the requests to its action and those after it fell through."""

    def play(to, more=""):
        caller.mailbox.reply("chosen", twiml("<Hangup/>"))
        caller.mailbox.reply("fell-through", twiml("<Hangup/>"))
        call = caller.call(to, twiml(MENU.format(more=more)))
        assert caller.status_callbacks(call)[-1]["CallStatus"] == "completed"
        return caller.mailbox.webhooks("chosen"), caller.mailbox.webhooks("fell-through")

    return play


def test_gather_sends_the_pressed_digits(menu):
    (chosen,), fell_through = menu(PRESSES_ONE)
    assert (chosen.method, chosen["Digits"], chosen["CallStatus"]) == ("POST", "1", "in-progress")
    assert fell_through == []


def test_gather_sends_the_speech_result(menu):
    (chosen,), fell_through = menu(SPEAKS, ' input="speech dtmf"')
    assert chosen["SpeechResult"].strip()
    assert 0 < float(chosen["Confidence"]) <= 1
    assert "Digits" not in chosen.params
    assert fell_through == []


def test_gather_for_keys_ignores_speech(menu):
    chosen, fell_through = menu(SPEAKS)
    assert (chosen, len(fell_through)) == ([], 1)


def test_gather_continues_after_silence(menu):
    chosen, fell_through = menu(STAYS_SILENT)
    assert (chosen, len(fell_through)) == ([], 1)


def test_gather_reports_silence_if_requested(menu):
    (chosen,), fell_through = menu(STAYS_SILENT, ' actionOnEmptyResult="true"')
    assert chosen.params.get("Digits", "") == ""
    assert fell_through == []


def test_gather_without_action_requests_the_same_document(caller):
    call = caller.call(PRESSES_ONE, [twiml('<Gather numDigits="1"/>'), twiml("<Hangup/>")])
    caller.status_callbacks(call)
    first, second = caller.mailbox.webhooks("voice")
    assert "Digits" not in first.params
    assert second["Digits"] == "1"


def test_document_of_the_official_builder_is_played(caller):
    response = VoiceResponse()
    gather = Gather(num_digits=1, action=caller.mailbox.url("chosen"), method="GET", input="dtmf")
    gather.say("Grüße & <guten> Tag", voice="Polly.Vicki", language="de-DE")
    response.append(gather)
    caller.mailbox.reply("chosen", str(VoiceResponse()))
    call = caller.call(PRESSES_ONE, str(response))
    assert caller.status_callbacks(call)[-1]["CallStatus"] == "completed"
    (chosen,) = caller.mailbox.webhooks("chosen")
    assert (chosen.method, chosen["Digits"]) == ("GET", "1")


@pytest.mark.parametrize("target", ["next", "./next", "{absolute}"], ids=["relative", "dotted", "absolute"])
def test_redirect_continues_with_another_document(caller, number, target):
    caller.mailbox.reply("next", HELLO)
    redirect = f"<Redirect>{target.format(absolute=caller.mailbox.url('next'))}</Redirect><Redirect>never</Redirect>"
    call = caller.call(number, twiml(redirect))
    caller.status_callbacks(call)
    (request,) = caller.mailbox.webhooks("next")
    assert (request.method, request.call_sid, request["CallStatus"]) == ("POST", call.sid, "in-progress")
    assert caller.mailbox.webhooks("never") == []


def test_redirect_can_use_get_and_keeps_the_query(caller, number):
    caller.mailbox.reply("next", HELLO)
    caller.status_callbacks(caller.call(number, twiml('<Redirect method="GET">next?step=2&amp;of=3</Redirect>')))
    (request,) = caller.mailbox.webhooks("next")
    assert request.method == "GET"
    assert (request["step"], request["of"], request["CallStatus"]) == ("2", "3", "in-progress")


def test_hangup_ends_the_call_at_once(caller, number):
    call = caller.call(number, twiml("<Hangup/><Redirect>after</Redirect>"))
    last = caller.status_callbacks(call)[-1]
    assert (last["CallStatus"], caller.mailbox.webhooks("after")) == ("completed", [])


@pytest.mark.parametrize("document", [EMPTY_TWIML, "<Response></Response>"], ids=["declared", "bare"])
def test_empty_response_ends_the_call(caller, number, document):
    assert caller.status_callbacks(caller.call(number, document))[-1]["CallStatus"] == "completed"


@pytest.mark.parametrize("reason", ["", ' reason="busy"'], ids=["rejected", "busy"])
def test_reject_ends_the_call(caller, number, reason):
    call = caller.call(number, twiml(f"<Reject{reason}/><Redirect>after</Redirect>"))
    last = caller.status_callbacks(call)[-1]
    assert last["CallStatus"] == caller.wait_for_end(call).status
    assert caller.mailbox.webhooks("after") == []


def test_play_continues_with_the_next_verb(caller, number):
    caller.mailbox.reply("after", HELLO)
    caller.mailbox.reply("tune.wav", Reply("RIFF", content_type="audio/wav"))
    document = twiml(f'<Play loop="2">{caller.mailbox.url("tune.wav")}</Play><Redirect>after</Redirect>')
    caller.status_callbacks(caller.call(number, document))
    assert len(caller.mailbox.webhooks("after")) == 1


def test_speech_takes_time(caller, number):
    short = caller.status_callbacks(caller.call(number, twiml("<Say>Hi.</Say>")))[-1]
    long = caller.status_callbacks(caller.call(number, twiml(f"<Say>{'A long tale of many words. ' * 20}</Say>")))[-1]
    assert int(long["CallDuration"]) > int(short["CallDuration"]) + 10


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("<Response><Say>Hello</Response>", "12100"),
        ("not xml at all", "12100"),
        ("", "12100"),
        ("<Reply><Say>Hello</Say></Reply>", "12100"),
        ("<Response><Say>&nosuch;</Say></Response>", "12100"),
        ("<Response><Shout>Hello</Shout></Response>", "12200"),
    ],
    ids=["unclosed", "text", "nothing", "other-root", "entity", "unknown-verb"],
)
def test_invalid_twiml_ends_the_call_and_is_logged(caller, number, document, code):
    call = caller.call(number, document)
    last = caller.status_callbacks(call)[-1]
    assert last["CallStatus"] == caller.wait_for_end(call).status
    assert last["CallStatus"] in ("completed", "failed")
    assert code in [str(entry["code"]) for entry in caller.simulator.log(call) if entry["kind"] == "error"]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply("oops", 500), "11200"),
        (Reply("gone", 404), "11200"),
        (Reply(HELLO, content_type="application/json"), "12300"),
        (Reply("<Response><Say>"), "12100"),
    ],
    ids=["server-error", "not-found", "content-type", "malformed"],
)
def test_fallback_url_is_requested_if_the_voice_url_fails(caller, number, reply, code):
    caller.mailbox.reply("fallback", HELLO)
    call = caller.call(number, reply, fallback_url=caller.mailbox.url("fallback"))
    assert caller.status_callbacks(call)[-1]["CallStatus"] == "completed"
    (request,) = caller.mailbox.webhooks("fallback")
    assert request.method == "POST"
    assert request["ErrorCode"] == code
    assert request["ErrorUrl"] == caller.mailbox.url("voice")
    assert request["CallSid"] == call.sid


def test_fallback_url_can_use_get(caller, number):
    caller.mailbox.reply("fallback", HELLO)
    fallback = caller.mailbox.url("fallback")
    caller.status_callbacks(caller.call(number, Reply("", 500), fallback_url=fallback, fallback_method="GET"))
    (request,) = caller.mailbox.webhooks("fallback")
    assert request.method == "GET"
    assert request["ErrorCode"] == "11200"


def test_fallback_url_is_not_requested_without_an_error(caller, number):
    caller.status_callbacks(caller.call(number, fallback_url=caller.mailbox.url("fallback")))
    assert caller.mailbox.webhooks("fallback") == []


def test_failed_fallback_ends_the_call(caller, number):
    caller.mailbox.reply("fallback", Reply("", 500))
    call = caller.call(number, Reply("", 500), fallback_url=caller.mailbox.url("fallback"))
    last = caller.status_callbacks(call)[-1]
    assert last["CallStatus"] in ("completed", "failed")
    assert len(caller.mailbox.webhooks("fallback")) == 1


@pytest.mark.parametrize("status", [301, 302, 303])
def test_http_redirect_turns_post_into_get(caller, number, status):
    caller.mailbox.reply("moved", HELLO)
    moved = Reply("", status, headers={"Location": caller.mailbox.url("moved")})
    caller.status_callbacks(caller.call(number, moved))
    (request,) = caller.mailbox.webhooks("moved")
    assert request.method == "GET"


@pytest.mark.parametrize("content_type", ["text/xml", "application/xml", "text/xml; charset=utf-8"])
def test_xml_media_types_are_played(caller, number, content_type):
    caller.mailbox.reply("next", HELLO)
    caller.status_callbacks(caller.call(number, Reply(twiml("<Redirect>next</Redirect>"), content_type=content_type)))
    assert len(caller.mailbox.webhooks("next")) == 1
