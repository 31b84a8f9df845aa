"""Prints how many bytes lie in this Python's site-packages, without pip and setuptools."""

import json
import sysconfig
from pathlib import Path

OWN = ("pip", "setuptools", "_distutils", "pkg_resources", "distutils")

packages = Path(sysconfig.get_path("purelib"))
files = [path for path in packages.rglob("*") if not path.relative_to(packages).parts[0].startswith(OWN)]
print(json.dumps({"bytes": sum(path.stat().st_size for path in files if path.is_file())}))
