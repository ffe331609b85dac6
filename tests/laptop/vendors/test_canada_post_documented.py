import doctest
import re

from laptop.vendors.canada_post.__main__ import _parser
from laptop.vendors.canada_post.behaviour import Behaviour
from tests.canada_post_support import ROOT

PAGE = ROOT / "docs" / "canada-post.md"


def test_the_examples_are_true() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False)
    assert (result.attempted > 0, result.failed) == (True, 0)


def test_every_option_setting_module_and_control_is_documented() -> None:
    text = PAGE.read_text(encoding="utf-8")
    options = {option for action in _parser()._actions for option in action.option_strings} - {"-h", "--help"}
    modules = {path.name for path in (ROOT / "shared/vendors/canada_post").glob("[a-z]*.py")}
    source = (ROOT / "laptop/vendors/canada_post/app.py").read_text(encoding="utf-8")
    controls = {f"/_control/{name}" for name in re.findall(r"\{CONTROL\}(\w+)", source)}
    assert controls
    missing = {
        f"`{name}`" for name in options | set(Behaviour.model_fields) | modules if f"`{name}`" not in text
    }
    assert missing | {path for path in controls if path not in text} == set()
