"""Every error in a policy file, and its message."""

from pathlib import Path

import pytest

from shared.enrichment.routing.policy_file import available_policies, load_policy, parse_policy, read_policy
from shared.errors import PolicyInvalid


def rule(name: str = "x", **changed: str) -> str:
    """A rule for everything, with changes; "" removes the key."""
    keys = {
        "name": name,
        "route": "manual",
        "priority": "low",
        "confidence": "0.5",
        "reason": "So.",
    } | changed
    return "\n".join(f"    {key}: {value}" for key, value in keys.items() if value).replace("    ", "  - ", 1)


def policy(*rules: str, extra: str = "") -> str:
    return "\n".join(["description: a test", "rules:", *rules, extra])


def when(condition: str) -> str:
    return policy(rule(when=condition), rule("rest"))


SPARE = "known are priority, completeness, reliability, recent_failures, combined, forced, and all, any, not"

CASES = {
    "an empty file": ("", "expected a mapping with `description` and `rules`"),
    "a list": ("- 1", "expected a mapping with `description` and `rules`"),
    "no YAML": ("a: [", "not readable as YAML: while parsing"),
    "a number beyond all bounds": ("a: " + "1" * 5000, "not readable as YAML: "),
    "a date that is none": ("a: 2024-99-99", "not readable as YAML: month must be in 1..12"),
    "a Python object": ("a: !!python/object:os.system x", "not readable as YAML: could not determine"),
    "bottomless nesting": ("[" * 5000, "not readable as YAML: maximum recursion"),
    "a key twice": (
        when("{priority: {gte: 0.5}, priority: {lt: 0.8}}"),
        "not readable as YAML: 'priority' is given twice",
    ),
    "no rules": ("description: a test", "rules: is missing"),
    "an empty rule list": ("description: a test\nrules: []", "the rule list is empty"),
    "rules that are no list": ("description: a test\nrules: 3", "rules: expected a list"),
    "a rule that is no mapping": ("description: a test\nrules: [3]", "rule number 1: expected a mapping"),
    "no description": ("rules: []", "description: is missing"),
    "a description that is no text": ("description: 3\nrules: []", "description: expected text"),
    "an unknown key": (policy(rule(), extra="color: red"), "unknown key 'color'"),
    "an unknown key of a rule": (policy(rule(color="red")), "rule 'x': unknown key 'color'"),
    "an unknown feature": (when("{prio: {gte: 1}}"), f"rule 'x': when: unknown feature 'prio'; {SPARE}"),
    "an unknown feature in any": (
        when("{any: [{prio: {lt: 1}}]}"),
        f"rule 'x': when.any.0: unknown feature 'prio'; {SPARE}",
    ),
    "an unknown feature in not": (
        when("{not: {prio: {lt: 1}}}"),
        f"rule 'x': when.not: unknown feature 'prio'; {SPARE}",
    ),
    "an unknown operator": (
        when("{priority: {ge: 1}}"),
        "rule 'x': when.priority: unknown operator 'ge'; known are gte, gt, lte, lt, eq",
    ),
    "an operator that forced lacks": (
        when("{forced: {eq: true, gte: 1}}"),
        "rule 'x': when.forced: unknown operator 'gte'; known are eq",
    ),
    "forced against a number": (
        when("{forced: {eq: 1}}"),
        "rule 'x': when.forced.eq: expected true or false",
    ),
    "an unknown threshold": (
        when("{priority: {gte: $fame}}"),
        "rule 'x': when.priority.gte: unknown threshold '$fame'; known are numbers and $automation_priority",
    ),
    "a threshold without its sign": (
        when("{priority: {gte: max_batch_size}}"),
        "rule 'x': when.priority.gte: unknown threshold 'max_batch_size'",
    ),
    "a threshold that is a switch": (
        when("{priority: {gte: $automation_failure_to_manual}}"),
        "rule 'x': when.priority.gte: unknown threshold '$automation_failure_to_manual'",
    ),
    "a threshold that is not finite": (
        when("{priority: {gte: .nan}}"),
        "rule 'x': when.priority.gte: expected a number, got nan",
    ),
    "a threshold that is true": (
        when("{priority: {gte: true}}"),
        "rule 'x': when.priority.gte: expected a number, got True",
    ),
    "a feature without a comparison": (
        when("{priority: {}}"),
        "rule 'x': when.priority: no comparison; known operators are gte, gt, lte, lt, eq",
    ),
    "a bare value": (when("{priority: 0.5}"), "rule 'x': when.priority: expected a mapping"),
    "an empty condition": (when("{}"), "rule 'x': when: an empty condition"),
    "an empty all": (when("{all: []}"), "rule 'x': when: `all` joins no conditions"),
    "an empty any": (when("{any: []}"), "rule 'x': when: `any` joins no conditions"),
    "a condition in itself": (when("&a {all: [*a]}"), "rule 'x': when.all.0: Recursion error"),
    "no catch-all": (
        policy(rule(when="{priority: {lt: 1}}")),
        "rule 'x' is the last and has a `when`: no rule takes the rest",
    ),
    "a catch-all before the last": (
        policy(rule(), rule("rest")),
        "rule 'x' takes every record, so no rule after it is ever reached",
    ),
    "a name twice": (
        policy(rule(when="{priority: {lt: 1}}"), rule()),
        "rule 'x' appears 2 times; names are unique",
    ),
    "a reserved name": (policy(rule("error")), "rule 'error' takes a reserved name"),
    "a name with capitals": (
        policy(rule("Big")),
        "rule 'Big': name: expected lower case letters, digits and underscores",
    ),
    "no name": (policy(rule("")), "rule number 1: name: is missing"),
    "an unknown route": (
        policy(rule(route="robot")),
        "rule 'x': route: expected 'automation', 'manual' or 'forced', got 'robot'",
    ),
    "forced by nobody": (
        policy(rule(route="forced")),
        "rule 'x': route `forced` needs the condition `forced: {eq: true}`",
    ),
    "forced when it is not": (
        policy(rule(route="forced", when="{any: [{forced: {eq: true}}, {priority: {lt: 1}}]}"), rule("rest")),
        "rule 'x': route `forced` needs the condition `forced: {eq: true}`",
    ),
    "an unknown priority": (
        policy(rule(priority="urgent")),
        "rule 'x': priority.then: expected 'high', 'medium' or 'low', got 'urgent'",
    ),
    "an if without else": (
        policy(rule(priority="{if: {priority: {lt: 1}}, then: low}")),
        "rule 'x': priority: `if` and `else` come together",
    ),
    "an unknown feature in if": (
        policy(rule(priority="{if: {prio: {lt: 1}}, then: low, else: high}")),
        f"rule 'x': priority.if: unknown feature 'prio'; {SPARE}",
    ),
    "a confidence from no feature": (
        policy(rule(confidence="fame")),
        "rule 'x': confidence: unknown feature 'fame'; known are priority, completeness, reliability, combined",
    ),
    "a confidence from an unbounded feature": (
        policy(rule(confidence="{recent_failures: 0.1}")),
        "rule 'x': confidence: unknown feature 'recent_failures'; known are priority",
    ),
    "a confidence above 1": (
        policy(rule(confidence="{constant: 0.9, priority: 0.2}")),
        "rule 'x': confidence: a confidence lies between 0 and 1, this between 0.9 and 1.1",
    ),
    "a confidence below 0": (
        policy(rule(confidence="{constant: 0.1, priority: -0.2}")),
        "rule 'x': confidence: a confidence lies between 0 and 1, this between -0.1 and 0.1",
    ),
    "a confidence that is no number": (
        policy(rule(confidence="[1]")),
        "rule 'x': confidence.constant: expected a number, got [1]",
    ),
    "no reason": (policy(rule(reason="")), "rule 'x': reason: is missing"),
    "a blank reason": (policy(rule(reason="' '")), "rule 'x': reason: expected a sentence"),
    "a reason that asks for the unknown": (
        policy(rule(reason="'{fame}'")),
        "rule 'x': reason: unknown placeholder {fame}; known are priority",
    ),
    "a reason that reaches into objects": (
        policy(rule(reason="'{priority.__class__}'")),
        "rule 'x': reason: unknown placeholder {priority.__class__}; known are",
    ),
    "a reason with a format": (
        policy(rule(reason="'{priority:>99}'")),
        "rule 'x': reason: unknown placeholder {priority}",
    ),
    "a reason with an open brace": (policy(rule(reason="'{'")), "rule 'x': reason: Single '{'"),
    "a raise by an unknown feature": (
        policy(rule(), extra="raise_automation: {to: high, when: {prio: {lt: 1}}, reason: So.}"),
        f"raise_automation.when: unknown feature 'prio'; {SPARE}",
    ),
    "a raise that is no mapping": (
        policy(rule(), extra="raise_automation: 3"),
        "raise_automation: expected a mapping",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_policy_is_refused_with_its_file_and_rule(case: str) -> None:
    text, message = CASES[case]
    with pytest.raises(PolicyInvalid) as refused:
        parse_policy("mine", text)
    assert refused.value.detail.startswith(f"mine.yaml: {message}")


def test_several_errors_are_reported_at_once() -> None:
    with pytest.raises(PolicyInvalid) as refused:
        parse_policy("mine", policy(rule(route="robot", priority="urgent")))
    assert "route: expected" in refused.value.detail
    assert "priority.then: expected" in refused.value.detail


@pytest.mark.parametrize("name", ["nowhere", "", "../policies/flow", "flow.yaml", "FLOW"])
def test_an_unknown_policy_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        load_policy(name)
    assert refused.value.detail == f"no policy is called {name!r}; available are flow, score"


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid, match=r"mine\.yaml: cannot be read"):
        read_policy(tmp_path / "mine.yaml")
    (tmp_path / "mine.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyInvalid, match=r"mine\.yaml: cannot be read"):
        read_policy(tmp_path / "mine.yaml")


def test_the_shipped_policies_are_flow_and_score() -> None:
    assert available_policies() == ("flow", "score")
    assert load_policy().name == "flow"
    assert load_policy("flow") is load_policy("flow")


def test_the_version_follows_the_content_and_not_the_comments(tmp_path: Path) -> None:
    def version(text: str) -> str:
        (tmp_path / "mine.yaml").write_text(text)
        return read_policy(tmp_path / "mine.yaml").version

    plain = version(policy(rule()))
    assert version(policy("# a comment", rule())) == plain
    assert version(policy(rule(reason="Thus."))) != plain
    assert version(policy(rule(confidence="0.51"))) != plain
    assert len(plain) == 12
