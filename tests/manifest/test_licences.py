"""Licence expressions, held to a second engine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candle_spec.manifest.licences import licence_fault

SOUND = [
    "MIT",
    "mit",
    "Apache-2.0+",
    "GPL-2.0-or-later WITH Classpath-exception-2.0",
    "LicenseRef-house AND (MIT or (BSD-3-Clause))",
    "DocumentRef-other:LicenseRef-theirs",
    "(" * 900 + "MIT" + ")" * 900,
    " MIT  AND\tISC ",
]
BROKEN = [
    "",
    "()",
    "MIT AND",
    "MIT ISC",
    "(MIT",
    "MIT)",
    "Apache-3.0",
    "Apache 2",
    "MIT WITH Apache-2.0",
    "Classpath-exception-2.0",
    "(MIT) WITH Classpath-exception-2.0",
    "MIT And ISC",
    "LicenseRef-house+",
    "LicenseRef-",
    "MIT AND AND ISC",
    "WITH MIT",
    ")(",
]


@pytest.mark.parametrize("text", SOUND)
def test_sound(text: str) -> None:
    assert licence_fault(text) == ""


@pytest.mark.parametrize("text", BROKEN)
def test_broken(text: str) -> None:
    assert licence_fault(text)


def test_what_was_meant_is_said() -> None:
    assert licence_fault("Apache-3.0").endswith("nearest: Apache-2.0")
    assert "is no exception of SPDX" in licence_fault("MIT WITH MIT")


WORDS = ["MIT", "ISC", "AND", "OR", "WITH", "(", ")", "Classpath-exception-2.0", "LicenseRef-x", "GPL-2.0-only"]


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=7))
def test_a_second_engine_agrees(words: list[str]) -> None:
    from boolean import ParseError
    from license_expression import ExpressionError, get_spdx_licensing

    text, licensing = " ".join(words), get_spdx_licensing()
    try:
        parsed = licensing.parse(text, strict=True)
    except (ParseError, ExpressionError, IndexError, TypeError, AssertionError):  # the last three are its own faults
        parsed = None
    sound = parsed is not None and set(licensing.unknown_license_keys(parsed)) <= {"LicenseRef-x"}
    assert (licence_fault(text) == "") == sound
