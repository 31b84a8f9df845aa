"""Every code block of a page: found as the site finds it, and run, parsed, or left out with its reason.

A block's language says what becomes of it (`LANGUAGES`); one that names none, or is indented, holds commands. A page
is run in the current folder and with the current environment; its Python blocks share their names. What a page shows
of output is compared: lines behind `$ command`, a `text` block right below another block, and comments `# -> output`
in Python. `…` stands for what varies, also for whole lines; numbers before a unit of time, ports and mutation ids may
always differ. `<!-- not run: REASON -->` before a block leaves it out.

`python tests/docs/snippets.py` prints how many blocks of each page are run, parsed and left out.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import io
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from configparser import ConfigParser
from configparser import Error as ConfigError
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import yaml
from markdown_it import MarkdownIt
from shell import ROOT, commands, difference, finished, is_read, run_all
from sybil import Document, Example, Region
from sybil.evaluators.doctest import DocTestEvaluator
from sybil.parsers.abstract import DocTestStringParser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOUND: Final = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")]
PAGES: Final = sorted(page for page in FOUND if "_build" not in page.parts)
RUN, PARSED, LEFT_OUT = "run", "parsed", "left out"
MARK: Final = re.compile(r"<!-- not run: (.+?) -->")
# Whole pages that are left out, with their reason.
PRINTED: Final = {"docs/benchmarks.md": "nox -s bench prints it"}
SAID: Final = re.compile(r"# -> ?(.*)$", re.MULTILINE)
CODE: Final = {"fence", "code_block"}


class Block(NamedTuple):
    """A code block: its language, its text, why it is not run, and whether what it prints stands right below it."""

    language: str
    text: str
    reason: str | None
    shown: bool

    @property
    def fate(self) -> str:
        """Say what becomes of it."""
        if self.reason is not None:
            return LEFT_OUT
        read = self.language in COMMANDS and all(is_read(command) for command, _ in commands(self.text))
        return PARSED if read or self.language in PARSERS else RUN


def parse(path: Path) -> Document:
    """Return a page as its blocks."""
    return Document.parse(str(path), blocks)


def blocks(document: Document) -> Iterator[Region]:
    """Yield every code block of a page, fenced or indented, also in lists and quotations."""
    starts = [0, *(match.end() for match in re.finditer("\n", document.text)), len(document.text) + 1]
    page = Path(document.path)
    whole = PRINTED.get(page.relative_to(ROOT).as_posix()) if page.is_relative_to(ROOT) else None
    tokens = MarkdownIt("commonmark").parse(document.text)
    for before, token, after in zip([None, *tokens], tokens, [*tokens[1:], None], strict=False):
        mark = MARK.fullmatch(before.content.strip()) if before and before.type == "html_block" else None
        if token.type in CODE:
            assert token.map
            language = token.info.partition(" ")[0]
            if language == "text" and not (before and before.type in CODE):
                language = "text that no block above prints"
            shown = after is not None and after.type == "fence" and after.info == "text"
            block = Block(language, token.content, mark[1] if mark else whole, shown)
            yield Region(starts[token.map[0]], starts[token.map[1]] - 1, block, evaluate)
        elif token.type == "html_block" and "not run:" in token.content:
            sound = MARK.fullmatch(token.content.strip()) and after and after.type in CODE
            assert sound, f"{document.path}: {token.content.strip()}"


def evaluate(example: Example) -> str | None:
    """Run or parse a block, and return what is wrong with it, if anything."""
    block: Block = example.parsed
    if block.reason is not None:
        return None
    if block.language not in LANGUAGES:
        return f"{block.language!r} is none of {', '.join(filter(None, LANGUAGES))}: <!-- not run: REASON -->"
    return LANGUAGES[block.language](example)


def run_python(example: Example) -> str | None:
    """Run Python with the names of the page so far; with pytest where it has tests."""
    text = example.parsed.text
    body = ast.parse(text).body
    if any(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in body):
        return run_tests(text)
    with contextlib.redirect_stdout(io.StringIO()) as output:
        lines_before = "\n" * example.line  # so that a traceback names the page's line
        exec(compile(lines_before + text, example.path, "exec", dont_inherit=True), example.namespace)
    example.namespace["_printed"] = output.getvalue()
    said = SAID.findall(text)
    # What other lines print may stand between.
    return difference("\n".join(["…", *(f"{line}\n…" for line in said)]), output.getvalue()) if said else None


def run_tests(text: str) -> str | None:
    """Run tests as their reader would, but without the plugins that stand around here: they take long to import."""
    Path("test_snippet.py").write_text(text, encoding="utf-8")
    ours = "-p cf_vectorize_emulator.pytest_plugin -p cf_vectorize_contract.pytest_plugin"
    command = f"python -m pytest -q -p no:cacheprovider --rootdir=. {ours} test_snippet.py"
    code, output = finished(*command.split(), PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    return None if code == 0 and "skipped" not in output else output


def run_session(example: Example) -> str | None:
    """Run what stands behind `>>>`."""
    sessions = DocTestStringParser(DocTestEvaluator(doctest.ELLIPSIS))
    for region in sessions(example.parsed.text, example.path):
        statement = Example(example.document, example.line, 1, region, example.namespace)
        if region.evaluator and (failure := region.evaluator(statement)):
            return failure
    return None


def run_script(example: Example) -> str | None:
    """Run a script of the shell."""
    code, output = finished("sh", "-c", example.parsed.text)
    return f"exit code {code}\n{output}" if code else None


def run_commands(example: Example) -> str | None:
    """Run commands, one a line or behind `$ `."""
    example.namespace["_printed"], failure = run_all(example.parsed.text, shown_below=example.parsed.shown)
    return failure


def compare_text(example: Example) -> str | None:
    """Compare a block of text with what the block above it printed."""
    return difference(example.parsed.text, example.namespace.pop("_printed", ""))


def parse_lines(text: str) -> None:
    """Parse a JSON document a line."""
    for line in text.splitlines():
        json.loads(line)


def apply_patch(text: str) -> None:
    """Look whether a patch applies to today's tree."""
    if git := shutil.which("git"):
        command = [git, "apply", "--check", "--recount", "-"]
        done = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, encoding="utf-8", check=False)
        if done.returncode:
            raise ValueError(done.stderr)


