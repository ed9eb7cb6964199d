"""The shapes of credentials and personal addresses, as data: name, expression, replacement, example.

What belongs here: patterns only. Each is written in the part of the syntax that RE2 (DuckDB) and Python's
`re` share, without look-around or back-references, so both engines agree and DuckDB's takes linear time. What
comes before a character that a match needs is bounded, so that Python's takes no more than linear time either.
`redact.py` applies them. The examples are invented; the tests use them as positives.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pattern:
    """One shape of secret.

    Parameters
    ----------
    name
        What is written in place of the secret: ``[redacted:<name>]``.
    regex
        Regular expression; when `keeps_prefix`, group 1 is what stays in front of the secret.
    example
        An invented text that matches, in two or more pieces, so that scanners of source code do not report it.
    keeps_prefix
        True when group 1 of the expression is kept.
    """

    name: str
    regex: str
    example: tuple[str, ...]
    keeps_prefix: bool = False

    @property
    def replacement(self) -> str:
        """The replacement in the notation that RE2 and `re` share."""
        return rf"\1[redacted:{self.name}]" if self.keeps_prefix else f"[redacted:{self.name}]"


def with_digit(length: int, letters: str = "A-Za-z_-", extra: str = "") -> str:
    """Return an expression for words of at least `length` characters that hold a digit.

    Without look-ahead the place of the first digit is spelt out, one alternative for each. A digit tells keys
    from ordinary words such as ``sk-learn-estimators-and-pipelines``.
    """
    plain, any_ = f"[{extra}{letters}]", f"[{extra}0-9{letters}]"
    early = [f"{plain}{{{i}}}[0-9]{any_}{{{length - 1 - i},}}" for i in range(length)]
    return "(?:" + "|".join([*early, f"{plain}{{{length},256}}[0-9]{any_}*"]) + ")"


def _base58(shortest: int, longest: int) -> str:
    """Return an expression for base-58 words with a capital, so that lower-case hexadecimal hashes stay.

    The capital is looked for among the first 16 characters: a random address has none there once in 10^4.
    """
    word, small = "[1-9A-HJ-NP-Za-km-z]", "[1-9a-km-z]"
    parts = [
        f"{small}{{{i}}}[A-HJ-NP-Z]{word}{{{max(0, shortest - 1 - i)},{longest - 1 - i}}}"
        for i in range(min(16, longest))
    ]
    return "(?:" + "|".join(parts) + ")"


_NAMES = (
    "passwords?|passwd|passphrase|pwd|api[_ -]?keys?|secret[_ -]?(?:access[_ -]?)?key|client[_ -]?secret|secret"
    "|(?:access|auth|refresh|session|bot|api|secret)[_ -]?token|private[_ -]?key|seed[_ -]?phrase"
)
_PEM = "[A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----"

PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "private_key",
        rf"-----BEGIN {_PEM}(?:[^-]|-[^-])*?-----END {_PEM}",
        ("-----BEGIN RSA PRIVATE", " KEY-----\nMIIEowIBAAKCAQEAabcdef0123\n-----END RSA PRIVATE", " KEY-----"),
    ),
    Pattern(
        "private_key",
        rf"-----BEGIN {_PEM}(?:(?:\s|\\[nr]){{0,4}}[A-Za-z0-9+/=]{{16,100}})*",
        ("-----BEGIN OPENSSH PRIVATE", " KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU"),
    ),
    Pattern(
        "url_userinfo",
        r"\b([A-Za-z][A-Za-z0-9+.-]{1,20}://)[^\s/@?#\"'<>]{1,256}@",
        ("postgres://admin:", "hunter2@db.example.org/prod"),
        keeps_prefix=True,
    ),
    Pattern(
        "jwt",
        r"\beyJ[A-Za-z0-9_-]{8,1000}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
        ("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxMjM0NTY3ODkwIn0", ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"),
    ),
    Pattern(
        "aws_key",
        r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|AIPA)[A-Z2-7]{16}\b",
        ("AKIA", "IOSFODNN7EXAMPLE"),
    ),
    Pattern(
        "github_token",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{22,255})",
        ("ghp_", "16C7e42F292c6912E7710c838347Ae178B4a"),
    ),
    Pattern("gitlab_token", r"\bgl(?:pat|ptt|dt|rt|soat|cbt)-[A-Za-z0-9_-]{20,}", ("glpat-", "Zx9yW8vU7tS6rQ5pO4nM")),
    Pattern(
        "stripe_key",
        r"\b(?:(?:sk|rk|pk)_(?:live|test)_|whsec_)[A-Za-z0-9]{10,}",
        ("sk_live_", "4eC39HqLyjWDarjtT1zdp7dc"),
    ),
    Pattern("google_key", r"\bAIza[A-Za-z0-9_-]{30,}", ("AIza", "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q")),
    Pattern("google_token", r"\b(?:ya29\.|GOCSPX-)[A-Za-z0-9_-]{20,}", ("ya29.", "a0AfH6SMBx1y2z3A4B5C6D7E8F9")),
    Pattern(
        "slack_token",
        r"\b(?:xox[abceprs]|xapp)-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/[A-Za-z0-9/]{20,}",
        ("xoxb-", "123456789012-abcdefGHIJKL"),
    ),
    Pattern(
        "huggingface_token",
        r"\bhf_[A-Za-z0-9]{30,}",
        ("hf_", "AbCdEfGhIjKlMnOpQrStUvWxYz01234567"),
    ),
    Pattern("npm_token", r"\bnpm_[A-Za-z0-9]{36}\b", ("npm_", "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8")),
    Pattern(
        "telegram_token",
        r"\b[0-9]{8,10}:[A-Za-z0-9_-]{35}\b",
        ("1234567890:", "AAF0b1c2d3e4f5g6h7i8j9k0l1m2n3o4p5q"),
    ),
    Pattern(
        "api_key",
        rf"\b(?:sk|gsk|xai|pplx|tvly)[-_]{with_digit(20)}",
        ("sk-", "ant-api03-Qm9ndXNLZXkxMjM0NTY3ODkw"),
    ),
    Pattern(
        "moltbook_key",
        rf"(?i)\bmoltbook[-_]{with_digit(16)}",
        ("moltbook_", "sk_9fJ2kQ7xLm3vB8nR"),
    ),
    Pattern(
        "bearer",
        rf"(?i)\b(bearer\s{{1,3}}){with_digit(16, 'A-Za-z_-', '.~+/=')}",
        ("Authorization: Bearer ", "q8Zr3.Lk29~xTf/71+ab"),
        keeps_prefix=True,
    ),
    Pattern(
        "credential",
        rf"(?i)((?:{_NAMES})[\"'\\`]{{0,4}}\s{{0,3}}(?::=|=>|[:=])\s{{0,3}}[\"'\\`]{{0,4}})"
        rf"(?:{with_digit(6, 'A-Za-z_-', '!#$%&*+./=?@^~')}|[A-Za-z_-]{{24,}})",
        ("OPENAI_API_KEY=", "'tr0ub4dor&3'"),
        keeps_prefix=True,
    ),
    Pattern(
        "email",
        r"\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b",
        ("jane.doe+news", "@mail.example.co.uk"),
    ),
    Pattern("wallet", r"\b0x[0-9a-fA-F]{40}\b", ("0x52908400098527886E0F", "7030069857D2E4169EE7")),
    Pattern("wallet", rf"\b[13]{_base58(25, 34)}\b", ("1A1zP1eP5QGefi2DMPTf", "TL5SLmv7DivfNa")),
    Pattern("wallet", r"\bbc1[ac-hj-np-z02-9]{20,71}\b", ("bc1qar0srrr7xfkvy5l64", "3lydnw9re59gtzzwf5mdq")),
    Pattern("wallet", rf"\b{_base58(32, 95)}\b", ("7EcDhSYGxXyscszYEp35", "KHN8vvw3svAuLKTzXwCFLtV")),
)
