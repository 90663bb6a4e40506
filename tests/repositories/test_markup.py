"""No text of a manifest breaks a card or a page, or brings HTML along: what other readers make of hostile ones."""

from __future__ import annotations

import copy
from html.parser import HTMLParser
from typing import Any

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from candle_spec.repositories.engine.mapper import map_source, write_documents
from candle_spec.repositories.engine.source import merge
from candle_spec.repositories.markup import markdown, rst
from candle_spec.repositories.markup.html import to_html, to_text
from tests.helpers import templates

SITE = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
"""A reader as sites that show cards have one: raw HTML counts."""

HOSTILE = [
    "<script>alert(1)</script>",
    "<!-- from here on nothing is seen",
    "a | b | c",
    "*bold* _under_ `code` ~~gone~~",
    "[click](javascript:alert(1))",
    "![seen](https://example.org/beacon.png)",
    "&lt;b&gt; &amp; &#60;i&#62;",
    "```",
    "~~~ python",
    "# Evaluation",
    "Evaluation\n==========",
    "- - -",
    "---\nlicense: mit\n---",
    "1. one",
    "+ one",
    "> quoted",
    "trailing \\",
    "name #",
    "[label]: https://example.org/other",
    "`` ` ``",
    "A\u202egnp.exe",
    "|---|---|",
    "<https://example.org>",
    "Wow! <img src=x onerror=alert(1)>",
    "$x$ and $$y$$",
    "__init__ and snake_case_",
]
TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(alphabet="ab 1._-*`#<>[]()!|~$&;:+=\\\n/\"'", max_size=40),
    st.text(max_size=30),
).filter(lambda text: "\x00" not in text)


class _Shown(HTMLParser):
    """The elements and the text of a page as a browser has them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(text: str) -> str:
    """The text, with its spaces as a browser shows them."""
    return " ".join(_Shown(SITE.render(text)).text.split())


@pytest.mark.parametrize(("before", "after"), [("", ""), ("# ", ""), ("- **Name:** ", " and more"), ("x ", "")])
@given(value=TEXTS)
def test_words_show_the_very_text(before: str, after: str, value: str) -> None:
    made = before + markdown.words(value) + after
    assert "\n" not in made
    bare = " ".join(before.replace("*", "").lstrip("#- ").split())
    assert shown(made) == " ".join(f"{bare} {markdown.one_line(value)}{after}".split())
    assert _Shown(SITE.render(made)).elements <= {"p", "h1", "ul", "li", "strong"}


@given(value=TEXTS)
def test_words_stay_in_their_cell(value: str) -> None:
    made = SITE.render(f"| a | b |\n|---|---|\n| {markdown.words(value)} | last |\n")
    assert made.count("<td>") == 2
    assert "<td>last</td>" in made
    assert _Shown(made).elements == {"table", "thead", "tbody", "tr", "th", "td"}


@given(value=TEXTS)
def test_code_shows_the_very_text(value: str) -> None:
    line = " ".join(value.split())
    made = markdown.code(value)
    tokens = SITE.parseInline(f"x {made} y")[0].children or []
    assert [token.content for token in tokens if token.type == "code_inline"] == ([line] if line else [])


def _outline(body: str) -> list[str]:
    """The headings of a card's own levels, as Markdown."""
    tokens = SITE.parse(body)
    return [
        f"{token.tag} {tokens[index + 1].content}"
        for index, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag in ("h1", "h2", "h3") and token.level == 0
    ]


def _flat(tokens: list[Token]) -> list[Token]:
    return [each for token in tokens for each in [token, *(token.children or ())]]


@given(value=st.one_of(TEXTS, st.lists(TEXTS, max_size=4).map("\n\n".join), st.lists(TEXTS, max_size=4).map("\n".join)))
def test_markdown_keeps_to_its_place(value: str) -> None:
    body = f"# Title\n\n{markdown.contained(value)}\n\n## After\n\nend\n"
    tokens = _flat(SITE.parse(body))
    assert not {"html_block", "html_inline"} & {token.type for token in tokens}
    assert _outline(body) == ["h1 Title", "h2 After"]
    assert tokens[-2].content == "end"
    links = [str(token.attrGet("href")) for token in tokens if token.type == "link_open"]
    assert all(link.startswith(("http://", "https://", "mailto:")) for link in links)
    again = markdown.contained(markdown.contained(value))
    assert shown(again) == shown(markdown.contained(value))


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ("Plain words, 3.5 of them.", "Plain words, 3.5 of them."),
        ("One\n\nTwo", "One\n\nTwo"),
        ("A **strong** and *soft* `code`.", "A **strong** and *soft* `code`."),
        ("- a\n- b\n  - c\n\n1. x\n2. y", "- a\n- b\n  - c\n\n1. x\n2. y"),
        ("> said", "> said"),
        ("# Evaluation\nx", "#### Evaluation\n\nx"),
        ("```python\nx = 1", "```python\nx = 1\n```"),
        ("[page](https://example.org/a_b)", "[page](<https://example.org/a_b>)"),
        ("[page](javascript:alert)", "\\[page\\](javascript:alert)"),
        ("[page](other.md)", "page"),
        ("<div onclick=x>\nhi\n</div>", "\\<div onclick=x\\>\nhi\n\\</div\\>"),
        ("|a|b|\n|-|-|\n|1|2|", "| a | b |\n|---|---|\n| 1 | 2 |"),
        ("hard\\\nbreak", "hard\\\nbreak"),
        ("a!\\[b](https://example.org)", "a!\\[b\\](https://example.org)"),
    ],
)
def test_what_markdown_means_is_kept(value: str, made: str) -> None:
    assert markdown.contained(value) == made


