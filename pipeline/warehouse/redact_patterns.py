"""The shapes of credentials and personal addresses, as data: name, expression, replacement, example, hint.

What belongs here: patterns only. Each is written in the part of the syntax that RE2 (DuckDB) and Python's
`re` share, without look-around or back-references, so both engines agree and DuckDB's takes linear time. What
comes before a character that a match needs is bounded, so that Python's takes no more than linear time either.
`redact.py` applies them. The examples are invented; the tests use them as positives.

The credentials cover what the default rules of the scanner detect-secrets report, and more; a test runs that scanner.
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
    hint
        Cheap expression that every match holds a match of, without a boundary of words: the texts that hold no hint of
        any pattern are not looked at again.
    keeps_prefix
        True when group 1 of the expression is kept.
    is_personal
        True for what names a person and opens nothing; the catalogue keeps it.
    """

    name: str
    regex: str
    example: tuple[str, ...]
    hint: str
    keeps_prefix: bool = False
    is_personal: bool = False

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
# Names after which scanners take any quoted text for a secret.
_QUOTED_NAMES = (
    "(?:api|auth|service|account|db|database|priv|private|client)_?key|(?:db|database|key)_?pass|password|passwd|pwd"
    "|secret|contrase[ñn]a"
)
_QUOTE = "[\"'`]"
_SIGN = r"(?::=|:|={1,3}|!={1,2}|=>)"
# What is redacted already begins with a bracket.
_QUOTED = r"[^\s\[\"'`][^\n\r\"'`]{0,1000}"
_SET_TO = r"[\"']?\]?[ :=>]{1,10}[\"']?"
_SET_HINT = r"[\"']?\]?[ :=>]+[\"']?"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9][0-9]|[0-9])"
# First octets, and pairs of them, that are not of a private network.
_PUBLIC = (
    r"(?:(?:25[0-5]|2[0-4][0-9]|1[013458][0-9]|12[0-689]|16[0-9]|17[013-9]|19[013-9]|[2-9][0-9]|1[1-9]|[0-9])\."
    rf"{_OCTET}|172\.(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[4-9][0-9]|3[2-9]|1[0-5]|[0-9])"
    r"|192\.(?:25[0-5]|2[0-4][0-9]|1[0-57-9][0-9]|16[0-79]|[1-9][0-9]|[0-9]))"
)

