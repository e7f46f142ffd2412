"""What the simulator does with the TwiML that a voice URL answers."""

import pytest
from twilio.twiml.voice_response import Gather, VoiceResponse

from receiver import EMPTY_TWIML, Answer
from stage import HELLO, PRESSES_ONE, SPEAKS, STAYS_SILENT, twiml

MENU = """
<Gather numDigits="1" timeout="3" action="chosen"{more}><Say>Press a key.</Say></Gather>
<Redirect>fell-through</Redirect>
"""


@pytest.fixture
def menu(stage):
    """Plays a Gather to a caller; the rest of the call hangs up wherever it goes."""

    def play(to, more=""):
        stage.mailbox.answer("chosen", twiml("<Hangup/>"))
        stage.mailbox.answer("fell-through", twiml("<Hangup/>"))
        call = stage.call(to, twiml(MENU.format(more=more)))
        assert stage.told(call)[-1]["CallStatus"] == "completed"
        return stage.mailbox.letters("chosen"), stage.mailbox.letters("fell-through")

    return play


def test_gather_sends_the_digits_that_were_pressed(menu):
    (chosen,), fell_through = menu(PRESSES_ONE)
    assert (chosen.method, chosen["Digits"], chosen["CallStatus"]) == ("POST", "1", "in-progress")
    assert fell_through == []


def test_gather_sends_what_was_said(menu):
    (chosen,), fell_through = menu(SPEAKS, ' input="speech dtmf"')
    assert chosen["SpeechResult"].strip()
    assert 0 < float(chosen["Confidence"]) <= 1
    assert "Digits" not in chosen.params
    assert fell_through == []


def test_gather_for_keys_does_not_hear_speech(menu):
    chosen, fell_through = menu(SPEAKS)
    assert (chosen, len(fell_through)) == ([], 1)


def test_gather_goes_on_when_the_caller_stays_silent(menu):
    chosen, fell_through = menu(STAYS_SILENT)
    assert (chosen, len(fell_through)) == ([], 1)


def test_gather_reports_silence_where_that_was_asked(menu):
    (chosen,), fell_through = menu(STAYS_SILENT, ' actionOnEmptyResult="true"')
    assert chosen.params.get("Digits", "") == ""
    assert fell_through == []


def test_gather_without_action_asks_the_same_document_again(stage):
    call = stage.call(PRESSES_ONE, [twiml('<Gather numDigits="1"/>'), twiml("<Hangup/>")])
    stage.told(call)
    first, second = stage.mailbox.letters("voice")
    assert "Digits" not in first.params
    assert second["Digits"] == "1"


def test_a_document_of_the_official_builder_is_played(stage):
    response = VoiceResponse()
    gather = Gather(num_digits=1, action=stage.mailbox.url("chosen"), method="GET", input="dtmf")
    gather.say("Grüße & <guten> Tag", voice="Polly.Vicki", language="de-DE")
    response.append(gather)
    stage.mailbox.answer("chosen", str(VoiceResponse()))
    call = stage.call(PRESSES_ONE, str(response))
    assert stage.told(call)[-1]["CallStatus"] == "completed"
    (chosen,) = stage.mailbox.letters("chosen")
    assert (chosen.method, chosen["Digits"]) == ("GET", "1")


@pytest.mark.parametrize("target", ["next", "./next", "{absolute}"], ids=["relative", "dotted", "absolute"])
def test_redirect_goes_on_with_another_document(stage, number, target):
    stage.mailbox.answer("next", HELLO)
    redirect = f"<Redirect>{target.format(absolute=stage.mailbox.url('next'))}</Redirect><Redirect>never</Redirect>"
    call = stage.call(number, twiml(redirect))
    stage.told(call)
    (asked,) = stage.mailbox.letters("next")
    assert (asked.method, asked.call_sid, asked["CallStatus"]) == ("POST", call.sid, "in-progress")
    assert stage.mailbox.letters("never") == []


def test_redirect_may_use_get_and_keeps_the_query(stage, number):
    stage.mailbox.answer("next", HELLO)
    stage.told(stage.call(number, twiml('<Redirect method="GET">next?step=2&amp;of=3</Redirect>')))
    (asked,) = stage.mailbox.letters("next")
    assert asked.method == "GET"
    assert (asked["step"], asked["of"], asked["CallStatus"]) == ("2", "3", "in-progress")


def test_hangup_ends_the_call_at_once(stage, number):
    call = stage.call(number, twiml("<Hangup/><Redirect>after</Redirect>"))
    last = stage.told(call)[-1]
    assert (last["CallStatus"], stage.mailbox.letters("after")) == ("completed", [])