@pytest.mark.parametrize("value", [each for each in HOSTILE if "[label]:" not in each and "\u202e" not in each])
def test_the_text_of_markdown_is_kept(value: str) -> None:
    assert to_text(to_html(markdown.contained(value))).split() == to_text(to_html(value)).split()


def _page(text: str) -> Any:
    return publish_doctree(text, settings_overrides={"report_level": 2, "halt_level": 2, "raw_enabled": False})


@given(value=TEXTS)
def test_words_of_restructuredtext_show_the_very_text(value: str) -> None:
    line = markdown.one_line(value)
    title = rst.title(line or "x")
    page = _page(f"{title}\n\nText\n\n* {rst.words(value)}\n\nAfter\n-----\n\nend\n")
    (item,) = page.findall(nodes.list_item)
    assert "".join(item.astext().split()) == "".join(line.split())
    assert [type(node) for node in item.findall(nodes.Inline)] in ([], [nodes.reference])  # an address is one


@given(value=TEXTS, also=TEXTS)
def test_prose_of_restructuredtext_keeps_to_its_place(value: str, also: str) -> None:
    prose = rst.prose(f"{value}\n\n{also}")
    page = _page(f"Title\n=====\n\nOne\n---\n\n{prose}\n\nTwo\n---\n\nend\n")
    titles = [node.astext() for node in page.findall(nodes.title)]
    assert titles == ["Title", "One", "Two"]


@pytest.mark.parametrize("value", ["https://example.org/a_b_?x=<1>`", "javascript:alert(1)", "https://x.org/ y"])
def test_a_link_of_restructuredtext_leads_to_the_web_only(value: str) -> None:
    page = _page(f"{rst.link(value, 'Data <x>')}\n")
    links = [node["refuri"] for node in page.findall(nodes.reference)]
    assert len(links) == value.startswith("https:")
    assert all(link.startswith("https://") for link in links)


TYPED = {"identifier", "scheme", "source", "dtype", "kind", "id", "path", "orcid", "email", "ror", "digest", "url"}


def _spoilt(value: Any, text: str, key: str = "") -> Any:
    """The same document with a text in the place of each free one."""
    if isinstance(value, dict):
        return {name: _spoilt(inner, text, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_spoilt(inner, text, key) for inner in value]
    return text if isinstance(value, str) and key not in TYPED else value


SPOILT = (
    "name title description keywords creators contributors contact funding citation intended_use out_of_scope_use"
    " limitations risks inputs outputs evaluation training version license data_governance"
).split()


ANSWERS = ("name", "long_name", "architecture", "original_github", "data", "references", "cancer_features")


def _hostile(key: str, text: str) -> dict[str, Any]:
    manifest = copy.deepcopy(templates.manifest(key))
    for member in SPOILT:
        if member in manifest:
            manifest[member] = _spoilt(manifest[member], text)
    for member in ("task", "domain", "architecture", "architecture_family"):
        manifest["model"][member] = text
    manifest["model"]["implementation"] = {"repository": text, "commit": text}
    for extension in manifest.get("extensions", {}).values():
        for name, value in extension.items():
            if name in (
                "name",
                "long_name",
                "architecture",
                "original_github",
                "data",
                "references",
                "cancer_features",
            ):
                extension[name] = _spoilt(value, text)
    return manifest


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.slow
def test_a_card_of_hostile_texts_has_the_outline_of_any_other(text: str) -> None:
    from huggingface_hub import ModelCard

    key = "huggingface/1.0.0"
    template = templates.load(key)
    data = write_documents(template, map_source(template, merge(_hostile(key, text))))["README.md"].decode()
    card = ModelCard(data, ignore_metadata_errors=True)
    usual = ModelCard(templates.files(key)["README.md"].decode())
    assert card.data.to_dict()["co2_eq_emissions"]["hardware_used"] == text
    assert [line for line in _outline(card.text) if not line.startswith("h1")] == [
        line for line in _outline(usual.text) if not line.startswith("h1")
    ]
    assert _Shown(SITE.render(card.text)).elements <= {
        *templates.HTML,
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "img",
    }
    assert "javascript:alert" not in SITE.render(card.text).replace("javascript:alert(1))", "")
    for row in _rows(card.text):
        assert row == 5


def _rows(body: str) -> list[int]:
    """How many cells each row of the tables at the outermost level has."""
    tokens, found = SITE.parse(body), []
    for token in tokens:
        if token.type == "tr_open" and token.level <= 2:
            found.append(0)
        elif token.type in ("td_open", "th_open") and token.level <= 3:
            found[-1] += 1
    return found


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.slow
def test_a_page_of_hostile_texts_has_the_sections_of_any_other(text: str) -> None:
    key = "improve/1.0.0"
    template = templates.load(key)
    page = _page(
        write_documents(template, map_source(template, merge(_hostile(key, text))))["improve-model.rst"].decode()
    )
    usual = _page(templates.files(key)["improve-model.rst"].decode())

    def sections(found: Any) -> list[str]:
        return [section.next_node(nodes.title).astext() for section in found.findall(nodes.section)]

    assert sections(page) == sections(usual)
    assert not list(page.findall(nodes.raw)) + list(page.findall(nodes.problematic))
    assert all(node["refuri"].startswith(("https://", "mailto:")) for node in page.findall(nodes.reference))


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.slow
def test_notes_of_hostile_texts_are_harmless_html(text: str) -> None:
    template = templates.load("zenodo/1.0.0")
    metadata = map_source(template, merge(_hostile("zenodo/1.0.0", text))).documents["deposit"]["metadata"]
    for member in ("description", "notes", "method"):
        page = _Shown(metadata.get(member, ""))
        assert page.elements <= set(templates.HTML)
        assert 'href="javascript' not in metadata.get(member, "")
