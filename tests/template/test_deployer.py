"""Tests who can assume the deployer role, and what it can do: deploy/oidc-role.yaml."""

import re
from fnmatch import fnmatchcase

import pytest
from conftest import ROOT, Template
from samcli.yamlhelper import yaml_parse
from test_template import OPTIONAL, allowed, listed, tool

# Actions that support no resource.
ON_EVERYTHING = {
    "cloudformation:GetTemplateSummary",
    *(f"lambda:{what}EventSourceMapping" for what in ("Create", "Delete", "Get", "Update")),
    *(f"logs:{what}LogDelivery" for what in ("Create", "Delete", "Get", "Update")),
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
}
# The values of the template's parameters and of AWS's pseudo parameters in these tests.
GIVEN = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "AWS::StackName": "outdial-production",
    "StackName": "outdial-production",
    "Repository": "owner/name",
    "OwnerId": "11",
    "RepositoryId": "22",
    "GitHubEnvironment": "production",
    "SecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:outdial-AbC123",
    "SecretKeyArn": "arn:aws:kms:us-east-1:123456789012:key/of-the-secret",
    "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/of-the-stack",
    "Boundary": "arn:aws:iam::123456789012:policy/outdial-production-boundary-us-east-1",
}
ROLE = "arn:aws:iam::123456789012:role/outdial-production-HealthRole-1A2B3C"
BOUNDED = {"iam:PermissionsBoundary": GIVEN["Boundary"]}
EVERY_CONDITION = ("HasNumbers", "HasSecret", "HasSecretKey", "HasKmsKey", "MakesProvider")


@pytest.fixture(scope="module")
def deployer():
    return Template(yaml_parse((ROOT / "deploy/oidc-role.yaml").read_text()))


def resolve(node):
    """Returns a value with every `Ref`, `Fn::Sub`, `Fn::Select` and `Fn::Split` resolved."""
    if isinstance(node, list):
        return [resolve(it) for it in node]
    if not isinstance(node, dict):
        return node
    if set(node) == {"Ref"}:
        return GIVEN[node["Ref"]]
    if set(node) == {"Fn::Sub"}:
        text, own = (node["Fn::Sub"], {}) if isinstance(node["Fn::Sub"], str) else node["Fn::Sub"]
        values = GIVEN | resolve(own)
        return re.sub(r"\$\{([\w:]+)\}", lambda it: values[it[1]], text)
    if set(node) == {"Fn::Select"}:
        at, of = node["Fn::Select"]
        return resolve(of)[int(at)]
    if set(node) == {"Fn::Split"}:
        by, text = node["Fn::Split"]
        return resolve(text).split(by)
    if set(node) == {"Fn::GetAtt"}:
        return node
    return {key: resolve(value) for key, value in node.items()}


def statements(template, name):
    resource = template.resources[name]["Properties"]
    policies = [it["PolicyDocument"] for it in resource["Policies"]] if "Policies" in resource else [resource["PolicyDocument"]]
    return [resolve(it) for policy in policies for it in policy["Statement"]]


def holds(condition, context):
    for operator, keys in condition.items():
        assert operator in ("StringEquals", "ArnLike"), operator
        for key, values in keys.items():
            matches = fnmatchcase if operator == "ArnLike" else str.__eq__
            if key not in context or not any(matches(context[key], value) for value in listed(values)):
                return False
    return True


