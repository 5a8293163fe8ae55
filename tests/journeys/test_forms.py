from __future__ import annotations

import pytest

from journeys import Response, form_of

PAGE = """
<input name="outside" value="no">
<form id="search"><input name=q></form>
<form method="post" id="login">
  <input type="hidden" name="csrf" value="a&amp;b">
  <INPUT TYPE="text" NAME="username" value="">
  <input type="password" name="password">
  <input type="checkbox" name="stay" checked><input type="checkbox" name="news" value="1">
  <input type="radio" name="way" value="sms"><input type="radio" name="way" value="app" checked>
  <input type="submit" name="go" value="Log in"><input type="file" name="upload"><input value="nameless">
  <input name="off" value="1" disabled>
</form>
<input name="after" value="no">
"""


@pytest.mark.parametrize(
    ("page", "name", "fields"),
    [
        (PAGE, "", {"q": ""}),
        (PAGE, "login", {"csrf": "a&b", "username": "", "password": "", "stay": "on", "way": "app"}),
        (PAGE, "nothing", {}),
        ("<p>no form</p>", "", {}),
        ('<form><input name="open" value="1">', "", {"open": "1"}),
        ('<form><input name="open" value="1"><![nonsense[ <input name="lost">', "", {"open": "1"}),
        ('<form><input name="open" value="1"><![nonsense[ ]> <input name="next">', "", {"open": "1", "next": ""}),
    ],
)
def test_the_fields_of_a_form_are_what_a_browser_would_send(page: str, name: str, fields: dict[str, str]) -> None:
    """Hidden and filled fields and chosen boxes; no buttons, no files, nothing disabled, nothing outside."""
    assert form_of(Response(200, (), page.encode()), name) == fields


@pytest.mark.parametrize("end", ["", ">", '">'])
@pytest.mark.parametrize("piece", ["<!--", "<![", "<!", "<a ", '<a b="', "<a b=c ", "<", "</", "</a ", "<?", "&"])
def test_a_page_of_garbage_is_read_in_no_time(piece, end):
    """Were each piece read to the end of the page, this would take minutes."""
    page = Response(200, (), f'<form><input name="open" value="1">{piece * 200_000}{end}'.encode())
    assert form_of(page) == {"open": "1"}
