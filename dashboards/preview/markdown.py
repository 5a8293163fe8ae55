"""The little Markdown that text panels use: paragraphs, lists, bold, italics, code and links."""

from __future__ import annotations

import re
from html import escape

_INLINE = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*(.+?)\*\*", re.DOTALL), r"<strong>\1</strong>"),
    (re.compile(r"\*(.+?)\*", re.DOTALL), r"<em>\1</em>"),
    (re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)"), r'<a href="\2">\1</a>'),
)

_ITEM = re.compile(r"^- ", re.MULTILINE)


def to_html(text: str) -> str:
    """Return HTML; blocks are parted by empty lines, and a line break inside a block is a space."""
    return "\n".join(_block(block) for block in re.split(r"\n\s*\n", text.strip()))


def _block(block: str) -> str:
    html = escape(block, quote=False)
    for pattern, replacement in _INLINE:
        html = pattern.sub(replacement, html)
    if html.startswith("- "):
        return "<ul>" + "".join(f"<li>{item.strip()}</li>" for item in _ITEM.split(html)[1:]) + "</ul>"
    return f"<p>{html}</p>"
