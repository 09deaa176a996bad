"""Templates of all backends, and the spelling of names in them.

This module and what it imports load no numeric kernels: processes that only simulate use it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound

import btfsynth
from btfsynth.errors import OutputError

# A port of such a name would hide what an entity refers to.
_REFERRED_TO = frozenset(
    {"ieee", "std", "work", "std_logic", "std_logic_1164", "std_logic_vector", "rising_edge"}
)


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


def vhdl_name(name: str) -> str:
    r"""Return a legal name in VHDL: unchanged, or as an extended identifier.

    VHDL has no basic identifiers with two underscores in a row or one at the end; names of the packages in use
    become extended identifiers too.

    >>> vhdl_name("a_b"), vhdl_name("a__b")
    ('a_b', '\\a__b\\')
    """
    if "__" in name or name.endswith("_") or name.lower() in _REFERRED_TO:
        return f"\\{name}\\"
    return name


def class_name(module: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in module.split("_")) + "Component"


def stream_class_name(module: str) -> str:
    return class_name(module).removesuffix("Component") + "Stream"