CREDENTIALS: tuple[Pattern, ...] = (
    Pattern(
        "private_key",
        rf"-----BEGIN {_PEM}(?:[^-]|-[^-])*?-----END {_PEM}",
        ("-----BEGIN RSA PRIVATE", " KEY-----\nMIIEowIBAAKCAQEAabcdef0123\n-----END RSA PRIVATE", " KEY-----"),
        "PRIVATE KEY",
    ),
    Pattern(
        "private_key",
        rf"-----BEGIN {_PEM}(?:(?:\s|\\[nr]){{0,4}}[A-Za-z0-9+/=]{{16,100}})*",
        ("-----BEGIN OPENSSH PRIVATE", " KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU"),
        "PRIVATE KEY",
    ),
    Pattern(
        "private_key",
        r"BEGIN (?:[A-Z0-9]{1,10} ){0,2}PRIVATE KEY(?: BLOCK)?|PuTTY-User-Key-File-[0-9]",
        ("PuTTY-User-", "Key-File-2"),
        "PRIVATE KEY|PuTTY-User-Key",
    ),
    Pattern(
        "url_userinfo",
        r"(://)[^\s/@?#\"'<>]{1,256}@",
        ("postgres://admin:", "hunter2@db.example.org/prod"),
        r"://[^\s/@?#\"'<>]+@",
        keeps_prefix=True,
    ),
    Pattern(
        "jwt",
        r"eyJ[A-Za-z0-9_=-]{8,400}\.[A-Za-z0-9_=-]{2,}(?:\.[A-Za-z0-9_.+/=-]*)?",
        ("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxMjM0NTY3ODkwIn0", ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"),
        "eyJ",
    ),
    Pattern(
        "aws_key",
        r"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|AIPA)[A-Z0-9]{16}",
        ("AKIA", "IOSFODNN7EXAMPLE"),
        "A(?:3T|BIA|CCA|KIA|SIA|GPA|IDA|ROA|NPA|NVA|IPA)[A-Z0-9]{8}",
    ),
    Pattern(
        "aws_secret",
        r"(?i)(aws[^\n]{0,20}(?:key|pwd|pw|password|pass|token)[^\n]{0,20}[\"'])[0-9a-z/+]{40}",
        ("aws_secret_access_key='", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        r"(?i:aws[^\n]+[\"'][0-9a-z/+]{30})",
        keeps_prefix=True,
    ),
    Pattern(
        "github_token",
        r"gh[pousr]_[A-Za-z0-9_]{36}[A-Za-z0-9]*|\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{22,255})",
        ("ghp_", "16C7e42F292c6912E7710c838347Ae178B4a"),
        "gh[pousr]_[A-Za-z0-9_]{20}|github_pat_",
    ),
    Pattern(
        "gitlab_token",
        r"(?:gl(?:pat|ptt|dt|ft|rt|soat|cbt|imt|agent|oas)-|GR1348941)[A-Za-z0-9_-]{20,}",
        ("glpat-", "Zx9yW8vU7tS6rQ5pO4nM"),
        "gl(?:pat|ptt|dt|ft|rt|soat|cbt|imt|agent|oas)-|GR1348941",
    ),
    Pattern(
        "stripe_key",
        r"\b(?:(?:sk|rk|pk)_(?:live|test)_|whsec_)[A-Za-z0-9]{10,}|[rs]k_live_[0-9A-Za-z]{24,}",
        ("sk_live_", "4eC39HqLyjWDarjtT1zdp7dc"),
        "[srp]k_(?:live|test)_|whsec_",
    ),
    Pattern("google_key", r"\bAIza[A-Za-z0-9_-]{30,}", ("AIza", "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"), "AIza"),
    Pattern(
        "google_token",
        r"\b(?:ya29\.|GOCSPX-)[A-Za-z0-9_-]{20,}",
        ("ya29.", "a0AfH6SMBx1y2z3A4B5C6D7E8F9"),
        r"ya29\.|GOCSPX-",
    ),
    Pattern(
        "slack_token",
        r"(?i:xox[abceoprs])-(?:[0-9]+-[A-Za-z0-9-]+|[A-Za-z0-9-]{10,})|\bxapp-[A-Za-z0-9-]{10,}"
        r"|hooks\.slack\.com/services/[A-Za-z0-9_/]{8,}",
        ("xoxb-", "123456789012-abcdefGHIJKL"),
        "(?i:xox[abceoprs]-)|xapp-|hooks[.]slack",
    ),
    Pattern(
        "huggingface_token",
        r"\bhf_[A-Za-z0-9]{30,}",
        ("hf_", "AbCdEfGhIjKlMnOpQrStUvWxYz01234567"),
        "hf_[A-Za-z0-9]{30}",
    ),
    Pattern(
        "npm_token",
        r"\bnpm_[A-Za-z0-9]{36}\b|:_authToken=\s{0,20}[A-Za-z0-9_-]{20,}",
        ("npm_", "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"),
        "npm_[A-Za-z0-9]{36}|:_authToken=",
    ),
    Pattern(
        "pypi_token",
        r"pypi-Ag[A-Za-z0-9_-]{50,}",
        ("pypi-AgEIcHlwaS5vcmcCJ", "GNiYTY1ZGU4LTk3ZWEtNGE2Zi1hZjA0LTk4ZDc3ZTY1YjQ1Yw"),
        "pypi-Ag",
    ),
    Pattern(
        "telegram_token",
        r"[0-9]{8,10}:[A-Za-z0-9_-]{35}[A-Za-z0-9_-]*",
        ("1234567890:", "AAF0b1c2d3e4f5g6h7i8j9k0l1m2n3o4p5q"),
        "[0-9]{8}:[A-Za-z0-9_-]{35}",
    ),
    Pattern(
        "discord_token",
        r"[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}",
        ("MTk4NjIyNDgzNDcxOTI1MjQ4.", "Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"),
        r"\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}",
    ),
    Pattern(
        "service_key",
        r"[0-9a-z]{32}-us[0-9]{1,2}|SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}|sq0csp-[0-9A-Za-z\\_-]{43}"
        r"|(?:AC|SK)[a-z0-9]{32}",
        ("SK", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"),
        r"[0-9a-z]-us[0-9]|SG\.[A-Za-z0-9_-]{20}|sq0csp-|(?:AC|SK)[a-z0-9]{20}",
    ),
    Pattern(
        "service_key",
        r"\b(?:AKC[A-Za-z0-9]{10,}|AP[0-9A-F][A-Za-z0-9]{8,})",
        ("AKC", "p5fTQmGZ8Kx2Lw"),
        "AKC[A-Za-z0-9]{10}|AP[0-9A-F][A-Za-z0-9]{8}",
    ),
    Pattern(
        "service_key",
        rf"(?i)((?:key|pwd|pw|password|pass|token){_SET_TO})[a-z0-9_+/-]{{44,}}",
        ("AccountKey=", "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4"),
        rf"(?i:(?:key|pw|pwd|pass|word|token){_SET_HINT}[a-z0-9_+/-]{{30}})",
        keeps_prefix=True,
    ),
    Pattern(
        "service_key",
        rf"(?i)((?:access|(?:access|key)[_-]?(?:key)?[_-]?id|key){_SET_TO})[a-f0-9]{{32,}}",
        ("access_key_id: ", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"),
        rf"(?i:(?:access|id|key){_SET_HINT}[a-f0-9]{{20}})",
        keeps_prefix=True,
    ),
    Pattern(
        "service_key",
        rf"(?i)(cl(?:ou|oudant)?[_-]?(?:api)?(?:key|pwd|pw|password|pass|token){_SET_TO})[a-z]{{24}}",
        ("cloudant_password = ", "abcdefghijklmnopqrstuvwx"),
        rf"(?i:(?:key|pw|pwd|pass|word|token){_SET_HINT}[a-z]{{24}})",
        keeps_prefix=True,
    ),
    Pattern(
        "api_key",
        rf"\b(?:sk|gsk|xai|pplx|tvly)[-_]{with_digit(20)}|[A-Za-z0-9]{{20}}T3BlbkFJ[A-Za-z0-9]{{20}}",
        ("sk-", "ant-api03-Qm9ndXNLZXkxMjM0NTY3ODkw"),
        "(?:sk|xai|pplx|tvly)[-_][A-Za-z0-9_-]{20}|T3BlbkFJ",
    ),
    Pattern(
        "moltbook_key",
        rf"(?i)\bmoltbook[-_]{with_digit(16)}",
        ("moltbook_", "sk_9fJ2kQ7xLm3vB8nR"),
        "(?i:moltbook[-_][a-z0-9_-]{16})",
    ),
    Pattern(
        "bearer",
        rf"(?i)\b(bearer\s{{1,3}}){with_digit(16, 'A-Za-z_-', '.~+/=')}",
        ("Authorization: Bearer ", "q8Zr3.Lk29~xTf/71+ab"),
        r"(?i:bearer\s{1,3}[a-z0-9_.~+/=-]{16})",
        keeps_prefix=True,
    ),
    Pattern(
        "credential",
        rf"(?i)((?:{_NAMES})[\"'\\`]{{0,4}}\s{{0,3}}(?::=|=>|[:=])\s{{0,3}}[\"'\\`]{{0,4}})"
        rf"(?:{with_digit(6, 'A-Za-z_-', '!#$%&*+./=?@^~')}|[A-Za-z_-]{{24,}})",
        ("OPENAI_API_KEY=", "'tr0ub4dor&3'"),
        rf"(?i:(?:{_NAMES})[\"'\\`]*\s*[:=])",
        keeps_prefix=True,
    ),
    Pattern(
        "credential",
        rf"(?i)((?:{_QUOTED_NAMES})[^\s:=\"'\]]{{0,64}}[\]'\"]{{0,2}}\s{{0,20}}{_SIGN}\s{{0,20}}{_QUOTE}){_QUOTED}",
        ("my_secret_word = '", "open sesame'"),
        rf"(?i:(?:{_QUOTED_NAMES})[^\s:=\"'\]]*[\]'\"]*\s*[:=!])",
        keeps_prefix=True,
    ),
    Pattern(
        "credential",
        rf"(?i)((?:{_QUOTED_NAMES})\S{{0,115}}\s{{0,20}}{_QUOTE}){_QUOTED}{_QUOTE};",
        ("private_key \"", "open sesame\";"),
        f"{_QUOTE};",
        keeps_prefix=True,
    ),
    Pattern(
        "credential",
        rf"{_QUOTE}{_QUOTED}{_QUOTE}\s{{0,20}}[!=]{{2,3}}\s{{0,20}}[A-Za-z0-9_]{{0,64}}(?:{_QUOTED_NAMES})",
        ("if 'open", " sesame' == my_password"),
        rf"{_QUOTE}\s*[!=]{{2,3}}\s*[A-Za-z0-9_]*(?:{_QUOTED_NAMES})",
    ),
    Pattern(
        "ip_address",
        rf"(^|[^A-Za-z0-9_.]){_PUBLIC}\.{_OCTET}\.{_OCTET}(?::[0-9]{{1,5}})?(?:\b|$)",
        (" 93.184.", "216.34:8080"),
        r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",
        keeps_prefix=True,
    ),
)  # fmt: skip
"""What opens something, and addresses of machines: gone from everything but the parts of the store."""

ADDRESSES: tuple[Pattern, ...] = (
    Pattern(
        "email",
        r"\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b",
        ("jane.doe+news", "@mail.example.co.uk"),
        r"@[A-Za-z0-9-]+\.",
        is_personal=True,
    ),
    Pattern(
        "wallet",
        r"\b0x[0-9a-fA-F]{40}\b",
        ("0x52908400098527886E0F", "7030069857D2E4169EE7"),
        "0x[0-9a-fA-F]{40}",
        is_personal=True,
    ),
    Pattern(
        "wallet",
        rf"\b[13]{_base58(25, 34)}\b",
        ("1A1zP1eP5QGefi2DMPTf", "TL5SLmv7DivfNa"),
        "[1-9A-HJ-NP-Za-km-z]{25}",
        is_personal=True,
    ),
    Pattern(
        "wallet",
        r"\bbc1[ac-hj-np-z02-9]{20,71}\b",
        ("bc1qar0srrr7xfkvy5l64", "3lydnw9re59gtzzwf5mdq"),
        "bc1[a-z0-9]{20}",
        is_personal=True,
    ),
    Pattern(
        "wallet",
        rf"\b{_base58(32, 95)}\b",
        ("7EcDhSYGxXyscszYEp35", "KHN8vvw3svAuLKTzXwCFLtV"),
        "[1-9A-HJ-NP-Za-km-z]{32}",
        is_personal=True,
    ),
    Pattern(
        "phone",
        r"\+[1-9](?:[ .()-]{0,2}[0-9]){8,14}\b",
        ("+44 20 ", "7946 0958"),
        r"\+[1-9]",
        is_personal=True,
    ),
)  # fmt: skip
"""What leads to a person. Telephone numbers are told by their country code only; other digits may be anything."""

PATTERNS: tuple[Pattern, ...] = (*CREDENTIALS, *ADDRESSES)