def may(template, name, action, resource, **context):
    """Decides like IAM: an applicable Deny wins, and without an Allow the action is denied."""
    context = {key.replace("__", ":"): value for key, value in context.items()}
    applicable = [
        it["Effect"]
        for it in statements(template, name)
        if any(fnmatchcase(action, pattern) for pattern in listed(it["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in listed(it["Resource"]))
        and holds(it.get("Condition", {}), context)
    ]
    return "Allow" in applicable and "Deny" not in applicable


def test_cfn_lint_accepts_the_roles_of_the_deployment():
    result = tool("cfn-lint", "--non-zero-exit-code", "informational", "deploy/oidc-role.yaml")
    assert (result.returncode, result.stdout) == (0, ""), result.stdout + result.stderr


@pytest.mark.parametrize(
    ("given", "subjects"),
    [
        ((), ["repo:owner/name:environment:production"]),
        (("HasNumbers",), ["repo:owner/name:environment:production", "repo:owner@11/name@22:environment:production"]),
    ],
    ids=["by name", "by name and numbers"],
)
def test_only_one_environment_of_one_repository_can_assume_the_deployer_role(deployer, given, subjects):
    (trust,) = deployer.settled(*given).resources["DeployRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert resolve(trust["Condition"]) == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": subjects,
        }
    }


def decide(node, given):
    """Evaluates a rule's function with these parameters."""
    if not isinstance(node, dict):
        return node
    ((function, of),) = node.items()
    if function == "Ref":
        return given[of]
    values = [decide(it, given) for it in of]
    return {"Fn::Equals": lambda: values[0] == values[1], "Fn::Not": lambda: not values[0], "Fn::And": lambda: all(values), "Fn::Or": lambda: any(values)}[function]()


@pytest.mark.parametrize(("owner", "repository", "is_taken"), [("", "", True), ("11", "22", True), ("11", "", False), ("", "22", False)])
def test_owner_id_and_repository_id_are_required_together(deployer, owner, repository, is_taken):
    (rule,) = deployer.document["Rules"].values()
    assert "RuleCondition" not in rule
    (assertion,) = rule["Assertions"]
    assert decide(assertion["Assert"], {"OwnerId": owner, "RepositoryId": repository}) is is_taken
    assert "OwnerId and RepositoryId" in assertion["AssertDescription"]


def test_deployer_roles_can_change_only_the_stack(deployer):
    for name in ("DeployRole", "ExecutionRole"):
        (policy,) = deployer.resources[name]["Properties"]["Policies"]
        for it in policy["PolicyDocument"]["Statement"]:
            it = it["Fn::If"][1] if "Fn::If" in it else it
            if it["Effect"] == "Deny":
                continue
            actions, resources = listed(it["Action"]), listed(it["Resource"])
            if "*" in resources:
                assert set(actions) <= ON_EVERYTHING, actions
            if any(action.endswith(":*") for action in actions):
                assert all("${StackName}" in resource["Fn::Sub"] for resource in resources), actions
            if "iam:PassRole" in actions:
                assert it["Condition"]["StringEquals"]["iam:PassedToService"]


GROWING = ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"]


@pytest.mark.parametrize("action", GROWING)
def test_role_gets_permissions_only_within_the_boundary(deployer, action):
    template = deployer.settled(*EVERY_CONDITION)
    assert may(template, "ExecutionRole", action, ROLE, **BOUNDED)
    assert not may(template, "ExecutionRole", action, ROLE), "a role without a boundary"
    another = "arn:aws:iam::aws:policy/AdministratorAccess"
    assert not may(template, "ExecutionRole", action, ROLE, **{"iam:PermissionsBoundary": another})
    for elsewhere in ("admin", "other-HealthRole-1", "outdial-production-deploy", "outdial-production-execution"):
        assert not may(template, "ExecutionRole", action, f"arn:aws:iam::123456789012:role/{elsewhere}", **BOUNDED), elsewhere


@pytest.mark.parametrize("context", [{}, BOUNDED], ids=["unbounded", "bounded"])
def test_no_policy_can_be_attached_and_the_boundary_cannot_be_changed(deployer, context):
    template = deployer.settled(*EVERY_CONDITION)
    for role in ("DeployRole", "ExecutionRole"):
        for action in ("iam:AttachRolePolicy", "iam:DeleteRolePermissionsBoundary", "sts:AssumeRole"):
            assert not may(template, role, action, ROLE, **context), action
        for action in ("iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion"):
            assert not may(template, role, action, GIVEN["Boundary"], **context), action
        for action in ("iam:CreateUser", "iam:CreateAccessKey", "iam:PutUserPolicy", "iam:CreateLoginProfile"):
            assert not may(template, role, action, "arn:aws:iam::123456789012:user/anybody", **context), action


def test_job_changes_no_role_and_passes_only_one_to_cloudformation(deployer):
    template = deployer.settled(*EVERY_CONDITION)
    for action in (*GROWING, "iam:UpdateAssumeRolePolicy", "lambda:UpdateFunctionCode"):
        assert not may(template, "DeployRole", action, ROLE, **BOUNDED), action
    passing = [it for it in statements(template, "DeployRole") if "iam:PassRole" in listed(it["Action"])]
    assert [it["Resource"] for it in passing] == [{"Fn::GetAtt": ["ExecutionRole", "Arn"]}]


def arn_of(resource, template):
    """Returns the ARN in a statement of the stack's template, with the stack's name."""
    resource = resolve(resource)
    if isinstance(resource, str):
        return resource
    name, _ = resource["Fn::GetAtt"]
    it = template.resources[name]
    if it["Type"] == "AWS::Logs::LogGroup":
        return f"arn:aws:logs:us-east-1:123456789012:log-group:{resolve(it['Properties']['LogGroupName'])}:*"
    assert it["Type"] == "AWS::SQS::Queue"
    return f"arn:aws:sqs:us-east-1:123456789012:outdial-production-{name}-1A2B3C"


def test_deployer_may_create_each_queue_schedule_and_event_source(deployer, deployed):
    template = deployer.settled(*EVERY_CONDITION)
    here = "us-east-1:123456789012"
    asked = [("sqs:CreateQueue", f"arn:aws:sqs:{here}:outdial-production-{name}-1A2B3C", {}) for name in deployed.of_type("AWS::SQS::Queue")]
    asked += [("events:PutRule", f"arn:aws:events:{here}:rule/outdial-production-{name}-1A2B3C", {}) for name in deployed.of_type("AWS::Events::Rule")]
    for source in deployed.of_type("AWS::Lambda::EventSourceMapping").values():
        function = f"arn:aws:lambda:{here}:function:outdial-production-{source['FunctionName']['Ref']}-1A2B3C"
        asked.append(("lambda:CreateEventSourceMapping", "*", {"lambda:FunctionArn": function}))
        asked.append(("lambda:PutFunctionEventInvokeConfig", function, {}))
    assert len(asked) > 15
    assert [it for it in asked if not may(template, "ExecutionRole", it[0], it[1], **it[2])] == []
    other = {"lambda:FunctionArn": f"arn:aws:lambda:{here}:function:payroll"}
    assert not may(template, "ExecutionRole", "lambda:CreateEventSourceMapping", "*", **other)


def test_boundary_allows_each_function_what_its_role_allows(deployer, deployed):
    boundary, template = deployer.settled(*EVERY_CONDITION), deployed.settled(*OPTIONAL)
    asked = [(name, action, arn_of(it["Resource"], template)) for name, it in allowed(template) for action in listed(it["Action"])]
    assert len(asked) > 40
    denied = [it for it in asked if not may(boundary, "Boundary", *it[1:])]
    assert denied == []


def test_boundary_allows_no_other_role_and_no_other_secret(deployer):
    template = deployer.settled(*EVERY_CONDITION)
    actions = {action for it in statements(template, "Boundary") for action in listed(it["Action"])}
    assert {action.split(":")[0] for action in actions} == {"logs", "xray", "sqs", "secretsmanager", "kms"}
    assert not [action for action in actions if "*" in action]
    plain = deployer.settled()
    assert may(plain, "Boundary", "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:123456789012:secret:outdial-production-AbC123")
    assert not may(plain, "Boundary", "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:123456789012:secret:payroll-AbC123")
    assert not may(plain, "Boundary", "kms:Decrypt", GIVEN["KmsKeyArn"])


def test_each_role_of_the_stack_has_the_boundary(deployed):
    for name, role in deployed.settled(*OPTIONAL).of_type("AWS::IAM::Role").items():
        assert role["PermissionsBoundary"] == {"Ref": "PermissionsBoundary"}, name
    for name, role in deployed.settled().of_type("AWS::IAM::Role").items():
        assert "PermissionsBoundary" not in role, name
