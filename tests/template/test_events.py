"""Tests that the sample events are those of the gateway and function URLs, with signatures for the account in env.json."""

import base64
import hashlib
import json
import subprocess
import sys
from urllib.parse import parse_qsl

import pytest
from conftest import ROOT
from test_template import RECEIVES, WEBHOOKS

EVENTS = ROOT / "events"
sys.path.insert(0, str(EVENTS))

import sign  # noqa: E402

FILES = sign.event_files()
SCHEDULED = ("reconcile", "dispatch", "effects-sweep")
QUEUED = ("replay", "replay-unreadable", "dispatch-wake", "dial", "dial-unreadable", "effects", "effects-unreadable")
REQUESTS = [file for file in FILES if file.stem not in SCHEDULED + QUEUED]
REFUSED = ("-unreadable", "-refused", "-forged", "-expired", "-no-key", "-unknown-route")


def load(file):
    return json.loads(file.read_text())


@pytest.fixture(scope="session")
def function_of(binaries):
    """Returns the function of an event: the longest name of a binary with which the file's name begins."""

    def find(file):
        names = [name for name, binary in binaries.items() if f"{file.stem}-".startswith(f"{binary}-")]
        return max(names, key=lambda name: len(binaries[name]), default=None)

    return find


@pytest.mark.parametrize("file", REQUESTS, ids=lambda file: file.stem)
def test_event_is_a_complete_document_of_payload_2_0(file, function_of, functions):
    event = load(file)
    context = event["requestContext"]
    assert event["version"] == "2.0"
    assert set(context) == {
        *("accountId", "apiId", "domainName", "domainPrefix", "http"),
        *("requestId", "routeKey", "stage", "time", "timeEpoch"),
    }
    assert set(context["http"]) == {"method", "path", "protocol", "sourceIp", "userAgent"}
    assert context["stage"] == "$default"
    assert context["routeKey"] == event["routeKey"]
    assert context["http"]["path"] == event["rawPath"]
    assert context["domainName"].startswith(context["domainPrefix"] + ".")

    headers = event["headers"]
    assert all(name == name.lower() for name in headers)
    assert headers["host"] == context["domainName"]
    assert headers["user-agent"] == context["http"]["userAgent"]
    query = dict(parse_qsl(event["rawQueryString"], keep_blank_values=True))
    assert event.get("queryStringParameters", {}) == query
    assert isinstance(event["isBase64Encoded"], bool)
    if "body" in event:
        assert headers["content-length"] == str(len(sign.body_of(event)))
    else:
        assert "content-type" not in headers

    function = functions[function_of(file)]
    if ".lambda-url." in context["domainName"]:
        assert "FunctionUrlConfig" in function
        assert event["routeKey"] == "$default"
    else:
        routes = [(it["Properties"]["Method"], it["Properties"]["Path"]) for it in function["Events"].values()]
        method, _, route = event["routeKey"].rpartition(" ")
        assert (method or "ANY", route) in routes
        assert ("POST", event["rawPath"]) not in routes or method == context["http"]["method"], "a more specific route exists"
        if "{proxy+}" in route:
            proxy = event["pathParameters"]["proxy"]
            assert route.replace("{proxy+}", proxy) == event["rawPath"]
        elif route != "$default":
            assert route == event["rawPath"]


def test_each_function_has_a_valid_event_and_a_refused_one(function_of, binaries):
    kinds = {name: set() for name in binaries}
    for file in FILES:
        kinds[function_of(file)].add(file.stem.endswith(REFUSED))
    for name in ("Reconcile", "Dispatch"):
        assert kinds.pop(name) == {False}, "neither a scheduled event nor a wake-up can be refused"
    assert kinds == {name: {True, False} for name in kinds}


@pytest.mark.parametrize("name", SCHEDULED)
def test_scheduled_event_names_the_rule_of_its_function(name, function_of, deployed):
    event = load(EVENTS / f"{name}.json")
    assert set(event) == {*("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")}
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    (resource,) = event["resources"]
    (rule,) = (rule for rule in deployed.of_type("AWS::Events::Rule") if f"rule/outdial-{rule}-" in resource)
    assert rule == f"{function_of(EVENTS / f'{name}.json')}Schedule"


def test_queue_batch_has_the_format_of_lambda(function_of):
    for name in QUEUED:
        records = load(EVENTS / f"{name}.json")["Records"]
        assert len({record["messageId"] for record in records}) == len(records)
        queue = RECEIVES[function_of(EVENTS / f"{name}.json")]
        for record in records:
            assert record["eventSourceARN"].rpartition(":")[2].startswith(f"outdial-{queue}-")
            assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()
            assert record["eventSource"] == "aws:sqs"
            assert {"ApproximateReceiveCount", "SentTimestamp"} <= set(record["attributes"])


