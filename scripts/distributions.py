"""Build sdist and wheel, and hold what is in them against the tree: `python scripts/distributions.py FOLDER`.

Needs hatchling, and git, which knows what belongs to the tree and what merely lies in it.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES: list[str] = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
INCLUDED: dict[str, str] = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
METADATA = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


def tracked() -> set[str]:
    """Return the files of the tree."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return set(listed.splitlines())


def in_wheel(files: set[str]) -> set[str]:
    """Return what the wheel must hold beside its metadata."""
    roots = {package: PurePosixPath(package).name for package in PACKAGES}
    found = {
        name + file.removeprefix(package)
        for file in files
        for package, name in roots.items()
        if file.startswith(f"{package}/")
    }
    return found | set(INCLUDED.values())


def in_sdist(files: set[str]) -> set[str]:
    """Return what the sdist must hold: what builds and tests the project, without what runs on its forge."""
    return {file for file in files if not file.startswith(".ci/")} | {"PKG-INFO"}


def build(folder: Path) -> tuple[Path, Path]:
    """Build both into `folder`, and return the sdist and the wheel."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "--directory", folder], cwd=ROOT, check=True)
    (sdist,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    return sdist, wheel


def names(path: Path) -> set[str]:
    """Return the names of the files in an sdist, without its own folder, or in a wheel, without its metadata's."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return {name.partition(".dist-info/")[2] or name for name in wheel.namelist()}
    with tarfile.open(path) as sdist:
        return {member.name.partition("/")[2] for member in sdist if member.isfile()}


def differences(sdist: Path, wheel: Path) -> list[str]:
    """Return what is in a distribution and should not be, and what should be and is not."""
    files = tracked()
    said = []
    for path, expected in ((sdist, in_sdist(files)), (wheel, in_wheel(files) | METADATA)):
        said += [f"{path.name}: {name} should not be there" for name in sorted(names(path) - expected)]
        said += [f"{path.name}: {name} is missing" for name in sorted(expected - names(path))]
    return said


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    if wrong := differences(*build(target)):
        sys.exit("\n".join(wrong))
