"""Tests rules of the template that `sam validate` and cfn-lint don't check."""

import graphlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tomlkit
from configuration import DEFAULTS, URL_VARIABLES, reads, rust
from conftest import ROOT, WRITTEN

FUNCTIONS = WRITTEN.of_type("AWS::Serverless::Function")
# The routes of the API's gateway, and their functions.
ROUTES = {
    event["Properties"]["Path"]: name
    for name, function in FUNCTIONS.items()
    for event in function.get("Events", {}).values()
    if event["Type"] == "HttpApi"
}
# Routes with one method, in addition to the route with all methods.
POSTED = {"/calls/outbound"}
# Twilio calls these. They queue what the database does not take.
WEBHOOKS = {name for path, name in ROUTES.items() if path.startswith("/twilio/")}
FUNCTION_URLS = WEBHOOKS | {"Media", "Fallback"}
# These give Twilio the URLs of the webhooks.
DIALLING = ("OutboundCalls", "Dial")
# The queues that each function sends messages to, and the queue whose messages Lambda gives it.
SENDS = {
    **dict.fromkeys({*WEBHOOKS, "Fallback"}, ["WebhookQueue"]),
    "Status": ["WebhookQueue", "EffectsQueue"],
    "Replay": ["WebhookQueue", "EffectsQueue"],
    "Reconcile": ["EffectsQueue"],
    "OutboundCalls": ["WakeQueue"],
    "Batches": ["WakeQueue"],
    "Dispatch": ["DialQueue"],
    "Dial": ["WakeQueue", "EffectsQueue"],
    "Effects": ["WakeQueue"],
}
RECEIVES = {"Replay": "WebhookQueue", "Dispatch": "WakeQueue", "Dial": "DialQueue", "Effects": "EffectsQueue"}
# These send nothing to the dial queue. Its URL tells them that calls are scheduled and paced.
KNOW_THE_DIAL_QUEUE = {"OutboundCalls", "Batches", "Reconcile"}
DEAD_LETTERS = {"WebhookQueue": "WebhookDeadLetters", "DialQueue": "DialDeadLetters", "EffectsQueue": "EffectsDeadLetters"}
# Deployed only on request.
OPTIONAL_FUNCTIONS = {"Console"}
# These override the common SECRET_ID with no value, and have no access to the secret.
WITHOUT_SECRET = {"Console", "Fallback"}
FROM_THE_SECRET = {
    "MONGO_URI",
    "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_AUTH_TOKEN_SECONDARY",
    "TWILIO_API_KEY_SID",
    "TWILIO_API_KEY_SECRET",
    "API_KEYS",
    "MEDIA_SIGNING_KEY",
}
EVERYWHERE = {"ENVIRONMENT", "LOG_LEVEL", "SECRET_ID", "STACK_NAME"}
OPTIONAL = {
    "HasSecret": "SecretArn",
    "HasSecretKey": "SecretKeyArn",
    "HasBaseUrl": "BaseUrl",
    "HasCorsOrigins": "CorsOrigins",
    "HasConsole": "OperatorConsole",
    "HasBlockedNumbers": "BlockedNumbers",
    "HasCallingHours": "CallingHours",
    "HasHolidays": "Holidays",
    "HasApology": "Apology",
    "HasRecordingNotice": "RecordingNotice",
    "HasDefaultVoices": "DefaultVoices",
    "HasMaxSpeechPrice": "MaxSpeechPrice",
    "HasAudioHosts": "AudioHosts",
    "HasNotices": "Notices",
    "HasOptOutKey": "OptOutKey",
    "HasCallbackNumber": "CallbackNumber",
    "HasInboundForwardTo": "InboundForwardTo",
    "HasTranscriptionServices": "TranscriptionServices",
    "HasReservedConcurrency": "ReservedConcurrency",
    "HasOutboundCallsReservedConcurrency": "OutboundCallsReservedConcurrency",
    "HasKmsKey": "KmsKeyArn",
    "HasPermissionsBoundary": "PermissionsBoundary",
    "HasAlarmTopic": "AlarmTopicArn",
}
# Conditions on a parameter that is "enabled" by default, and empty otherwise.
ENABLED = {"HasScheduledCalls": "ScheduledCalls"}
# Conditions on a parameter that is "true" or "false".
SWITCHED = {"AnswersAtBaseUrlAlone": "DisableExecuteApiEndpoint"}
# Conditions on a parameter whose value "none" turns something off.
NONE = {
    "HasCapacity": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Capacity"}, "none"]}]},
    "HasUnreservedOutboundCalls": {"Fn::Equals": [{"Ref": "OutboundCallsReservedConcurrency"}, "none"]},
}


