"""What the commands share: arguments, a client, a source, and how results and errors are printed."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

import cf_vectorize
from cf_vectorize.base.extras import Late, extra
from cf_vectorize.base.options import options_of
from cf_vectorize.client import Vectorize
from cf_vectorize_overlay.limits import GIVE_UP_AFTER, REQUESTS_PER_WINDOW
from cf_vectorize_overlay.text import printable

if TYPE_CHECKING:
    import difflib
    import json
    import textwrap
    from collections.abc import Iterator

    from cf_vectorize.source.kinds import SourceLike
else:
    difflib, json, textwrap = Late("difflib"), Late("json"), Late("textwrap")

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
OTHER_CODES: Final = "2 wrong usage; 130 interrupted"
EXIT_CODES: Final = (
    "exit codes: 0 all is well; 1 something was rejected, failed, missing (get: with --fail-on-missing, or when "
    f"nothing was found) or different; {OTHER_CODES}"
)
ENVIRONMENT: Final = """\
environment:
  CLOUDFLARE_ACCOUNT_ID  the account's id, as the dashboard's address shows it
  CLOUDFLARE_API_TOKEN   a token with the permission Vectorize Write; Vectorize Read is enough for get and verify
  CLOUDFLARE_EMAIL       the account's email, in place of a token with CLOUDFLARE_API_KEY
  CLOUDFLARE_API_KEY     the account's global key
  CLOUDFLARE_BASE_URL    where the API is, such as the emulator's address; by default Cloudflare's
  CF_VECTORIZE_LOG       log to standard error: debug, info, warning or error"""
SECOND_COLUMN: Final = 25
EPILOG: Final = f"{EXIT_CODES}\n\n{ENVIRONMENT}"
TABLE_OPTIONS: Final = (
    "id_column", "values_column", "namespace_column", "metadata_column", "metadata_columns", "rest_to_metadata",
)  # fmt: skip
# What the command line calls otherwise than Python.
CALLED: Final = {"deadline": "--wait", "index": "INDEX"}


class Help(argparse.HelpFormatter):
    """Help whose texts are as wide as the screen, paragraph by paragraph; a list keeps its second column."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(self._filled(paragraph, width, indent) for paragraph in text.split("\n\n"))

    def _filled(self, paragraph: str, width: int, indent: str) -> str:
        if "\n  " not in paragraph:
            return super()._fill_text(paragraph, width, indent)
        lines = paragraph.splitlines()
        return "\n".join(textwrap.fill(line, width, subsequent_indent=" " * SECOND_COLUMN) for line in lines)


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, with the nearest right word."""

    def __init__(self, **settings: Any) -> None:
        # An abbreviation in somebody's script would change its meaning with the next option.
        super().__init__(formatter_class=Help, allow_abbrev=False, **settings)
        for kind, read in ((None, _text), (int, _whole), (float, _number)):
            self.register("type", kind, read)

    def error(self, message: str) -> NoReturn:
        """Say it and exit."""
        said = re.sub(r"'([^']{80})[^']+'", r"'\1…'", printable(message))
        self.exit(USAGE, f"error: {said}{self._nearest(message)}; see {self.prog} --help\n")

    def _nearest(self, message: str) -> str:
        wrong = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)$", message)
        if wrong:
            near = difflib.get_close_matches(wrong[1], re.findall(r"[\w-]+", wrong[2]), 1)
        else:
            named = re.search(r"unrecognized arguments: .*?(--[\w-]+)", message)
            known = [name for action in self._actions for name in action.option_strings]
            near = difflib.get_close_matches(named[1], known, 1) if named else []
        return f"; did you mean {near[0]}?" if near else ""


def _text(text: str) -> str:
    # What a variable of the shell that is not set leaves: else it would be as if nothing had been asked for.
    if not text:
        raise argparse.ArgumentTypeError("'' is empty; name something, or leave it out")
    return text


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def add_options(parser: argparse._ActionsContainer, stated: Any, *names: str) -> None:
    """Add options that a method states, with their types, their defaults and the first sentence of their meaning."""
    options = options_of(stated)
    for name in names:
        default, annotation, meaning = options[name]
        told = meaning.partition(". ")[0].rstrip(".")
        settings: dict[str, Any] = {"default": default, "metavar": "N"}
        if annotation == "bool":
            settings = {"default": default, "action": argparse.BooleanOptionalAction}
        elif annotation.startswith("Literal["):
            settings = {"default": default, "choices": [word.strip("'\"") for word in annotation[8:-1].split(", ")]}
        elif "PathLike" in annotation:
            settings["metavar"] = "FILE"
        else:
            settings["type"] = int
        shown = "" if default is None else f" (default: {_shown(default)})"
        parser.add_argument(f"--{name.replace('_', '-')}", help=f"{told[0].lower()}{told[1:]}{shown}", **settings)


def _shown(default: object) -> str:
    return ("yes" if default else "no") if isinstance(default, bool) else str(default)


def add_service_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of how the service is called."""
    group = parser.add_argument_group("service")
    group.add_argument("--give-up-after", type=float, metavar="SECONDS",
                       help=f"how long a failing request is tried again (default: {GIVE_UP_AFTER:g})")  # fmt: skip
    most = f"requests to start in any 5 minutes (default: {REQUESTS_PER_WINDOW}, Cloudflare's limit)"
    group.add_argument("--requests-per-5min", type=int, metavar="N", help=most)


