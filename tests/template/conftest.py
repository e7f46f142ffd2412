"""Fixtures with the template in two forms: as written, and as CloudFormation gets it."""

import copy
import os
from pathlib import Path

import pytest

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")

from samcli.yamlhelper import yaml_parse  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
NO_VALUE = {"Ref": "AWS::NoValue"}


class Template:
    """A template in which `settled` resolves every `Fn::If`."""

    def __init__(self, document):
        self.document = document
        self.resources = document["Resources"]
        self.parameters = document["Parameters"]

    def of_type(self, kind):
        return {name: it["Properties"] for name, it in self.resources.items() if it["Type"] == kind}

    def settled(self, *given):
        """Returns the template for the case that only these conditions hold."""
        return Template(settle(self.document, set(given)))


def settle(node, given):
    """Resolves each `Fn::If` and removes each `AWS::NoValue`."""
    if isinstance(node, dict):
        if set(node) == {"Fn::If"}:
            condition, then, otherwise = node["Fn::If"]
            return settle(then if condition in given else otherwise, given)
        settled = {key: settle(value, given) for key, value in node.items()}
        return {key: value for key, value in settled.items() if value != NO_VALUE}
    if isinstance(node, list):
        return [it for it in (settle(value, given) for value in node) if it != NO_VALUE]
    return node


WRITTEN = Template(yaml_parse((ROOT / "template.yaml").read_text()))


@pytest.fixture(scope="session")
def written():
    return WRITTEN


@pytest.fixture(scope="session")
def deployed(written):
    class NoManagedPolicies:
        def load(self):
            return {}

    document = copy.deepcopy(written.document)
    document["Globals"]["Function"]["CodeUri"] = "s3://where/sam-package-puts-it"
    # The transform itself inserts the values of parameters into the API's document.
    given = {"CorsOrigins": "https://app.example,https://other.example"}
    return Template(transform(document, given, NoManagedPolicies()))


@pytest.fixture(scope="session")
def functions(written):
    """Returns the functions by logical name."""
    return written.of_type("AWS::Serverless::Function")


@pytest.fixture(scope="session")
def binaries(written, functions):
    """Returns the name of the binary by logical name."""
    return {name: written.resources[name]["Metadata"]["BuildProperties"]["Binary"] for name in functions}
