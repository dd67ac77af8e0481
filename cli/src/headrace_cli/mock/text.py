"""
What the mock model says: plausible, short, and the same for the same prompt.

The words come from the prompt, so that an example reads as if somebody had thought about it;
which sentences are taken is decided by a digest of the prompt, so that two prompts differ.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import Final

_STOP_WORDS: Final = """\
    about above after again also answer asked because been before began begin being below
    between both brief briefly careful change changes could decade decades does dossier each
    editor every everybody exactly fifty forecaster forty from future give given grew grow have
    headline here historian hundred into itself json just kind like list made make many more
    most much name ninety note notes object only other over paragraph past people please point
    points present question reporter research return same schema sentence sentences short should
    some state such summary text than that their them then there these they this those three
    through title titles today tomorrow topic under until used user very view views want well
    were what when where which while with words would write years your
"""
_QUOTED: Final = re.compile(r"[\"'`]([^\"'`\n]{3,60})[\"'`]")
_LABELLED: Final = re.compile(r"\b(?:topic|subject|question)\s*:\s*([^\n.;]{2,60})", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\W\d_]{4,}")
_PIECE: Final = re.compile(r"\s*\w{1,5}|\s*[^\w\s]|\s+")
_BYTES_PER_TOKEN: Final = 4

_OPENINGS: Final = (
    "At its heart, {topic} is a story of {a} and {b}.",
    "Anyone who looks closely at {topic} soon meets {a}.",
    "{Topic} is best understood through {a}, and {a} through {b}.",
    "Three things matter about {topic}: {a}, {b} and the people in between.",
)
_MIDDLES: Final = (
    "Early accounts stress {a}; later ones give {b} the larger part.",
    "Where {a} is scarce, {b} decides what is possible.",
    "Most sources agree on {a}, and disagree about how fast {b} follows.",
    "A small change in {a} shows up in {b} within a season.",
    "What looks like chance in {topic} is often {a} seen from too near.",
    "The evidence on {b} is older than it seems, and holds up well.",
)
_CLOSINGS: Final = (
    "What is missing is a patient look at {b}.",
    "The open question is whether {a} will keep its place.",
    "In short: follow {a}, and {topic} explains itself.",
    "None of this is settled, which is why {topic} is worth the time.",
)

# Its own phrases are no topics: an answer may become part of the next prompt.
_PHRASES: Final = " ".join((*_OPENINGS, *_MIDDLES, *_CLOSINGS)).lower()
_STOP: Final = frozenset((*_STOP_WORDS.split(), *_WORD.findall(_PHRASES)))


def digest_of(text: str) -> int:
    """Turn a prompt into a number that decides, instead of chance."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def tokens_in(text: str) -> int:
    """Estimate as most tokenizers come out on English: four bytes to a token."""
    return max(1, round(len(text.encode()) / _BYTES_PER_TOKEN)) if text else 0


def pieces_of(text: str) -> list[str]:
    """Cut text into what is streamed and counted as one token each."""
    return _PIECE.findall(text)


def topic_of(prompt: str) -> str:
    """Guess what a prompt is about: a label, else what is quoted, else its commonest word."""
    for pattern in (_LABELLED, _QUOTED):
        found = pattern.search(prompt)
        if found:
            return found.group(1).strip()
    words = keywords_of(prompt)
    return words[0] if words else "the matter"


def keywords_of(prompt: str, limit: int = 12) -> list[str]:
    """Return the words that carry the prompt, the commonest first."""
    words = (word.lower() for word in _WORD.findall(prompt))
    counts = Counter(word for word in words if word not in _STOP)
    return [word for word, _ in counts.most_common(limit)]


def sentence(prompt: str, nth: int) -> str:
    """Return the n-th sentence about a prompt."""
    seed = digest_of(f"{nth}:{prompt}")
    shelf = _OPENINGS if nth == 0 else _MIDDLES
    return _filled(shelf[seed % len(shelf)], prompt, seed)


def paragraph(prompt: str, middles: int = 3) -> str:
    """Answer a prompt in an opening, some middles and a closing."""
    seed = digest_of(prompt)
    start = seed % len(_MIDDLES)
    middle = [
        _filled(_MIDDLES[(start + step) % len(_MIDDLES)], prompt, seed + step)
        for step in range(middles)
    ]
    closing = _filled(_CLOSINGS[seed % len(_CLOSINGS)], prompt, seed)
    return " ".join([sentence(prompt, 0), *middle, closing])


def _filled(template: str, prompt: str, seed: int) -> str:
    topic = topic_of(prompt)
    words = [word for word in keywords_of(prompt) if word not in topic.lower()]
    words = words if len(words) > 1 else ["its past", "its use", "its limits"]
    first = seed % len(words)
    second = (first + 1 + seed // 7 % (len(words) - 1)) % len(words)
    return template.format(
        topic=topic, Topic=topic[:1].upper() + topic[1:], a=words[first], b=words[second]
    )
