"""Bytes that are not UTF-8: what they are instead, and the command that makes UTF-8 of them.

A byte order mark or the places of NUL bytes tell an encoding for certain. Other encodings are
guessed: the bytes are read as each of `_LEGACY`, and each reading is judged character by character
(`_quality`). The message quotes the reading, because a person sees at a glance what no figure
proves.
"""

from __future__ import annotations

import codecs
import functools
import re
import unicodedata
from dataclasses import dataclass

from microgpt.shell import new_name, shell_word

SAMPLE = 64 * 1024
"""Bytes by which an encoding is judged."""
SURE = 0.5
"""The mean quality of a character from which on a reading is believed."""
_CLOSE = 0.1
"""Readings whose qualities differ by no more than this are both named."""
_CHUNK = 1024 * 1024
_QUOTED = 24
"""Characters of a reading that are quoted."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding by its three names."""

    codec: str
    """For Python."""
    iconv: str
    """For the program iconv."""
    title: str
    """For a person."""


_MARKED = (  # UTF-32 first: its mark begins with that of UTF-16
    ((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE), Encoding("utf_32", "UTF-32", "UTF-32")),
    ((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE), Encoding("utf_16", "UTF-16", "UTF-16")),
)
_WIDE = tuple(
    Encoding(f"utf_{bits}_{end}", f"UTF-{bits}{end.upper()}", f"UTF-{bits}")
    for bits in (32, 16)
    for end in ("le", "be")
)
_LATIN_1 = Encoding("latin_1", "ISO-8859-1", "Latin-1 (ISO-8859-1)")
_WINDOWS = Encoding("cp1252", "WINDOWS-1252", "Windows-1252")
_LEGACY = (  # of equally good readings, the first is believed
    _WINDOWS,
    Encoding("cp1250", "WINDOWS-1250", "Windows-1250 (Central European)"),
    Encoding("iso8859_2", "ISO-8859-2", "Latin-2 (ISO-8859-2)"),
    Encoding("cp1254", "WINDOWS-1254", "Windows-1254 (Turkish)"),
    Encoding("cp1255", "WINDOWS-1255", "Windows-1255 (Hebrew)"),
    Encoding("cp1251", "WINDOWS-1251", "Windows-1251 (Cyrillic)"),
    Encoding("koi8_r", "KOI8-R", "KOI8-R (Cyrillic)"),
    Encoding("koi8_u", "KOI8-U", "KOI8-U (Ukrainian)"),
    Encoding("cp866", "CP866", "DOS Cyrillic (CP866)"),
    Encoding("iso8859_5", "ISO-8859-5", "ISO-8859-5 (Cyrillic)"),
    Encoding("cp1253", "WINDOWS-1253", "Windows-1253 (Greek)"),
    Encoding("cp1256", "WINDOWS-1256", "Windows-1256 (Arabic)"),
    Encoding("cp874", "CP874", "Windows-874 (Thai)"),
    Encoding("cp949", "CP949", "EUC-KR (Korean)"),
    Encoding("gb18030", "GB18030", "GBK (GB18030, Chinese)"),
    Encoding("cp932", "CP932", "Shift JIS (Japanese)"),
    Encoding("euc_jp", "EUC-JP", "EUC-JP (Japanese)"),
    Encoding("big5", "BIG5", "Big5 (Chinese)"),
    Encoding("cp850", "CP850", "DOS Latin (CP850)"),
    Encoding("mac_roman", "MACINTOSH", "Mac Roman"),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why bytes are not read: a title, and sentences that say why and what to do."""

    title: str
    message: str


def refusal(data: bytes | bytearray, name: str, whole: bool = True) -> Refusal | None:
    """Why these bytes of the file `name` are no text in UTF-8; None if they are.

    whole: False if the bytes are but the beginning of the file; then a character that is cut off
    at their end says nothing.
    """
    for marks, encoding in _MARKED:
        if data.startswith(marks):
            return Refusal(
                f"The file is {encoding.title}",
                f"{name} begins with a {encoding.title} byte order mark, but UTF-8 is needed. "
                + _advice(data, name, encoding, whole),
            )
    nul = data.find(b"\0")
    if nul >= 0:
        return _with_nul(data, name, nul, whole)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, final=whole)
    except UnicodeDecodeError as error:
        return _not_utf8(data, name, error, whole)
    return None


def _with_nul(data: bytes | bytearray, name: str, nul: int, whole: bool) -> Refusal:
    for encoding in _WIDE:
        if _is_wide_text(data, encoding):
            return Refusal(
                f"The file is {encoding.title}",
                f"{name} has no byte order mark, but the places of its NUL bytes are those of "
                f"{encoding.title}; UTF-8 is needed. " + _advice(data, name, encoding, whole),
            )
    return Refusal(
        "The file looks binary",
        f"{name} holds a NUL byte at offset {nul} ({_place(data, nul)}). "
        "Text has none; choose a text file.",
    )


def _is_wide_text(data: bytes | bytearray, encoding: Encoding) -> bool:
    """True if the beginning reads as text, with characters of ASCII, a NUL byte each, in it."""
    sample = bytes(data[:SAMPLE])
    try:
        text = codecs.getincrementaldecoder(encoding.codec)().decode(sample)
    except UnicodeDecodeError:
        return False
    categories = {unicodedata.category(char) for char in set(text) - set("\t\n\r\f\ufeff")}
    if len(text) < 2 or categories & {"Cc", "Cn", "Co", "Cs"}:
        return False
    # ASCII with a stray NUL byte reads as rare CJK characters, each of two bytes of ASCII, and as
    # one character of ASCII beside the NUL.
    mistaken = sum(_is_ascii(ord(char) >> 8) and _is_ascii(ord(char) & 0xFF) for char in text)
    plain = sum(_is_ascii(ord(char)) for char in text)
    return plain > 0 and mistaken < (0.7 if plain > 1 else 0.4) * len(text)


def _is_ascii(byte: int) -> bool:
    return 0x20 <= byte < 0x7F or byte in (0x09, 0x0A, 0x0D)


def _not_utf8(
    data: bytes | bytearray, name: str, error: UnicodeDecodeError, whole: bool
) -> Refusal:
    offset = error.start
    byte = (
        f"{name} holds the byte 0x{data[offset]:02x} at offset {offset} ({_place(data, offset)}), "
        "which cannot stand there in UTF-8. "
    )
    good, bad = _utf8_and_not(data, offset)
    # Python names the end of the data as the reason for an unfinished character alone.
    cut = whole and error.reason == "unexpected end of data"
    # The first byte of two, alone at the end, would be a capital letter in Latin-1.
    if cut and (good or offset + 1 < len(data) or data[offset] < 0xE0):
        return Refusal(
            "The file ends within a character",
            f"{name} is UTF-8, but its last character, at offset {offset} "
            f"({_place(data, offset)}), is cut off. Get the whole file, or leave that character "
            f"out: head -c {offset} {shell_word(name)} > {new_name('utf8.txt')}",
        )
    if good > bad:
        return Refusal(
            "The file is not UTF-8 throughout",
            byte + "The text around it is UTF-8, so this byte is damage, or from a text of another "
            "encoding. Correct that line in an editor, or leave out what is not UTF-8: "
            f"iconv -c -f UTF-8 -t UTF-8 {shell_word(name)} > {new_name('utf8.txt')}",
        )
    likely = _likely(data, offset)
    if not likely:
        return Refusal(
            "The file is not UTF-8",
            byte + "It is in none of the encodings that are tried on a text. If it is a text, save "
            "it as UTF-8 in the program that wrote it.",
        )
    (best, reading), *others = likely
    said = f"It reads as {best.title}: “{reading}”. "
    if others:
        said = said[:-2] + "; as " + "; as ".join(f"{it.title}: “{how}”" for it, how in others)
        said += f". If {best.title.partition(' (')[0]} is right, c"
    else:
        said += "C"
    convert = _advice(data, name, best, whole)
    if cut:
        byte += "If the file is UTF-8 and its last character is cut off, get the whole file. "
    return Refusal("The file is not UTF-8", byte + said + convert.removeprefix("C"))


def _advice(data: bytes | bytearray, name: str, encoding: Encoding, whole: bool) -> str:
    """The command that makes UTF-8 of the file, without its last character if that is cut off."""
    file, end = shell_word(name), _end(data, encoding) if whole else len(data)
    iconv = f"iconv -f {encoding.iconv} -t UTF-8"
    if end is not None and end < len(data):
        return (
            f"Convert it, without its last character, which is cut off: "
            f"head -c {end} {file} | {iconv} > {new_name('utf8.txt')}"
        )
    return f"Convert it: {iconv} {file} > {new_name('utf8.txt')}"


# ---------------------------------------------------------------- guessing


def _likely(data: bytes | bytearray, offset: int) -> list[tuple[Encoding, str]]:
    """The encodings that the bytes may well be in, best first, each with how a part reads."""
    start = data.rfind(b"\n", 0, offset) + 1
    if offset - start > SAMPLE // 2:
        start = offset
    sample = bytes(data[start : start + SAMPLE])
    rated = []
    for place, encoding in enumerate(_LEGACY):
        try:
            text = codecs.getincrementaldecoder(encoding.codec)().decode(sample)
        except UnicodeDecodeError:
            continue
        quality = _quality(text, encoding.codec)
        if quality >= SURE and text:
            rated.append((-quality, place, encoding, _extract(text)))
    rated.sort(key=lambda one: one[:2])
    found: list[tuple[Encoding, str]] = []
    best = 0.0
    for quality, _, encoding, reading in rated:
        if found and (quality > best + _CLOSE or len(found) == 3):
            break
        if reading in (how for _, how in found) or _end(data, encoding) is None:
            continue
        best = best if found else quality
        if encoding is _WINDOWS and not re.search(rb"[\x80-\x9f]", data):
            encoding = _LATIN_1  # the two differ in these bytes alone
        found.append((encoding, reading))
    return found


def _extract(text: str) -> str:
    """The words around the first character that is not ASCII."""
    first = next((i for i, char in enumerate(text) if char > "\x7f"), 0)
    start = text.rfind("\n", 0, first) + 1
    end = text.find("\n", first)
    line = text[start : end if end >= 0 else len(text)]
    if first - start > _QUOTED // 2:
        line = line[first - start - _QUOTED // 2 :]
    line = line.strip()[:_QUOTED]
    return "".join(char if char.isprintable() else "\ufffd" for char in line)


def _end(data: bytes | bytearray, encoding: Encoding) -> int | None:
    """Bytes up to the end of the last whole character; None if the bytes cannot be read so."""
    decoder = codecs.getincrementaldecoder(encoding.codec)()
    try:
        for start in range(0, len(data), _CHUNK):
            decoder.decode(bytes(data[start : start + _CHUNK]))
    except UnicodeDecodeError:
        return None
    return len(data) - len(decoder.getstate()[0])


def _utf8_and_not(data: bytes | bytearray, offset: int) -> tuple[int, int]:
    """Characters beyond ASCII that are UTF-8 around the offset, and bytes that are none of such."""
    start = max(0, offset - SAMPLE)
    while start < offset and data[start] & 0xC0 == 0x80:
        start += 1  # not within a character
    text = bytes(data[start : offset + SAMPLE]).decode("utf-8", "surrogateescape")
    bad = sum("\udc80" <= char <= "\udcff" for char in text)
    return sum(char > "\x7f" for char in text) - bad, bad


_ALPHABETS = frozenset(("CYRILLIC", "GREEK", "HEBREW", "ARABIC", "THAI"))
_KANA = frozenset(("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"))
_JAPANESE = frozenset(("cp932", "euc_jp"))
_COMMON = {  # a codec; the codec of its common characters; the first bytes of those
    "gb18030": ("gb2312", 0xB0, 0xD7),
    "big5": ("big5", 0xA4, 0xC6),
    "cp932": ("euc_jp", 0xB0, 0xCF),
    "euc_jp": ("euc_jp", 0xB0, 0xCF),
}
_CENTRAL = {
    **dict.fromkeys("ăąćčďęěĺľłńňŕřśťůźżĂĄĆČĎĘĚĹĽŁŃŇŔŘŚŤŮŹŻ", 0.95),
    **dict.fromkeys("ţđŢĐ", 0.8),
}
_LESS = {  # letters with whose bytes another language writes more: Hungarian, Turkish, Icelandic
    "cp1250": _CENTRAL,
    "iso8859_2": _CENTRAL,
    "cp1252": {**dict.fromkeys("õûÕÛ", 0.9), **dict.fromkeys("þðýÞÐÝ", 0.8)},
    "cp1254": dict.fromkeys("áíóúæÁÍÓÚÆ", 0.8),
}
_RUSSIAN_AND_UKRAINIAN = frozenset("абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґ")
_ONLY_AT_THE_END = frozenset("ςךםןףץ")
_BEFORE_A_LETTER = frozenset("เแโใไ")
_OBSOLETE = frozenset("ฃฅฦ")


def _quality(text: str, codec: str) -> float:
    """How much a reading looks like text: the mean over the characters beyond ASCII, 1 at best."""
    total, count = 0.0, 0
    padded = f"\n{text}\n"
    for i, char in enumerate(padded):
        if char > "\x7f":
            total += _worth(char, padded[i - 1], padded[i + 1], codec)
            count += 1
    return total / count if count else 0.0


@functools.lru_cache(maxsize=1 << 14)
def _worth(char: str, before: str, after: str, codec: str) -> float:
    """What one character in its place speaks for a reading, from -3 (no text has it) to 1."""
    category = unicodedata.category(char)
    if category in ("Cc", "Cn", "Co", "Cs"):
        return -3.0
    if category[0] in "LM" and char not in "ªº":
        return _worth_of_letter(char, before, after, codec)
    left, right = before.isalnum(), after.isalnum()
    if char in "’‐\xad\u200c\u200d":
        return 1.0 if left or right else 0.5
    if char in "“‘«”»‹›":  # which of a pair opens, differs from language to language
        return -0.5 if left and right else 1.0 if left or right else 0.5
    if char in "„‚¿¡":
        return 1.0 if right and not left else -0.8
    if char in "–—…\xa0":
        return 1.0
    if char in "·，！？：；（）～" or "\u3000" <= char <= "\u3020":
        return 0.8
    if "\u2500" <= char <= "\u25ff":  # boxes and blocks
        return -1.0
    if char == "•":
        return -0.5 if left and right else 1.0
    if char in "™®©°¹²³ªº†‡":  # behind what they belong to
        return -0.5 if after.isalpha() else 1.0
    if char in "‰½¼¾":
        return -0.5 if before.isalpha() or after.isalpha() else 1.0
    if before.isalpha() or after.isalpha():
        return -0.5
    return 1.0 if char in "€£" else 0.3


def _worth_of_letter(char: str, before: str, after: str, codec: str) -> float:
    script, beside = _script(char), {_script(it) for it in (before, after) if it.isalpha()}
    if (char.isupper() and before.islower()) or (char.islower() and after.isupper()):
        return -1.0
    if script == "LATIN":
        if beside - {"LATIN"}:
            return -1.0
        if not beside:
            return 0.6
        # In an alphabet taken for Latin, one accented letter follows the other.
        near = any(it.isascii() and it.isalpha() for it in (before, after))
        return _LESS.get(codec, {}).get(char, 1.0) if near else 0.2
    if script in _ALPHABETS:
        return _worth_in_an_alphabet(char, before, after, beside - {script})
    if script in _KANA:
        return 1.0 if codec in _JAPANESE else -0.5
    if script == "HANGUL":
        return 1.0 if 0xB0 <= _first_byte(char, "euc_kr") <= 0xC8 else -0.5
    if script == "CJK":
        if any("a" <= it.lower() <= "z" for it in (before, after)):
            return 0.3
        common, low, high = _COMMON.get(codec, ("ascii", 1, 0))
        return 1.0 if low <= _first_byte(char, common) <= high else 0.0
    return -0.5


def _worth_in_an_alphabet(char: str, before: str, after: str, foreign: set[str]) -> float:
    if foreign or char in _OBSOLETE or (char in _ONLY_AT_THE_END and after.isalpha()):
        return -1.0
    if char == "σ" and not after.isalpha():
        return -1.0
    if unicodedata.category(char) == "Mn" and unicodedata.category(before)[0] not in "LM":
        return -1.0
    if char in _BEFORE_A_LETTER and not after.isalpha():
        return -1.0
    if not before.isalpha() and not after.isalpha() and not unicodedata.combining(after):
        return 0.7 if char.lower() in "авикосуяі" else 0.3
    if char.isupper() and before.isupper():
        return 0.5
    if _script(char) == "CYRILLIC" and char.lower() not in _RUSSIAN_AND_UKRAINIAN:
        return 0.5
    return 1.0


@functools.lru_cache(maxsize=1 << 14)
def _script(char: str) -> str:
    return unicodedata.name(char, "?").partition(" ")[0]


def _first_byte(char: str, codec: str) -> int:
    """The first byte of the character in the codec, 0 if it has none."""
    try:
        return char.encode(codec)[0]
    except UnicodeEncodeError:
        return 0


def _place(data: bytes | bytearray, offset: int) -> str:
    """The line and the byte in that line, both from 1, as an editor shows them."""
    line_start = data.rfind(b"\n", 0, offset) + 1
    line = data.count(b"\n", 0, offset) + 1
    return f"line {line:,}, byte {offset - line_start + 1:,} of it"
