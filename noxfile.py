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
LOCKS = PROJECT["tool"]["locks"]
GENERATED = Path("generated/cf_vectorize_api")
# The clients that people have.
PEERS = ["cloudflare==5.9.0", "langchain-cloudflare==0.4.3"]


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


def install_locked(session: nox.Session, lock: str = "tests") -> None:
    """Install what requirements/ says, each file by its hash, and the project as it stands here."""
    session.install("--require-hashes", "-r", f"requirements/{lock}.txt")
    if "extras" in LOCKS[lock]:
        session.install("--no-deps", "--no-build-isolation", "-e", ".")
    session.run("python", "-m", "pip", "check")


@nox.session
def lock(session: nox.Session) -> None:
    """Write the files in requirements/ anew from pyproject.toml, with the newest of everything."""
    session.install(*dependency_group("release"))
    for name, of in LOCKS.items():
        # A group alone brings no dependency of the project.
        wanted = ["pyproject.toml"] if "extras" in of else []
        wanted += [f"--extra={extra}" for extra in of.get("extras", [])]
        wanted += [f"--group={group}" for group in of["groups"]]
        options = ["--universal", f"--python-version={PYTHONS[0]}", "--generate-hashes", "--upgrade"]
        quiet = ["--quiet", "--no-annotate", "--no-header", "--no-python-downloads"]
        session.run("uv", "pip", "compile", *options, *quiet, *wanted, "-o", f"requirements/{name}.txt")


@nox.session
def newest(session: nox.Session) -> None:
    """Run the tests with the newest of everything, whatever is locked."""
    session.install("-e", ".[all]", *dependency_group("tests"), *dependency_group("build"))
    session.run("pytest", *(session.posargs or ["-n", "2"]))


def run_tests(session: nox.Session) -> None:
    """Run the tests with what is locked."""
    install_locked(session)
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
    install_locked(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("openapi-spec-validator", "spec/vectorize.yaml")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy and pyright."""
    install_locked(session, "types")
    session.run("mypy")
    session.run("mypy", "scripts", "noxfile.py", "docs/conf.py")
    # What users' code types as, and what is refused.
    session.run("mypy", "tests/typing/accepted.py", "tests/typing/refused.py")
    # Their peers are not installed here.
    benchmarks = ["--ignore-missing-imports", *map(str, Path("benchmarks").glob("*.py"))]
    session.run("mypy", *benchmarks, env={"MYPYPATH": "benchmarks:scripts:tests/servers"})
    session.run("pyright")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into docs/_build/html: warnings are errors, links are followed, nothing is fetched."""
    install_locked(session, "docs")
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
    install_locked(session)
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
    install_locked(session)
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
    session.install("-e", ".[all]", *dependency_group("tests"), *PEERS, "requests")
    folder = Path(session.create_tmp()).absolute()
    found = install_node(session, folder, "cloudflare@7.3.0", WRANGLER)
    env = {"EMULATOR_NPM_CLIENTS": str(folder)} if found else {}
    session.run("pytest", "tests/emulator/test_emulator_clients.py", *session.posargs, env=env)


@nox.session
def ray(session: nox.Session) -> None:
    """Run on a Ray cluster of this machine; with `-- --small` a small part of it."""
    install_locked(session, "ray")
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


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """Use the wheel on its own, with each extra, with the oldest and the newest of what it needs."""
    session.install(*dependency_group("build"), *dependency_group("release"))
    folder = session.create_tmp()
    session.run("python", "scripts/distributions.py", folder)
    session.run("python", "scripts/try_wheel.py", folder, *session.posargs)


@nox.session
def python_table(session: nox.Session) -> None:
    """Ask the registry what each Python can install, and write the table in docs/install.md."""
    session.install(*dependency_group("release"))
    session.run("python", "scripts/python_table.py")


@nox.session
def release(session: nox.Session) -> None:
    """Do everything of a release but publishing it; CONTRIBUTING.md has the steps around it."""
    session.install(*dependency_group("build"), *dependency_group("release"))
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "scripts/distributions.py", "dist")
    session.run("twine", "check", "--strict", *map(str, Path("dist").glob("*.*")))
    session.run("python", "scripts/try_wheel.py", "dist", *session.posargs)
    session.run("python", "scripts/check_release.py")


@nox.session
def kill(session: nox.Session) -> None:
    """Kill loader and emulator at random moments, a hundred times and more."""
    install_locked(session)
    many = {"CF_VECTORIZE_TEST_KILL_SEEDS": "30"}
    session.run(
        "pytest", "--timeout=3600", "tests/load/test_kill.py", "tests/load/test_journal.py", "-k", "kill", env=many
    )


@nox.session
def big(session: nox.Session) -> None:
    """Load 2 GB in bounded memory, measured from outside the process."""
    install_locked(session)
    session.run("pytest", "-s", "tests/load/test_memory.py", env={"CF_VECTORIZE_TEST_MEGABYTES": "2000"})


@nox.session
def compare(session: nox.Session) -> None:
    """Try the clients that people have on the emulator, and write the table of README.md."""
    session.install(".[emulator]", *PEERS)
    folder = Path(session.create_tmp()).absolute()
    if not install_node(session, folder, WRANGLER):
        session.error("the table has a column for wrangler")
    session.run("python", "scripts/compare_clients.py", str(folder))


@nox.session
def picture(session: nox.Session) -> None:
    """Draw a load in a terminal for README.md."""
    session.install(".[emulator]", "pyte")
    session.run("python", "scripts/terminal_picture.py")
