"""Results of a chain of checks, as JSON and as JUnit XML for continuous integration."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from xml.etree import ElementTree as ET


class LinkResult(str, Enum):
    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Link:
    name: str  # a legal identifier
    result: LinkResult
    covers: str = ""  # all inputs, or a number of vectors
    detail: str = ""  # the tool, or why it failed or was skipped; one line
    counterexample: Mapping[str, Any] = field(default_factory=dict)  # values by port, and the like
    seconds: float = 0.0
    figures: Mapping[str, Any] = field(default_factory=dict)  # for reports

    @property
    def failure(self) -> str:
        """Why it failed, with the counterexample, on one line."""
        shown = ", ".join(f"{key} {value}" for key, value in self.counterexample.items())
        return f"{self.detail}; {shown}" if shown else self.detail

    def to_json(self) -> dict[str, Any]:
        record: dict[str, Any] = {
            "name": self.name,
            "result": self.result.value,
            "covers": self.covers,
            "detail": self.detail,
            "seconds": round(self.seconds, 3),
        }
        if self.counterexample:
            record["counterexample"] = dict(self.counterexample)
        return record | dict(self.figures)


@dataclass(frozen=True)
class Verification:
    module: str
    links: Sequence[Link]  # in the order in which they were checked

    @property
    def failed(self) -> tuple[Link, ...]:
        return tuple(link for link in self.links if link.result is LinkResult.FAILED)

    @property
    def verified(self) -> bool:
        return not self.failed and any(link.result is LinkResult.PASSED for link in self.links)

    def to_json(self) -> dict[str, Any]:
        return {
            "module": self.module,
            "links": [link.to_json() for link in self.links],
            "verified": self.verified,
        }


_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot contain, even escaped."""


def junit_xml(verification: Verification) -> str:
    """Return a chain as JUnit XML, one test case per link, without a date."""
    links = verification.links
    seconds = sum(link.seconds for link in links)
    totals = {
        "tests": str(len(links)),
        "failures": str(len(verification.failed)),
        "errors": "0",
        "skipped": str(sum(link.result is LinkResult.SKIPPED for link in links)),
        "time": f"{seconds:.3f}",
    }
    name = f"btfsynth verify {_clean(verification.module)}"
    root = ET.Element("testsuites", {"name": name, **totals})
    suite = ET.SubElement(root, "testsuite", {"name": name, **totals})
    for link in links:
        case = ET.SubElement(
            suite,
            "testcase",
            {
                "classname": _clean(f"btfsynth.{verification.module}"),
                "name": _clean(link.name),
                "time": f"{link.seconds:.3f}",
            },
        )
        if link.result is LinkResult.FAILED:
            failure = ET.SubElement(case, "failure", {"message": _clean(link.failure)})
            failure.text = _clean("\n".join(f"{k}: {v}" for k, v in link.counterexample.items()))
        elif link.result is LinkResult.SKIPPED:
            ET.SubElement(case, "skipped", {"message": _clean(link.detail)})
        else:
            covered = " ".join(part for part in (link.covers, link.detail) if part)
            ET.SubElement(case, "system-out").text = _clean(covered)
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _clean(text: str) -> str:
    return _NOT_XML.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
