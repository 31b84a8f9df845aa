"""How Sphinx builds the site: `python -m nox -s docs`.

Pages are plain Markdown, which reads as well in the repository; those of the API are written from the docstrings
when the site is built. Nothing is fetched.
"""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

from cf_vectorize_overlay.limits import __version__

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "scripts"))

import docstrings  # noqa: E402
import notebook_page  # noqa: E402
import render_reference  # noqa: E402

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Files of the repository that are no pages of the site are linked there.
REPOSITORY = PROJECT["urls"]["Repository"]

project = "cf-vectorize"
copyright = "MIT licence"  # noqa: A001 - Sphinx calls it so
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build"]
# Anchors are those that the repository's own reading has.
myst_heading_anchors = 6
default_role = "code"
smartquotes = False
highlight_language = "none"
nitpicky = True
nitpick_ignore_regex = [("py:.*", docstrings.OUTSIDE)]

add_module_names = False
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_mock_imports = ["ray"]
autodoc_class_signature = "mixed"
autodoc_type_aliases = {"SourceLike": "cf_vectorize.SourceLike"}
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"cf-vectorize {version}"
html_favicon = "../emulator/cf_vectorize_emulator/http/static/icon.svg"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


class NotebookParser(MystParser):
    """Reads notebooks."""

    supported = ("ipynb",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Read one as the Markdown that it amounts to."""
        super().parse(notebook_page.markdown(inputstring), document)


class AsOnPaper(SphinxPostTransform):
    """Let links to files that are no pages lead to the repository, leave comments out, and set dashes."""

    default_priority = 5

    def run(self, **_: Any) -> None:
        """Replace them."""
        for node in list(self.document.findall(addnodes.download_reference)):
            path = (HERE / Path(node["refdoc"]).parent / node["reftarget"]).resolve()
            if not path.is_relative_to(ROOT):
                continue
            link = nodes.reference("", "", *node.children, refuri=f"{REPOSITORY}/blob/main/{path.relative_to(ROOT)}")
            node.replace_self(link)
        for node in [node for node in self.document.findall(nodes.raw) if node.astext().startswith("<!--")]:
            node.parent.remove(node)
        for text in [text for text in self.document.findall(nodes.Text) if text == " -- "]:
            # Sphinx writes it so between an argument and its meaning.
            text.parent.replace(text, nodes.Text(" – "))


def read(_app: Sphinx, page: str, source: list[str]) -> None:
    """Lead to the notebook as a page, and put the decisions below the page that tells of them."""
    source[0] = re.sub(r"\]\(((?:\.\./)*)\.\./(examples/\w+\.ipynb)\)", r"](\1\2)", source[0])
    if page == "decisions/index":
        source[0] += "\n\n```{toctree}\n:hidden:\n:glob:\n\n*\n```\n"


def setup(app: Sphinx) -> None:
    """Write the pages of the reference, and read docstrings as they are written."""
    render_reference.write(HERE / "reference" / "api")
    app.add_post_transform(AsOnPaper)
    app.connect("source-read", read)
    (HERE / "examples").mkdir(exist_ok=True)
    shutil.copy(ROOT / "examples" / "texts.ipynb", HERE / "examples")
    app.add_source_suffix(".ipynb", "ipynb")
    app.add_source_parser(NotebookParser)
    docstrings.setup(app)
