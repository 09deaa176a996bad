"""The one place that loads templates."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound

import btfsynth
from btfsynth.errors import OutputError


def template_folder(package: Path | None = None) -> Path:
    """Return the folder of the templates: inside an installed package, beside it in a repository."""
    package = Path(btfsynth.__file__).parent if package is None else package
    for folder in (package / "templates", package.parent / "templates"):
        if (folder / "verilog").is_dir():
            return folder
    raise OutputError(
        f"no template folder in {package} or beside it: the installation is incomplete, "
        "reinstall btfsynth"
    )


def render(template: str, **values: object) -> str:
    """Render a template by its path in the template folder; an undefined value is an error."""
    try:
        return environment(template_folder()).get_template(template).render(**values)
    except TemplateNotFound:
        raise OutputError(
            f"{template_folder() / template}: the template is missing, reinstall btfsynth"
        ) from None


@cache
def environment(folder: Path, escape: bool = False) -> Environment:
    """Return the environment of a folder; only HTML is escaped, which would corrupt hardware."""
    return Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=escape,  # noqa: S701
    )