def test_queued_messages_are_the_webhooks_of_the_other_events():
    for topic, record in zip(("status", "recording"), load(EVENTS / "replay.json")["Records"], strict=True):
        message, webhook = json.loads(record["body"]), load(EVENTS / f"{topic}.json")
        assert message["topic"] == topic
        assert message["form"] == base64.b64decode(webhook["body"]).decode()
        assert message["call_id"] == webhook["queryStringParameters"]["call_id"]


def test_committed_signatures_are_valid():
    result = subprocess.run([sys.executable, EVENTS / "sign.py", "--check"], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, ""), result.stdout + result.stderr


@pytest.mark.parametrize("file", [it for it in REQUESTS if load(it)["rawPath"].startswith("/twilio/")], ids=lambda it: it.stem)
def test_webhook_has_a_valid_signature_unless_it_is_forged(file, function_of):
    event = load(file)
    environments = load(EVENTS / "env.json")
    # `fallback` has no token; `replay` checks its requests.
    environment = environments[{"Fallback": "Voice"}.get(function_of(file), function_of(file))]
    tokens = (environment["TWILIO_AUTH_TOKEN"], environment["TWILIO_AUTH_TOKEN_SECONDARY"])
    genuine = event["headers"]["x-twilio-signature"] in [sign.twilio_signature(event, token) for token in tokens]
    assert genuine != file.stem.endswith("-forged")
    form = parse_qsl(sign.body_of(event).decode(), keep_blank_values=True)
    assert dict(form)["AccountSid"] == environments["OutboundCalls"]["TWILIO_ACCOUNT_SID"]
    assert ("From", "") not in form


def test_signature_equals_the_example_of_twilios_documentation():
    event = {
        "requestContext": {"domainName": "mycompany.com"},
        "rawPath": "/myapp.php",
        "rawQueryString": "foo=1&bar=2",
        "body": "CallSid=CA1234567890ABCDE&Caller=%2B12349013030&Digits=1234&From=%2B12349013030&To=%2B18005551212",
        "isBase64Encoded": False,
    }
    assert sign.twilio_signature(event, "12345") == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


def test_media_urls_are_valid_except_the_expired_one():
    expiries = {file.stem: int(load(file)["queryStringParameters"]["expires"]) for file in REQUESTS if load(file)["rawPath"] == "/media"}
    assert set(expiries) == {"media", "media-whole", "media-expired"}
    for name, expires in expiries.items():
        assert (expires < 1_750_000_000) if name.endswith("-expired") else (expires > 4_000_000_000)


def test_env_json_has_only_variables_of_the_template(functions, written):
    common = written.document["Globals"]["Function"]["Environment"]["Variables"]
    environments = load(EVENTS / "env.json")
    assert set(environments) == set(functions)
    for name, environment in environments.items():
        named = set(common) | set(functions[name]["Environment"]["Variables"])
        assert set(environment) <= named, f"{name}: sam local passes only variables that the template names"


def test_events_use_the_ids_of_the_seed(binaries):
    seed = load(EVENTS / "seed.json")
    (user,), (call,), (recording,) = seed["users"], seed["calls"], seed["recordings"]
    assert call["user_id"] == user["_id"]["$oid"]
    assert recording["call_id"] == call["_id"]["$oid"]
    assert load(EVENTS / "outbound-calls-get.json")["rawPath"] == f"/calls/{call['call_id']}"
    assert json.loads(load(EVENTS / "outbound-calls-create.json")["body"])["user_id"] == user["_id"]["$oid"]
    for name in ("dial", "effects"):
        (message,) = load(EVENTS / f"{name}.json")["Records"]
        assert json.loads(message["body"])["call_id"] == call["call_id"]
    for name in ("batches-create", "outbound-calls-retry"):
        assert json.loads(load(EVENTS / f"{name}.json")["body"])["user_id"] == user["_id"]["$oid"]
    for name in WEBHOOKS:
        event = load(EVENTS / f"{binaries[name]}.json")
        assert event["queryStringParameters"]["call_id"] == call["call_id"]
        form = dict(parse_qsl(base64.b64decode(event["body"]).decode(), keep_blank_values=True))
        assert form["CallSid"] == call["twilio_sid"]


def test_readme_of_the_folder_lists_each_event():
    text = (EVENTS / "README.md").read_text()
    for file in FILES:
        assert f"`{file.name}`" in text, file.name
