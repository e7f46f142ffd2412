"""The TwiML documents that outdial writes are those that Twilio's SDKs would write."""

import os
import xml.etree.ElementTree as ET

import pytest

from caller import BUSY, HUMAN, MACHINE, PRESSES_ONE, STAYS_SILENT
from local_stack import LocalStack
from rebuild import canonical, has_node, with_node, with_python

NASTY = 'Grüße & <b>"Ada"</b>\t你好 🎉 \'x\' ]]> &amp; 1 < 2'
ASK = {"id": "confirm", "ask": "Press 1 to confirm.", "options": {"1": {"outcome": "confirmed", "say": NASTY}}}

SSML = """Now <break strength="weak"/><break time="1s"/><emphasis level="strong">listen</emphasis>:
<lang xml:lang="es-MX">hola</lang> <p>One.</p><s>Two.</s> <phoneme alphabet="ipa" ph="pɪˈkɑːn">pecan</phoneme>
<prosody volume="loud" rate="slow" pitch="high">three &amp; <sub alias="World Wide Web">WWW</sub></prosody>
<say-as interpret-as="date" format="ymd">20261129</say-as> <w role="amazon:VB">read</w>. Goodbye."""

# The called number, and what the call plays.
CALLS = [
    (HUMAN, {"script": "Hello!"}),
    (HUMAN, {"script": NASTY, "language": "de-DE", "voice": "Polly.Vicki"}),
    (HUMAN, {"script": "A long script. " * 200}),
    (HUMAN, {"steps": [{"say": NASTY}, {"hang_up": True}]}),
    (HUMAN, {"steps": [{"say": ["Hello.", {"text": "Hola.", "language": "es-MX"}, {"spell": "49A027", "repeat": 3}]}]}),
    (HUMAN, {"steps": [{"say": {"ssml": SSML, "voice": "Polly.Joanna", "language": "en-US"}}]}),
    (PRESSES_ONE, {"steps": [{"say": "Hello."}, ASK, {"say": "Bye."}]}),
    (PRESSES_ONE, {"steps": [{"id": "pin", "ask": "Your number?", "max_digits": 4, "timeout_seconds": 3}]}),
    (STAYS_SILENT, {"steps": [{**ASK, "tries": 2, "no_input": {"say": NASTY, "goto": "end"}}]}),
    (HUMAN, {"steps": [{"id": "agent", "transfer": {"to": PRESSES_ONE, "max_seconds": 60, "whisper": NASTY}}]}),
    (HUMAN, {"steps": [{"id": "agent", "transfer": {"to": BUSY, "failed": {"say": NASTY}}}]}),
    (MACHINE, {"script": "Hello!", "voicemail": {"action": "leave_message", "message": NASTY}}),
    (MACHINE, {"steps": [ASK], "voicemail": {"action": "hang_up"}}),
    ("+12125550114", {"steps": [ASK]}),
    ("+12125550115", {"steps": [ASK]}),
    ("+12125550116", {"steps": [{"id": "pin", "ask": "Your number?", "max_digits": 20}, ASK]}),
]
# Every element in these documents.
ELEMENTS = {"Response", "Say", "Gather", "Redirect", "Hangup", "Pause", "Dial", "Number"} | {
    "break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w",
}


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    xtask = os.environ.get("XTASK")
    if not xtask:
        pytest.fail("XTASK is not set; set it to the path of the xtask binary")
    stack = LocalStack(xtask, tmp_path_factory.mktemp("state"))
    try:
        placed = [stack.place(to, **call) for to, call in CALLS]
        ended = [stack.ended(call_id) for call_id in placed]
        documents = [document for call in ended for document in stack.documents(call)]
        documents += documents_without_database(stack)
    finally:
        stack.stop()
    assert len(documents) >= len(CALLS), "each call has a document"
    return sorted(set(documents))


def documents_without_database(stack):
    """Returns the documents that people hear when the database fails during a call."""
    asks = [{**ASK, "id": f"ask_{number}", "timeout_seconds": 15} for number in range(5)]
    live = stack.live(stack.place(STAYS_SILENT, steps=asks))
    stack.end_database()
    stack.ended_at_twilio(live)
    return stack.documents(live)


def test_documents_have_all_elements(documents):
    names = {element.tag for document in documents for element in ET.fromstring(document).iter()}
    assert names == ELEMENTS


def test_sdk_for_python_writes_the_same_documents(documents):
    for document in documents:
        assert canonical(with_python(document)) == canonical(document)


@pytest.mark.skipif(not has_node(), reason="TWILIO_SIM_PACKAGES is not set: Node is missing")
def test_sdk_for_node_writes_the_same_documents(documents):
    for document, rebuilt in zip(documents, with_node(documents), strict=True):
        assert canonical(rebuilt) == canonical(document)
