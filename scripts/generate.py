"""Write the generated package from spec/ into a folder: `python scripts/generate.py FOLDER`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SPEC = Path(__file__).parent.parent / "spec"


def generate(output: Path) -> None:
    """Run the generator into `output`, which must not exist yet; a warning of the generator is an error."""
    tools = Path(sys.executable).parent
    output.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [
            str(tools / "openapi-python-client"),
            "generate",
            f"--path={SPEC / 'vectorize.yaml'}",
            f"--config={SPEC / 'generator.yaml'}",
            f"--custom-template-path={SPEC / 'templates'}",
            f"--output-path={output.resolve()}",
            "--meta=none",
            "--fail-on-warning",
        ],
        check=True,
        # The generator's hooks call ruff and python by name: they must be the pinned ones beside it.
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}"},
    )


if __name__ == "__main__":
    generate(Path(sys.argv[1]))
