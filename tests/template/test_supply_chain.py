"""Tests that dependencies, actions and deployed binaries are pinned, hashed and documented."""

import json
import os
import re
import subprocess

import pytest
import tomlkit
import yaml
from conftest import ROOT
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from test_template import tool

WORKFLOWS = {"ci", "deploy", "release"}
# The only jobs with more permissions than to read the repository.
MORE_PERMISSIONS = {("deploy", "deploy"): {"id-token": "write"}, ("release", "publish"): {"contents": "write"}}


def files(pattern):
    return [it for it in sorted(ROOT.glob(pattern)) if "target" not in it.relative_to(ROOT).parts]


@pytest.mark.parametrize("file", files("**/requirements*.txt"), ids=lambda file: str(file.relative_to(ROOT)))
def test_each_python_package_is_pinned_by_version_and_hashes(file):
    text = re.sub(r"\\\n", " ", file.read_text())
    lines = [line for line in (line.split(" #")[0].strip() for line in text.splitlines()) if line and not line.startswith("#")]
    assert lines
    for line in lines:
        assert re.match(r"[a-z0-9-]+==[^ ]+ ", line), line
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", line), line
    assert "://" not in file.read_text()


def test_packages_are_installed_only_with_hashes():
    venv = (ROOT / "local/stack/src/venv.rs").read_text()
    installed = set(re.findall(r'Requirements::new\(\s*"[\w-]+",\s*"([^"]+)"', venv)) | {"deploy/requirements.txt"}
    assert installed == {str(file.relative_to(ROOT)) for file in files("**/requirements*.txt")}
    assert '"--require-hashes"' in venv and '"--no-deps"' in venv
    for file in files("**/requirements*.in"):
        pins = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
        assert pins and all("==" in pin for pin in pins), file
        assert file.with_suffix(".txt").exists()


def test_each_crate_in_the_lockfile_is_local_or_from_the_registry():
    ours = {tomlkit.parse(file.read_text())["package"]["name"] for file in files("*/*/Cargo.toml") + files("*/Cargo.toml")}
    for package in tomlkit.parse((ROOT / "Cargo.lock").read_text())["package"]:
        if "source" in package:
            assert package["source"] == "registry+https://github.com/rust-lang/crates.io-index"
            assert re.fullmatch(r"[0-9a-f]{64}", package["checksum"])
        else:
            assert package["name"] in ours
    assert "Cargo.lock" not in (ROOT / ".gitignore").read_text()


@pytest.fixture(scope="module")
def bill():
    xtask = os.environ.get("XTASK", ROOT / "target/fast/xtask")
    made = subprocess.run([xtask, "sbom"], cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    (written,) = re.findall(r"wrote (.+\.cdx\.json)", made.stdout)
    with open(written) as file:
        return file.read()


def test_bill_of_materials_is_valid_cyclonedx(bill):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    assert str(ROOT) not in bill, "it contains no path of this machine"


def test_bill_of_materials_lists_exactly_the_deployed_crates(bill):
    document = json.loads(bill)
    components = {it["bom-ref"]: it for it in document["components"]}
    assert len(components) == len(document["components"])
    applications = {it["name"] for it in components.values() if it["type"] == "application"}
    assert applications == {file.parent.name for file in files("functions/*/Cargo.toml")}
    names = {it["name"] for it in components.values()}
    running = {it["name"] for it in components.values() if it["scope"] == "required"}
    assert {"rustls", "ring", "mongodb", "reqwest", "axum", "tokio", "outdial"} <= running
    assert {"serde_derive", "syn"} <= names - running, "crates that run only at build time"
    assert not names & {"proptest", "clap", "testkit", "twilio-sim", "xtask", "cargo-lock", "jsonschema", "hound"}
    locked = {}
    for package in tomlkit.parse((ROOT / "Cargo.lock").read_text())["package"]:
        locked[f"{package['name']}@{package['version']}"] = package.get("checksum")
    for name, component in components.items():
        assert component["licenses"][0]["expression"], name
        if checksum := locked[name]:
            assert component["hashes"] == [{"alg": "SHA-256", "content": checksum}]
            assert component["purl"] == f"pkg:cargo/{name.replace('+', '%2B')}"


def test_bill_of_materials_lists_the_dependencies_that_each_function_declares(bill):
    document = json.loads(bill)
    needs = {it["ref"]: it["dependsOn"] for it in document["dependencies"]}
    assert len(needs) == len(document["dependencies"])
    assert set(needs) == {it["bom-ref"] for it in document["components"]} | {document["metadata"]["component"]["bom-ref"]}
    direct = {ref.split("@")[0]: {it.split("@")[0] for it in on} for ref, on in needs.items()}
    manifests = {file.parent.name: tomlkit.parse(file.read_text()) for file in files("functions/*/Cargo.toml")}
    assert direct["stack"] == set(manifests)
    for function, manifest in manifests.items():
        assert direct[function] == set(manifest["dependencies"]), function
    assert direct["outdial"] == set(tomlkit.parse((ROOT / "shared/Cargo.toml").read_text())["dependencies"])


def test_zizmor_accepts_the_workflows():
    result = tool("zizmor", "--offline", "--no-progress", "--min-severity", "medium", ".github")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def workflows():
    found = {file.stem: yaml.safe_load(file.read_text()) for file in files(".github/workflows/*")}
    assert set(found) == WORKFLOWS
    return found


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job.get("steps", [])]


