"""Which language a text is in, as a guess: by its script, and among languages in Latin letters by their most frequent small words."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

SMALL_WORDS = {
    "English": "the of and to in is that for with was are on", "German": "der die und das ist ein eine nicht mit den auf zu",
    "French": "le la les et des est une dans que pour un du", "Spanish": "el los las de que y una por con para es del",
    "Italian": "il di che e per una con non sono della gli nel", "Dutch": "het een van en niet dat op te zijn voor met de",
    "Portuguese": "o os de que e uma para com não em da do", "Swedish": "och att det som en är på för inte av med den",
    "Polish": "i w nie na się z do jest to że jak po", "Turkish": "ve bir bu da için ile çok ne daha olarak gibi en",
}  # fmt: skip
SCRIPTS = {
    "CJK": "Chinese", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean", "CYRILLIC": "a language in Cyrillic letters",
    "ARABIC": "a language in Arabic letters", "HEBREW": "Hebrew", "GREEK": "Greek", "DEVANAGARI": "a language in Devanagari",
    "THAI": "Thai",
}  # fmt: skip
LEAST = 0.05  # share of the words that must be small words of a language
ENOUGH = 20_000  # characters


def guessed(texts: Iterable[str]) -> str:
    """The language of texts.

    >>> guessed(["The cat sat on the mat and that was that."]), guessed(["Der Hund ist nicht mit der Katze auf dem Dach."])
    ('English', 'German')
    """
    text = " ".join(texts)[:ENOUGH].lower()
    scripts = Counter(unicodedata.name(sign, "?").split()[0] for sign in text if sign.isalpha())
    script = scripts.most_common(1)[0][0] if scripts else ""
    if script in SCRIPTS:
        return SCRIPTS["HIRAGANA"] if scripts["HIRAGANA"] else SCRIPTS[script]
    words = Counter(re.findall(r"\w+", text))
    shares = {name: sum(words[one] for one in small.split()) / max(1, words.total()) for name, small in SMALL_WORDS.items()}
    best = max(shares, key=shares.__getitem__)
    return best if shares[best] >= LEAST else "a form of writing of its own"
