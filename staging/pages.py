"""The pages that citizens read, rendered once."""

from __future__ import annotations

import html
from datetime import datetime


def page(title: str, body: str, *, language: str = "nl", navigation: str = "") -> bytes:
    """Return a complete HTML page; `body` and `navigation` are HTML, `title` is text."""
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{html.escape(title)}</title>\n'
        f"<style>body{{font:1rem/1.5 sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#154273}}"
        f"[role=alert]{{border-left:.4rem solid #d52b1e;background:#fbeae9;padding:.5rem 1rem}}</style>\n</head>\n"
        f"<body>\n{navigation}<main>\n<h1>{html.escape(title)}</h1>\n{body}</main>\n</body>\n</html>\n"
    ).encode()


ERROR_PAGE = page("Er ging iets mis", "<p>Probeer het later opnieuw.</p>\n")

MAINTENANCE_PAGE = page(
    "Tijdelijk niet beschikbaar",
    "<p>Wegens onderhoud kunt u deze dienst nu niet gebruiken. Onze excuses voor het ongemak.</p>\n",
)

_NAVIGATION_NL = (
    '<nav><a href="/website/">Home</a> <a href="/website/storingen">Storingen</a> '
    '<a href="/website/en/" lang="en">English</a></nav>\n'
)
_NAVIGATION_EN = (
    '<nav lang="en"><a href="/website/en/">Home</a> <a href="/website/en/disruptions">Disruptions</a> '
    '<a href="/website/" lang="nl">Nederlands</a></nav>\n'
)
_MONTHS_NL = "januari,februari,maart,april,mei,juni,juli,augustus,september,oktober,november,december"
_MONTHS_EN = "January,February,March,April,May,June,July,August,September,October,November,December"
_HOME_NL = (
    "<p>Dit is een oefenomgeving; vul hier nooit echte gegevens in.</p>\n"
    "<h2>Aangifte inkomstenbelasting</h2>\n<p>Vanaf 1 maart staat uw vooringevulde aangifte voor u klaar. Controleer "
    "de gegevens, vul aan wat ontbreekt en onderteken met DigiD.</p>\n<ul>\n<li>Inloggen met de DigiD-app</li>\n"
    "<li>Inloggen met een sms-code</li>\n<li>Uitstel aanvragen</li>\n<li>Voorlopige aanslag wijzigen</li>\n</ul>\n"
    "<h2>Toeslagen</h2>\n<p>Geef wijzigingen in uw inkomen, huur of kinderopvang op tijd door.</p>\n"
    "<h2>Douane</h2>\n<p>Aangifte doen van goederen, of weten wat u mag meenemen.</p>\n"
)
_HOME_EN = (
    "<p>This is a training environment; never enter real data here.</p>\n"
    "<h2>Income tax return</h2>\n<p>Your pre-filled tax return is ready from 1 March. Check the data, add what is "
    "missing and sign with DigiD.</p>\n<ul>\n<li>Log in with the DigiD app</li>\n<li>Log in with a text message</li>\n"
    "<li>Request an extension</li>\n<li>Change your provisional assessment</li>\n</ul>\n"
    "<h2>Benefits</h2>\n<p>Report changes in income, rent or childcare in time.</p>\n"
    "<h2>Customs</h2>\n<p>Declare goods, or find out what you may bring.</p>\n"
)
_ALLOWANCES = "<p>Zorgtoeslag, huurtoeslag, kinderopvangtoeslag en kindgebonden budget.</p>\n"
_CUSTOMS = "<p>Aangifte doen van goederen, of weten wat u mag meenemen.</p>\n"
_QUIET_NL = "<p>Er zijn op dit moment geen storingen bekend.</p>\n"
_QUIET_EN = "<p>There are no known disruptions at the moment.</p>\n"


def banner_nl(update: datetime) -> str:
    """Return the notice in Dutch; `update` is the moment of the next one."""
    month = _MONTHS_NL.split(",")[update.month - 1]
    return (
        '<p role="alert">Er is een storing. U kunt nu niet of moeilijk inloggen. Probeer het later opnieuw.<br>\n'
        f"Volgende update: {update.day} {month} {update.year} om {update:%H.%M} uur.</p>\n"
    )


def banner_en(update: datetime) -> str:
    """Return the notice in English; `update` is the moment of the next one."""
    month = _MONTHS_EN.split(",")[update.month - 1]
    return (
        '<p role="alert">There is a disruption. Logging in is now difficult or not possible. Please try again later.'
        f"<br>\nNext update: {update:%H:%M} on {update.day} {month} {update.year}.</p>\n"
    )


def callback_form() -> str:
    """Return the form by which one asks to be called back."""
    return (
        '<form id="callback" method="post" action="/callback/request">\n<h2>Wilt u gebeld worden?</h2>\n'
        '<input type="hidden" name="subject" value="storing">\n'
        '<label>Telefoonnummer <input type="tel" name="phone" required></label>\n<button>Bel mij</button>\n</form>\n'
    )


def website_pages(nl: str = "", en: str = "", form: str = "") -> dict[str, bytes]:
    """Return every page of the website by path, with the notice of its language and the form if there is one."""
    return {
        "/": page("Belastingdienst", nl + form + _HOME_NL, navigation=_NAVIGATION_NL),
        "/storingen": page("Storingen bij de Belastingdienst", nl or _QUIET_NL, navigation=_NAVIGATION_NL),
        "/toeslagen": page("Toeslagen", _ALLOWANCES, navigation=_NAVIGATION_NL),
        "/douane": page("Douane", _CUSTOMS, navigation=_NAVIGATION_NL),
        "/en/": page("Belastingdienst (Tax Administration)", en + _HOME_EN, language="en", navigation=_NAVIGATION_EN),
        "/en/disruptions": page(
            "Disruptions at the Belastingdienst", en or _QUIET_EN, language="en", navigation=_NAVIGATION_EN
        ),
    }


OVERVIEW_PAGE = page(
    "Mijn Belastingdienst",
    "<h2>Uw overzicht</h2>\n<p>Uw aangifte inkomstenbelasting staat klaar. Wat wij al weten, is ingevuld.</p>\n"
    "<ul>\n<li>Aangifte openen</li>\n<li>Berichten</li>\n<li>Machtigingen</li>\n</ul>\n",
)


def receipt_page(receipt: str) -> bytes:
    """Return the receipt of a submitted return."""
    return page(
        "Ontvangstbevestiging",
        f"<p>Wij hebben uw aangifte ontvangen. Kenmerk: {html.escape(receipt)}</p>\n"
        "<p>Klopt er iets niet? Dan kunt u een verbeterde aangifte versturen; de laatste telt.</p>\n",
    )