def client(arguments: argparse.Namespace) -> Vectorize:
    """Return a client with the settings that the command line and the environment give."""
    given = {name: getattr(arguments, name) for name in ("give_up_after", "requests_per_5min")}
    settings: Any = {name: value for name, value in given.items() if value is not None}
    return Vectorize(arguments.index, **settings)


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of tables and arrays."""
    group = parser.add_argument_group("tables and arrays")
    group.add_argument("--ids", metavar="FILE", help="the ids of an .npy file, one a line")
    for name in TABLE_OPTIONS[:4]:
        column = name.removesuffix("_column")
        group.add_argument(f"--{column}-column", metavar="NAME", help=f"the column of a table that is `{column}`")
    group.add_argument("--metadata-columns", type=_names, metavar="NAMES",
                       help="other columns of a table to put into the metadata, with commas between")  # fmt: skip
    group.add_argument("--rest-to-metadata", action="store_true", default=None,
                       help="put all other columns of a table into the metadata")  # fmt: skip


def _names(text: str) -> list[str]:
    names = text.split(",")
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r} has an empty name; write NAME,NAME")
    return names


def source(arguments: argparse.Namespace) -> SourceLike:
    """Return the files, or the one table or array that the options describe.

    Raises:
        InputError: The options do not go with the files.

    """
    given = {name: getattr(arguments, name) for name in TABLE_OPTIONS}
    described = {name: value for name, value in given.items() if value is not None}
    files: list[str] = arguments.files
    if not described and arguments.ids is None:
        return files
    if len(files) > 1 or (described and arguments.ids is not None):
        raise cf_vectorize.InputError(
            "--ids goes with one .npy FILE, the options of a table with one .parquet FILE or folder"
        )
    if arguments.ids is None:
        return cf_vectorize.table(files[0], **described)
    ids, array = list(lines_of("--ids", arguments.ids)), _array(files[0])
    try:
        return cf_vectorize.columns(ids=ids, values=array)
    except cf_vectorize.InputError as error:
        raise cf_vectorize.InputError(f"--ids {arguments.ids} with {files[0]}: {error}") from None


def _array(path: str) -> Any:
    """Return the array of an .npy file, memory-mapped."""
    try:
        return extra("numpy.lib.format", "an .npy file").open_memmap(path, mode="r")
    except OSError as error:
        raise cf_vectorize.InputError(f"{path}: {error.strerror}") from None
    except cf_vectorize.VectorizeError:
        raise
    except ValueError:
        raise cf_vectorize.InputError(
            f"{path}: is not a whole .npy file of numbers; --ids goes with N x dimensions numbers, as numpy.save "
            "writes them"
        ) from None


def lines_of(option: str, path: str) -> Iterator[str]:
    """Yield the ids of the file that an option names, or of standard input, one a line."""
    try:
        with open(0 if path == "-" else path, encoding="utf-8-sig", closefd=path != "-") as file:
            yield from (line.rstrip("\r\n") for line in file)
    except OSError as error:
        raise cf_vectorize.InputError(f"{option} {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise cf_vectorize.InputError(f"{option} {path}: is not text in UTF-8; it holds one id a line") from None


def fail(error: Exception, arguments: argparse.Namespace) -> int:
    """Say an error in its own words, and return the exit code it amounts to."""
    if isinstance(error, cf_vectorize.BadLinesError):
        # Each of its lines is one that may be shown.
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    said = printable(str(error))
    name, _, rest = said.partition(" is ")
    flag = CALLED.get(
        name, f"--{name.replace('_', '-')}" if name.isidentifier() and hasattr(arguments, name) else name
    )
    print(f"error: {flag} is {rest}" if rest else f"error: {said}", file=sys.stderr)
    return USAGE if isinstance(error, cf_vectorize.InputError) else FAILED


def refuse(message: str) -> int:
    """Say what is wrong with the arguments, and return the exit code."""
    print(f"error: {printable(message)}", file=sys.stderr)
    return USAGE


def print_json(document: Any) -> None:
    """Print a report as JSON, escaped where the output's charset is none of Unicode's."""
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    print(json.dumps(document, indent=2, ensure_ascii=not unicode))
