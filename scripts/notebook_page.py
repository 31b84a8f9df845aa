"""A notebook as a page: its text, its code, and what that printed."""

from __future__ import annotations

import json
import re
from typing import Any


def markdown(notebook: str) -> str:
    """Return a notebook as Markdown; of outputs the text, which is all that ours have to show."""
    parts = []
    for cell in json.loads(notebook)["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(text)
        else:
            parts.append(_fenced("python", text))
            parts += [_fenced("text", said) for said in map(_text, cell["outputs"]) if said.strip()]
    return "\n\n".join(parts) + "\n"


def _text(output: dict[str, Any]) -> str:
    if output.get("name") == "stderr":
        # A bar that was drawn over and over.
        return ""
    return "".join(output.get("text", output.get("data", {}).get("text/plain", "")))


def _fenced(language: str, text: str) -> str:
    longest = max((len(ticks) for ticks in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
