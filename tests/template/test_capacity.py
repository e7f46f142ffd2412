"""Tests that the concurrent executions of all functions fit the account and the database."""

import re

import pytest
from configuration import rust
from conftest import ROOT
from test_template import OPTIONAL_FUNCTIONS, variables

# Connections that a node of each Atlas tier accepts: https://www.mongodb.com/docs/atlas/reference/atlas-limits/
CONNECTIONS = {"M0": 500, "M10": 1500, "M20": 3000, "M30": 3000, "M40": 6000}
QUOTA, UNRESERVED = 1000, 100
# Their executions have parameters of their own.
BY_PARAMETER = {"Dial": "DialConcurrency"}


@pytest.fixture(scope="module")
def executions(written):
    """Returns the executions of each function by tier, with the defaults of the parameters."""
    defaults = {name: written.parameters[parameter]["Default"] for name, parameter in BY_PARAMETER.items()}
    return {tier: {**row, **defaults} for tier, row in written.document["Mappings"]["Executions"].items()}


def connections_of_an_environment(name):
    """Returns the connections of one environment: its pool, and one that monitors the node."""
    constant = "AT_ONCE" if name == "Reconcile" else "OPERATIONS_AT_ONCE"
    code = rust("shared/src/config")
    assert "max_pool_size: at_once.max(OPERATIONS_AT_ONCE)" in code
    assert "max_pool_size: ReconcileConfig::AT_ONCE.into()" in code
    return int(re.search(rf"const {constant}: \w+ = (\d+);", code)[1]) + 1


def connections(row, functions):
    """Returns the maximum number of connections of all functions to one node."""
    users = [name for name, it in functions.items() if "MONGO_DB" in variables(it)]
    assert users
    return sum(int(row[name]) * connections_of_an_environment(name) for name in users)


def test_each_tier_has_a_row_with_a_number_for_each_function(written, executions, functions):
    assert all(not set(row) & set(BY_PARAMETER) for row in written.document["Mappings"]["Executions"].values())
    assert set(executions) == set(written.parameters["Capacity"]["AllowedValues"]) == {"none", *CONNECTIONS}
    for tier, row in executions.items():
        assert set(row) == set(functions), tier
        assert all(int(value) >= (0 if tier == "none" else 1) for value in row.values()), tier


@pytest.mark.parametrize("tier", CONNECTIONS)
def test_connections_of_all_functions_leave_a_third_of_the_tier_free(executions, functions, tier):
    assert connections(executions[tier], functions) <= CONNECTIONS[tier] * 2 / 3


@pytest.mark.parametrize("tier", CONNECTIONS)
def test_executions_leave_the_unreserved_concurrency_that_lambda_requires(executions, tier):
    assert sum(map(int, executions[tier].values())) <= QUOTA - UNRESERVED


@pytest.mark.parametrize("tier", CONNECTIONS)
def test_executions_equal_the_concurrency_of_the_queue(deployed, executions, tier):
    for source in deployed.of_type("AWS::Lambda::EventSourceMapping").values():
        name, most = source["FunctionName"]["Ref"], source["ScalingConfig"]["MaximumConcurrency"]
        if name in BY_PARAMETER:
            assert most == {"Ref": BY_PARAMETER[name]}, "a throttled batch would count as a try of its messages"
        else:
            assert int(executions[tier][name]) >= most, name


def reserved(template, *given):
    settled = template.settled(*given).of_type("AWS::Lambda::Function")
    return {name: function.get("ReservedConcurrentExecutions") for name, function in settled.items()}


def by_capacity(name):
    if name in BY_PARAMETER:
        return {"Ref": BY_PARAMETER[name]}
    return {"Fn::FindInMap": ["Executions", {"Ref": "Capacity"}, name]}


def test_capacity_reserves_executions_for_each_function_by_default(deployed, written):
    assert written.parameters["Capacity"]["Default"] == "M0"
    for name in ("ReservedConcurrency", "OutboundCallsReservedConcurrency"):
        assert written.parameters[name]["Default"] == ""
    assert reserved(deployed, "HasCapacity") == {name: by_capacity(name) for name in reserved(deployed)}


def test_capacity_none_reserves_nothing(deployed):
    assert set(reserved(deployed).values()) == {None}


def test_earlier_parameters_override_capacity(deployed):
    for given in ((), ("HasCapacity",)):
        one = reserved(deployed, *given, "HasOutboundCallsReservedConcurrency")
        assert one["OutboundCalls"] == {"Ref": "OutboundCallsReservedConcurrency"}
        assert one["Users"] == (by_capacity("Users") if given else None)
        # "none" also counts as a value, so both conditions hold.
        freed = reserved(deployed, *given, "HasOutboundCallsReservedConcurrency", "HasUnreservedOutboundCalls")
        assert freed["OutboundCalls"] is None
        others = reserved(deployed, *given, "HasReservedConcurrency")
        for name in ("OutboundCalls", *BY_PARAMETER):
            assert others.pop(name) == (by_capacity(name) if given else None), name
        assert all(value == {"Ref": "ReservedConcurrency"} for value in others.values())


def test_concurrent_dials_are_few_and_configurable(written, executions):
    assert [int(executions[tier]["OutboundCalls"]) for tier in CONNECTIONS] == [10, 20, 40, 40, 60]
    pattern = re.compile(written.parameters["OutboundCallsReservedConcurrency"]["AllowedPattern"])
    assert all(pattern.search(value) for value in ("", "0", "10", "none"))
    assert not any(pattern.search(value) for value in ("-1", "nothing", "none1"))


def test_tables_in_the_documents_have_the_numbers_of_the_template(executions, functions):
    rows = re.findall(r"^\| `(M\d+)`[^|]*\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", (ROOT / "README.md").read_text(), re.M)
    assert [row[0] for row in rows] == list(CONNECTIONS)
    for tier, *numbers in rows:
        limit, most, together, dials = (int(number.replace(",", "")) for number in numbers)
        row = executions[tier]
        assert (limit, most) == (CONNECTIONS[tier], connections(row, functions)), tier
        assert (together, dials) == (sum(map(int, row.values())), int(row["OutboundCalls"])), tier
    assert OPTIONAL_FUNCTIONS <= set(executions["M0"]), "the console may be added later"
