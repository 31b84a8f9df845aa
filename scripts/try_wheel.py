"""Install the wheel as people do, and use it: `python scripts/try_wheel.py FOLDER [EXTRA …]`; needs uv.

One environment for each extra, outside of the tree, once with the oldest dependencies that pyproject.toml allows
and a wheel is to be had of, and once with the newest. `scripts/smoke.py` runs in each.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parent.parent
SMOKE = Path(__file__).with_name("smoke.py")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = ("bare", *PROJECT["optional-dependencies"])
RESOLUTIONS = {"oldest": "lowest-direct", "newest": "highest"}
READY = "CLOUDFLARE_BASE_URL="
# Nothing of this tree, and no wheel of a local folder.
CLEAN = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}


def uv(*arguments: object) -> None:
    """Run uv, which says on standard error what is wrong."""
    subprocess.run(["uv", *map(str, arguments), "--quiet", "--no-python-downloads"], check=True, env=CLEAN)


def install(wheel: Path, extra: str, resolution: str, folder: Path) -> Path:
    """Make an environment with the wheel and an extra, and return its Python."""
    uv("venv", "--python", sys.executable, folder)
    program = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = [] if extra == "bare" else [f"--extra={extra}"]
    constraints = folder / "constraints.txt"
    oldest = [
        f"--resolution={resolution}",
        "--only-binary=:all:",
        f"--python={program}",
        "--output-file",
        constraints,
    ]
    uv("pip", "compile", ROOT / "pyproject.toml", *wanted, *oldest)
    uv(
        "pip",
        "install",
        f"--python={program}",
        f"{wheel}[{extra}]" if wanted else wheel,
        f"--constraint={constraints}",
    )
    if extra in {"emulator", "all"}:
        uv("pip", "install", f"--python={program}", "pytest", f"--constraint={constraints}")
    uv("pip", "check", f"--python={program}")
    return program


@contextmanager
def emulator(python: Path, folder: Path) -> Iterator[str]:
    """Run the installed emulator, and yield its base URL."""
    arguments = [str(python), "-m", "cf_vectorize_emulator", "--port", "0", "--quiet", "--visible", "immediately"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=folder, env=CLEAN) as process:
        assert process.stdout
        try:
            yield next(line.partition(READY)[2].strip() for line in process.stdout if READY in line)
        finally:
            process.terminate()


def main(wheel: Path, extras: Sequence[str]) -> None:
    """Try each extra with the oldest and with the newest of what it needs, with the Python that runs this."""
    for name, resolution in RESOLUTIONS.items():
        with TemporaryDirectory() as temporary:
            folder = Path(temporary)
            serving = install(wheel, "emulator", resolution, folder / "serving")
            with emulator(serving, folder) as base_url:
                for extra in extras:
                    print(f"{name}, ", end="", flush=True)
                    program = install(wheel, extra, resolution, folder / extra)
                    subprocess.run([program, SMOKE, extra, base_url], check=True, cwd=folder, env=CLEAN)


if __name__ == "__main__":
    (built,) = Path(sys.argv[1]).absolute().glob("*.whl")
    main(built, sys.argv[2:] or EXTRAS)
