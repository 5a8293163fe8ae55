"""What may be called: the list, and what no list can allow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.probes.phone.safety.numbers import Refusal, Skipped, admitted, canonical, dialled

DOMAIN = "trunk.example"
EVERYTHING = (*(f"{digit}*" for digit in "0123456789+"), "+31*", "sip:*@trunk.example", "sip:*@other.example")


@pytest.mark.parametrize(
    "target",
    [
        "112", "0112", "00112", "+31112", "+310112", "9112", "sip:112@trunk.example", "sip:%31%31%32@trunk.example",
        "tel:112", "tel:112;phone-context=+31", "sip:112;x=y@trunk.example", "1 1 2", "1-1-2", "112*", "sips:112@x",
        "113", "0113", "116000", "116123", "144", "911", "999", "1888", "1850",
        "0900-8844", "+31900 8844", "0031900 8844", "+31 (0)900 8844", "0906123", "0909 1234", "09091234567",
        "0676123456", "0840123456", "0871234567", "sip:09008844@other.example",
        "+49 30 123", "0049301234", "+1 900 555 1234", "+88213555", "000", "+0031",
        "*21*0612345678#", "#31#0201234567", "0201234567,,1", "0201234567p1", "sip:0201234567:secret@trunk.example",
        "\u0661\u0661\u0662", "\uff11\uff11\uff12",
        "", "+", "sip:", "sip:@trunk.example", "sip:a@b@c", "a b", "sip:a@b?Subject=x",
        "sip:a%00@trunk.example", "sip:a%40b@trunk.example", "201234567", "31201234567", "a\r\nb", "+3120\r\n1234567",
    ],
)  # fmt: skip
def test_what_is_always_refused(target: str) -> None:
    """Emergency, premium, other countries, service codes and what cannot be read: no list allows it."""
    with pytest.raises(Refusal) as refused:
        admitted(target, (*EVERYTHING, target), DOMAIN)
    assert refused.value.reason is Skipped.DENIED


@pytest.mark.parametrize(
    ("target", "form", "uri"),
    [
        ("0800-0543", "+318000543", "sip:08000543@trunk.example"),
        ("+31 800 0543", "+318000543", "sip:+318000543@trunk.example"),
        ("0031 55 528 8000", "+31555288000", "sip:0031555288000@trunk.example"),
        ("+31 (0)55 528 8000", "+31555288000", "sip:+31555288000@trunk.example"),
        ("sip:0800-0543@TRUNK.example", "+318000543", "sip:08000543@TRUNK.example"),
        ("sips:Helpdesk@other.example:5061", "helpdesk@other.example:5061", "sip:Helpdesk@other.example:5061"),
        ("0113-123456", "+31113123456", "sip:0113123456@trunk.example"),
        ("14020", "14020", "sip:14020@trunk.example"),
        ("600", "600", "sip:600@trunk.example"),
        ("+31990000001", "+31990000001", "sip:+31990000001@trunk.example"),
    ],
)
def test_a_number_has_one_form_however_it_is_written(target: str, form: str, uri: str) -> None:
    """The form is what lists and limits go by; what is dialled keeps its digits."""
    assert canonical(target, DOMAIN) == form
    assert dialled(target, DOMAIN) == uri


def test_only_what_is_on_the_list_is_called() -> None:
    """By number in any writing, by beginning, by name; an empty list and a lone star allow nothing."""
    assert admitted("0800-0543", ("+318000543",), DOMAIN) == "+318000543"
    assert admitted("+31990000042", ("+3199*",), DOMAIN) == "+31990000042"
    assert admitted("sip:menu@line.example", ("sip:*@line.example",), DOMAIN) == "menu@line.example"
    assert admitted("sip:menu@trunk.example", ("sip:menu@trunk.example",), DOMAIN) == "menu"
    for target, allowed in [
        ("0800-0543", ()),
        ("0800-0543", ("*",)),
        ("0800-0543", ("+31800054", "+31800*1", "0900*", "nonsense!")),
        ("sip:menu@line.example", ("sip:*@other.example", "sip:menu@trunk.example", "menu")),
        ("0800-0543", ("sip:*@trunk.example",)),
    ]:
        with pytest.raises(Refusal) as refused:
            admitted(target, allowed, DOMAIN)
        assert refused.value.reason is Skipped.NOT_ALLOWED


@given(st.text(alphabet="0123456789+-. ()*#%;@sip:tel,abc", max_size=24))
def test_no_spelling_reaches_a_help_line_or_a_dear_number(target: str) -> None:
    """Whatever is admitted has digits behind the country that are none of theirs."""
    try:
        form = admitted(target, EVERYTHING, DOMAIN)
    except Refusal:
        return
    user = form.partition("@")[0]
    if user.startswith("+"):
        assert user.startswith("+31")
        assert not user[3:].startswith(("0", "112", "90", "67", "84", "87"))
    else:
        assert not user.startswith(("0", "112", "18", "90", "911"))
