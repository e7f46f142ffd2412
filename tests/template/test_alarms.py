"""The alarms: what they watch, and that they ring, by an evaluation of series as CloudWatch does it."""

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
    """Each metric that an alarm reads, with its statistic and period."""
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
    """The statistic of each period; None where nothing was sent."""
    found = []
    for start in range(0, until, period):
        values = [value for at, value in samples if start <= at < start + period]
        found.append(STATISTICS[stat](values) if values else None)
    return found


def rings(alarm, series, until, offset=0):
    """Whether an alarm rings within a time in which each metric had these samples, `[(seconds, value)]` by its name."""
    series = {name: [(at + offset, value) for at, value in samples] for name, samples in series.items()}
    read = [(periods(series.get(name, []), stat, period, until + offset), period) for _, name, _, stat, period in metrics(alarm)]
    (period,) = {period for _, period in read}
    if "Metrics" in alarm:
        assert re.fullmatch(r"SUM\(FILL\(METRICS\(\), 0\)\)|FILL\(\w+, 0\) \+ FILL\(\w+, 0\)", alarm["Metrics"][0]["Expression"])
        points = [sum(value or 0 for value in values) for values in zip(*(values for values, _ in read), strict=True)]
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


def test_evaluation_takes_m_of_n_periods_and_missing_data_as_cloudwatch_does():
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
    assert rings(alarm, {"M": [(0, 1), (700, 1)]}, 900)
    assert not rings(alarm, {"M": [(0, 1), (1000, 1)]}, 1200)
    assert not rings(alarm, {"M": [(0, 0.5), (700, 1)]}, 900)
    assert rings(alarm | {"TreatMissingData": "breaching"}, {}, 900)


# A message that is tried again and again


def tries(first, until, processing=3):
    """When replay fails to apply a message: it hides it for 10 s, 20 s … a quarter of an hour, and takes it up a little later."""
    at, pause, failures = first, 10, []
    while at < until:
        failures.append(at)
        at += pause + processing
        pause = min(2 * pause, 900)
    return failures


@pytest.mark.parametrize("processing", [0, 3, 60])
@pytest.mark.parametrize("offset", range(0, 900, 37))
def test_message_that_fails_for_an_hour_rings(alarms, offset, processing):
    failures = [(at, 1) for at in tries(0, 2 * HOUR, processing)]
    assert rings(alarms["FailedReplaysAlarm"], {"FailedReplays": failures}, 2 * HOUR, offset)


@pytest.mark.parametrize("offset", range(0, 900, 37))
def test_tries_a_quarter_of_an_hour_apart_ring(alarms, offset):
    alarm = alarms["FailedReplaysAlarm"]
    failures = {"FailedReplays": every(15 * MINUTE, 90 * MINUTE)}
    assert rings(alarm, failures, 90 * MINUTE, offset)
    in_a_row = {"Period": 300, "EvaluationPeriods": 6, "DatapointsToAlarm": 6}
    assert not rings(alarm | in_a_row, failures, 90 * MINUTE, offset), "as it was before"


def test_message_that_is_applied_within_a_quarter_of_an_hour_does_not_ring(alarms):
    failures = {"FailedReplays": [(at, 1) for at in tries(0, 15 * MINUTE)]}
    assert not rings(alarms["FailedReplaysAlarm"], failures, 2 * HOUR)


