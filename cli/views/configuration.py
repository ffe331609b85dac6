import json

from cli.answers import Configuration
from cli.screen import Screen


def show_configuration(screen: Screen, found: Configuration) -> None:
    for title, values in (("Workflow", found.workflow), ("Settings", found.settings)):
        rows = [
            (name, value if isinstance(value, str) else json.dumps(value))
            for name, value in sorted(values.items())
        ]
        screen.table(("name", "value"), rows, title=title)
