"""Two answers to one request, the policy's and the server's: in what they differ for a browser, and why."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, TypeAlias

from flask_cors_env.core.decision import Decision, Status
from flask_cors_env.core.protocol import PREFLIGHT_VARY, merge_vary
from flask_cors_env.core.reason import Verdict
from flask_cors_env.testing.browser import (
    Cause,
    Grant,
    PageRequest,
    Response,
    cors_check,
    get_header,
    header_lines,
    judge_preflight,
)

#: What a browser concludes: what a preflight grants, nothing of another request, or why it refuses.
Conclusion: TypeAlias = Grant | Cause | None


class Likely(StrEnum):
    """
    Why a server answers otherwise than the policy: closed, the likeliest reading of an answer.

    Attributes:
        meaning: What seems to be so.
        remedy: What to do, in one sentence.
    """

    meaning: str
    remedy: str

    def __new__(cls, code: str, meaning: str, remedy: str) -> Likely:
        """Make the member from its code and what is said of it."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        member.remedy = remedy
        return member

    REDIRECT = (
        "redirect", "A redirect, which no browser follows for a preflight",
        "Ask the URL that it leads to, or redirect no OPTIONS.",
    )  # fmt: skip
    LOGIN = (
        "login", "Authentication ahead of the app, which no preflight can pass",
        "Let OPTIONS with Access-Control-Request-Method through without credentials.",
    )  # fmt: skip
    WRONG_URL = (
        "wrong_url", "The app is not at this URL, or OPTIONS is not passed on to it",
        "Check the URL and its prefix, and that the proxy passes OPTIONS on.",
    )  # fmt: skip
    FAILURE = (
        "failure", "A status of 5xx: the server fails, or the proxy does not reach it",
        "Read the server's log.",
    )  # fmt: skip
    TWO_LAYERS = (
        "two_layers", "Two layers set the fields",
        "Leave CORS to the app: take its headers out of the proxy, the gateway or the other extension.",
    )  # fmt: skip
    OTHER_POLICY = (
        "other_policy", "Another policy is running: an older one, or one with other variables",
        "Restart every process with the new settings, and compare flask cors show in its environment.",
    )  # fmt: skip
    DISAGREE = (
        "disagree", "Processes of the server answer differently: some serve another policy",
        "Look for cors.policy.rejected in the log, mend the file that it names, and restart every process.",
    )  # fmt: skip
    SWALLOWED = (
        "swallowed", "OPTIONS is answered ahead of the app, or the app has no CORS",
        "Make the proxy pass OPTIONS on; look for CORS(app) in what is deployed.",
    )  # fmt: skip
    OTHER_LAYER = (
        "other_layer", "A proxy, a gateway or another extension sets the fields instead of the app",
        "Leave CORS to the app: take its headers out of the other layer.",
    )  # fmt: skip
    CACHE = (
        "cache", "Vary lacks Origin, so a cache may hand one page's answer to another",
        "Make the proxy or CDN keep the app's Vary.",
    )  # fmt: skip


class Difference(NamedTuple):
    """
    In what the answers differ.

    Attributes:
        expected: What a browser makes of the policy's answer, as far as it differs.
        got: What it makes of the server's, with who gave it.
        differs: Whether a page gets something else; False where only caching is touched.
    """

    expected: str
    got: str
    likely: Likely
    differs: bool = True


class Answers(NamedTuple):
    """The policy's and the server's, to *page*'s request or to the preflight ahead of it."""

    page: PageRequest
    decision: Decision
    got: Response
    is_preflight: bool

    @property
    def expected(self) -> Response:
        """What the policy alone would send."""
        status, fields = self.decision.status or Status.OK, self.decision.fields
        return Response(status=status, headers=(*fields, ("Vary", ", ".join(self.decision.vary))))

    def judge(self, response: Response) -> Conclusion:
        """What a browser makes of *response*."""
        if self.is_preflight:
            return judge_preflight(self.page, response)
        return cors_check(self.page, response)


def difference(answers: Answers) -> Difference | None:
    """The gravest difference; None where there is none."""
    expected, got = answers.judge(answers.expected), answers.judge(answers.got)
    by = _by(answers.got)
    if isinstance(expected, Cause) is not isinstance(got, Cause):
        mine = f"{answers.decision.verdict.value} ({answers.decision.reason.value})"
        return Difference(mine, f"{by}: {_concluded(got, answers.got)}", _likely(answers, got))
    if isinstance(expected, Grant) and isinstance(got, Grant) and expected != got:
        lists = _lists(expected) != _lists(got)
        told = _lists if lists else _age
        return Difference(told(expected), f"{by}: {told(got)}", _likely(answers, got), lists)
    if _lacks_origin(answers) and not (answers.is_preflight and isinstance(got, Cause)):
        vary = get_header(answers.got.headers, "vary") or "none"
        return Difference("Vary: Origin", f"{by}: Vary: {vary}", Likely.CACHE, not answers.is_preflight)
    return None


def _by(response: Response) -> str:
    """The status, and the first product of ``Server``: a proxy is often another than the app's."""
    server = next(filter(None, header_lines(response.headers, "server")), "")
    product = server.partition(" ")[0].partition("/")[0]
    return f"{response.status} by {product}" if product else str(response.status)


def _concluded(verdict: Conclusion, response: Response) -> str:
    if not isinstance(verdict, Cause):
        return Verdict.ALLOW.value
    allowed = get_header(response.headers, "access-control-allow-origin")
    shown = "" if allowed is None else f" ({allowed})"
    return f"{verdict.meaning}{shown if 'Allow-Origin' in verdict.meaning else ''}"


def _lists(grant: Grant) -> str:
    told = {"methods": grant.methods, "headers": grant.headers}
    return "; ".join(f"{name} {', '.join(sorted(values)) or 'none'}" for name, values in told.items())


def _age(grant: Grant) -> str:
    return f"max-age {grant.max_age}"


def _vary(response: Response) -> set[str]:
    return {name.lower() for name in merge_vary(header_lines(response.headers, "vary"), ())}


def _lacks_origin(answers: Answers) -> bool:
    return "Origin" in answers.decision.vary and not _vary(answers.got) & {"origin", "*"}


#: What statuses say whose answers no browser takes.
_STATUSES = {
    Likely.REDIRECT: range(300, 400),
    Likely.LOGIN: (401, 407),
    Likely.WRONG_URL: (404, 405, 410, 421),
    Likely.FAILURE: range(500, 600),
}


def _likely(answers: Answers, verdict: Conclusion) -> Likely:
    """The likeliest cause: what only one layer does first, then who it was that answered."""
    got = answers.got
    lines = header_lines(got.headers, "access-control-allow-origin")
    if len(lines) > 1 or any("," in line for line in lines):
        return Likely.TWO_LAYERS
    if isinstance(verdict, Cause):
        for likely, statuses in _STATUSES.items():
            if got.status in statuses:
                return likely
    own = PREFLIGHT_VARY[1:] if answers.is_preflight else PREFLIGHT_VARY[:1]
    if _vary(got).issuperset(name.lower() for name in own):
        return Likely.OTHER_POLICY
    return Likely.OTHER_LAYER if lines else Likely.SWALLOWED
