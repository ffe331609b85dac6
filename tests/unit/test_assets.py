"""The desk's files of others are those of their packages, and nothing else is fetched by its pages."""

import hashlib
import io
import json
import re
import stat
import tarfile
from pathlib import Path

import pytest

from infra.assets import FOLDER, PACKAGES, AssetRefused, Package, fetch, integrity
from infra.package.licences import PAGE
from shared.web.desk.rendering import ASSETS, HERE

ROOT = Path(__file__).parents[2]
OWN = {"desk.css", "desk.js", "charts.js", "icon.svg"}


def test_every_file_is_ours_or_of_a_package_with_its_licence() -> None:
    others = {name for package in PACKAGES for name in (*package.files.values(), package.kept_text)}
    assert {path.name for path in ASSETS.iterdir()} == OWN | others


def test_the_page_of_licences_names_each_file_with_its_hash() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for package in PACKAGES:
        for name in package.files.values():
            digest = hashlib.sha256((ROOT / FOLDER / name).read_bytes()).hexdigest()
            assert re.search(
                rf"`{FOLDER}/{re.escape(name)}` \| .*{package.version}.*{package.licence}.*{digest}", page
            )


@pytest.mark.parametrize("template", sorted((HERE / "templates").glob("*.html")), ids=lambda path: path.name)
def test_no_template_asks_another_host_or_has_a_script_or_style_of_its_own(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert not re.search(
        r"(?:src|action|hx-\w+)=\"(?:https?:)?//|<style|\sstyle=|\son\w+=|hx-on|javascript:", text
    )
    assert re.findall(r"<script(?![^>]*\ssrc=)", text) == []


def test_a_package_with_another_content_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = Package("thing", "1.0.0", "MIT", "package/LICENSE", {"package/a.js": "a.js"}, "sha512-AAAA")
    _npm_that_gives(tmp_path, monkeypatch, {"package/a.js": b"1", "package/LICENSE": b"MIT"})
    with pytest.raises(AssetRefused, match=r"thing@1\.0\.0 is sha512-"):
        fetch(package, tmp_path)


def test_a_package_gives_its_files_and_its_licence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = _npm_that_gives(tmp_path, monkeypatch, {"package/a.js": b"1", "package/LICENSE": b"MIT"})
    package = Package("thing.js", "1.0.0", "MIT", "package/LICENSE", {"package/a.js": "b.js"}, right)
    assert fetch(package, tmp_path) == {"b.js": b"1", "thing.LICENSE": b"MIT"}


def test_without_npm_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AssetRefused, match="npm is not on PATH"):
        fetch(PACKAGES[0], tmp_path)


def _npm_that_gives(folder: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, bytes]) -> str:
    """Puts a program named npm in front, and returns the integrity of what it packs."""
    archive = folder / "thing-1.0.0.tgz"
    with tarfile.open(archive, "w:gz") as packed:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    right = integrity(archive.read_bytes())
    described = json.dumps([{"filename": archive.name, "integrity": right}])
    npm = folder / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\necho '{described}'\n")
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")
    return right
