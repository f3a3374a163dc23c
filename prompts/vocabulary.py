"""The tags of the embedded prompts, and of what people propose; docs/prompts.md says what each means."""

from nami_bench.errors import InputError

CATEGORIES = (
    "abstract", "animals", "art", "city", "fantasy", "food", "indoor", "outdoor", "people", "text in image",
    "vehicles", "world knowledge",
)  # fmt: skip
CHALLENGES = (
    "color", "count", "crowd", "expression", "hands", "interaction", "light", "material", "motion",
    "negation", "position", "rare", "reflection", "scale", "style", "text", "viewpoint",
)  # fmt: skip
LANGUAGES = (
    "aa", "ab", "ae", "af", "ak", "am", "an", "ar", "as", "av", "ay", "az", "ba", "be", "bg", "bi", "bm",
    "bn", "bo", "br", "bs", "ca", "ce", "ch", "co", "cr", "cs", "cu", "cv", "cy", "da", "de", "dv", "dz",
    "ee", "el", "en", "eo", "es", "et", "eu", "fa", "ff", "fi", "fj", "fo", "fr", "fy", "ga", "gd", "gl",
    "gn", "gu", "gv", "ha", "he", "hi", "ho", "hr", "ht", "hu", "hy", "hz", "ia", "id", "ie", "ig", "ii",
    "ik", "io", "is", "it", "iu", "ja", "jv", "ka", "kg", "ki", "kj", "kk", "kl", "km", "kn", "ko", "kr",
    "ks", "ku", "kv", "kw", "ky", "la", "lb", "lg", "li", "ln", "lo", "lt", "lu", "lv", "mg", "mh", "mi",
    "mk", "ml", "mn", "mr", "ms", "mt", "my", "na", "nb", "nd", "ne", "ng", "nl", "nn", "no", "nr", "nv",
    "ny", "oc", "oj", "om", "or", "os", "pa", "pi", "pl", "ps", "pt", "qu", "rm", "rn", "ro", "ru", "rw",
    "sa", "sc", "sd", "se", "sg", "si", "sk", "sl", "sm", "sn", "so", "sq", "sr", "ss", "st", "su", "sv",
    "sw", "ta", "te", "tg", "th", "ti", "tk", "tl", "tn", "to", "tr", "ts", "tt", "tw", "ty", "ug", "uk",
    "ur", "uz", "ve", "vi", "vo", "wa", "wo", "xh", "yi", "yo", "za", "zh", "zu",
)  # fmt: skip
"""ISO 639-1's codes; a prompt without a language tag is in English."""


def checked_tags(category: str | None, challenges: tuple[str, ...], language: str | None) -> dict[str, str]:
    """Tags in the form of the embedded prompts: challenges in one order, nothing for what is not given.

    Raises InputError for a value that is not in the vocabulary.
    """
    _check("category", (category,) if category else (), CATEGORIES)
    _check("challenge", challenges, CHALLENGES)
    _check("language", (language,) if language else (), LANGUAGES)
    chosen = ", ".join(name for name in CHALLENGES if name in challenges)
    given = {"category": category, "challenge": chosen, "language": None if language == "en" else language}
    return {tag: value for tag, value in given.items() if value}


def _check(tag: str, values: tuple[str, ...], known: tuple[str, ...]) -> None:
    unknown = next((value for value in values if value not in known), None)
    if unknown is not None:
        raise InputError(f"unknown {tag} {unknown!r}: known are {', '.join(known)}")