def test_actions_are_pinned_to_commits_and_the_checkout_keeps_no_credentials(workflows):
    for file in files(".github/workflows/*"):
        for used in re.findall(r"uses: (.+)", file.read_text()):
            assert used.startswith("./") or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used), used
    for workflow in workflows.values():
        for step in steps(workflow):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"] == {"persist-credentials": False}


def test_jobs_have_few_permissions_and_a_timeout(workflows):
    for name, workflow in workflows.items():
        assert workflow["permissions"] == {}, "each job declares its permissions"
        assert workflow["concurrency"]["group"]
        for job, it in workflow["jobs"].items():
            assert it["permissions"] == {"contents": "read", **MORE_PERMISSIONS.get((name, job), {})}
            assert "uses" in it or it["timeout-minutes"] <= 120


def test_workflow_runs_the_readme_command_and_requires_advisories(workflows):
    jobs = workflows["ci"]["jobs"]
    assert jobs["test"]["steps"][-1] == {"run": "cargo xtask test"}
    assert "\ncargo xtask test\n" in (ROOT / "README.md").read_text()
    assert jobs["advisories"]["steps"][-1] == {"run": "cargo xtask deny --require-advisories"}
    assert "schedule" in workflows["ci"][True], "YAML parses `on` as true"
    assert workflows["deploy"]["jobs"]["deploy"]["needs"] == ["test", "build"]
    assert workflows["deploy"]["jobs"]["test"]["uses"] == "./.github/workflows/ci.yml"
    rust = tomlkit.parse((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["rust-version"]
    assert all(workflow["env"]["RUSTUP_TOOLCHAIN"] == rust for workflow in workflows.values())


def test_deployment_stores_no_aws_key_and_only_the_last_job_has_a_role(workflows):
    job = workflows["deploy"]["jobs"]["deploy"]
    assert job["environment"] == "production"
    (login,) = [it for it in steps(workflows["deploy"]) if "configure-aws-credentials" in it.get("uses", "")]
    assert login in job["steps"]
    assert set(login["with"]) == {"role-to-assume", "aws-region"}
    text = "".join(file.read_text() for file in files(".github/workflows/*"))
    assert "secrets." not in text
    assert not [it for it in steps(workflows["deploy"]) if "cache" in it.get("uses", "")], "built only from the checkout"


def test_deploy_job_takes_only_binaries_from_the_build_job(workflows):
    build, deploy = (workflows["deploy"]["jobs"][name] for name in ("build", "deploy"))
    (download,) = [it for it in deploy["steps"] if "download-artifact" in it.get("uses", "")]
    assert download["with"]["path"].startswith("${{ runner.temp }}/"), "an empty folder, not the checkout"
    (upload,) = [it for it in build["steps"] if it.get("with", {}).get("name") == download["with"]["name"]]
    (collect,) = [it for it in build["steps"] if "GITHUB_OUTPUT" in it.get("run", "")]
    assert "*/bootstrap" in collect["run"] and "binaries/$function/bootstrap" in collect["run"]
    assert upload["with"]["path"] == "binaries"
    assert list(build["outputs"]) == ["hashes"]
    (place,) = [it for it in deploy["steps"] if "assemble.py" in it.get("run", "")]
    assert place["env"] == {"HASHES": "${{ needs.build.outputs.hashes }}"}
    text = "".join(it.get("run", "") for it in deploy["steps"])
    assert "tar " not in text and "unzip" not in text
    assert deploy["steps"].index(place) < deploy["steps"].index(next(it for it in deploy["steps"] if "configure-aws" in it.get("uses", "")))


def test_release_is_built_for_four_targets_without_a_cache_and_has_checksums(workflows):
    jobs = workflows["release"]["jobs"]
    assert jobs["test"]["uses"] == "./.github/workflows/ci.yml"
    targets = {it["target"] for it in jobs["build"]["strategy"]["matrix"]["include"]}
    systems = {"unknown-linux-musl", "apple-darwin"}
    assert targets == {f"{machine}-{system}" for machine in ("aarch64", "x86_64") for system in systems}
    assert not [it for it in steps(workflows["release"]) if "cache" in it.get("uses", "")]
    assert jobs["publish"]["needs"] == ["test", "build"]
    assert not [it for it in jobs["publish"]["steps"] if "checkout" in it.get("uses", "")], "it runs no code of the repository"
    (publish,) = [it for it in jobs["publish"]["steps"] if "run" in it]
    assert "SHA256SUMS" in publish["run"]
