"""What it takes before the first byte: imports, the command line's start, disk space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from measure import run
from tables import Verdict, judge, table

if TYPE_CHECKING:
    from pathlib import Path

BARE = "bare Python"
HELP = "cf-vectorize --help"
IMPORT, SDK_IMPORT = "import cf_vectorize", "import cloudflare"
CLASS = "from cf_vectorize import Vectorize"
CLIENT, SDK_CLIENT = "a client made", "a client made, official SDK"

PROGRAMS = {
    BARE: ("ours", "pass"),
    IMPORT: ("ours", "import cf_vectorize"),
    CLASS: ("ours", "from cf_vectorize import Vectorize"),
    SDK_IMPORT: ("sdk", "import cloudflare"),
    CLIENT: ("ours", "from cf_vectorize import Vectorize; Vectorize('i', account_id='a', api_token='t')"),
    SDK_CLIENT: ("sdk", "from cloudflare import Cloudflare; Cloudflare(api_token='t').vectorize.indexes"),
}


def measure_start(environments: Path, repetitions: int) -> tuple[str, list[Verdict]]:
    """Measure by turns; give a table in Markdown, and the floors."""
    commands = {
        name: [str(environments / where / "bin/python"), "-c", code] for name, (where, code) in PROGRAMS.items()
    }
    commands[HELP] = [str(environments / "ours/bin/cf-vectorize"), "--help"]
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repetitions):
        for name, command in commands.items():
            taken[name].append(run(command)[0] * 1e3)
    middle = {name: sorted(times)[len(times) // 2] for name, times in taken.items()}
    ours, sdk = (_installed_megabytes(environments / name) for name in ("ours", "sdk"))
    text = table(("", "ms"), [(name, f"{milliseconds:.0f}") for name, milliseconds in middle.items()])
    text += f"\n\nInstalled with what it needs, without pip: {ours:.1f} MB; the official SDK {sdk:.1f} MB."
    return text, [
        judge("import: time", "official SDK", middle[IMPORT] / middle[SDK_IMPORT], most=0.50),
        judge("import and client: time", "official SDK", middle[CLIENT] / middle[SDK_CLIENT], most=0.55),
        judge("`cf-vectorize --help`: ms more", BARE, middle[HELP] - middle[BARE], most=60),
        judge("installed size", "official SDK", ours / sdk, most=0.10),
    ]


def _installed_megabytes(environment: Path) -> float:
    """Give what lies in site-packages, without pip and setuptools."""
    (packages,) = environment.glob("lib/python*/site-packages")
    own = ("pip", "setuptools", "_distutils", "pkg_resources", "distutils")
    return (
        sum(
            path.stat().st_size
            for folder in packages.iterdir()
            if not folder.name.startswith(own)
            for path in ([folder] if folder.is_file() else folder.rglob("*"))
            if path.is_file()
        )
        / 1e6
    )
