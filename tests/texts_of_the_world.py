"""Texts in many scripts, with the columns that xterm, VTE and tmux give them."""

from __future__ import annotations

SCRIPTS = {
    "Latin in pieces": ("Zoe\u0308 cafe\u0301", 8),
    "Devanagari": ("हिन्दी", 5),
    "Bengali": ("বাংলা", 5),
    "Tamil": ("மொழி", 4),
    "Telugu": ("వెన్నెల", 4),
    "Malayalam": ("മലയാളം", 6),
    "Sinhala": ("සිංහල", 4),
    "Burmese": ("မြန်မာ", 5),
    "Khmer": ("ភាសា", 4),
    "Tibetan": ("སྐད", 2),
    "Thai": ("ชื่อผู้ที่", 4),
    "Thai with am": ("ทำงาน", 5),
    "Lao": ("ຊື່ຄຳ", 3),
    "Hangul in pieces": ("\u1112\u1161\u11ab\u1100\u1173\u11af", 4),
    "Hangul": ("한글", 4),
    "Hebrew": ("שָׁלוֹם", 4),
    "Arabic": ("مُحَمَّد", 4),
    "Han": ("名前", 4),
    "Kana, narrow": ("ｶﾞﾊﾟ", 4),
    "flags": ("\U0001f1e9\U0001f1ea", 2),
    "a skin colour": ("\U0001f44d\U0001f3fd", 4),
}
