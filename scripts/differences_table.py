"""Write the table of spec/differences.yaml into docs/contract.md: `python scripts/differences_table.py`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
DOCUMENTATION = ROOT / "docs" / "contract.md"
BEGIN, END = "<!-- differences: begin -->\n", "<!-- differences: end -->\n"
MEND = "python scripts/differences_table.py"


def table(differences: list[dict[str, Any]]) -> str:
    """Render the differences as a Markdown table."""
    rows = ["| where | Cloudflare's document | the fragment | why | evidence |", "|---|---|---|---|---|"]
    for entry in differences:
        says = f"`{json.dumps(entry['theirs'])}`" if "theirs" in entry else entry.get("page", "nothing")
        cells = [f"`{short(entry['pointer'])}`", says, entry["what"], entry["why"], entry["evidence"]]
        rows.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return "\n".join(rows) + "\n"


def short(pointer: str) -> str:
    """Leave out of a pointer what every reader supplies: the media type JSON, and the words of JSON Schema."""
    for words, replacement in (
        ("/content/application~1json/schema", ""),
        ("/properties", ""),
        ("/items", "[]"),
        ("~1", "/"),
    ):
        pointer = pointer.replace(words, replacement)
    return pointer


def with_table(text: str, rendered: str) -> str:
    """Put the table between its marks in the text of a page."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{rendered}{END}{after}"


def main() -> None:
    """Rewrite the table in place."""
    differences = yaml.safe_load((ROOT / "spec" / "differences.yaml").read_text(encoding="utf-8"))
    page = DOCUMENTATION.read_text(encoding="utf-8")
    DOCUMENTATION.write_text(with_table(page, table(differences)), encoding="utf-8")


if __name__ == "__main__":
    main()
