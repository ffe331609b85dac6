"""docs/routing.md is complete and its examples work."""

import doctest
import re
from pathlib import Path

import pytest

from shared.enrichment.routing.condition import NUMERIC_FEATURES, OPERATORS
from shared.enrichment.routing.features import WEIGHTS
from shared.enrichment.routing.policy_file import available_policies, load_policy, parse_policy

PAGE = (Path(__file__).parents[2] / "docs" / "routing.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_examples_print_what_the_page_shows() -> None:
    examples = doctest.DocTestParser().get_doctest(
        "\n".join(blocks("python")), {}, "routing.md", "routing.md", 0
    )
    assert len(examples.examples) > 15
    report: list[str] = []
    doctest.DocTestRunner(verbose=False).run(examples, out=report.append)
    assert "".join(report) == ""


def test_the_policy_on_the_page_can_be_loaded() -> None:
    [text] = blocks("yaml")
    assert [rule.name for rule in parse_policy("page", text).document.rules] == [
        "forced",
        "important",
        "rest",
    ]


@pytest.mark.parametrize("name", available_policies())
def test_every_rule_of_every_shipped_policy_is_on_the_page(name: str) -> None:
    for rule in load_policy(name).document.rules:
        assert f"`{rule.name}`" in PAGE


@pytest.mark.parametrize("name", [*NUMERIC_FEATURES, "forced", *OPERATORS])
def test_every_feature_and_operator_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize(("field", "weight"), WEIGHTS.items())
def test_every_weight_is_on_the_page(field: str, weight: int) -> None:
    assert f"{field} .{weight:02d}" in PAGE
