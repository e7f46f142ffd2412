"""Tests that only binaries with the expected hashes get from the build job to the stack."""

import hashlib
import os
import stat
import subprocess
import sys

import pytest
from conftest import ROOT
from samcli.yamlhelper import yaml_parse

sys.path.insert(0, str(ROOT / "deploy"))

import assemble  # noqa: E402


@pytest.fixture
def built(tmp_path, functions):
    folder = tmp_path / "binaries"
    for name in functions:
        (folder / name).mkdir(parents=True)
        (folder / name / "bootstrap").write_bytes(f"the code of {name}".encode())
    return folder


def hashes(folder):
    files = sorted(path for path in folder.rglob("bootstrap") if path.is_file() and path.parent.parent == folder)
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files)


def test_binaries_are_placed_next_to_the_template_of_the_checkout(built, tmp_path, functions, written):
    assemble.assemble(built, hashes(built), tmp_path / "build")
    for name in functions:
        bootstrap = tmp_path / "build" / name / "bootstrap"
        assert bootstrap.read_bytes() == f"the code of {name}".encode()
        assert stat.S_IMODE(bootstrap.stat().st_mode) == 0o755
    template = yaml_parse((tmp_path / "build/template.yaml").read_text())
    for name in functions:
        assert template["Resources"][name]["Properties"].pop("CodeUri") == name
    assert template == written.document


def test_files_of_an_earlier_build_are_removed(built, tmp_path):
    (tmp_path / "build/Other").mkdir(parents=True)
    (tmp_path / "build/Other/bootstrap").write_text("old")
    assemble.assemble(built, hashes(built), tmp_path / "build")
    assert not (tmp_path / "build/Other").exists()


def swap(folder):
    (folder / "Voice/bootstrap").write_text("other code")


def add_template(folder):
    (folder / "template.yaml").write_text("Resources: {}")


def add_beside(folder):
    (folder / "Voice/libevil.so").write_text("")


def add_function(folder):
    (folder / "Another").mkdir()
    (folder / "Another/bootstrap").write_text("")


def add_link(folder):
    os.symlink("/etc/passwd", folder / "link")


def link_binary(folder):
    target = folder.parent / "elsewhere"
    target.write_bytes((folder / "Voice/bootstrap").read_bytes())
    (folder / "Voice/bootstrap").unlink()
    os.symlink(target, folder / "Voice/bootstrap")


def link_folder(folder):
    (folder / "Voice").rename(folder.parent / "Voice")
    os.symlink(folder.parent / "Voice", folder / "Voice")


def remove(folder):
    (folder / "Voice/bootstrap").unlink()


@pytest.mark.parametrize("harm", [swap, add_template, add_beside, add_function, add_link, link_binary, link_folder, remove], ids=lambda it: it.__name__)
def test_artifact_other_than_the_hashed_binaries_is_refused_and_nothing_is_written(built, tmp_path, harm):
    given = hashes(built)
    harm(built)
    with pytest.raises(assemble.Refused):
        assemble.assemble(built, given, tmp_path / "build")
    assert not (tmp_path / "build").exists()


def fewer(given):
    return given.split("\n", 1)[1]


def twice(given):
    return given + given.splitlines()[0] + "\n"


def climbing(given):
    return given.replace("Voice/bootstrap", "../Voice/bootstrap")


def with_text(given):
    return given + "echo harm\n"


@pytest.mark.parametrize("change", [fewer, twice, climbing, with_text, lambda _: ""], ids=["fewer", "twice", "climbing", "with text", "none"])
def test_hashes_of_other_functions_are_refused(built, tmp_path, change):
    with pytest.raises(assemble.Refused):
        assemble.assemble(built, change(hashes(built)), tmp_path / "build")
    assert not (tmp_path / "build").exists()


def test_command_names_the_fault_and_fails(tmp_path):
    command = [sys.executable, ROOT / "deploy/assemble.py", tmp_path]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HASHES": ""})
    assert result.returncode == 1
    assert result.stderr.startswith("error: HASHES names []")
