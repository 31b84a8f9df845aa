"""Fail when generated/ is not, byte for byte and file for file, what the generator writes from spec/."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from generate import generate

GENERATED = Path(__file__).parent.parent / "generated" / "cf_vectorize_api"
MEND = "python -m nox -s regenerate"


def files(folder: Path) -> dict[str, bytes]:
    """Read every file below `folder`, but for Python's own cache, by its relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def differences(committed: dict[str, bytes], fresh: dict[str, bytes]) -> list[str]:
    """Name each file that is changed, missing from or extra in `committed`, one line each."""
    lines = [f"missing: {name}" for name in sorted(fresh.keys() - committed.keys())]
    lines += [f"extra:   {name}" for name in sorted(committed.keys() - fresh.keys())]
    lines += [
        f"changed: {name}" for name in sorted(fresh.keys() & committed.keys()) if fresh[name] != committed[name]
    ]
    return lines


def main() -> int:
    """Generate afresh beside, compare both ways, and say what to run when they differ."""
    with tempfile.TemporaryDirectory() as scratch:
        fresh_folder = Path(scratch) / GENERATED.name
        try:
            generate(fresh_folder)
        except subprocess.CalledProcessError:
            print("The generator refuses spec/vectorize.yaml; see its message above.", file=sys.stderr)
            return 1
        fresh = files(fresh_folder)
    found = differences(files(GENERATED), fresh)
    if not fresh:
        found = ["the generator wrote no files: nothing was compared"]
    if found:
        print("generated/ is not what spec/ says:", *found, f"Mend it with: {MEND}", sep="\n", file=sys.stderr)
        return 1
    print(f"generated/ is what spec/ says: {len(fresh)} files compared.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
