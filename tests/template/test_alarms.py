"""Tests which metrics the alarms use, and with which series they are raised, by an evaluation like CloudWatch's."""

import math
import re

import pytest
from conftest import ROOT
from test_template import FUNCTION_URLS, OPTIONAL_FUNCTIONS, WEBHOOKS

MINUTE = 60
HOUR = 60 * MINUTE


def alarms_of(template):
    return template.of_type("AWS::CloudWatch::Alarm")


def metrics(alarm):
    """Returns each metric of an alarm with its statistic and period."""
    stats = [it["MetricStat"] for it in alarm.get("Metrics", []) if "MetricStat" in it]
    if not stats:
        stats = [{"Metric": alarm, "Stat": alarm["Statistic"], "Period": alarm["Period"]}]
    for stat in stats:
        metric = stat["Metric"]
        dimensions = {it["Name"]: it["Value"] for it in metric["Dimensions"]}
        yield metric["Namespace"], metric["MetricName"], dimensions, stat["Stat"], stat["Period"]


# Evaluation


STATISTICS = {
    "Sum": sum,
    "Average": lambda values: sum(values) / len(values),
    "Minimum": min,
    "Maximum": max,
}


def periods(samples, stat, period, until):
    """Returns the statistic of each period, or None for a period without samples."""
    found = []
    for start in range(0, until, period):
        values = [value for at, value in samples if start <= at < start + period]
        found.append(STATISTICS[stat](values) if values else None)
    return found


def evaluate(alarm, values):
    """Returns the value of an alarm's expression for one period, in which each metric has one of these values."""
    expression, *rest = [it.get("Expression", it["Id"]) for it in alarm["Metrics"]]
    if expression == f"FILL({rest[0]}, 0) / (FILL({rest[-1]}, 0) + 1)":
        share, of = values
        return share / (of + 1)
    assert expression in ("SUM(FILL(METRICS(), 0))", f"FILL({rest[0]}, 0) + FILL({rest[-1]}, 0)"), expression
    return sum(values)


def is_raised(alarm, series, until, offset=0):
    """Returns true if these samples raise the alarm. `series` has `[(seconds, value)]` by the name of the metric."""
    series = {name: [(at + offset, value) for at, value in samples] for name, samples in series.items()}
    read = [(periods(series.get(name, []), stat, period, until + offset), period) for _, name, _, stat, period in metrics(alarm)]
    (period,) = {period for _, period in read}
    if "Metrics" in alarm:
        points = [evaluate(alarm, [value or 0 for value in values]) for values in zip(*(values for values, _ in read), strict=True)]
    else:
        ((points, _),) = read
    breaching = {
        "GreaterThanOrEqualToThreshold": lambda value: value >= alarm["Threshold"],
        "LessThanThreshold": lambda value: value < alarm["Threshold"],
    }[alarm["ComparisonOperator"]]
    missing = {"breaching": True, "notBreaching": False}[alarm["TreatMissingData"]]
    points = [missing if value is None else breaching(value) for value in points]
    window = alarm["EvaluationPeriods"]
    wanted = alarm.get("DatapointsToAlarm", window)
    return any(sum(points[end - window : end]) >= wanted for end in range(window, len(points) + 1))


@pytest.fixture(scope="module")
def alarms(deployed):
    return alarms_of(deployed)


def every(seconds, until, start=0):
    return [(at, 1) for at in range(start, until, seconds)]


