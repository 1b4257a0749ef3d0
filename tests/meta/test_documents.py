"""What the documents say is there, is there."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import PydanticUndefined

from tests.meta.imports import ROOT
from tests.meta.k8s.facts import SETTINGS
from tests.meta.k8s.rules_pods import command_problems
from tests.meta.repository import documents
from tests.meta.series import families

README = ROOT / "README.md"
MAKEFILE = ROOT / "Makefile"
SETTINGS_PAGE = ROOT / "docs/settings.md"
DECISIONS = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def test_every_relative_link_leads_somewhere() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {link}"
        for path, text in documents().items()
        for link in LINK.findall(text)
        if "://" not in link and not _leads(path, link)
    ]
    assert broken == []


def test_a_broken_link_is_noticed() -> None:
    assert _leads(README, "docs/contracts.md#data-set")
    assert not _leads(README, "docs/contracts.md#no-such-heading")
    assert not _leads(README, "docs/missing.md")


def test_every_make_target_that_a_document_names_exists() -> None:
    targets = _targets()
    unknown = [
        f"{path.relative_to(ROOT)}: make {name}"
        for path, text in documents().items()
        for name in re.findall(r"^(?:    |\s*`{0,3}.*?`)?make ([a-z-]+)\b", text, re.MULTILINE)
        + re.findall(r"`make ([a-z-]+)", text)
        if name not in targets
    ]
    assert unknown == []


def test_every_program_that_the_makefile_runs_exists() -> None:
    lines = MAKEFILE.read_text().replace("$(STACK)", "-m serving.local.stack")
    commands = re.findall(r"-m (?:serving|training)[^|&;\n]*", lines.replace("$(RUN)", "-m"))
    assert len(commands) > 10
    problems = {p for c in commands for p in command_problems(["python", *c.split()])}
    assert problems == set()


def test_the_readme_names_every_make_target() -> None:
    missing = [name for name in _targets() if f"make {name}" not in README.read_text()]
    assert missing == []


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: s.__name__)
def test_the_page_of_settings_names_each_with_its_default(settings: Any) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", SETTINGS_PAGE.read_text(), re.MULTILINE))
    prefix = settings.model_config["env_prefix"]
    expected = {
        _variable(prefix, name): _shown(field.default)
        for name, field in settings.model_fields.items()
    }
    found = {
        name: default
        for name, default in rows.items()
        if name.startswith(prefix) or name in expected
    }
    assert found == expected


def test_the_page_of_operations_names_every_metric() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    exposed = {f.name + ("_total" if f.type == "counter" else "") for f in families()}
    assert set(re.findall(r"^\| `(recserve_\w+)`", page, re.MULTILINE)) == exposed


def test_the_page_of_settings_names_every_variable_of_make() -> None:
    variables = set(re.findall(r"^([A-Z_]+) +\?=", MAKEFILE.read_text(), re.MULTILINE))
    page = SETTINGS_PAGE.read_text()
    assert len(variables) > 10
    assert [v for v in variables if f"`{v}`" not in page] == []


def test_every_decision_is_told_whole_and_listed() -> None:
    index = (ROOT / "docs/decisions/README.md").read_text()
    assert len(DECISIONS) >= 7
    for page in DECISIONS:
        headings = re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)
        assert headings == ["Status", "Context", "Decision", "Consequences"], page.name
        assert page.name in index


def test_the_changelog_has_an_unreleased_section() -> None:
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE.read_text(), re.MULTILINE))


def _leads(page: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return False
    return not heading or heading in {_anchor(h) for h in _headings(target)}


def _headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _variable(prefix: str, name: str) -> str:
    return "TRITON_URL" if name == "triton_url" else f"{prefix}{name.upper()}"


def _shown(default: object) -> str:
    if default is PydanticUndefined:
        return "required"
    if isinstance(default, Path) and default.is_absolute():
        default = default.relative_to(ROOT)
    return "none" if default in (None, "") else f"`{default}`"
