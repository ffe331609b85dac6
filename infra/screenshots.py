"""`make screenshots`: the pictures of the README and of docs/desk.md, taken of a desk with the demo's data."""

import io
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import httpx

from cli.screen import Screen
from infra.local.demo.backstage import Backstage
from infra.local.demo.inputs import CATALOGUE, INTAKE
from infra.local.demo.orders import CHECK
from infra.local.demo.planted import correct
from infra.local.demo.seed import seed_orders
from infra.local.functions import STAGES
from infra.local.local_stack import LocalStack
from infra.local.settings import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PICTURES = ROOT / "docs" / "pictures"
LARGEST = 150_000
COLOURS = 256
RECORDS = 200
BATCH = "morning"
MADE_TWICE, SECOND = 6, "Rochester Electronics"
ENVIRONMENT = {
    "LOCAL_POSTGRES_FAST": "true",
    "LOCAL_SWEEP": "false",
    "DATABASE_URL": "",  # never the user's own
    "BIGQUERY_TIMEOUT_SECONDS": "30",
    "SUPABASE_TIMEOUT_SECONDS": "20",
}
WIDE, PHONE = (1440, 900), (390, 844)
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


@dataclass(frozen=True)
class Picture:
    """`path` is the page, of which `{task}` and `{order}` are one that has much to show."""

    name: str
    path: str
    scheme: Literal["light", "dark"] = "light"
    size: tuple[int, int] = WIDE


SHOWN: Sequence[Picture] = (
    Picture("now", "/"),
    Picture("now-dark", "/", "dark"),
    Picture("inbox", "/tasks"),
    Picture("inbox-phone", "/tasks", size=PHONE),
    Picture("task", "/tasks/{task}"),
    Picture("task-dark", "/tasks/{task}", "dark"),
    Picture("orders", "/orders"),
    Picture("orders-phone", "/orders", size=PHONE),
    Picture("order", "/orders/{order}"),
    Picture("insight", "/insight?series=manufacturers"),
)


@contextmanager
def filled_stack(folder: Path, records: int, **environment: str) -> Iterator[LocalStack]:
    """A laptop cloud in which a morning's work was done: records, and two cycles of orders."""
    intake, catalogue = _inputs(folder)
    stack = LocalStack(
        folder / "stack", intake=intake, catalogue=catalogue, environment={**ENVIRONMENT, **environment}
    )
    try:
        stack.start()
        with Backstage(stack) as backstage:
            taken = {"limit": records, "batch_id": BATCH}
            httpx.post(stack.url("orchestrate"), json=taken, timeout=120).raise_for_status()
            seed_orders(stack, Screen(sys.stderr), cycle=True)
            correct(backstage)
            for stage in STAGES:
                carrier = {"carrier": True} if stage == CHECK else {}
                backstage.fire(stage, {"cycle": "second", **carrier})
            while backstage.report(f"/reconcile?batch={BATCH}")["in_flight"] or backstage.queued():
                backstage.sweep()
                time.sleep(0.2)
        yield stack
    finally:
        stack.purge()


def _inputs(folder: Path) -> tuple[Path, Path]:
    """The demo's files, and some parts that two manufacturers make: automation cannot choose between them."""
    catalogue = CATALOGUE.read_text(encoding="utf-8").splitlines()
    plain = [each for each in map(json.loads, catalogue) if each["pn"].isalnum() and each["specs"]]
    chosen = plain[:: len(plain) // MADE_TWICE][:MADE_TWICE]
    names = {each["pn"] for each in chosen}
    rows = [
        line
        for line in INTAKE.read_text(encoding="utf-8").splitlines()
        if json.loads(line)["pn"] not in names
    ]
    asked = [{"pn": each["pn"], "priority_score": {"score": 1}} for each in chosen]
    files = {
        "intake.jsonl": [*map(json.dumps, asked), *rows],
        "catalogue.jsonl": [*catalogue, *(json.dumps(each | {"manufacturer": SECOND}) for each in chosen)],
    }
    for name, lines in files.items():
        (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "intake.jsonl", folder / "catalogue.jsonl"


def chromium() -> str | None:
    """The first browser on PATH."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


@contextmanager
def browsing() -> Iterator["Browser"]:
    """A browser without a window that calls nobody by itself."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - the tests' tool, needed by no function

    root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*QUIET, *root])
        try:
            yield browser
        finally:
            browser.close()


def most_to_show(stack: LocalStack) -> dict[str, str]:
    """An open task for which the vendor was asked, and an order with a label."""
    with Backstage(stack) as backstage:
        tasks = backstage.report("/manual-tasks?state=free&limit=200")["manual_tasks"]
        orders = backstage.report("/orders?limit=200")["orders"]
    asked = [each for each in tasks if each["cause"] == "ambiguous"] or tasks
    labelled = [each for each in orders if each["state"] == "label_created"] or orders
    return {"task": asked[0]["id"], "order": labelled[0]["order_id"]}


def compressed(shot: bytes) -> bytes:
    """The same picture with few colours, of which a page has few anyway."""
    from PIL import Image  # noqa: PLC0415 - needed here only

    with Image.open(io.BytesIO(shot)) as image:
        few = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        file = io.BytesIO()
        few.save(file, "PNG", optimize=True)
    return file.getvalue()


def take(browser: "Browser", base: str, picture: Picture, names: dict[str, str]) -> bytes:
    width, height = picture.size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=picture.scheme, reduced_motion="reduce"
    )
    page: Page = context.new_page()
    page.goto(base + picture.path.format(**names), wait_until="networkidle")
    shot = page.screenshot()
    context.close()
    return compressed(shot)


def main() -> int:
    if chromium() is None:
        print("no Chromium on PATH: Debian's package chromium has one", file=sys.stderr)  # noqa: T201
        return 1
    PICTURES.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="switchyard-pictures-") as folder,
        filled_stack(Path(folder), RECORDS) as stack,
        browsing() as browser,
    ):
        names = most_to_show(stack)
        for picture in SHOWN:
            content = take(browser, stack.url("desk"), picture, names)
            if len(content) > LARGEST:
                raise SystemExit(f"{picture.name} has {len(content):,} bytes; at most {LARGEST:,} are kept")
            file = PICTURES / f"{picture.name}.png"
            file.write_bytes(content)
            print(f"{file.relative_to(ROOT)} {len(content):,} bytes")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
