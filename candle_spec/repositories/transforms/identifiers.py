"""Transforms of identifiers: with the address at which they resolve, or without."""

from __future__ import annotations

from typing import Any, Final

from candle_spec.repositories.transforms.transform import Context, Run, Transform
from candle_spec.repositories.values import plain_text

_ADDRESSES: Final = {
    "doi": "https://doi.org/",
    "hf": "https://huggingface.co/",
    "arxiv": "https://arxiv.org/abs/",
    "pmid": "https://pubmed.ncbi.nlm.nih.gov/",
    "swhid": "https://archive.softwareheritage.org/",
    "handle": "https://hdl.handle.net/",
    "uuid": "urn:uuid:",
    "rrid": "https://scicrunch.org/resolver/",
}
_DOIS: Final = ("https://doi.org/", "http://doi.org/", "https://dx.doi.org/", "http://dx.doi.org/", "doi:")


def _address(value: Any, *_: Any) -> Any:
    """``{scheme, value}`` as an address that resolves, where its scheme has one."""
    if not isinstance(value, dict):
        return value
    text = str(value.get("value", ""))
    prefix = _ADDRESSES.get(str(value.get("scheme")), "")
    return text if text.startswith(("http://", "https://", "urn:")) else prefix + text


def _doi(value: Any, *_: Any) -> Any:
    text = plain_text(value).strip()
    for prefix in _DOIS:
        text = text.removeprefix(prefix)
    return text


def _with_prefix(prefix: str) -> Run:
    """A transform that writes a prefix (``address``) or takes it away (``bare``)."""
    return lambda value, argument, _: (
        plain_text(value).removeprefix(prefix)
        if argument == "bare"
        else prefix + plain_text(value).removeprefix(prefix)
    )


def _ror(value: Any, argument: Any, context: Context) -> Any:
    return _with_prefix("https://ror.org/")(plain_text(value).removeprefix("ror.org/"), argument, context)


TRANSFORMS: Final = (
    Transform("doi", _doi, ("none",), "Writes a DOI without address.", ("https://doi.org/10.1/x", None, "10.1/x")),
    Transform(
        "address",
        _address,
        ("none",),
        "Makes an address of an identifier (scheme and value).",
        ({"scheme": "doi", "value": "10.1/x"}, None, "https://doi.org/10.1/x"),
    ),
    Transform(
        "orcid",
        _with_prefix("https://orcid.org/"),
        ("bare", "address"),
        "Writes an ORCID bare or as an address.",
        ("0000-0002-1825-0097", "address", "https://orcid.org/0000-0002-1825-0097"),
    ),
    Transform(
        "ror",
        _ror,
        ("bare", "address"),
        "Writes a ROR bare or as an address.",
        ("https://ror.org/05gvnxz63", "bare", "05gvnxz63"),
    ),
    Transform(
        "digest",
        lambda v, *_: plain_text(v).rpartition(":")[2],
        ("none",),
        "Takes the hexadecimal digits of a digest.",
        ("sha256:0f", None, "0f"),
    ),
)
