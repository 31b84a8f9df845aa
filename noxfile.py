"""Everything a developer runs: `python -m nox -l` lists it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import nox

nox.options.sessions = ["tests"]
nox.options.error_on_missing_interpreters = True

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
GENERATED = Path("generated/cf_vectorize_api")


def dependency_group(name: str) -> list[str]:
    """Return the requirements of one group of pyproject.toml."""
    return list(nox.project.dependency_groups(PROJECT, name))


def generate(session: nox.Session, output: Path) -> None:
    """Write the generated package into the empty folder `output`."""
    session.install(*dependency_group("generate"))
    session.run("python", "scripts/generate.py", str(output))


@nox.session
def regenerate(session: nox.Session) -> None:
    """Delete generated/ and write it anew from spec/."""
    shutil.rmtree(GENERATED, ignore_errors=True)
    generate(session, GENERATED)


@nox.session
def check_generated(session: nox.Session) -> None:
    """Fail when spec/ and generated/ disagree."""
    session.install(*dependency_group("generate"))
    session.run("python", "scripts/check_generated.py")


def run_tests(session: nox.Session) -> None:
    """Install the project as its users do, and run its tests."""
    session.install("-e", ".[all]", *dependency_group("tests"))
    # In two processes, since most of the time is spent waiting for other processes.
    session.run("pytest", *(session.posargs or ["-n", "2"]))


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, then lint and types."""
    run_tests(session)
    if not session.posargs:
        session.notify("lint")
        session.notify("types")


@nox.session(python=PYTHONS)
def pythons(session: nox.Session) -> None:
    """Run the tests with every Python that pyproject.toml names."""
    run_tests(session)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and the specification."""
    session.install(*dependency_group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("openapi-spec-validator", "spec/vectorize.yaml")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy and pyright."""
    session.install("-e", ".[all]", *dependency_group("types"))
    session.run("mypy")
    session.run("mypy", "scripts", "noxfile.py")
    # What users' code types as, and what is refused.
    session.run("mypy", "tests/typing/accepted.py", "tests/typing/refused.py")
    # Their peers are not installed here.
    benchmarks = ["--ignore-missing-imports", *map(str, Path("benchmarks").glob("*.py"))]
    session.run("mypy", *benchmarks, env={"MYPYPATH": "benchmarks:scripts:tests/servers"})
    session.run("pyright")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into docs/_build/html: warnings are errors, links are followed, nothing is fetched."""
    session.install("-e", ".[all]", *dependency_group("docs"))
    site = Path("docs/_build/html")
    shutil.rmtree(site, ignore_errors=True)
    started = time.monotonic()
    strict = ["--fail-on-warning", "--keep-going", "--fresh-env", "--quiet", "--jobs", "auto"]
    session.run("sphinx-build", *strict, "--doctree-dir", "docs/_build/doctrees", "docs", str(site))
    session.log(f"{time.monotonic() - started:.0f} s")
    session.run("python", "scripts/check_site.py", str(site))


@nox.session
def contract(session: nox.Session) -> None:
    """Run the contract's tests; with `-- --live` on the live service too."""
    session.install("-e", ".[all]", *dependency_group("tests"))
    arguments = [argument for argument in session.posargs if argument != "--live"]
    env = {"CF_VECTORIZE_CONTRACT_LIVE": "1"} if "--live" in session.posargs else {}
    session.run("pytest", "tests/contract", *arguments, env=env)


@nox.session
def record(session: nox.Session) -> None:
    """Record the emulator's answers for the contract's tests; with `-- --live` the live service's."""
    session.install("-e", ".[all]")
    session.run("python", "scripts/record.py", *session.posargs)


@nox.session
def httpx2(session: nox.Session) -> None:
    """Try the overlay with httpx2, to which the generator is about to move."""
    session.install("-e", ".[all]", *dependency_group("tests"), "httpx2")
    session.run("python", "scripts/try_httpx2.py", *session.posargs)


@nox.session
def behaviours(session: nox.Session) -> None:
    """Write the table of behaviours into the docs; with `-- --live` ask the live service for its column first."""
    session.install("-e", ".[all]")
    session.run("python", "scripts/behaviours.py", *session.posargs)