def counts_of_queue(messages, until):
    """What SQS sends each minute: how many messages are visible, and how many in flight, hidden ones included.

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
def test_message_that_waits_for_an_hour_rings_whether_it_is_hidden_or_not(alarms, start):
    alarm = alarms["WebhookQueueAgeAlarm"]
    assert rings(alarm, counts_of_queue([(start, 2 * HOUR)], 2 * HOUR), 2 * HOUR)
    never_taken_up = {"ApproximateNumberOfMessagesVisible": [(at, 1) for at in range(start, 2 * HOUR, MINUTE)]}
    assert rings(alarm, never_taken_up, 2 * HOUR), "no replay runs at all"


def test_messages_that_wait_for_less_than_an_hour_do_not_ring(alarms):
    alarm = alarms["WebhookQueueAgeAlarm"]
    assert not rings(alarm, counts_of_queue([(0, 50 * MINUTE)], 2 * HOUR), 2 * HOUR)
    spilled_and_applied = counts_of_queue([(at, at + 20) for at in range(0, 2 * HOUR, 150)], 2 * HOUR)
    assert not rings(alarm, spilled_and_applied, 2 * HOUR)
    assert not rings(alarm, {}, 2 * HOUR)


def test_age_of_the_oldest_message_is_watched_by_no_alarm(alarms):
    read = {name for alarm in alarms.values() for _, name, _, _, _ in metrics(alarm)}
    assert "ApproximateAgeOfOldestMessage" not in read, "messages that were received three times leave it"


# Runs of reconcile


@pytest.mark.parametrize("durations", [[1], [250], [1, 250], [250, 1, 1], [1, 1, 250, 100]], ids=str)
@pytest.mark.parametrize("offset", range(0, 300, 37))
def test_dial_that_no_run_settles_rings_however_long_the_runs_take(alarms, offset, durations):
    until = HOUR
    ends = [start + durations[run % len(durations)] for run, start in enumerate(range(0, until - 300, 300))]
    counted = {"DialsLeftUnknown": [(end, 1) for end in ends]}
    assert rings(alarms["DialsLeftUnknownAlarm"], counted, until, offset)


def test_dial_that_a_second_run_settles_does_not_ring(alarms):
    counted = {"DialsLeftUnknown": [(1, 1), (301, 1)]}
    assert not rings(alarms["DialsLeftUnknownAlarm"], counted, HOUR)


def test_reconcile_that_does_not_run_rings(alarms):
    alarm = alarms["ReconcileSilentAlarm"]
    assert list(metrics(alarm)) == [("AWS/Lambda", "Invocations", {"FunctionName": {"Ref": "Reconcile"}}, "Sum", HOUR)]
    assert rings(alarm, {}, HOUR)
    assert not rings(alarm, {"Invocations": every(5 * MINUTE, 3 * HOUR)}, 3 * HOUR)


# Single events


def test_one_event_rings_wherever_one_is_enough(alarms):
    lasting = {"FailedReplaysAlarm", "WebhookQueueAgeAlarm", "DialsLeftUnknownAlarm", "ReconcileSilentAlarm"}
    many = {"BadSignaturesAlarm": 20, "UnauthorizedRequestsAlarm": 50}
    for name, alarm in alarms.items():
        if name not in lasting:
            *_, (_, metric, _, _, _) = metrics(alarm)
            wanted = many.get(name, 1)
            for offset in (0, 299):
                # Each metric of a sum has these samples.
                each = math.ceil(wanted / len(list(metrics(alarm))))
                assert rings(alarm, {metric: [(0, 1)] * each}, 900, offset), name
                assert not rings(alarm, {metric: [(0, 1)] * ((wanted - 1) // len(list(metrics(alarm))))}, 900, offset), name


def test_kill_switch_does_not_ring(alarms):
    read = {(namespace, name, dimensions.get("Rule")) for alarm in alarms.values() for namespace, name, dimensions, _, _ in metrics(alarm)}
    assert not {it for it in read if it[:2] in {("AWS/ApiGateway", "5xx"), ("outdial", "RefusedCalls")} or it[1] == "Url5xxCount"}
    code = (ROOT / "shared/src/metrics.rs").read_text()
    assert 'is_server_error() && code != Some("dialing_off")' in code


# What is watched


def watched(alarms, namespace, metric):
    """The functions, by logical name, whose metric raises an alarm of its own on the first event."""
    found = []
    for alarm in alarms.values():
        if (alarm.get("Namespace"), alarm.get("MetricName")) == (namespace, metric):
            ((_, _, dimensions, stat, _),) = metrics(alarm)
            assert (stat, alarm["Threshold"]) == ("Sum", 1)
            found.append(dimensions["FunctionName"]["Ref"])
    return sorted(found)


def test_every_function_that_fails_or_is_throttled_with_callers_waiting_raises_an_alarm(alarms, binaries):
    assert watched(alarms, "AWS/Lambda", "Errors") == sorted(binaries)
    # Strangers may have health throttled, and a listener sees when media is: the dashboard shows these.
    assert watched(alarms, "AWS/Lambda", "Throttles") == sorted(WEBHOOKS | {"Users", "OutboundCalls"})


def test_what_the_functions_count_raises_an_alarm_under_the_names_that_they_count_it_by(alarms, binaries):
    found = {}
    for name, alarm in alarms.items():
        for namespace, metric, dimensions, _, _ in metrics(alarm):
            if namespace == "outdial":
                assert set(dimensions) == {"Stack", "Function"}, name
                assert dimensions["Stack"] == {"Ref": "AWS::StackName"}, "another stack's faults are not ours"
                assert name == f"{metric}Alarm" or metric == "Faults", name
                found.setdefault(metric, set()).add(dimensions["Function"])
    everywhere = {"status", "recording", "replay", "voice"}
    assert found == {
        "Faults": {"health", "users", "outbound-calls", "status", "recording", "media"},
        "SuspectedDoubleDials": everywhere | {"outbound-calls", "reconcile"},
        "OrphanWebhooks": everywhere,
        "BadSignatures": everywhere - {"replay"} | {"media"},
        "UnauthorizedRequests": {"users", "outbound-calls", "health"},
        "UnreadableDocuments": everywhere - {"status"} | {"users", "outbound-calls", "reconcile"},
        "Apologies": {"voice"},
        "DialsLeftUnknown": {"reconcile"},
        "FailedReplays": {"replay"},
    }
    names = set(re.findall(r'Self::\w+ => "(\w+)"', (ROOT / "shared/src/metrics.rs").read_text()))
    assert set(found) <= names, f"nobody counts {set(found) - names}"
    assert set.union(*found.values()) <= set(binaries.values())


def test_faults_of_every_function_that_answers_requests_raise_an_alarm(alarms, binaries):
    faults = {
        name: {dimensions["Function"] for _, metric, dimensions, _, _ in metrics(alarm) if metric == "Faults"}
        for name, alarm in alarms.items()
    }
    faults = {name: functions for name, functions in faults.items() if functions}
    assert faults == {
        "ApiErrorsAlarm": {"health", "users", "outbound-calls"},
        "StatusUrlErrorsAlarm": {"status"},
        "RecordingUrlErrorsAlarm": {"recording"},
        "MediaUrlErrorsAlarm": {"media"},
    }
    answering = {binaries[name] for name in FUNCTION_URLS | {"Health", "Users", "OutboundCalls"}}
    assert set.union(*faults.values()) == answering - {"voice"}, "voice always answers 200"


def test_dead_letters_and_webhooks_that_wait_raise_an_alarm(alarms):
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
    }


def test_metrics_of_an_expression_are_no_results_of_their_own(alarms):
    for alarm in alarms.values():
        if "Metrics" in alarm:
            total, *parts = alarm["Metrics"]
            assert "MetricStat" not in total
            assert all(part["ReturnData"] is False for part in parts)


def test_alarms_report_to_the_topic_where_there_is_one(deployed):
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


def test_operations_md_counts_the_alarms_that_cost_money(alarms):
    text = (ROOT / "docs/OPERATIONS.md").read_text()
    stated = re.search(r"the (\d+) metrics of (\d+) alarms \((\d+) of (\d+) with the console\) \$([\d.]+)", text)
    counted = [len(list(metrics(alarm))) for name, alarm in alarms.items() if not name.removesuffix("ErrorsAlarm") in OPTIONAL_FUNCTIONS]
    *numbers, dollars = stated.groups()
    assert [int(it) for it in numbers] == [sum(counted), len(counted), sum(counted) + 1, len(counted) + 1]
    assert float(dollars) == pytest.approx((sum(counted) - 10) / 10), "ten are free"
