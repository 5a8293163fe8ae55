"""Reading pages with the comments of a browser, also where what begins as a declaration or a comment is none."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_COMMENT = re.compile(r"<!--(?:-?>|.*?(?:--!?>|\Z))", re.DOTALL)
_BOGUS_COMMENT = re.compile(r"<[!?][^>]*>?")
"""See https://html.spec.whatwg.org/multipage/parsing.html#markup-declaration-open-state."""


class Markup(HTMLParser):
    """Reads on behind `<![CDATA[`, `<![nonsense[` and comments, each of which ends where it does for a browser.

    For `HTMLParser` itself some end elsewhere, and some raise `AssertionError`: that depends on the version of Python.
    What is never closed takes the rest of the page, which is fed in one piece; `HTMLParser` would look for the end of
    each further one, and a page of garbage take it hours.
    """

    def parse_comment(self, i: int, report: bool = True) -> int:  # noqa: ARG002 - the one of HTMLParser
        """Return where the comment that begins at `i` ends."""
        return self._end(_COMMENT, i)

    def parse_html_declaration(self, i: int) -> int:
        """Return where what begins at `i` with `<!`, and is no comment, ends."""
        return self._end(_BOGUS_COMMENT, i)

    parse_pi = parse_html_declaration

    def parse_starttag(self, i: int) -> int:
        """Return where the tag that begins at `i` ends."""
        return self._or_all(super().parse_starttag(i))

    def parse_endtag(self, i: int) -> int:
        """Return where the closing tag that begins at `i` ends."""
        return self._or_all(super().parse_endtag(i))

    def _or_all(self, end: int) -> int:
        return end if end >= 0 else len(self.rawdata)

    def _end(self, what: re.Pattern[str], i: int) -> int:
        found = what.match(self.rawdata, i)
        assert found is not None
        return found.end()
