"""The options of the commands for people's work on manual tasks."""

import argparse
from collections.abc import Callable

from cli.inbox_arguments import TASK_HELP
from cli.task_filter import add_task_filter
from cli.values import (
    link,
    named_value,
    origin,
    person,
    product_field,
    sized_text,
    task_name,
    text,
)
from shared.limits import LONGEST_LINK, LONGEST_NAME

Add = Callable[[str, str], argparse.ArgumentParser]


def add_work_commands(add: Add) -> None:
    complete = add("complete", "finish a manual task, and write the edited fields into the product")
    preview = add("preview", "show what `complete` would make of the product, and change nothing")
    draft = add("draft", "save what you have so far for a manual task, and renew the claim")
    undo = add("take-back", "take back that you have completed or failed a manual task a moment ago")
    skip = add("skip", "give a manual task back, and not be offered it by `next` for an hour")
    following = add("next", "take the most urgent manual task that nobody holds")
    for command in (complete, preview, draft, undo, skip):
        command.add_argument("task", metavar="TASK", type=task_name, help=TASK_HELP)
    for command in (complete, preview, draft, undo, skip, following):
        command.add_argument(
            "--as", metavar="NAME", dest="assignee", type=person, required=True, help="who you are"
        )
    for command in (complete, draft, undo):
        command.add_argument("--note", type=text, help="a note that is kept with the task")
    for command in (complete, preview, draft):
        _edits(command)
    add_task_filter(following)


def _edits(command: argparse.ArgumentParser) -> None:
    def repeated(option: str, metavar: str, kind: Callable[[str], object], about: str, dest: str) -> None:
        command.add_argument(
            option,
            metavar=metavar,
            dest=dest,
            action="append",
            default=[],
            type=kind,
            help=f"{about}; may be repeated",
        )

    name, address = sized_text(1, LONGEST_NAME), sized_text(1, LONGEST_LINK)
    repeated("--set", "FIELD=VALUE", product_field, "category, description or manufacturer", "fields")
    repeated("--attribute", "NAME=VALUE", named_value, "an attribute of the part", "attributes")
    repeated("--doc", "URL", link, "link to a datasheet", "docs")
    repeated("--image", "URL", link, "link to a picture", "images")
    repeated("--remove-attribute", "NAME", name, "an attribute that the part does not have", "no_attributes")
    repeated("--remove-doc", "URL", address, "a datasheet that is not the part's", "no_docs")
    repeated("--remove-image", "URL", address, "a picture that is not the part's", "no_images")
    repeated(
        "--origin",
        "FIELD=ORIGIN",
        origin,
        "where an edited field is from: source, vendor, similar or typed",
        "origins",
    )
