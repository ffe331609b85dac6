from cli.answers import Equation
from cli.screen import Screen, shown


def show_equation(screen: Screen, equation: Equation) -> None:
    about = shown(equation.batch_id) if equation.batch_id else f"batches begun on {equation.day} (UTC)"
    screen.line(about, style="bold")
    screen.line(
        f"{equation.taken} taken = {equation.completed} completed + {equation.with_a_person} with a person"
        f" + {equation.in_flight} in flight + {equation.failed} failed + {equation.rejected} rejected"
    )
    if equation.holds:
        screen.line(f"{screen.symbol('done')} balanced: every record is accounted for", style="green")
    else:
        missing = equation.taken - equation.accounted_for
        screen.line(
            f"{screen.symbol('bad')} NOT balanced: {missing} of the records taken have no place"
            f" ({equation.lost} lost)",
            style="bold red",
        )
