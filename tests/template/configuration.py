"""What the code reads of its configuration: the variables of each function, and their defaults.

It searches the text of the library. A call that it does not find makes the test of the variables fail.
"""

import re

from conftest import ROOT


def rust(folder):
    """All Rust code of a folder."""
    return "\n".join(file.read_text() for file in sorted((ROOT / folder).rglob("*.rs")))


SHARED = rust("shared/src")
VARIABLES = set(re.findall(r'"(\w+)"', re.search(r"pub const VARIABLES.*?\];", SHARED, re.S)[0]))
# The variable with the URL of each `WebhookKind`.
URL_VARIABLES = dict(re.findall(r'Self::(\w+) => "(\w+_URL)"', SHARED))
# The defaults, as texts.
DEFAULTS = dict(
    re.findall(r'\.number\(\s*"(\w+)",\s*([\d_]+)', SHARED)
    + re.findall(r'\.(?:parsed|base_url)\(\s*"(\w+)",\s*"([^"]*)"', SHARED)
    + re.findall(r'\.get\(\s*"(\w+)",?\s*\)\?\s*\.unwrap_or\(\s*"([^"]*)"', SHARED)
)


def bodies():
    """The bodies of the library's functions, by `name` or `Type::name`."""
    found = dict(re.findall(r"^(?:pub(?:\(\w+\))? )?fn (\w+)(.*?)^\}", SHARED, re.S | re.M))
    for owner, block in re.findall(r"^impl(?:<\w+>)? (\w+)[^\n{]*\{\n(.*?)^\}", SHARED, re.S | re.M):
        methods = re.findall(r"^    (?:pub(?:\(\w+\))? )?(?:async )?fn (\w+)(.*?)^    \}", block, re.S | re.M)
        found |= {f"{owner}::{name}": body for name, body in methods}
    return found


BODIES = bodies()


def reads(code, callers=()):
    """The variables that the code reads, itself and in the library. AWS's own are missing."""
    kinds = re.findall(r"WebhookKind::(\w+)", code)
    found = VARIABLES & {*re.findall(r'"([A-Z_]+)"', code), *(URL_VARIABLES.get(kind) for kind in kinds)}
    calls = set(re.findall(r"\w+::\w+", code)) | set(re.findall(r"(?<![.:\w])(\w+)\(", code))
    calls |= {f"Settings::{name}" for name in re.findall(r"\b(?:(?:self|settings)\.(?=\w+\()|Self::)(\w+)", code)}
    for call in calls & set(BODIES) - set(callers):
        found |= reads(BODIES[call], (*callers, call))
    return {name for name in found if not name.startswith("AWS_")}
