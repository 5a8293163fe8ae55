"""A dialog: two parties, their tags, and the route between them (RFC 3261, 12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Self

from monitors.probes.phone.sip.caller import Caller
from monitors.probes.phone.sip.message import Malformed, Message, Request, Response, tag
from monitors.probes.phone.sip.uri import Uri, address_uri, contact_uri


@dataclass(slots=True)
class Dialog:
    """What requests within a dialog are made of, from the caller's side.

    `remote`: the To value, with its tag; `target`: the far end's Contact; `routes`: Route values, the nearest proxy
    first; `cseq`: the number of our last request in it.
    """

    remote: str
    target: str
    routes: tuple[str, ...]
    cseq: int

    @classmethod
    def of(cls, invite: Request, response: Response) -> Self:
        """Return the dialog that a response makes: Record-Route reversed, Contact as the target (12.1.2).

        Where the Contact is missing or broken, the target is whom we dialled: such a call can still be ended.
        """
        dialog = cls(
            remote=response.headers.get("To") or "",
            target=invite.uri,
            routes=tuple(reversed(response.headers.all("Record-Route"))),
            cseq=invite.cseq[0],
        )
        dialog.retarget(response)
        return dialog

    @classmethod
    def from_entry(cls, entry: Mapping[str, object]) -> Self:
        """Build it from its entry; raises ValueError."""
        match entry:
            case {"remote": str(remote), "target": str(target), "routes": list(routes), "cseq": int(cseq)}:
                return cls(remote, target, tuple(map(str, routes)), cseq)
        raise ValueError("a dialog has remote, target, routes and cseq")

    def entry(self) -> dict[str, object]:
        """Return everything of it, JSON-able."""
        return {**asdict(self), "routes": list(self.routes)}

    @property
    def remote_tag(self) -> str:
        """The far end's tag."""
        return tag(self.remote)

    def retarget(self, message: Message) -> None:
        """Take over the Contact of a message that may move the far end (12.2)."""
        try:
            self.target = contact_uri(message.headers.all("Contact"))
        except Malformed:
            return

    def request(
        self, caller: Caller, method: str, *, cseq: int | None = None, more: Iterable[tuple[str, str]] = ()
    ) -> Request:
        """Write a request within the dialog, with the next CSeq number or a given one (12.2.1.1)."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        uri, routes = self.way
        return caller.request(method, uri, self.remote, cseq, routes=routes, branch=caller.new_branch(), more=more)

    @property
    def way(self) -> tuple[str, tuple[str, ...]]:
        """Request URI and Route values: a strict router takes the place of the target, which goes last (12.2.1.1)."""
        if not self.routes or _is_loose(self.routes[0]):
            return self.target, self.routes
        return address_uri(self.routes[0]), (*self.routes[1:], f"<{self.target}>")


def _is_loose(route: str) -> bool:
    try:
        return Uri.parse(address_uri(route)).loose
    except Malformed:
        return True
