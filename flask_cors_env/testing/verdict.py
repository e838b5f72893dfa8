"""The verdict: yes or no, and the whole story for whoever expected otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from flask_cors_env.core.decision import Decision, advice
from flask_cors_env.core.reason import Verdict as Decided
from flask_cors_env.testing.browser.causes import Cause
from flask_cors_env.testing.browser.requests import Response, WireRequest

#: Request headers whose values are nobody's to read in the log of a test.
_SECRET = frozenset({"authorization", "cookie"})
#: What changes the answer where it is not the decision's, by setting.
_REMEDIES = {
    "ALLOW_CREDENTIALS": "To share the answer, turn on {variable}.",
    "ENFORCE": "The view runs all the same, unless {variable} is on.",
    "EXPOSE_HEADERS": "To let pages read the header, add it to {variable}.",
}


class Finding(NamedTuple):
    """
    What the browser found.

    Attributes:
        because: Why it is so, in one sentence.
        section: Where the standard refuses, with the step where there is one; "" where nothing refuses.
        cause: The step that refused; None where none did.
        setting: What changes the answer where the policy decided otherwise than the browser; else None.
    """

    because: str
    section: str = ""
    cause: Cause | None = None
    setting: str | None = None

    @property
    def answer(self) -> bool:
        """Yes, unless the standard refuses."""
        return not self.section


class Exchange(NamedTuple):
    """A request that left the browser, and what it got; None where its URL is not the app's."""

    request: WireRequest
    response: Response | None

    def lines(self) -> Iterator[str]:
        """The request, and of the answer what decides who may read it and where the browser goes."""
        yield f"> {self.request.method} {self.request.url}"
        yield from (f"> {name}: {_told(name, value)}" for name, value in self.request.headers)
        if self.response is None:
            yield "< nothing: this URL is not the app's"
            return
        yield f"< {self.response.status}"
        yield from (f"< {name}: {value}" for name, value in self.response.headers if _is_telling(name))


def _told(name: str, value: str) -> str:
    return "..." if name.lower() in _SECRET else value


def _is_telling(name: str) -> bool:
    return name.lower().startswith("access-control-") or name.lower() in {"vary", "location"}


@dataclass(frozen=True, kw_only=True, repr=False)
class Verdict:
    """
    What a browser makes of a page's request; true where the answer is yes.

    ``repr`` is the gist on one line, which is what pytest shows of a value; ``str`` is the whole story.

    Attributes:
        question: What was asked, as in "https://app.example.com can read GET http://localhost/items".
        finding: The answer and why.
        exchanges: What left the browser, in order, with the answers; empty where nothing did.
        decision: The last one of the app's policy; None where nothing was to decide, and for an app without.
    """

    question: str
    finding: Finding
    exchanges: tuple[Exchange, ...] = ()
    decision: Decision | None = None

    def __bool__(self) -> bool:
        return self.finding.answer

    def __repr__(self) -> str:
        told = [] if self.decision is None else [f"{self.decision.reason}.", self._remedy(self.decision)]
        return f"<{' '.join(filter(None, [f'{self._word}:', self.finding.because, *told]))}>"

    def __str__(self) -> str:
        lines = [f"    {line}" for exchange in self.exchanges for line in exchange.lines()]
        browser = f"browser: {self.finding.because} {self.finding.section}".rstrip()
        policy = [] if self.decision is None else [f"policy: {self._advice(self.decision)}"]
        return "\n".join([f"{self.question}: {self._word}", *lines, browser, *policy])

    @property
    def _word(self) -> str:
        return "yes" if self else "no"

    def _is_at_odds(self, decision: Decision) -> bool:
        """Whether the policy decided otherwise than the browser, so that its own remedy would mislead."""
        return decision.verdict is (Decided.DENY if self else Decided.ALLOW)

    def _advice(self, decision: Decision) -> str:
        if not self._is_at_odds(decision):
            return advice(decision)
        return f"{decision.reason}: {decision.reason.meaning} {self._remedy(decision)}".rstrip()

    def _remedy(self, decision: Decision) -> str:
        if not self._is_at_odds(decision):
            return decision.remedy_hint
        setting, resource = self.finding.setting, decision.resource
        if setting is None or resource is None:
            return ""
        return _REMEDIES[setting].format(variable=resource.advice.place(setting).text)