def test_evaluation_treats_periods_and_missing_data_as_cloudwatch_does():
    alarm = {
        "Namespace": "outdial",
        "MetricName": "M",
        "Dimensions": [],
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    assert is_raised(alarm, {"M": [(0, 1), (700, 1)]}, 900)
    assert not is_raised(alarm, {"M": [(0, 1), (1000, 1)]}, 1200)
    assert not is_raised(alarm, {"M": [(0, 0.5), (700, 1)]}, 900)
    assert is_raised(alarm | {"TreatMissingData": "breaching"}, {}, 900)


# A message that replay fails to apply


def tries(first, until, processing=3):
    """Returns the times at which replay fails to apply a message. It hides the message for 10 s, 20 s … 900 s, and gets it a little later."""
    at, pause, failures = first, 10, []
    while at < until:
        failures.append(at)
        at += pause + processing
        pause = min(2 * pause, 900)
    return failures


@pytest.mark.parametrize("processing", [0, 3, 60])
@pytest.mark.parametrize("offset", range(0, 900, 37))
def test_message_that_fails_for_an_hour_raises_an_alarm(alarms, offset, processing):
    failures = [(at, 1) for at in tries(0, 2 * HOUR, processing)]
    assert is_raised(alarms["FailedReplaysAlarm"], {"FailedReplays": failures}, 2 * HOUR, offset)


@pytest.mark.parametrize("offset", range(0, 900, 37))
def test_tries_a_quarter_of_an_hour_apart_raise_an_alarm(alarms, offset):
    alarm = alarms["FailedReplaysAlarm"]
    failures = {"FailedReplays": every(15 * MINUTE, 90 * MINUTE)}
    assert is_raised(alarm, failures, 90 * MINUTE, offset)
    in_a_row = {"Period": 300, "EvaluationPeriods": 6, "DatapointsToAlarm": 6}
    assert not is_raised(alarm | in_a_row, failures, 90 * MINUTE, offset), "consecutive periods would not detect these tries"


def test_message_applied_within_a_quarter_of_an_hour_raises_no_alarm(alarms):
    failures = {"FailedReplays": [(at, 1) for at in tries(0, 15 * MINUTE)]}
    assert not is_raised(alarms["FailedReplaysAlarm"], failures, 2 * HOUR)


def counts_of_queue(messages, until):
    """Returns what SQS reports each minute: the numbers of visible messages and of messages in flight, hidden ones included.

    A message is a pair of when it came and when it was deleted; it is visible for a second before each try.
    """
    visible, in_flight = [], []
    for minute in range(0, until, MINUTE):
        there = [tries(start, min(end, until)) for start, end in messages if start <= minute < end]
        seen = sum(any(minute <= at <= minute + 1 for at in failures) for failures in there)
        visible.append((minute, seen))
        in_flight.append((minute, len(there) - seen))
    return {"ApproximateNumberOfMessagesVisible": visible, "ApproximateNumberOfMessagesNotVisible": in_flight}


@pytest.mark.parametrize("start", range(0, 300, 41))
def test_message_that_waits_for_an_hour_raises_an_alarm_hidden_or_not(alarms, start):
    alarm = alarms["WebhookQueueAgeAlarm"]
    assert is_raised(alarm, counts_of_queue([(start, 2 * HOUR)], 2 * HOUR), 2 * HOUR)
    never_taken_up = {"ApproximateNumberOfMessagesVisible": [(at, 1) for at in range(start, 2 * HOUR, MINUTE)]}
    assert is_raised(alarm, never_taken_up, 2 * HOUR), "replay does not run at all"


def test_messages_that_wait_for_less_than_an_hour_raise_no_alarm(alarms):
    alarm = alarms["WebhookQueueAgeAlarm"]
    assert not is_raised(alarm, counts_of_queue([(0, 50 * MINUTE)], 2 * HOUR), 2 * HOUR)
    spilled_and_applied = counts_of_queue([(at, at + 20) for at in range(0, 2 * HOUR, 150)], 2 * HOUR)
    assert not is_raised(alarm, spilled_and_applied, 2 * HOUR)
    assert not is_raised(alarm, {}, 2 * HOUR)


def test_age_of_the_oldest_message_is_used_only_if_the_third_try_is_the_last(alarms, deployed):
    queues = deployed.of_type("AWS::SQS::Queue")
    for alarm in alarms.values():
        for _, name, dimensions, _, _ in metrics(alarm):
            if name == "ApproximateAgeOfOldestMessage":
                queue = queues[dimensions["QueueName"]["Fn::GetAtt"][0]]
                assert queue["RedrivePolicy"]["maxReceiveCount"] <= 3, "the metric ignores messages that were received three times"


# Effects and scheduled calls


def test_effects_that_wait_for_a_quarter_of_an_hour_raise_an_alarm(alarms):
    alarm = alarms["EffectsQueueAgeAlarm"]
    age = "ApproximateAgeOfOldestMessage"
    waiting = [(at, at) for at in range(0, HOUR, MINUTE)]
    assert is_raised(alarm, {age: waiting}, HOUR)
    assert not is_raised(alarm, {age: waiting[:15]}, HOUR)
    tried_twice = [(at, at % 400) for at in range(0, HOUR, MINUTE)]
    assert not is_raised(alarm, {age: tried_twice}, HOUR), "the second try succeeds"
    assert not is_raised(alarm, {}, HOUR)


def test_call_that_is_due_for_five_minutes_raises_an_alarm(alarms):
    alarm = alarms["OldestDueSecondsAlarm"]
    overdue = [(at, at) for at in range(0, HOUR, MINUTE)]
    assert is_raised(alarm, {"OldestDueSeconds": overdue[:6]}, HOUR)
    assert not is_raised(alarm, {"OldestDueSeconds": overdue[:5]}, HOUR)
    assert not is_raised(alarm, {"OldestDueSeconds": [(at, 2) for at in range(0, HOUR, MINUTE)]}, HOUR)
    assert not is_raised(alarm, {}, HOUR)


@pytest.mark.parametrize("offset", range(0, 300, 41))
@pytest.mark.parametrize("pace", [0.1, 1, 100])
def test_starved_permits_raise_an_alarm_only_if_they_last_and_are_many(alarms, offset, pace):
    def counted(starved, minutes):
        sent = [(at, 60 * pace) for at in range(0, minutes * MINUTE, MINUTE)]
        return {"DispatchedCalls": sent, "PermitsStarved": [(at, starved * count) for at, count in sent]}

    alarm = alarms["PermitsStarvedAlarm"]
    assert is_raised(alarm, counted(0.9, 25), HOUR, offset)
    assert not is_raised(alarm, counted(0.9, 5), HOUR, offset)
    assert not is_raised(alarm, counted(0.3, 60), HOUR, offset), "some calls of a full queue find no permit"
    assert not is_raised(alarm, {}, HOUR, offset)


def test_missing_runs_of_dispatch_raise_an_alarm(alarms):
    alarm = alarms["DispatchSilentAlarm"]
    assert list(metrics(alarm)) == [("AWS/Lambda", "Invocations", {"FunctionName": {"Ref": "Dispatch"}}, "Sum", 10 * MINUTE)]
    assert is_raised(alarm, {}, 10 * MINUTE)
    assert not is_raised(alarm, {"Invocations": every(MINUTE, HOUR)}, HOUR)


# Runs of reconcile


@pytest.mark.parametrize("durations", [[1], [250], [1, 250], [250, 1, 1], [1, 1, 250, 100]], ids=str)
@pytest.mark.parametrize("offset", range(0, 300, 37))
def test_unsettled_dial_raises_an_alarm_however_long_the_runs_take(alarms, offset, durations):
    until = HOUR
    ends = [start + durations[run % len(durations)] for run, start in enumerate(range(0, until - 300, 300))]
    counted = {"DialsLeftUnknown": [(end, 1) for end in ends]}
    assert is_raised(alarms["DialsLeftUnknownAlarm"], counted, until, offset)


def test_dial_settled_by_a_second_run_raises_no_alarm(alarms):
    counted = {"DialsLeftUnknown": [(1, 1), (301, 1)]}
    assert not is_raised(alarms["DialsLeftUnknownAlarm"], counted, HOUR)


def test_missing_runs_of_reconcile_raise_an_alarm(alarms):
    alarm = alarms["ReconcileSilentAlarm"]
    assert list(metrics(alarm)) == [("AWS/Lambda", "Invocations", {"FunctionName": {"Ref": "Reconcile"}}, "Sum", HOUR)]
    assert is_raised(alarm, {}, HOUR)
    assert not is_raised(alarm, {"Invocations": every(5 * MINUTE, 3 * HOUR)}, 3 * HOUR)


# Single events


def test_one_event_raises_each_alarm_with_a_threshold_of_one(alarms):
    lasting = {"FailedReplaysAlarm", "WebhookQueueAgeAlarm", "DialsLeftUnknownAlarm", "ReconcileSilentAlarm"}
    lasting |= {"DispatchSilentAlarm", "EffectsQueueAgeAlarm", "OldestDueSecondsAlarm", "PermitsStarvedAlarm"}
    many = {"BadSignaturesAlarm": 20, "UnauthorizedRequestsAlarm": 50}
    for name, alarm in alarms.items():
        if name not in lasting:
            *_, (_, metric, _, _, _) = metrics(alarm)
            wanted = many.get(name, 1)
            for offset in (0, 299):
                # All metrics of a sum have these samples.
                each = math.ceil(wanted / len(list(metrics(alarm))))
                assert is_raised(alarm, {metric: [(0, 1)] * each}, 900, offset), name
                assert not is_raised(alarm, {metric: [(0, 1)] * ((wanted - 1) // len(list(metrics(alarm))))}, 900, offset), name


def test_kill_switch_raises_no_alarm(alarms):
    read = {(namespace, name, dimensions.get("Rule")) for alarm in alarms.values() for namespace, name, dimensions, _, _ in metrics(alarm)}
    assert not {it for it in read if it[:2] in {("AWS/ApiGateway", "5xx"), ("outdial", "RefusedCalls")} or it[1] == "Url5xxCount"}
    code = (ROOT / "shared/src/telemetry/metrics.rs").read_text()
    assert "is_server_error() && code != Some(RefusalCode::DialingOff.as_str())" in code


# Metrics of the alarms


def watched(alarms, namespace, metric):
    """Returns the logical names of the functions with an alarm that the first event of this metric raises."""
    found = []
    for alarm in alarms.values():
        if (alarm.get("Namespace"), alarm.get("MetricName")) == (namespace, metric):
            ((_, _, dimensions, stat, _),) = metrics(alarm)
            assert (stat, alarm["Threshold"]) == ("Sum", 1)
            found.append(dimensions["FunctionName"]["Ref"])
    return sorted(found)


def test_errors_of_any_function_and_throttles_of_functions_with_callers_raise_an_alarm(alarms, binaries):
    assert watched(alarms, "AWS/Lambda", "Errors") == sorted(binaries)
    # Strangers can cause throttles of health, and a listener notices those of media. The dashboard shows both. A run of dispatch throttles
    # wake-ups that it serves itself.
    assert watched(alarms, "AWS/Lambda", "Throttles") == sorted(WEBHOOKS | {"Fallback", "Users", "OutboundCalls", "Batches", "Dial"})


def test_alarms_use_the_metrics_and_dimensions_that_the_functions_count(alarms, binaries):
    found = {}
    for name, alarm in alarms.items():
        for namespace, metric, dimensions, _, _ in metrics(alarm):
            if namespace == "outdial":
                assert set(dimensions) == {"Stack", "Function"}, name
                assert dimensions["Stack"] == {"Ref": "AWS::StackName"}, "the alarm ignores other stacks"
                assert name == f"{metric}Alarm" or metric == "Faults" or (name, metric) == ("PermitsStarvedAlarm", "DispatchedCalls"), name
                found.setdefault(metric, set()).add(dimensions["Function"])
    webhooks = {binaries[name] for name in WEBHOOKS}
    everywhere = webhooks | {"replay"}
    assert found == {
        "Faults": webhooks - {"voice"} | {"health", "users", "outbound-calls", "batches", "media"},
        "SuspectedDoubleDials": everywhere | {"outbound-calls", "reconcile", "dial"},
        "OrphanWebhooks": everywhere,
        "BadSignatures": webhooks | {"media", "replay"},
        "UnauthorizedRequests": {"users", "outbound-calls", "batches", "health"},
        "UnreadableDocuments": everywhere - {"status"} | {"users", "outbound-calls", "batches", "reconcile", "dispatch", "dial", "effects"},
        "Apologies": {"voice"},
        "Fallbacks": {"fallback"},
        "DialsLeftUnknown": {"reconcile"},
        "FailedReplays": {"replay"},
        "DispatchStopped": {"dispatch"},
        "OldestDueSeconds": {"dispatch"},
        "PermitsStarved": {"dial"},
        "DispatchedCalls": {"dispatch"},
    }
    names = set(re.findall(r'(?:Self::\w+ =>|const \w+: &str =) "(\w+)"', (ROOT / "shared/src/telemetry/metrics.rs").read_text()))
    assert set(found) <= names, f"no code counts {set(found) - names}"
    assert set.union(*found.values()) <= set(binaries.values())


def test_faults_of_every_function_with_requests_raise_an_alarm(alarms, binaries):
    faults = {
        name: {dimensions["Function"] for _, metric, dimensions, _, _ in metrics(alarm) if metric == "Faults"}
        for name, alarm in alarms.items()
    }
    faults = {name: functions for name, functions in faults.items() if functions}
    own_url = {f"{name}UrlErrorsAlarm": {binaries[name]} for name in FUNCTION_URLS - {"Voice", "Fallback"}}
    assert faults == own_url | {"ApiErrorsAlarm": {"health", "users", "outbound-calls", "batches"}}, "these two always return 200"


def test_dead_letters_and_waiting_webhooks_raise_an_alarm(alarms):
    read = {
        name: sorted((metric, dimensions["QueueName"]["Fn::GetAtt"][0]) for namespace, metric, dimensions, _, _ in metrics(alarm) if namespace == "AWS/SQS")
        for name, alarm in alarms.items()
    }
    assert {name: queues for name, queues in read.items() if queues} == {
        "WebhookDeadLettersAlarm": [("ApproximateNumberOfMessagesVisible", "WebhookDeadLetters")],
        "WebhookQueueAgeAlarm": [
            ("ApproximateNumberOfMessagesNotVisible", "WebhookQueue"),
            ("ApproximateNumberOfMessagesVisible", "WebhookQueue"),
        ],
        "DialDeadLettersAlarm": [("ApproximateNumberOfMessagesVisible", "DialDeadLetters")],
        "EffectsDeadLettersAlarm": [("ApproximateNumberOfMessagesVisible", "EffectsDeadLetters")],
        "EffectsQueueAgeAlarm": [("ApproximateAgeOfOldestMessage", "EffectsQueue")],
    }


def test_no_alarm_has_more_than_the_ten_metrics_that_cloudwatch_allows(alarms):
    assert max(len(list(metrics(alarm))) for alarm in alarms.values()) <= 10


def test_metrics_of_an_expression_return_no_data_themselves(alarms):
    for alarm in alarms.values():
        if "Metrics" in alarm:
            total, *parts = alarm["Metrics"]
            assert "MetricStat" not in total
            assert all(part["ReturnData"] is False for part in parts)


def test_alarms_report_to_the_topic_if_there_is_one(deployed):
    for alarm in alarms_of(deployed.settled()).values():
        assert "AlarmActions" not in alarm
    for alarm in alarms_of(deployed.settled("HasAlarmTopic")).values():
        assert alarm["AlarmActions"] == [{"Ref": "AlarmTopicArn"}]


# The documents


def test_each_alarm_has_an_entry_in_the_runbook(alarms):
    text = (ROOT / "docs/OPERATIONS.md").read_text()
    section = text[text.index("\n## Alarms\n") :]
    section = section[: section.index("\n## ", 1)]
    documented = set(re.findall(r"`(\w+Alarm)`", "".join(line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `"))))
    assert documented == set(alarms)


def test_operations_md_states_the_cost_of_the_alarms(alarms):
    text = (ROOT / "docs/OPERATIONS.md").read_text()
    stated = re.search(r"the (\d+) metrics of (\d+) alarms \((\d+) of (\d+) with the console\) \$([\d.]+)", text)
    counted = [len(list(metrics(alarm))) for name, alarm in alarms.items() if not name.removesuffix("ErrorsAlarm") in OPTIONAL_FUNCTIONS]
    *numbers, dollars = stated.groups()
    assert [int(it) for it in numbers] == [sum(counted), len(counted), sum(counted) + 1, len(counted) + 1]
    assert float(dollars) == pytest.approx((sum(counted) - 10) / 10), "the first ten are free"
