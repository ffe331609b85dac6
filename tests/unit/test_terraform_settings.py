"""Terraform gives the functions what their code reads and what the pages explain."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from infra.function_settings import FIELDS, FILE, LOCAL_ONLY, PAGE, ROOT, page, settings_of, written
from infra.package.archive import functions
from tests.settings_support import COMPLETE

TERRAFORM = FILE.parent
FUNCTIONS = functions(ROOT)


def text(path: Path | str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def headings(page: str) -> set[str]:
    """Headings as anchors of links: `Alert: dead letters` is `alert-dead-letters`."""
    found = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_the_file_for_terraform_and_the_page_match_the_code() -> None:
    assert FILE.read_text(encoding="utf-8") == written(), "run `python -m infra.function_settings`"
    assert PAGE.read_text(encoding="utf-8") == page(PAGE.read_text(encoding="utf-8")), "the same"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_starts_with_the_variables_that_terraform_must_give_it(name: str) -> None:
    listed = settings_of(name)
    given = {variable: COMPLETE[variable] for variable in listed["required"] + listed["secret"]}
    started = subprocess.run(
        [sys.executable, "-c", f"import functions.{name.replace('-', '_')}"],
        env=given | {"PATH": os.environ["PATH"]},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (started.returncode, started.stderr) == (0, "")


def test_a_function_that_stores_tasks_reads_their_times() -> None:
    for name in ("orchestrate", "automate", "fallback", "workflow"):
        assert {"MANUAL_DUE_SECONDS_HIGH", "SWEEP_PATIENCE_SECONDS"} <= set(settings_of(name)["optional"])
    assert "DIGIKEY_TIMEOUT_SECONDS" not in settings_of("orchestrate")["optional"]
    assert "WORKFLOW_MAX_BATCH_SIZE" not in settings_of("accept-orders")["optional"]
    assert "MANUAL_DUE_SECONDS_HIGH" not in settings_of("accept-orders")["optional"]


def test_terraform_has_a_value_for_what_is_required_and_is_no_secret() -> None:
    [block] = re.findall(
        r"own_settings = merge\(\n(.*?)\n  \)\n", text(TERRAFORM / "functions.tf"), re.DOTALL
    )
    own = set(re.findall(r"^ +([A-Z][A-Z0-9_]+) += ", block, re.MULTILINE))
    assert {variable for name in FUNCTIONS for variable in settings_of(name)["required"]} <= own


def test_code_terraform_and_documentation_have_and_require_the_same_settings() -> None:
    rows = dict(
        re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \| ([^|]+?) \|", text("docs/configuration.md"), re.MULTILINE)
    )
    kinds = [settings_of(name) for name in FUNCTIONS]
    given = {variable for kind in kinds for variables in kind.values() for variable in variables}
    required = {variable for kind in kinds for variable in kind["required"] + kind["secret"]}
    assert set(FIELDS) == given | LOCAL_ONLY == set(rows)
    assert {name for name, field in FIELDS.items() if field.is_required()} == required
    assert {name for name, default in rows.items() if default == "required"} == required


def test_variables_for_the_laptop_are_not_deployed() -> None:
    local = {name for name, field in FIELDS.items() if "only for a local" in (field.description or "")}
    assert local == LOCAL_ONLY


def test_a_field_that_a_metric_uses_is_a_documented_log_field() -> None:
    page = text("docs/operations.md").split("## Log fields\n")[1].split("\n## ")[0]
    written_fields = set(re.findall(r"`(\w+)`", page))
    read = set(re.findall(r"jsonPayload\.([a-z_]+)", text(TERRAFORM / "metrics.tf")))
    assert {"function", "outcome", "looked_at"} <= read
    assert read - written_fields == set()


def test_each_alert_has_a_section_with_instructions_and_no_section_is_left_over() -> None:
    alerts = re.findall(r"^ {4}([a-z-]+) = \{\n {6}title ", text(TERRAFORM / "alerts.tf"), re.MULTILINE)
    assert len(alerts) >= 10
    sections = {heading for heading in headings(text("docs/operations.md")) if heading.startswith("alert-")}
    assert sections == {f"alert-{name}" for name in alerts}


def test_each_variable_is_explained_and_the_example_gives_all_that_have_no_default() -> None:
    blocks = re.findall(
        r'^variable "(\w+)" \{\n(.*?)^\}', text(TERRAFORM / "variables.tf"), re.MULTILINE | re.DOTALL
    )
    readme, example = text(TERRAFORM / "README.md"), text(TERRAFORM / "terraform.tfvars.example")
    assert len(blocks) >= 15
    for name, block in blocks:
        assert "description" in block, name
        assert f"`{name}`" in readme, name
        if not re.search(r"^  default ", block, re.MULTILINE):
            assert re.search(rf"^{name} +=", example, re.MULTILINE), name


def test_the_runtime_is_the_python_that_is_promised_locked_and_tested() -> None:
    promised = tomllib.loads(text("pyproject.toml"))["project"]["requires-python"].removeprefix(">=")
    runtime = re.search(r'runtime += +"python(\d)(\d+)"', text(TERRAFORM / "functions.tf"))
    assert runtime
    assert ".".join(runtime.groups()) == promised
    assert set(re.findall(r"--python-version (\S+)", text("Makefile"))) == {promised}
    assert f"python{promised}" in text(".ci/run")
