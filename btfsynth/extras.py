"""How to install what this package can do without.

The project is in no package index, so that its extras are only known to whoever has its clone. What a message
tells to install are therefore the packages themselves, with the versions that the extras ask for: this is right
wherever one stands, and whether this package was installed from a clone or from a wheel.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata

_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*\(?([^;()]*)\)?")


def install_command(*packages: str) -> str:
    """Return the command that installs optional packages, in versions that this one works with.

    >>> install_command("no-such-package")
    'pip install no-such-package'
    """
    known = _requirements()
    words = [f"{package}{known.get(_normal(package), '')}" for package in packages]
    return " ".join(
        ["pip install", *(f"'{word}'" if set(word) & set("<>=!~") else word for word in words)]
    )


@cache
def _requirements() -> dict[str, str]:
    """Return the versions of optional packages by their names, as the metadata of this one has them."""
    try:
        listed = metadata.requires("btfsynth") or []
    except metadata.PackageNotFoundError:  # run from its sources
        return {}
    found = {}
    for text in listed:
        match = _REQUIREMENT.match(text)
        if match:
            found[_normal(match[1])] = match[2].replace(" ", "")
    return found


def _normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()
