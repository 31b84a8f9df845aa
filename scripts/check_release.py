"""Say what is still to be done before what lies in dist/ can be published: `python scripts/check_release.py`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import set_repository

ROOT = Path(__file__).parent.parent
LIMITS = ROOT / "overlay" / "cf_vectorize_overlay" / "limits.py"


def to_do(pyproject: str, changelog: str, version: str) -> list[str]:
    """Return what is missing, and how it is done."""
    said = []
    if set_repository.repository(pyproject) == set_repository.PLACEHOLDER:
        said.append("pyproject.toml: the repository is a placeholder: python scripts/set_repository.py URL")
    headings: list[str] = re.findall(r"^## (.+)$", changelog, re.MULTILINE)
    if not headings or not re.fullmatch(re.escape(version) + r" - \d{4}-\d{2}-\d{2}", headings[0]):
        said.append(
            f'CHANGELOG.md: the first heading must be "## {version} - YYYY-MM-DD", with the day of the release'
        )
    return said


if __name__ == "__main__":
    pyproject, changelog = ((ROOT / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "CHANGELOG.md"))
    (number,) = re.findall(r'^__version__ = "(.+)"$', LIMITS.read_text(encoding="utf-8"), re.MULTILINE)
    if missing := to_do(pyproject, changelog, number):
        sys.exit("\n".join(missing))
