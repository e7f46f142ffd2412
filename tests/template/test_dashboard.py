"""Tests that the dashboard shows every metric with the dimensions that the functions use."""

import json
import re

import pytest
from conftest import ROOT
from test_template import OPTIONAL_FUNCTIONS

METRICS = (ROOT / "shared/src/telemetry/metrics.rs").read_text()
OUTCOMES = {"accepted", "refused", "unknown"}


def expanded(rows):
    """Returns the metrics of a widget, with the dots replaced by the values of the row before."""
    before = []
    for row in rows:
        names = [part for part in row if isinstance(part, str)]
        if names[0] == "...":
            names = before[: len(before) - len(names) + 1] + names[1:]
        before = names
        namespace, metric, *dimensions = names
        yield namespace, metric, dict(zip(dimensions[::2], dimensions[1::2], strict=True))


@pytest.fixture(scope="module")
def widgets(written):
    (dashboard,) = written.of_type("AWS::CloudWatch::Dashboard").values()
    return json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]


@pytest.fixture(scope="module")
def shown(widgets):
    return [metric for widget in widgets for metric in expanded(widget["properties"]["metrics"])]


def test_exactly_the_metrics_of_the_code_are_shown(shown):
    known = set(re.findall(r'Self::\w+(?:\(_\))? => "(\w+)"', METRICS))
    known |= set(re.findall(r'const \w+: &str = "(\w+)";', METRICS))
    assert len(known) > 10
    assert {metric for namespace, metric, _ in shown if namespace == "outdial"} == known


def test_each_rule_and_each_outcome_is_shown(shown):
    codes = (ROOT / "shared/src/domain/call_refusal.rs").read_text()
    rules = set(re.findall(r'Self::\w+ => "(\w+)"', codes)) - {"twilio_refused"}
    assert len(rules) > 10
    for metric, dimension, values in [("RefusedCalls", "Rule", rules), ("DialOutcomes", "Outcome", OUTCOMES)]:
        assert {dimensions[dimension] for _, name, dimensions in shown if name == metric} == values


def test_metrics_have_the_dimensions_of_the_code(shown, binaries):
    own = {"RefusedCalls": {"Rule"}, "DialOutcomes": {"Outcome"}}
    for namespace, metric, dimensions in shown:
        if namespace == "outdial":
            assert set(dimensions) == {"Stack", "Function"} | own.get(metric, set()), metric
            assert dimensions["Stack"] == "${AWS::StackName}"
            assert dimensions["Function"] in binaries.values()


def test_each_function_is_shown(shown, binaries):
    for metric in ["Errors", "Duration", "Throttles"]:
        watched = {dimensions["FunctionName"] for _, name, dimensions in shown if name == metric}
        assert watched == {f"${{{name}}}" for name in binaries if name not in OPTIONAL_FUNCTIONS}


def test_queues_and_api_are_shown(shown):
    metrics = {(namespace, metric) for namespace, metric, _ in shown}
    assert {
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/ApiGateway", "4xx"),
        ("AWS/ApiGateway", "5xx"),
        ("AWS/ApiGateway", "Latency"),
        ("AWS/Lambda", "Url5xxCount"),
    } <= metrics


def test_lag_is_shown_as_p50_and_p99(widgets):
    (rows,) = (rows for widget in widgets if (rows := widget["properties"]["metrics"])[0][1] == "WebhookLag")
    assert {"p50", "p99"} == {row[-1]["stat"] for row in rows}


def test_widgets_do_not_overlap(widgets):
    places = [(widget["x"] + x, widget["y"] + y) for widget in widgets for x in range(widget["width"]) for y in range(widget["height"])]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
