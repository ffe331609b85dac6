"""`python -m infra.terraform.check [FOLDER]`: fmt, init, validate and test, of infra/terraform unless told otherwise.

Exit status: 0 all passed, 1 a check failed, 2 terraform is not on PATH.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.terraform.check.provider import SCHEMA, serving

# Whether the output is shown when the step passes.
STEPS = {
    ("fmt", "-check", "-recursive", "-diff"): True,
    ("init", "-backend=false", "-input=false", "-no-color"): False,
    ("validate", "-no-color"): True,
    ("test", "-no-color"): True,
}


def check(folder: Path) -> int:
    """Stops at the first step that fails. Leaves nothing in the folder."""
    with serving(json.loads(SCHEMA.read_text())) as provider, tempfile.TemporaryDirectory() as data:
        environment = {
            **os.environ,
            **provider,
            "CHECKPOINT_DISABLE": "1",
            "TF_IN_AUTOMATION": "1",
            "TF_CLI_CONFIG_FILE": os.devnull,
            "TF_DATA_DIR": data,
        }
        for step, shown in STEPS.items():
            done = subprocess.run(
                ["terraform", *step],
                cwd=folder,
                env=environment,
                check=False,
                text=True,
                stdout=None if shown else subprocess.PIPE,
                stderr=None if shown else subprocess.STDOUT,
            )
            if done.returncode != 0:
                print(done.stdout or "", f"terraform {step[0]} failed", file=sys.stderr)
                return 1
    return 0


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else Path(__file__).parents[1]
    if not shutil.which("terraform"):
        print("terraform is not on PATH", file=sys.stderr)
        return 2
    return check(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
