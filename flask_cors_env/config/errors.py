"""Problems: what is wrong with a configuration, where it was written, and what to write instead."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

_WIDTH = 76
#: A user's name and password before a host, also where the scheme is missing.
_USERINFO = re.compile(r"(?<=://)[^\s,]*@|(?<![^\s\"',\[])[^\s\"',:]+:[^\s,]*@")
VALUE_LIMIT = 80
#: Names are longer than values, and a cut one names nothing.
NAME_LIMIT = 240
_REMEDY_LIMIT = 400


class Fault(NamedTuple):
    """
    What is wrong with one value, before it is known where the value was written.

    Attributes:
        code: Kebab-case, unique, stable.
        message: What is wrong, as the rest of a sentence that begins with the value.
        value: The offending token, raw; None where the whole setting is meant.
        remedy: The whole line of advice, or None.
    """

    code: str
    message: str
    value: Any = None
    remedy: str | None = None


class FaultyValueError(ValueError):
    """
    A value that does not parse.

    Attributes:
        faults: All that is wrong with it.
        rest: What is right of it, so that it can be judged in the same round; None where nothing is.
    """

    def __init__(self, *faults: Fault, rest: Any = None) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults
        self.rest = rest


@dataclass(frozen=True)
class Problem:
    """
    One thing to mend in the configuration.

    Attributes:
        code: Kebab-case, unique, stable; the heading of its section in the README.
        setting: The setting concerned, in full and canonical spelling.
        variable: As it was spelled where it was found.
        source: Where that was: ``the process environment``, ``app.config``, an argument.
        message: One sentence, without the value.
        value: The offending token, printable and at most 80 characters; None where there is none.
        remedy: What to write or do instead, or None.
        rule: The rule that finds it a problem in some environments only; None if it always is one.
    """

    code: str
    setting: str
    variable: str
    source: str
    message: str
    value: str | None = None
    remedy: str | None = None
    rule: str | None = None

    @classmethod
    def of(
        cls, fault: Fault, *, setting: str, variable: str, source: str, rule: str | None = None
    ) -> Problem:
        """*fault* with its place, its value made fit to be shown."""
        value = None if fault.value is None else shown(fault.value)
        remedy = fault.remedy if fault.remedy is not None and _is_fit(fault.remedy) else None
        return cls(fault.code, setting, variable, source, fault.message, value, remedy, rule)

    def hidden(self, variable: str, text: str) -> Problem:
        """The same of *variable* alone, with *text* for all that tells of its value."""
        if self.value is None and self.variable == variable:
            return self
        value = None if self.value is None else shown(text)
        remedy = None if self.rule is None else self.remedy
        setting = self.setting if self.variable == variable else variable
        return replace(self, setting=setting, variable=variable, value=value, remedy=remedy)

    @property
    def sentence(self) -> str:
        """What is wrong, with the value."""
        return self.message if self.value is None else f'"{self.value}" {self.message}'

    def __str__(self) -> str:
        heading = f"{self.variable}  in {self.source}".ljust(_WIDTH - 2)
        lines = [f"{heading} [{self.code}]", *(f"  {line}" for line in _wrap(self.sentence))]
        if self.remedy is not None:
            lines.append(f"  {self.remedy}")
        return "\n".join(lines)


def _wrap(sentence: str) -> list[str]:
    return textwrap.wrap(sentence, 96, break_long_words=False, break_on_hyphens=False)


def shown(value: object, limit: int = VALUE_LIMIT) -> str:
    """
    Write *value* as it may be shown: printable ASCII, escaped, cut at *limit* characters.

    What stands before an ``@`` in an origin, or in what was meant as one, may be a password: ``***``.
    """
    text = _USERINFO.sub("***@", as_text(value))
    if not (text.isascii() and text.isprintable()):
        text = text[: limit + 1].encode("unicode_escape").decode("ascii")
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _is_fit(remedy: str) -> bool:
    """Tell whether *remedy* may be shown as it is: cut, escaped or without a password it would be wrong."""
    return len(remedy) <= _REMEDY_LIMIT and remedy.isprintable() and _USERINFO.search(remedy) is None


def as_text(value: object) -> str:
    """*value* as a string; the name of its type where it refuses to be one, as huge numbers do."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - an object of the application's may raise anything
        return type(value).__name__


class CORSConfigError(ValueError):
    """
    The configuration cannot be used; nothing was started with it.

    Attributes:
        problems: Everything that was found, in one round.
        warnings: What would only be warned of; one of these may hold the cure of a problem.
        environment: The environment whose rules judged, and why it is that one.
        fallback: Whether production was only the fallback.
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        environment: str = "",
        *,
        fallback: bool = False,
        warnings: Sequence[Problem] = (),
    ) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        self.environment = environment
        self.fallback = fallback
        super().__init__(self._text())

    def _text(self) -> str:
        judged = f" ({self.environment})" if self.environment else ""
        head = f"{_counted(self.problems, 'problem')} in the CORS configuration{judged}"
        blocks = [head, *indented(self.problems)]
        if self.warnings:
            blocks += [_counted(self.warnings, "warning"), *indented(self.warnings)]
        last = "Check again without starting the app: flask cors check"
        if self.fallback:
            last += "\nOn your own machine: CORS_ENV=development"
        return "\n\n".join([*blocks, last])

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.problems, self.environment, self.fallback, self.warnings)


def _rebuild(
    problems: Sequence[Problem],
    environment: str,
    fallback: bool,  # noqa: FBT001 - as it was pickled
    warnings: Sequence[Problem],
) -> CORSConfigError:
    return CORSConfigError(problems, environment, fallback=fallback, warnings=warnings)


def _counted(problems: Sequence[Problem], word: str) -> str:
    return f"{len(problems)} {word}{'' if len(problems) == 1 else 's'}"


def indented(problems: Iterable[Problem]) -> list[str]:
    """The problems as blocks of text, each two columns in."""
    return [textwrap.indent(str(problem), "  ") for problem in problems]


CORSConfigError.__module__ = "flask_cors_env"
