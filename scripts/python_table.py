"""Write what each Python can install into docs/install.md: `python -m nox -s python_table`.

For each Python, platform and extra, uv resolves what pyproject.toml asks for as pip would, and lists the files to be
had of each package. Nothing is installed or built, so a Python that is not on this machine is asked for as well.
"""

from __future__ import annotations

import datetime as dt
import itertools
import subprocess
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "install.md"
START, END = "<!-- Pythons: written by scripts/python_table.py -->\n", "<!-- end of Pythons -->\n"
PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
PLATFORMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux ARM": "aarch64-manylinux_2_28",
    "Alpine x86-64": "x86_64-unknown-linux-musl",
    "macOS ARM": "aarch64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
}
WHEELS = "wheels"
# Each other extra is a part of one of these.
WHOLE = {"all", "fast", "ray"}


def extras() -> list[str]:
    """Return the names of what can be asked for, the bare install first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return ["bare", *project["optional-dependencies"]]


def found(python: str, platform: str, extra: str, *options: str) -> str:
    """Return what an install comes to: wheels alone, what must be built from source, or what there is none of."""
    with TemporaryDirectory() as folder:
        # The name is the one that this format must have.
        output = Path(folder, "pylock.toml")
        asked = [f"--python-version={python}", f"--python-platform={platform}", f"--output-file={output}"]
        asked += [] if extra == "bare" else [f"--extra={extra}"]
        ran = subprocess.run(
            ["uv", "pip", "compile", "--quiet", "--no-python-downloads", *options, *asked, ROOT / "pyproject.toml"],
            check=False,
            capture_output=True,
            text=True,
        )
        if ran.returncode:
            if "no wheels with a matching" not in ran.stderr:
                raise RuntimeError(f"{python}, {platform}, {extra}: {ran.stderr}")
            return "not yet: " + ran.stderr.partition("Because ")[2].partition("[")[0].partition("=")[0]
        packages = tomllib.loads(output.read_text(encoding="utf-8"))["packages"]
    built = [package["name"] for package in packages if not package.get("wheels")]
    return f"source: {', '.join(built)}" if built else WHEELS


def rows() -> list[list[str]]:
    """Return the table's rows: platforms that are alike share one."""
    answers: dict[tuple[str, str, str], str] = {}
    # What all extras together have brought is not asked for again.
    for asked, options in ((WHOLE, ()), (set(extras()) - WHOLE, ("--offline",))):
        cases = list(itertools.product(PYTHONS, PLATFORMS, asked))
        # Most of the time is spent waiting for the registry.
        with ThreadPoolExecutor(4) as pool:
            said = [pool.submit(found, python, PLATFORMS[name], extra, *options) for python, name, extra in cases]
        answers |= {case: future.result() for case, future in zip(cases, said, strict=True)}
    written = []
    for python in PYTHONS:
        alike: dict[tuple[str, ...], list[str]] = {}
        for platform in PLATFORMS:
            alike.setdefault(tuple(answers[python, platform, extra] for extra in extras()), []).append(platform)
        for cells, platforms in alike.items():
            written.append([python, "all" if len(platforms) == len(PLATFORMS) else ", ".join(platforms), *cells])
    return written


def render(page: str, table: list[list[str]], date: dt.date) -> str:
    """Return the page with the table between its marks replaced."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    header = [["Python", "platform", *extras()], ["---"] * (len(extras()) + 2)]
    lines = (f"| {' | '.join(row)} |\n" for row in itertools.chain(header, table))
    return f"{before}{START}\nAs of {date}:\n\n{''.join(lines)}\n{END}{after}"


if __name__ == "__main__":
    today = dt.datetime.now(tz=dt.UTC).date()
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), rows(), today), encoding="utf-8")
