"""Checks REST responses against Twilio's OpenAPI document, whose path is in TWILIO_OPENAPI."""

import json
import re
from email.utils import parsedate_to_datetime

from jsonschema import Draft202012Validator, FormatChecker

FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time-rfc-2822", raises=(TypeError, ValueError))
def _is_rfc_2822(value):
    return not isinstance(value, str) or parsedate_to_datetime(value) is not None


@FORMATS.checks("currency")
def _is_currency(value):
    return not isinstance(value, str) or re.fullmatch("[A-Za-z]{3}", value) is not None


ERROR = Draft202012Validator(
    {
        "type": "object",
        "required": ["code", "message", "more_info", "status"],
        "additionalProperties": False,
        "properties": {
            "code": {"type": "integer"},
            "message": {"type": "string", "minLength": 1},
            "more_info": {"type": "string", "pattern": r"^https://www\.twilio\.com/docs/errors/\d+$"},
            "status": {"type": "integer"},
        },
    }
)


class Contract:
    """The operations of the document, by method and path."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self._document = json.load(file)
        self.responses_checked = 0
        self.operations_seen = set()
        self._operations = [
            (method.upper(), re.compile(re.sub(r"\{\w+\}", "[^/]+", path.replace(".", r"\."))), operation)
            for path, methods in self._document["paths"].items()
            for method, operation in methods.items()
            if method in ("get", "post", "delete")
        ]
        self._validators = {}

    def check(self, method, path, status, body):
        """Fails if the document doesn't allow this response to this request."""
        operation = self._operation(method, path)
        assert operation, f"{method} {path} responded with {status}, but Twilio has no such operation"
        name = operation["operationId"]
        self.responses_checked += 1
        self.operations_seen.add(name)
        response = operation["responses"].get(str(status))
        assert response, f"{name} responded with {status}; Twilio responds with {sorted(operation['responses'])}"
        if "content" not in response:
            assert body == "", f"{name} responded with {status} and a body: {body[:200]}"
            return
        validator = self._validator(name, status, response)
        faults = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.loads(body))]
        assert not faults, f"{name} responded with {status}, which violates Twilio's schema: {faults}"

    def _operation(self, method, path):
        matching = (op for verb, pattern, op in self._operations if verb == method and pattern.fullmatch(path))
        return next(matching, None)

    def _validator(self, name, status, response):
        if (name, status) not in self._validators:
            schema = self._json_schema(response["content"]["application/json"]["schema"])
            self._validators[name, status] = Draft202012Validator(schema, format_checker=FORMATS)
        return self._validators[name, status]

    def _json_schema(self, node):
        """Converts OpenAPI 3.0 to JSON Schema that requires exactly the documented properties."""
        if "$ref" in node:
            return self._json_schema(self._document["components"]["schemas"][node["$ref"].rpartition("/")[2]])
        schema = {key: value for key, value in node.items() if key in KEPT}
        if "items" in node:
            schema["items"] = self._json_schema(node["items"])
        if "properties" in node:
            schema["properties"] = {key: self._json_schema(value) for key, value in node["properties"].items()}
            schema["required"] = list(node["properties"])
            schema["additionalProperties"] = False
            schema["patternProperties"] = {UNDOCUMENTED: {"type": "null"}}
        if node.get("nullable"):
            return {"anyOf": [schema, {"type": "null"}]}
        return schema


# Twilio sends `annotation` with every call, but the document doesn't have it.
UNDOCUMENTED = "^annotation$"
KEPT = ("type", "format", "pattern", "minLength", "maxLength", "minimum", "maximum", "enum")


def check_error(status, body):
    """Fails if `body` is not in Twilio's error format."""
    document = json.loads(body)
    faults = [f"{error.json_path}: {error.message}" for error in ERROR.iter_errors(document)]
    assert not faults, f"not in Twilio's error format: {faults}: {body[:200]}"
    assert document["status"] == status
    assert document["more_info"].endswith(f"/{document['code']}")