@pytest.mark.parametrize("document", [EMPTY_TWIML, "<Response></Response>"], ids=["declared", "bare"])
def test_an_empty_response_ends_the_call(stage, number, document):
    assert stage.told(stage.call(number, document))[-1]["CallStatus"] == "completed"


@pytest.mark.parametrize("reason", ["", ' reason="busy"'], ids=["rejected", "busy"])
def test_reject_ends_the_call(stage, number, reason):
    call = stage.call(number, twiml(f"<Reject{reason}/><Redirect>after</Redirect>"))
    last = stage.told(call)[-1]
    assert last["CallStatus"] == stage.ended(call).status
    assert stage.mailbox.letters("after") == []


def test_play_plays_and_goes_on(stage, number):
    stage.mailbox.answer("after", HELLO)
    document = twiml(f'<Play loop="2">{stage.mailbox.url("tune.wav")}</Play><Redirect>after</Redirect>')
    stage.told(stage.call(number, document))
    assert len(stage.mailbox.letters("after")) == 1


def test_speech_takes_time(stage, number):
    short = stage.told(stage.call(number, twiml("<Say>Hi.</Say>")))[-1]
    long = stage.told(stage.call(number, twiml(f"<Say>{'A long tale of many words. ' * 20}</Say>")))[-1]
    assert int(long["CallDuration"]) > int(short["CallDuration"]) + 10


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("<Response><Say>Hello</Response>", "12100"),
        ("not xml at all", "12100"),
        ("", "12100"),
        ("<Answer><Say>Hello</Say></Answer>", "12100"),
        ("<Response><Say>&nosuch;</Say></Response>", "12100"),
        ("<Response><Shout>Hello</Shout></Response>", "12200"),
    ],
    ids=["unclosed", "text", "nothing", "other-root", "entity", "unknown-verb"],
)
def test_twiml_that_cannot_be_played_ends_the_call_and_is_logged(stage, number, document, code):
    call = stage.call(number, document)
    last = stage.told(call)[-1]
    assert last["CallStatus"] == stage.ended(call).status
    assert last["CallStatus"] in ("completed", "failed")
    assert code in [str(entry["code"]) for entry in stage.simulator.log(call) if entry["kind"] == "error"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer("oops", 500), "11200"),
        (Answer("gone", 404), "11200"),
        (Answer(HELLO, content_type="application/json"), "12300"),
        (Answer("<Response><Say>"), "12100"),
    ],
    ids=["server-error", "not-found", "content-type", "malformed"],
)
def test_the_fallback_url_is_asked_when_the_voice_url_fails(stage, number, answer, code):
    stage.mailbox.answer("fallback", HELLO)
    call = stage.call(number, answer, fallback_url=stage.mailbox.url("fallback"))
    assert stage.told(call)[-1]["CallStatus"] == "completed"
    (asked,) = stage.mailbox.letters("fallback")
    assert asked.method == "POST"
    assert asked["ErrorCode"] == code
    assert asked["ErrorUrl"] == stage.mailbox.url("voice")
    assert asked["CallSid"] == call.sid


def test_the_fallback_url_may_use_get(stage, number):
    stage.mailbox.answer("fallback", HELLO)
    stage.told(stage.call(number, Answer("", 500), fallback_url=stage.mailbox.url("fallback"), fallback_method="GET"))
    (asked,) = stage.mailbox.letters("fallback")
    assert asked.method == "GET"
    assert asked["ErrorCode"] == "11200"


def test_the_fallback_url_is_left_alone_when_all_is_well(stage, number):
    stage.told(stage.call(number, fallback_url=stage.mailbox.url("fallback")))
    assert stage.mailbox.letters("fallback") == []


def test_a_failing_fallback_ends_the_call(stage, number):
    stage.mailbox.answer("fallback", Answer("", 500))
    call = stage.call(number, Answer("", 500), fallback_url=stage.mailbox.url("fallback"))
    last = stage.told(call)[-1]
    assert last["CallStatus"] in ("completed", "failed")
    assert len(stage.mailbox.letters("fallback")) == 1


@pytest.mark.parametrize("status", [301, 302, 303])
def test_an_http_redirect_turns_the_post_into_a_get(stage, number, status):
    stage.mailbox.answer("moved", HELLO)
    moved = Answer("", status, headers={"Location": stage.mailbox.url("moved")})
    stage.told(stage.call(number, moved))
    (asked,) = stage.mailbox.letters("moved")
    assert asked.method == "GET"


@pytest.mark.parametrize("content_type", ["text/xml", "application/xml", "text/xml; charset=utf-8"])
def test_xml_is_played_under_each_of_its_names(stage, number, content_type):
    stage.mailbox.answer("next", HELLO)
    stage.told(stage.call(number, Answer(twiml("<Redirect>next</Redirect>"), content_type=content_type)))
    assert len(stage.mailbox.letters("next")) == 1