@nox.session
def upstream(session: nox.Session) -> None:
    """Compare spec/ with Cloudflare's document: `-- PATH`; or two documents of theirs: `-- OLD NEW`."""
    session.install("pyyaml")
    session.run("python", "scripts/upstream.py", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """Start the emulator, load a real data set, read it back and compare."""
    session.install(".[emulator]")
    session.run("python", "scripts/demo.py")


@nox.session
def kills(session: nox.Session) -> None:
    """Kill the emulator under load, hundreds of times; nothing that it acknowledged may be lost."""
    session.install("-e", ".[all]", *dependency_group("tests"))
    kills = session.posargs[0] if session.posargs else "200"
    session.run("pytest", "tests/emulator/test_emulator_kills.py", "--timeout=3600", env={"EMULATOR_KILLS": kills})


@nox.session
def browser(session: nox.Session) -> None:
    """Try the emulator's page in a real browser: the Chromium that is installed, found on the path."""
    session.install("-e", ".[emulator]", *dependency_group("browser"))
    session.run("pytest", "tests/emulator/test_emulator_browser.py", *session.posargs)


# The second is what the first wants: a newer Node.js than many have.
WRANGLER = "wrangler@4.164.0"
NODE = "node@22"


def install_node(session: nox.Session, folder: Path, *packages: str) -> bool:
    """Install packages of npm, with a Node.js that they can use, where there is npm."""
    if not shutil.which("npm"):
        session.warn(f"no npm: {', '.join(packages)} are left out")
        return False
    session.run("npm", "install", "--silent", "--prefix", str(folder), *packages, NODE, external=True)
    return True


@nox.session
def clients(session: nox.Session) -> None:
    """Try the emulator with the clients that people have, which are too large for the tests' environment."""
    tried = ["cloudflare==5.9.0", "langchain-cloudflare==0.4.3", "requests"]
    session.install("-e", ".[all]", *dependency_group("tests"), *tried)
    folder = Path(session.create_tmp()).absolute()
    found = install_node(session, folder, "cloudflare@7.3.0", WRANGLER)
    env = {"EMULATOR_NPM_CLIENTS": str(folder)} if found else {}
    session.run("pytest", "tests/emulator/test_emulator_clients.py", *session.posargs, env=env)


@nox.session
def ray(session: nox.Session) -> None:
    """Run on a Ray cluster of this machine; with `-- --small` a small part of it."""
    session.install("-e", ".[ray,emulator]", "pytest>=8", "pytest-timeout>=2.3", "scikit-learn")
    small = "--small" in session.posargs
    arguments = [argument for argument in session.posargs if argument != "--small"]
    session.run("pytest", "tests/ray", *(["-m", "small"] if small else []), *arguments)


@nox.session
def recipes(session: nox.Session) -> None:
    """Run the recipes that need no server; `-- chromadb` installs that too, `DATABASE_URL` names a PostgreSQL."""
    stores = ["datasets", "fsspec", "lancedb", "psycopg[binary]", "qdrant-client", *session.posargs]
    session.install("-e", ".[arrow,emulator]", "pytest>=8", "pytest-timeout>=2.3", *stores)
    session.run("pytest", "tests/recipes")


@nox.session
def notebook(session: nox.Session) -> None:
    """Run the notebook from its first cell to its last; an error in one fails."""
    session.install("-e", ".[emulator]", "ipykernel", "ipywidgets", "nbclient", "scikit-learn", "tqdm")
    session.run("jupyter", "execute", "examples/texts.ipynb")


# The environments of the programs that the benchmarks run side by side.
BENCH_ENVIRONMENTS = {"ours": ".", "sdk": "cloudflare==5.9.0", "ray": ".[ray]"}


@nox.session(reuse_venv=True)
def bench(session: nox.Session) -> None:
    """Measure side by side and write docs/benchmarks.md; `-- --quick`, `-- --only WORD` or `-- --render` do less."""
    session.install(".[fast,arrow,emulator]", *dependency_group("bench"))
    environments = Path(session.create_tmp()).absolute()
    for name, requirement in {} if "--render" in session.posargs else BENCH_ENVIRONMENTS.items():
        session.run("python", "-m", "venv", str(environments / name))
        python = str(environments / name / "bin" / "python")
        session.run(python, "-m", "pip", "install", "--quiet", "--upgrade", requirement, external=True)
    if "--render" not in session.posargs:
        install_node(session, environments, WRANGLER)
    output = environments / "page" if "--quick" in session.posargs else Path("docs")
    session.run("python", "benchmarks/run.py", str(environments), "--output", str(output), *session.posargs)


@nox.session
def kill(session: nox.Session) -> None:
    """Kill loader and emulator at random moments, a hundred times and more."""
    session.install("-e", ".[all]", *dependency_group("tests"))
    many = {"CF_VECTORIZE_TEST_KILL_SEEDS": "30"}
    session.run(
        "pytest", "--timeout=3600", "tests/load/test_kill.py", "tests/load/test_journal.py", "-k", "kill", env=many
    )


@nox.session
def big(session: nox.Session) -> None:
    """Load 2 GB in bounded memory, measured from outside the process."""
    session.install("-e", ".[all]", *dependency_group("tests"))
    session.run("pytest", "-s", "tests/load/test_memory.py", env={"CF_VECTORIZE_TEST_MEGABYTES": "2000"})
