"""Try the overlay with httpx2, to which the generator is about to move; arguments are pytest's.

Copies the overlay and what is generated, imports httpx2 in them in place of httpx, and runs the tests of the overlay
and those of what the client sends, in an environment that has both.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("overlay/cf_vectorize_overlay", "generated/cf_vectorize_api")
TESTS = ("tests/overlay", "tests/contract/test_wire.py", "tests/contract/test_recordings_in_the_client.py")


def move(folder: Path) -> int:
    """Let the modules of a folder import httpx2; return how many did import its elder."""
    moved = 0
    for path in folder.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        changed = re.sub(r"^import httpx$", "import httpx2 as httpx", text, flags=re.MULTILINE)
        moved += changed != text
        path.write_text(changed, encoding="utf-8")
    return moved


def main() -> int:
    """Run the tests and return their exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        for package in PACKAGES:
            shutil.copytree(ROOT / package, Path(scratch) / Path(package).name)
        moved = move(Path(scratch))
        if not moved:
            print("try_httpx2: no module imports httpx: has the generator moved already?", file=sys.stderr)
            return 2
        check = "import cf_vectorize_overlay.wire as w; print(w.httpx.__name__, w.httpx.__version__, w.__file__)"
        environment = {**os.environ, "PYTHONPATH": scratch}
        subprocess.run([sys.executable, "-c", check], check=True, env=environment, cwd=scratch)
        command = [sys.executable, "-m", "pytest", *TESTS, *sys.argv[1:]]
        return subprocess.run(command, check=False, env=environment, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
