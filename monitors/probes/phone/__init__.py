"""Phone lines, probed by real calls.

    sip/      the protocol without I/O: messages, transactions, dialogs, one call as a state machine
    media/    what is offered, sent and heard: SDP, RTP, G.711, tones, activity, digits
    wire/     sockets: UDP, TCP, TLS over IPv4 and IPv6, SRV lookup
    safety/   what may be called how often, and that every call ends: limits, journal, reaper

`agent` makes one call and returns its `CallEvidence`, `ari` has an Asterisk make one; `classes` turns evidence into a
verdict.
"""