def tool(name, *arguments):
    return subprocess.run(
        [Path(sys.executable).parent / name, *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": "/tmp", "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
    )


def variables(function):
    return function["Environment"]["Variables"]


def references(node):
    """Returns every name that a part of the template refers to."""
    if isinstance(node, list):
        for value in node:
            yield from references(value)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "Ref":
                yield value
            elif key == "Fn::GetAtt":
                yield (value.split(".") if isinstance(value, str) else value)[0]
            elif key == "Fn::Sub":
                text, own = (value, {}) if isinstance(value, str) else value
                yield from (name for name in re.findall(r"\$\{([\w:]+)", text) if name not in own)
                yield from references(own)
            elif key == "DependsOn":
                yield from [value] if isinstance(value, str) else value
            else:
                yield from references(value)


def conditions(node):
    if isinstance(node, list):
        for value in node:
            yield from conditions(value)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "Fn::If":
                yield value[0]
                yield from conditions(value[1:])
            elif key == "Condition" and isinstance(value, str):
                yield value
            else:
                yield from conditions(value)


def test_sam_accepts_the_template():
    result = tool("sam", "validate", "--lint", "--template", "template.yaml", "--region", "us-east-1")
    assert result.returncode == 0, result.stdout + result.stderr


def test_cfn_lint_accepts_the_template():
    result = tool("cfn-lint", "--non-zero-exit-code", "informational", "template.yaml")
    assert (result.returncode, result.stdout) == (0, ""), result.stdout + result.stderr


def test_each_function_folder_is_one_function_of_the_template(binaries, written):
    folders = {manifest.parent.name for manifest in ROOT.glob("functions/*/Cargo.toml")}
    assert sorted(binaries.values()) == sorted(folders)
    for name, binary in binaries.items():
        assert written.resources[name]["Metadata"]["BuildMethod"] == "rust-cargolambda"
        assert name == "".join(word.capitalize() for word in binary.split("-"))
        manifest = tomlkit.parse((ROOT / "functions" / binary / "Cargo.toml").read_text())
        assert manifest["package"]["name"] == binary, "the binary has the name of its folder"
        assert (ROOT / "functions" / binary / "src/main.rs").exists()


def test_every_function_is_a_bootstrap_on_al2023(deployed):
    for function in deployed.of_type("AWS::Lambda::Function").values():
        assert (function["Runtime"], function["Handler"]) == ("provided.al2023", "bootstrap")
        assert function["Architectures"] == [{"Ref": "Architecture"}]
        assert function["MemorySize"] == {"Ref": "MemorySize"}


def test_processor_is_arm64_by_default(written):
    parameter = written.parameters["Architecture"]
    assert (parameter["Default"], parameter["AllowedValues"]) == ("arm64", ["arm64", "x86_64"])


def test_each_route_goes_to_its_function_for_any_method(functions):
    events = [event for function in functions.values() for event in function.get("Events", {}).values() if event["Type"] == "HttpApi"]
    assert len(events) == len(ROUTES)
    for event in events:
        assert event["Properties"]["ApiId"] == {"Ref": "Api"}
        assert event["Properties"]["Method"] == ("POST" if event["Properties"]["Path"] in POSTED else "ANY")


def test_gateway_routes_use_payload_2_0_and_may_invoke_their_functions(deployed):
    (api,) = deployed.settled("HasConsole").of_type("AWS::ApiGatewayV2::Api").values()
    paths = api["Body"]["paths"]
    assert set(paths) == set(ROUTES)
    permissions = deployed.of_type("AWS::Lambda::Permission").values()
    for path, name in ROUTES.items():
        (operation,) = paths[path].values()
        integration = operation["x-amazon-apigateway-integration"]
        assert integration["payloadFormatVersion"] == "2.0"
        assert name in references(integration["uri"])
        method = "/POST" if path in POSTED else "/*"
        suffix = "${__Stage__}/*" if path == "$default" else method + path.replace("{proxy+}", "*")
        assert any(
            permission["Principal"] == "apigateway.amazonaws.com"
            and permission["FunctionName"] == {"Ref": name}
            and permission["SourceArn"]["Fn::Sub"][0].endswith(suffix)
            for permission in permissions
        ), path


def test_stage_is_the_default_one(deployed):
    (stage,) = deployed.of_type("AWS::ApiGatewayV2::Stage").values()
    assert (stage["StageName"], stage["AutoDeploy"]) == ("$default", True)


def test_other_origins_are_allowed_only_by_the_parameter(deployed):
    cors = "x-amazon-apigateway-cors"
    assert cors not in deployed.settled().resources["Api"]["Properties"]["Body"]
    given = deployed.settled("HasCorsOrigins").resources["Api"]["Properties"]["Body"][cors]
    assert given["allowOrigins"] == {"Fn::Split": [",", "https://app.example,https://other.example"]}
    assert "allowCredentials" not in given
    assert {"authorization", "content-type", "idempotency-key", "if-none-match", "x-api-key"} <= set(given["allowHeaders"])
    assert {"GET", "POST", "PATCH", "DELETE"} == set(given["allowMethods"])


def test_webhooks_and_media_have_function_urls(deployed, functions):
    urls = deployed.of_type("AWS::Lambda::Url")
    assert set(urls) == {f"{name}Url" for name in FUNCTION_URLS}
    for name in FUNCTION_URLS:
        assert urls[f"{name}Url"]["AuthType"] == "NONE", "the signature is the authentication; fallback says only public words"
        assert urls[f"{name}Url"].get("InvokeMode", "BUFFERED") == ("RESPONSE_STREAM" if name == "Media" else "BUFFERED")
        assert "FunctionUrlConfig" in functions[name]


def test_pages_may_read_audio_and_use_no_other_function_url(deployed):
    urls = deployed.of_type("AWS::Lambda::Url")
    assert [name for name, url in urls.items() if "Cors" in url] == ["MediaUrl"]
    cors = urls["MediaUrl"]["Cors"]
    assert (cors["AllowOrigins"], cors["AllowMethods"]) == (["*"], ["GET", "HEAD"])
    assert "AllowCredentials" not in cors, "only the signature counts"
    assert {"content-range", "accept-ranges"} <= set(cors["ExposeHeaders"])


def test_browser_that_follows_the_redirect_to_the_audio_may_send_its_headers_again(deployed):
    media = deployed.of_type("AWS::Lambda::Url")["MediaUrl"]["Cors"]
    api = deployed.settled("HasCorsOrigins").resources["Api"]["Properties"]["Body"]["x-amazon-apigateway-cors"]
    assert {"authorization", "x-api-key", "range", "if-range"} <= set(api["allowHeaders"]) <= set(media["AllowHeaders"])


def test_lambda_and_media_answer_a_preflight_alike(deployed):
    code = (ROOT / "functions/media/src/cors.rs").read_text()
    cors = deployed.of_type("AWS::Lambda::Url")["MediaUrl"]["Cors"]
    for name in ("AllowMethods", "AllowHeaders", "ExposeHeaders", "MaxAge"):
        constant = re.sub(r"(?<!^)([A-Z])", r"_\1", name).upper() + ("_SECONDS" if name == "MaxAge" else "")
        value = re.search(rf'const {constant}: &str =\s+"([^"]+)";', code)[1]
        assert value.split(", ") == [str(it) for it in listed(cors[name])], name


def test_public_may_invoke_functions_only_through_their_urls(deployed):
    public = {}
    for permission in deployed.of_type("AWS::Lambda::Permission").values():
        if permission["Principal"] == "*":
            public.setdefault(permission["FunctionName"]["Ref"], {})[permission["Action"]] = permission
    assert set(public) == FUNCTION_URLS
    for permissions in public.values():
        assert set(permissions) == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
        assert permissions["lambda:InvokeFunctionUrl"]["FunctionUrlAuthType"] == "NONE"
        assert permissions["lambda:InvokeFunction"]["InvokedViaFunctionUrl"] is True


def statement(actions, resource):
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


@pytest.mark.parametrize("given", [(), ("HasSecret",), ("HasSecret", "HasSecretKey"), ("HasSecret", "HasSecretKey", "HasKmsKey")], ids=lambda given: "+".join(given) or "nothing")
def test_each_function_has_only_the_permissions_that_it_needs(deployed, given):
    template = deployed.settled(*given)
    roles = template.of_type("AWS::IAM::Role")
    functions = template.of_type("AWS::Lambda::Function")
    assert set(roles) == {f"{name}Role" for name in functions}
    for name, function in functions.items():
        assert function["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
        role = roles[f"{name}Role"]
        assert set(role) - {"PermissionsBoundary"} == {"AssumeRolePolicyDocument", "Policies"}, "no managed policies"
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust == {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        (policy,) = role["Policies"]
        expected = [
            statement(["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::GetAtt": [f"{name}Logs", "Arn"]}),
            statement(["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*"),
        ]
        if name in RECEIVES:
            actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
            # It hides the messages that it failed to apply.
            actions += ["sqs:ChangeMessageVisibility"] if name == "Replay" else []
            expected.append(statement(actions, {"Fn::GetAtt": [RECEIVES[name], "Arn"]}))
        expected += [statement("sqs:SendMessage", {"Fn::GetAtt": [queue, "Arn"]}) for queue in SENDS.get(name, [])]
        knows_secret = name not in WITHOUT_SECRET
        if "HasSecret" in given and knows_secret:
            expected.append(statement("secretsmanager:GetSecretValue", {"Ref": "SecretArn"}))
        if "HasSecretKey" in given and knows_secret:
            expected.append(statement("kms:Decrypt", {"Ref": "SecretKeyArn"}))
        if "HasKmsKey" in given:
            actions = ["kms:Decrypt", "kms:GenerateDataKey"] if name in SENDS else "kms:Decrypt"
            expected.append(statement(actions, {"Ref": "KmsKeyArn"}))
        found = policy["PolicyDocument"]["Statement"]
        assert sorted(found, key=str) == sorted(expected, key=str), name
        assert variables(function).get("SECRET_ID") == ({"Ref": "SecretArn"} if "HasSecret" in given and knows_secret else None)


def allowed(template):
    """Returns every statement that allows something: principal, actions, resources."""
    for name, role in template.of_type("AWS::IAM::Role").items():
        for policy in role["Policies"]:
            for it in policy["PolicyDocument"]["Statement"]:
                yield name.removesuffix("Role"), it


def listed(value):
    return value if isinstance(value, list) else [value]


def test_only_x_ray_is_allowed_on_every_resource_and_no_action_is_a_pattern(deployed):
    for name, it in allowed(deployed.settled(*OPTIONAL)):
        assert it["Effect"] == "Allow", name
        assert set(it) == {"Effect", "Action", "Resource"}, name
        for action in listed(it["Action"]):
            assert re.fullmatch(r"[a-z]+:[A-Za-z]+", action), f"{name}: {action}"
            for resource in listed(it["Resource"]):
                is_everything = resource == "*"
                assert is_everything == action.startswith("xray:"), f"{name}: {action} on {resource}"
                assert is_everything or "*" not in str(resource), f"{name}: {resource}"
    for policy in deployed.of_type("AWS::SQS::QueuePolicy").values():
        assert all(it["Effect"] == "Deny" for it in policy["PolicyDocument"]["Statement"])


def test_permissions_in_operations_md_equal_those_of_the_template(deployed, binaries):
    rows = re.findall(r"^\| ([a-z, -]+) \| (`[a-z]+:[^|]+) \| ([^|]+) \| ([^|]+) \|$", (ROOT / "docs/OPERATIONS.md").read_text(), re.M)
    assert rows
    documented = []
    for who, actions, resource, why in rows:
        assert len(why.split()) > 3, f"{who}: why?"
        for name in binaries.values() if who == "every function" else who.split(", "):
            documented += [(name, action, resource.strip("`")) for action in re.findall(r"`([^`]+)`", actions)]
    assert len(documented) == len(set(documented)), "each permission has one row"
    granted = set()
    for name, it in allowed(deployed.settled(*OPTIONAL)):
        resource = it["Resource"]
        own = {"Fn::GetAtt": [f"{name}Logs", "Arn"]}
        named = "its log group" if resource == own else resource if resource == "*" else next(references(resource))
        granted |= {(binaries[name], action, named) for action in listed(it["Action"])}
    assert set(documented) == granted


def test_files_named_in_security_md_exist(written):
    text = (ROOT / "docs/SECURITY.md").read_text()
    shown = [row for row in text.splitlines() if row.startswith("|") and row.endswith(") |")]
    assert len(shown) > 10
    for row in shown:
        folder = None
        for name in re.findall(r"`([\w./-]+\.(?:rs|py))`", row.rsplit(" | ", 1)[-1]):
            folder = Path(name).parent if "/" in name else folder
            assert (ROOT / folder / Path(name).name).exists(), name
    for parameter in re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", text):
        assert parameter in written.parameters or parameter in {"AuthType", "CallSid"}, parameter


def test_secret_is_named_by_its_whole_arn(written):
    pattern = re.compile(written.parameters["SecretArn"]["AllowedPattern"])
    assert pattern.search("arn:aws:secretsmanager:us-east-1:123456789012:secret:outdial-AbC123")
    for bad in ["outdial", "*", "arn:aws:secretsmanager:us-east-1:123456789012:secret:*", "arn:aws:secretsmanager:us-east-1:123456789012:secret:outdial"]:
        assert not pattern.search(bad), bad


CALLING_HOURS = [
    "",
    "08:00-21:00",
    "22:00-06:00",
    "00:00-24:00",
    "09:00-12:00,13:00-17:00",
    "Mo-Fr 08:00-21:00; Sa 10:00-18:00",
    "Mo-Fr 08:00-21:00;Sa,Su 10:00-18:00",
    "Mo,We-Fr 09:00-12:00, 13:00-24:00",
    "08:00-21:00; Su off",
]


def test_lists_hours_and_zones_are_validated_before_a_deployment(written):
    for name, good, bad in [
        ("AudioHosts", ["", "a.example.com", "a.example.com, *.example.org"], ["*", "com", "a.example.com,", "https://a.example.com", "a.example.com:443"]),
        ("AllowedVoices", ["basic", "basic,standard", "neural, Polly.Joanna-Generative"], ["", "basic,", "basic;neural", "Polly Joanna"]),
        ("MaxSpeechPrice", ["", "0", "0.25", "12.123456", "1000"], ["1000.5", "1.", ".5", "$1", "0.1234567", "-1"]),
        ("CallingHours", CALLING_HOURS, ["8-21", "24:00-08:00", "08:60-21:00", "08:00-24:01", "Mo-Fr", "Mon 08:00-21:00", "Mo 08:00-21:00;", "08:00-21:00,", "Mo08:00-21:00", "08:00 -21:00", "off"]),
        ("Holidays", ["", "12-25", "2026-12-25,2027-01-01", "12-25, 01-01"], ["25-12", "2026-13-01", "2026-12-32", "26-12-25", "12-25,", "12/25"]),
        ("DialsPerSecond", ["1", "0.1", "0.25", "1.5", "10", "999.9", "1000"], ["", "0", "0.0", "0.05", "01", "1.", "1001", "1000.1", "-1", "1e3", "1,5"]),
        ("BlockedNumbers", ["", "+12125550123", "+12125550123,+442079460018"], ["12125550123", "+12125550123,", "+0125550123"]),
        ("DefaultTimeZone", ["UTC", "America/New_York", "America/Argentina/Buenos_Aires", "Etc/GMT+6"], ["", "America/", "../UTC", "New York"]),
    ]:
        pattern = re.compile(written.parameters[name]["AllowedPattern"])
        assert [value for value in good if not pattern.search(value)] == [], name
        assert [value for value in bad if pattern.search(value)] == [], name


def test_no_secret_is_a_parameter(written, deployed):
    assert not [name for name, it in written.parameters.items() if "NoEcho" in it]
    for name, function in deployed.settled(*OPTIONAL).of_type("AWS::Lambda::Function").items():
        assert not FROM_THE_SECRET & set(variables(function)), name


def test_each_function_logs_json_to_its_own_group_with_a_retention(deployed, binaries):
    groups = deployed.of_type("AWS::Logs::LogGroup")
    assert set(groups) == {f"{name}Logs" for name in binaries} | {"ApiLogs"}
    for name, function in deployed.of_type("AWS::Lambda::Function").items():
        assert function["LoggingConfig"] == {
            "LogFormat": "JSON",
            "ApplicationLogLevel": "TRACE",
            "SystemLogLevel": "INFO",
            "LogGroup": {"Ref": f"{name}Logs"},
        }
        group = groups[f"{name}Logs"]
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
        assert group["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/${{AWS::StackName}}-{binaries[name]}"}


def test_stage_logs_each_request_without_personal_data(deployed):
    (stage,) = deployed.settled().of_type("AWS::ApiGatewayV2::Stage").values()
    settings = stage["AccessLogSettings"]
    assert settings["DestinationArn"] == {"Fn::GetAtt": ["ApiLogs", "Arn"]}
    fields = json.loads(settings["Format"])
    assert {"requestId", "routeKey", "status", "responseLatency", "integrationError"} <= set(fields)
    told = set(fields.values())
    for personal in ("path", "sourceIp", "userAgent", "queryString", "identity", "authorizer", "domainName"):
        assert not [value for value in told if personal.lower() in value.lower()], personal
    group = deployed.of_type("AWS::Logs::LogGroup")["ApiLogs"]
    assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert group["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/"), "such a group needs no resource policy"


def test_stage_is_throttled_and_dials_are_throttled_more(deployed, written, functions):
    (stage,) = deployed.settled().of_type("AWS::ApiGatewayV2::Stage").values()
    whole = {"ThrottlingRateLimit": {"Ref": "ApiRateLimit"}, "ThrottlingBurstLimit": {"Ref": "ApiBurstLimit"}}
    assert stage["DefaultRouteSettings"] == whole
    dials = {"ThrottlingRateLimit": {"Ref": "DialRateLimit"}, "ThrottlingBurstLimit": {"Ref": "DialBurstLimit"}}
    assert stage["RouteSettings"] == {"POST /calls/outbound": dials}
    for limit in ("RateLimit", "BurstLimit"):
        dial, api = written.parameters[f"Dial{limit}"], written.parameters[f"Api{limit}"]
        assert 1 == dial["MinValue"] == api["MinValue"], "zero would refuse every request"
        assert dial["Default"] < api["Default"]


def test_customer_managed_key_encrypts_logs_queues_and_variables(deployed):
    plain, given = deployed.settled(), deployed.settled("HasKmsKey")
    keyed = {"AWS::Logs::LogGroup": "KmsKeyId", "AWS::SQS::Queue": "KmsMasterKeyId", "AWS::Lambda::Function": "KmsKeyArn"}
    for kind, name in keyed.items():
        assert given.of_type(kind)
        for properties in given.of_type(kind).values():
            assert properties[name] == {"Ref": "KmsKeyArn"}
        for properties in plain.of_type(kind).values():
            assert name not in properties
    for queue in given.of_type("AWS::SQS::Queue").values():
        assert "SqsManagedSseEnabled" not in queue, "only one kind of encryption"


def test_each_function_is_traced(deployed):
    for function in deployed.of_type("AWS::Lambda::Function").values():
        assert function["TracingConfig"] == {"Mode": "Active"}


def test_timeouts_leave_time_for_the_response_and_end_before_the_caller_gives_up(deployed):
    timeouts = {name: it["Timeout"] for name, it in deployed.of_type("AWS::Lambda::Function").items()}
    for name in ("Users", "OutboundCalls", "Batches"):
        assert 28 < timeouts[name] < 30, "28 s for the response; the gateway waits 30 s"
    for name in WEBHOOKS:
        assert 6.5 < timeouts[name] < 15, "6.5 s for the response; Twilio waits 15 s in total"
    assert 2 < timeouts["Health"] < 30, "its checks take 2 s"
    assert 30 < timeouts["Media"] <= 900, "a listener may stream a recording in real time"


def test_each_queue_has_dead_letters_except_the_one_of_wake_ups(deployed):
    queues = deployed.of_type("AWS::SQS::Queue")
    assert set(queues) == {"WakeQueue", *DEAD_LETTERS, *DEAD_LETTERS.values()}
    found = {name: queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0] for name, queue in queues.items() if "RedrivePolicy" in queue}
    assert found == DEAD_LETTERS


def test_message_stays_hidden_for_six_times_the_time_limit_of_its_function(deployed):
    queues, functions = deployed.of_type("AWS::SQS::Queue"), deployed.of_type("AWS::Lambda::Function")
    for name, queue in RECEIVES.items():
        assert queues[queue]["VisibilityTimeout"] == 6 * functions[name]["Timeout"], name


def test_messages_that_hold_a_lease_do_not_outlast_it_by_much(deployed):
    queues = deployed.of_type("AWS::SQS::Queue")
    dials, dead, wake_ups = queues["DialQueue"], queues["DialDeadLetters"], queues["WakeQueue"]
    tries = dials["RedrivePolicy"]["maxReceiveCount"]
    assert tries * dials["VisibilityTimeout"] < dials["MessageRetentionPeriod"] <= 3600
    assert dead["MessageRetentionPeriod"] == 24 * 3600, "nobody redrives a message whose lease has ended"
    assert wake_ups["MessageRetentionPeriod"] == 60, "the schedule triggers dispatch each minute"


def test_effects_are_tried_three_times_and_kept_for_two_weeks(deployed):
    queues = deployed.of_type("AWS::SQS::Queue")
    effects, dead = queues["EffectsQueue"], queues["EffectsDeadLetters"]
    # The alarm on the age of the oldest message depends on this number.
    assert effects["RedrivePolicy"]["maxReceiveCount"] == 3
    assert 3 * effects["VisibilityTimeout"] < effects["MessageRetentionPeriod"]
    assert dead["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_queue_is_encrypted_and_outlasts_an_outage_of_twelve_hours(deployed):
    queues = deployed.of_type("AWS::SQS::Queue")
    plain = deployed.settled().of_type("AWS::SQS::Queue")
    assert all(queue["SqsManagedSseEnabled"] is True for queue in plain.values())
    queue, dead = queues["WebhookQueue"], queues["WebhookDeadLetters"]
    assert dead["MessageRetentionPeriod"] == 14 * 24 * 3600
    redrive = queue["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["WebhookDeadLetters", "Arn"]}
    tries = redrive["maxReceiveCount"]
    longest = int(re.search(r"LAST_SECONDS: u64 = (\d+)", rust("functions/replay/src"))[1])
    assert tries * queue["VisibilityTimeout"] > 12 * 3600, "even if replay can hide no messages"
    assert tries * longest < queue["MessageRetentionPeriod"], "no message expires before its last try"
    replay = deployed.of_type("AWS::Lambda::Function")["Replay"]
    assert queue["VisibilityTimeout"] >= 6 * replay["Timeout"]
    (beginning, postponing) = [
        int(re.search(rf"const {name}: Duration = Duration::from_secs\((\d+)\)", rust("functions/replay/src"))[1])
        for name in ("BEGINNING", "POSTPONING")
    ]
    assert replay["Timeout"] > beginning + 4 + 2 + postponing, "4 s in the database and 2 s for a hang-up"


def test_queues_require_tls(deployed):
    protected = []
    for policy in deployed.of_type("AWS::SQS::QueuePolicy").values():
        names = [queue["Ref"] for queue in policy["Queues"]]
        protected += names
        (denied,) = policy["PolicyDocument"]["Statement"]
        assert (denied["Effect"], denied["Principal"], denied["Action"]) == ("Deny", "*", "sqs:*")
        assert denied["Resource"] == [{"Fn::GetAtt": [name, "Arn"]} for name in names]
        assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert sorted(protected) == sorted(deployed.of_type("AWS::SQS::Queue")), "one policy for each queue"


def test_each_queue_goes_to_its_function_which_reports_the_failed_messages(deployed):
    sources = {source["FunctionName"]["Ref"]: source for source in deployed.of_type("AWS::Lambda::EventSourceMapping").values()}
    assert {name: source["EventSourceArn"] for name, source in sources.items()} == {
        name: {"Fn::GetAtt": [queue, "Arn"]} for name, queue in RECEIVES.items()
    }
    for name, source in sources.items():
        # A failed wake-up needs no second try.
        assert source.get("FunctionResponseTypes") == (None if name == "Dispatch" else ["ReportBatchItemFailures"]), name
        assert source["BatchSize"] == ({"Ref": "DialBatchSize"} if name == "Dial" else 10), name
        assert "MaximumBatchingWindowInSeconds" not in source, "a message is handled at once"
        most = {"Ref": "DialConcurrency"} if name == "Dial" else 2
        assert source["ScalingConfig"] == {"MaximumConcurrency": most}, name


def test_size_of_a_batch_of_dials_needs_no_batching_window(written):
    size, concurrency = written.parameters["DialBatchSize"], written.parameters["DialConcurrency"]
    assert (size["Default"], size["MinValue"], size["MaxValue"]) == (1, 1, 10), "Lambda takes more only with a window"
    assert (concurrency["Default"], concurrency["MinValue"], concurrency["MaxValue"]) == (2, 2, 1000), "the limits of an event source"


def test_only_functions_that_use_a_queue_get_its_url(functions):
    for variable, queue in [
        ("WEBHOOK_QUEUE_URL", "WebhookQueue"),
        ("DIAL_QUEUE_URL", "DialQueue"),
        ("WAKE_QUEUE_URL", "WakeQueue"),
        ("EFFECTS_QUEUE_URL", "EffectsQueue"),
    ]:
        using = {name for name, queues in SENDS.items() if queue in queues}
        using |= KNOW_THE_DIAL_QUEUE if queue == "DialQueue" else set()
        assert {name for name, function in functions.items() if variable in variables(function)} == using, variable
        for name in using - KNOW_THE_DIAL_QUEUE:
            assert variables(functions[name])[variable] == {"Ref": queue}, name


def test_first_of_two_deployments_accepts_no_scheduled_call_and_dials_those_that_exist(deployed, written):
    assert written.parameters["ScheduledCalls"]["AllowedValues"] == ["", "enabled"]
    for given in ((), ("HasScheduledCalls",)):
        functions = deployed.settled(*given).of_type("AWS::Lambda::Function")
        for name in KNOW_THE_DIAL_QUEUE:
            assert variables(functions[name]).get("DIAL_QUEUE_URL") == ({"Ref": "DialQueue"} if given else None), name
        assert variables(functions["Dispatch"])["DIAL_QUEUE_URL"] == {"Ref": "DialQueue"}


def test_schedules_trigger_their_functions_without_retries(deployed):
    rules = deployed.of_type("AWS::Events::Rule").values()
    found = {target["Arn"]["Fn::GetAtt"][0]: rule["ScheduleExpression"] for rule in rules for target in rule["Targets"]}
    assert found == {"Reconcile": "rate(5 minutes)", "Dispatch": "rate(1 minute)", "Effects": "rate(1 minute)"}
    configs = {config["FunctionName"]["Ref"]: config for config in deployed.of_type("AWS::Lambda::EventInvokeConfig").values()}
    assert set(configs) == set(found)
    assert {config["MaximumRetryAttempts"] for config in configs.values()} == {0}
    for name in ("Dispatch", "Effects"):
        assert configs[name]["MaximumEventAgeInSeconds"] == 60, "a throttled event does not outlast the next one"


def test_run_of_dispatch_and_its_successor_fit_into_two_executions(deployed):
    timeout = deployed.of_type("AWS::Lambda::Function")["Dispatch"]["Timeout"]
    (wind_down,) = re.findall(r"WIND_DOWN: Duration = Duration::from_secs\((\d+)\)", rust("functions/dispatch/src"))
    assert 60 < timeout - int(wind_down), "a run goes on until the next one takes over"
    assert timeout < 2 * 60, "the third run needs no third execution"


def test_run_of_reconcile_ends_before_the_next_one(deployed):
    (wind_down,) = re.findall(r"WIND_DOWN: Duration = Duration::from_secs\((\d+)\)", rust("functions/reconcile/src"))
    timeout = deployed.of_type("AWS::Lambda::Function")["Reconcile"]["Timeout"]
    assert 240 + int(wind_down) < timeout < 300, "four of five minutes for the work, and no overlapping runs"


def test_each_function_gets_only_the_variables_that_its_code_reads(functions, written, binaries):
    common = written.document["Globals"]["Function"]["Environment"]["Variables"]
    assert set(common) == EVERYWHERE
    for name, function in functions.items():
        code = rust(f"functions/{binaries[name]}/src")
        read = reads(code) - EVERYWHERE
        if name in WEBHOOKS:
            # The request context has the function's own URL. Only a status ends a call, and so has effects.
            read -= set(URL_VARIABLES.values()) | ({"EFFECTS_QUEUE_URL"} if name != "Status" else set())
            # It gives live calls the URL of the message for a machine.
            read |= {"VOICE_URL"} if name == "Status" else set()
        elif name != "Replay":
            # The second token verifies webhooks.
            read -= {"TWILIO_AUTH_TOKEN_SECONDARY"}
        without = {"SECRET_ID"} if name in WITHOUT_SECRET else set()
        assert set(variables(function)) == read | without, name


def test_defaults_are_those_of_the_code(deployed, written):
    compared = set()
    for function in deployed.settled().of_type("AWS::Lambda::Function").values():
        for name in set(DEFAULTS) & set(variables(function)):
            default = written.parameters[variables(function)[name]["Ref"]]["Default"]
            assert str(default) == DEFAULTS[name].replace("_", ""), name
            compared.add(name)
    assert compared == set(DEFAULTS)
    assert [written.parameters[name]["Default"] for name in ("Environment", "LogLevel")] == ["production", "INFO"]


def test_twilio_calls_the_function_urls_or_the_given_origin(deployed):
    plain = deployed.settled().of_type("AWS::Lambda::Function")
    fronted = deployed.settled("HasBaseUrl").of_type("AWS::Lambda::Function")
    for name in WEBHOOKS:
        variable = URL_VARIABLES[name]
        path = next(path for path, function in ROUTES.items() if function == name).removeprefix("/")
        own = {"Fn::Sub": f"${{{name}Url.FunctionUrl}}{path}"}
        for dialling in DIALLING:
            assert variables(plain[dialling])[variable] == own
            assert variable not in variables(fronted[dialling])
        assert "BASE_URL" not in variables(plain[name]), "it uses the request context"
        assert variables(fronted[name])["BASE_URL"] == {"Ref": "BaseUrl"}
    for dialling in DIALLING:
        assert "BASE_URL" not in variables(plain[dialling])
        assert variables(fronted[dialling])["BASE_URL"] == {"Ref": "BaseUrl"}
        for functions in (plain, fronted):
            assert variables(functions[dialling])["MEDIA_URL"] == {"Fn::Sub": "${MediaUrl.FunctionUrl}media"}
    own = {"Fn::Sub": "${FallbackUrl.FunctionUrl}twilio/fallback"}
    for functions in (plain, fronted):
        for name in (*DIALLING, "Replay"):
            assert variables(functions[name])["FALLBACK_URL"] == own, "it works while the given origin fails"


def test_fallback_needs_nothing_that_may_fail(deployed, written):
    given = deployed.settled(*OPTIONAL).of_type("AWS::Lambda::Function")["Fallback"]
    assert set(variables(given)) == {"ENVIRONMENT", "LOG_LEVEL", "STACK_NAME", "VOICE", "LANGUAGE", "DEFAULT_VOICES", "APOLOGY", "NOTICES", "WEBHOOK_QUEUE_URL"}
    actions = {action for name, it in allowed(deployed.settled("HasSecret")) if name == "Fallback" for action in listed(it["Action"])}
    assert {action for action in actions if not action.startswith(("logs:", "xray:"))} == {"sqs:SendMessage"}
    assert "Fallback" not in ROUTES.values(), "it does not share the gateway's limits"
    assert given["Timeout"] >= 1.5 + 3, "1.5 s for the queue"


def test_every_variable_is_one_that_the_configuration_reads(functions):
    code = rust("shared/src")
    for variable in EVERYWHERE.union(*(variables(function) for function in functions.values())):
        assert f'"{variable}"' in code, variable


def test_every_variable_is_in_the_readme_s_table(functions):
    table = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("|")]
    documented = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", "\n".join(table)))
    named = EVERYWHERE.union(*(variables(function) for function in functions.values()))
    assert named <= documented, f"undocumented: {sorted(named - documented)}"


def test_every_reference_names_something(deployed):
    known = set(deployed.resources) | set(deployed.parameters)
    for name in set(references(deployed.document)):
        assert name in known or name.startswith(("AWS::", "__")), name
    assert set(conditions(deployed.document)) <= set(deployed.document["Conditions"])


def test_optional_parts_are_off_by_default(written):
    is_given = {condition: {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]} for condition, name in OPTIONAL.items()}
    is_given["HasSecretKey"] = {"Fn::And": [{"Condition": "HasSecret"}, is_given["HasSecretKey"]]}
    is_given |= {condition: {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]} for condition, name in ENABLED.items()}
    is_given |= {condition: {"Fn::Equals": [{"Ref": name}, "true"]} for condition, name in SWITCHED.items()}
    is_given |= NONE
    for name in ENABLED.values():
        assert written.parameters[name]["Default"] == "enabled", name
    assert written.document["Conditions"] == is_given
    for name in OPTIONAL.values():
        assert written.parameters[name]["Default"] == "", name


def test_console_is_deployed_only_on_request(deployed, written):
    assert written.parameters["OperatorConsole"]["AllowedValues"] == ["", "enabled"]
    own = {name for name, it in deployed.resources.items() if it.get("Condition") == "HasConsole"}
    assert {"Console", "ConsoleRole", "ConsoleLogs", "ConsoleErrorsAlarm"} <= own
    assert all(name.startswith("Console") for name in own)
    for name, it in deployed.resources.items():
        if name not in own and name != "Api":
            assert not set(references(it)) & own, name
    (api,) = deployed.of_type("AWS::ApiGatewayV2::Api").values()
    for path, item in api["Body"]["paths"].items():
        assert path.startswith("/console") == ("Fn::If" in item and item["Fn::If"][0] == "HasConsole"), path
    assert written.document["Outputs"]["ConsoleUrl"]["Condition"] == "HasConsole"


def test_every_parameter_is_used_and_described(written):
    used = set(references(written.document))
    for name, parameter in written.parameters.items():
        assert name in used, name
        assert parameter.get("Description"), name


def test_no_resource_depends_on_itself(deployed):
    graph = {name: set(references(it)) & set(deployed.resources) for name, it in deployed.resources.items()}
    try:
        tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_every_url_is_an_output(written):
    outputs = {name: str(it["Value"]) for name, it in written.document["Outputs"].items()}
    assert "Api" in outputs["ApiUrl"]
    for name in FUNCTION_URLS:
        assert any(f"${{{name}Url.FunctionUrl}}" in value for value in outputs.values()), name
    for queue in written.of_type("AWS::SQS::Queue"):
        assert written.document["Outputs"][f"{queue}Url"]["Value"] == {"Ref": queue}
    for path in ("/health", "/docs", "/users", "/calls/outbound", "/batches"):
        assert f"${{Api.ApiEndpoint}}{path}" in "".join(outputs.values()), path


def test_outputs_contain_the_given_origin(written):
    outputs = {name: it["Value"] for name, it in written.settled("HasBaseUrl", "HasConsole").document["Outputs"].items()}
    assert outputs["ApiUrl"] == {"Ref": "BaseUrl"}
    assert not [name for name, value in outputs.items() if "Api" in references(value)]
    for name, path in [("HealthUrl", "/health"), ("DocsUrl", "/docs"), ("ConsoleUrl", "/console"), ("OutboundCallsUrl", "/calls/outbound")]:
        assert outputs[name] == {"Fn::Sub": f"${{BaseUrl}}{path}"}
    plain = written.settled("HasConsole").document["Outputs"]
    assert not [name for name, it in plain.items() if "BaseUrl" in references(it["Value"])]


def test_execute_api_endpoint_is_disabled_only_with_another_origin(deployed, written):
    def is_off(*given):
        (server,) = deployed.settled(*given).resources["Api"]["Properties"]["Body"]["servers"]
        return server["x-amazon-apigateway-endpoint-configuration"]["disableExecuteApiEndpoint"]

    assert (is_off(), is_off("HasBaseUrl"), is_off("HasBaseUrl", "AnswersAtBaseUrlAlone")) == (False, False, True)
    assert written.parameters["DisableExecuteApiEndpoint"]["Default"] == "false"
    (rule,) = written.document["Rules"].values()
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "DisableExecuteApiEndpoint"}, "true"]}
    (assertion,) = rule["Assertions"]
    assert assertion["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "BaseUrl"}, ""]}]}
    assert "BaseUrl" in assertion["AssertDescription"]


def test_samconfig_deploys_with_parameters_that_exist(written):
    config = tomlkit.parse((ROOT / "samconfig.toml").read_text())
    assert {"default", "production"} <= set(config)
    stacks = [config[name]["global"]["parameters"]["stack_name"] for name in ("default", "production")]
    assert len(set(stacks)) == 2
    assert [config[name]["deploy"]["parameters"]["s3_prefix"] for name in ("default", "production")] == stacks
    for environment in set(config) - {"version"}:
        for command in config[environment].values():
            for pair in command["parameters"].get("parameter_overrides", "").split():
                name, value = pair.split("=", 1)
                parameter = written.parameters[name]
                assert str(value) in map(str, parameter.get("AllowedValues", [value])), pair
    assert "Environment=production" in config["production"]["deploy"]["parameters"]["parameter_overrides"]
