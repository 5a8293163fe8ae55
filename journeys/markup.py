"""Reading pages as browsers do, whatever stands on them."""

from __future__ import annotations

from html.parser import HTMLParser


class Markup(HTMLParser):
    """Reads on behind declarations that are none, such as `<![nonsense[`: to a browser they are comments up to the `>`.

    In some versions of Python `HTMLParser` itself raises `AssertionError` there, or waits for an end of another kind.
    """

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """Return where the comment that begins at `i` ends, -1 if it does not."""
        return self.parse_bogus_comment(i, report)
