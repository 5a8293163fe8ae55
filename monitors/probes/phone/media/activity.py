"""Silence, speech or music: a judgement of some seconds of frames that are no tone.

The limits were chosen on recordings that Debian has: `asterisk-core-sounds-en` 1.6.1 (25 minutes of English prompts by
one voice) and `asterisk-moh-opsound` 2.03 (18 minutes of music on hold, five pieces). They were judged on recordings
heard as a call, with so many of the packets lost:

                                                   0 %    20 %   50 %
    taken for music, of 12 minutes of speech
      English, of the prompts above                0.0    0.7    0.0
      Canadian French, `asterisk-core-sounds-fr`   0.0    2.0    0.1    played no part in the choice
      Mexican Spanish, `asterisk-core-sounds-es`   7.4   16.7    0.1    nor did this
    taken for speech, of 8 minutes of the music    4.8    5.5   98.2    of the pieces above

None of it is Dutch, and with half of the packets lost hardly anything is called music.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitors.probes.phone.evidence import Sound
from monitors.probes.phone.media.spectra import BLOCK, FLOOR, FRAMES, Frames

ACTIVE = 0.02  # of the frames: less is silence
MUSICAL = 0.25
PAUSES = 1.5  # how much pauses weigh against kinship
TONAL = 0.6  # of the power in the strongest bins; noise has less, unless its band is narrow
ENOUGH = 3  # blocks without a lost packet


def judge(frames: Frames, counted: NDArray[np.bool_]) -> Sound:
    """Return `SILENCE`, `ACTIVE` or `MUSIC` for the frames that are `counted`, a whole number of blocks in all.

    Speech pauses and glides, music goes on and holds its notes:

        kinship - 1.5 * (share of frames 10 dB below the mean)  >  0.25
        peaked / sounding  >=  0.6, or else it is noise
    """
    heard = frames.known & counted
    power = frames.power[heard]
    loud = np.count_nonzero(power > FLOOR)
    if loud == 0 or loud < ACTIVE * len(power):
        return Sound.SILENCE
    blocks = counted.reshape(-1, BLOCK).all(axis=1) & frames.known.reshape(-1, BLOCK).any(axis=1)
    whole = heard.reshape(-1, BLOCK).all(axis=1)
    if len(power) < FRAMES or np.count_nonzero(blocks) < FRAMES // BLOCK or np.count_nonzero(whole) < ENOUGH:
        return Sound.ACTIVE
    pauses = np.count_nonzero(power < 0.1 * power.sum() / len(power)) / len(power)
    kinship = float(np.sort(frames.kinship[blocks])[np.count_nonzero(blocks) // 2])  # the median
    musical = kinship - PAUSES * pauses
    tonal = frames.peaked[whole].sum() / max(1.0, frames.sounding[whole].sum())
    return Sound.MUSIC if musical > MUSICAL and tonal >= TONAL else Sound.ACTIVE
