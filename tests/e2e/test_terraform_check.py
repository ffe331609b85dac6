"""`python -m infra.terraform.check`, on small folders."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.terraform.check.provider import SCHEMA, varint

PROJECT = Path(__file__).parents[2]
BUCKET = """resource "google_storage_bucket" "one" {
  name     = "one"
  location = "here"
}
"""
ONE_TEST = """mock_provider "google" {}

run "name" {
  assert {
    condition     = google_storage_bucket.one.name == "%s"
    error_message = "The bucket has another name."
  }
}
"""

needs_terraform = pytest.mark.skipif(not shutil.which("terraform"), reason="terraform is not on PATH")


def check(folder: Path, bucket: str, name: str = "one") -> subprocess.CompletedProcess[str]:
    (folder / "main.tf").write_text(bucket)
    (folder / "name.tftest.hcl").write_text(ONE_TEST % name)
    return subprocess.run(
        [sys.executable, "-m", "infra.terraform.check", str(folder)],
        cwd=PROJECT,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
    )


@needs_terraform
def test_a_right_folder_passes_and_is_left_as_it_was(tmp_path: Path) -> None:
    done = check(tmp_path, BUCKET)

    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"main.tf", "name.tftest.hcl"}


@needs_terraform
@pytest.mark.parametrize(
    ("bucket", "message"),
    [
        (BUCKET.replace("  location", " location"), "terraform fmt failed"),
        (BUCKET.replace("name     =", "nam      ="), 'An argument named "nam" is not expected here'),
        (
            BUCKET.replace('  location = "here"\n', "").replace("name     =", "name ="),
            '"location" is required',
        ),
        (BUCKET.replace('"here"', "[]"), "string required"),
        (BUCKET.replace("google_storage_bucket", "google_bucket"), "does not support resource type"),
        (BUCKET.replace('"here"', "var.place"), "undeclared input variable"),
    ],
)
def test_a_wrong_folder_fails(tmp_path: Path, bucket: str, message: str) -> None:
    done = check(tmp_path, bucket)

    assert done.returncode == 1
    assert message in re.sub(r"\s*[│\n]\s*", " ", done.stdout)


@needs_terraform
def test_an_assertion_that_does_not_hold_fails(tmp_path: Path) -> None:
    done = check(tmp_path, BUCKET, name="two")

    assert (done.returncode, "The bucket has another name." in done.stdout) == (1, True)


def test_without_terraform_the_message_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = check(tmp_path, BUCKET)

    assert (done.returncode, done.stdout) == (2, "terraform is not on PATH\n")


def test_the_schema_is_of_the_version_that_is_deployed() -> None:
    spec = json.loads(SCHEMA.read_text())
    used = (SCHEMA.parents[1] / "versions.tf").read_text()

    assert f'version = "~> {spec["version"].rpartition(".")[0]}"' in used
    assert f'source  = "{spec["source"]}"' in used


def test_integers_are_encoded_as_protobuf_does() -> None:
    assert [varint(number).hex() for number in (0, 1, 127, 128, 150, 16_384)] == [
        "00", "01", "7f", "8001", "9601", "808001",
    ]  # fmt: skip
