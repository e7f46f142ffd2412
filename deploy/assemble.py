"""Puts built binaries and this checkout's template where `sam deploy` looks for them.

    HASHES="$(sha256sum */bootstrap)" python deploy/assemble.py FOLDER

FOLDER must contain one file `bootstrap` for each function, in a folder named after the function's logical id, and nothing else.
`HASHES` must have a line of `sha256sum` for each. Replaces `.aws-sam/build`. If anything is unexpected, it exits with an error
and writes nothing.
"""

import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

from samcli.yamlhelper import yaml_dump, yaml_parse

ROOT = Path(__file__).resolve().parents[1]


class Refused(Exception):
    """The reason why the binaries are not deployed."""


def binaries(folder, names, hashes):
    """Returns the contents of each function's binary after checking its hash.

    Refuses links and special files, because their targets were not hashed.
    """
    lines = [line for line in hashes.splitlines() if line.strip()]
    matched = [re.fullmatch(r"([0-9a-f]{64}) [ *]([A-Za-z0-9]+)/bootstrap", line) for line in lines]
    if not all(matched):
        raise Refused("HASHES must have lines as `sha256sum */bootstrap` prints them")
    expected = {it[2]: it[1] for it in matched}
    if len(expected) != len(lines) or set(expected) != names:
        raise Refused(f"HASHES names {sorted(expected)}, but the template has the functions {sorted(names)}")
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()}
    if found != {f"{name}/bootstrap" for name in names}:
        raise Refused(f"{folder} must hold one bootstrap for each function and nothing else; it has {sorted(found)}")
    contents = {}
    for name, digest in expected.items():
        path = folder / name / "bootstrap"
        if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
            raise Refused(f"{path} is not a regular file")
        contents[name] = path.read_bytes()
        if hashlib.sha256(contents[name]).hexdigest() != digest:
            raise Refused(f"{path} is not the file that was built: its SHA-256 differs")
    return contents


def assemble(folder, hashes, build):
    """Writes the folder that `sam build` would write."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    functions = {name: it for name, it in template["Resources"].items() if it["Type"] == "AWS::Serverless::Function"}
    contents = binaries(folder, set(functions), hashes)
    shutil.rmtree(build, ignore_errors=True)
    for name, binary in contents.items():
        functions[name]["Properties"]["CodeUri"] = name
        bootstrap = build / name / "bootstrap"
        bootstrap.parent.mkdir(parents=True)
        bootstrap.write_bytes(binary)
        bootstrap.chmod(0o755)
    (build / "template.yaml").write_text(yaml_dump(template))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        assemble(Path(sys.argv[1]), os.environ.get("HASHES", ""), ROOT / ".aws-sam" / "build")
    except (Refused, OSError) as error:
        sys.exit(f"error: {error}")
