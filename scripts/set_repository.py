"""Say where the project's repository is: `python scripts/set_repository.py https://github.com/OWNER/NAME`.

pyproject.toml alone names it: in the project's links, and in front of what README.md links to, on a package index.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
# What stands there until it is known.
PLACEHOLDER = "https://github.com/OWNER/cf-vectorize"


def repository(pyproject: str) -> str:
    """Return where the repository is, as pyproject.toml says."""
    found: str = tomllib.loads(pyproject)["project"]["urls"]["Repository"]
    return found


def with_repository(pyproject: str, url: str) -> str:
    """Return pyproject.toml with another place.

    Raises:
        ValueError: That is no repository's address.

    """
    if not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+(?<!\.git)", url, re.ASCII):
        raise ValueError(f"{url}: give https://github.com/OWNER/NAME, with nothing behind it")
    # Another name may begin with this one.
    return re.sub(re.escape(repository(pyproject)) + r"(?![\w.-])", url, pyproject)


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004
        sys.exit(__doc__)
    try:
        changed = with_repository(PYPROJECT.read_text(encoding="utf-8"), sys.argv[1])
    except ValueError as error:
        sys.exit(str(error))
    PYPROJECT.write_text(changed, encoding="utf-8")
