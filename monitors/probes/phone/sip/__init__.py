"""SIP without I/O (RFC 3261): bytes and time in, messages and events out.

message      what goes over the wire, and how a stream is cut into messages
uri          addresses in it
digest       answers to challenges
transaction  one request and its answers, with the timers
server       the other side's requests within our dialogs
dialog       two parties, their tags and the route between them
leg          one answer to our INVITE; a forked call has several
call         the caller's side of one call
options      one OPTIONS
events       what both of them have to tell
"""