def parsed_by(parser: Callable[[str], object]) -> Callable[[Example], str | None]:
    """Return what evaluates a block by parsing it."""

    def evaluate_block(example: Example) -> str | None:
        try:
            parser(example.parsed.text)
        except (ValueError, yaml.YAMLError, ConfigError) as error:
            return str(error)
        return None

    return evaluate_block


COMMANDS: Final = ("", "console")
PARSERS: Final[dict[str, Callable[[str], object]]] = {
    "json": json.loads,
    "ndjson": parse_lines,
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
    "ini": lambda text: ConfigParser(interpolation=None).read_string(text),
    "diff": apply_patch,
    "{toctree}": str,  # of the front page alone, and for the site: `nox -s docs` fails where it is wrong
}
LANGUAGES: Final[dict[str, Callable[[Example], str | None]]] = {
    "python": run_python,
    "pycon": run_session,
    "sh": run_script,
    "text": compare_text,
    **dict.fromkeys(COMMANDS, run_commands),
    **{language: parsed_by(parser) for language, parser in PARSERS.items()},
}


def counted(page: Path) -> Counter[str]:
    """Count the blocks of a page by what becomes of them."""
    return Counter(example.parsed.fate for example in parse(page).examples())


if __name__ == "__main__":
    table = {page.relative_to(ROOT).as_posix(): counted(page) for page in PAGES}
    table["all"] = sum(table.values(), Counter())
    for name, counts in table.items():
        sys.stdout.write(f"{name:<32}{''.join(f'{counts[fate]:>4} {fate}' for fate in (RUN, PARSED, LEFT_OUT))}\n")
