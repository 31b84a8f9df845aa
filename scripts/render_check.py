"""Write the table of rules into docs/check.md: `python scripts/render_check.py`. A test compares the two."""

from __future__ import annotations

from pathlib import Path

from cf_vectorize.checks.rules import RULES

PAGE = Path(__file__).parent.parent / "docs" / "check.md"
START = "<!-- rules: written by scripts/render_check.py -->\n"


def table() -> str:
    """Return the rules as a Markdown table."""
    rows = (f"| `{rule.name}` | {rule.says} | {rule.standing} | {rule.code or ''} |\n" for rule in RULES.values())
    return "| rule | what is asked of a line | known | code |\n|---|---|---|---|\n" + "".join(rows)


def render(page: str) -> str:
    """Return the page with the table after its mark replaced."""
    before, _, _ = page.partition(START)
    return before + START + "\n" + table()


if __name__ == "__main__":
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
