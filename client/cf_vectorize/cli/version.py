"""What `cf-vectorize --version` says."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from cf_vectorize_overlay.limits import __version__

# The packages that a bare install brings, and those of each extra; a test holds them against pyproject.toml.
PACKAGES: Final = {
    "": ("attrs", "httpx", "orjson"),
    "fast": ("pysimdjson",),
    "numpy": ("numpy",),
    "arrow": ("pyarrow",),
    "zstd": ("backports.zstd",),
    "emulator": ("starlette", "uvicorn", "python-multipart"),
    "contract": ("jsonschema", "referencing", "pyyaml"),
}


def text() -> str:
    """Return the version, and those of what is installed with it."""
    lines = [f"cf-vectorize {__version__}", f"Python {platform.python_version()} on {platform.system()}"]
    for extra, packages in PACKAGES.items():
        found = [f"{package} {number}" for package in packages if (number := _version(package))]
        whole = len(found) == len(packages)
        name = f"[{extra}] " if extra else ""
        lines.append(f"{name}{', '.join(found)}" if whole else f"{name}not installed")
    return "\n".join(lines)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
