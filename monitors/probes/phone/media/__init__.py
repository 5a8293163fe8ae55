"""What is offered, sent and heard on a call: bytes in, facts out, no I/O; time is an argument in monotonic seconds.

sdp        what we can receive, and where the far end wants its audio
rtp        packets and how they came in
g711       bytes to samples and back
spectra    samples to frames of 20 ms: level, and where their energy lies
tones      the tones of the Dutch network in these frames
activity   silence, speech or music
digits     what we send: silence from the start, digits in between
listener   all that is received, put together
"""
