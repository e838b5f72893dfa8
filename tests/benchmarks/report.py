"""What was measured, as a table for people, as plain values for programs, and as a verdict for a gate."""

from dataclasses import dataclass
from statistics import median

from cases import INSTRUCTIONS
from measure import Measured


@dataclass(frozen=True)
class Line:
    """One measured case against its bar; `unit` is what a request's cost is told in."""

    measured: Measured
    unit: str

    @property
    def ok(self):
        """Whether the bar is reached by the figure as it is."""
        bar = self.measured.case.bar
        return bar is None or bar.reached(self.measured.figure)

    @property
    def fails(self):
        """
        Whether the bar is missed for certain.

        The figure falls short by more than the margin, and each pass falls short by itself: a neighbour on
        the machine would have to disturb every pass, and in the same direction.
        """
        bar = self.measured.case.bar
        if self.ok or any(map(bar.reached, self.measured.figures)):
            return False
        return not bar.reached(self.measured.figure, bar.margin / (2 if self.unit == INSTRUCTIONS else 1))

    @property
    def costs(self):
        """The median cost of one request on each side, in thousands of nanoseconds or of instructions."""
        rows = self.measured.rows
        return {side: median(row[side] for row in rows) / 1000 for side in rows[0]}

    def as_data(self):
        """The line as plain values; `low` and `high` are the least and the greatest figure of one pass."""
        case, figures = self.measured.case, self.measured.figures
        return {
            "case": case.name,
            "unit": self.unit,
            "measured": self.measured.figure,
            "low": min(figures),
            "high": max(figures),
            "bar": None if case.bar is None else str(case.bar),
            "ok": self.ok,
            "fails": self.fails,
            "costs": self.costs,
            "answers": {
                side: {f"{status}, {shared}": count for (status, shared), count in answers.items()}
                for side, answers in self.measured.answers.items()
            },
        }


def table(lines):
    """One row for each of *lines*, under a head for each unit."""
    rows = []
    for unit in dict.fromkeys(line.unit for line in lines):
        rows.append(("case", "measured", "of passes", "bar", "", f"cost of one, {unit}"))
        rows += [_row(line) for line in lines if line.unit == unit]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _row(line):
    data = line.as_data()
    verdict = "ok" if line.ok else "short"
    return (
        data["case"],
        f"{data['measured']:.3f}",
        f"{data['low']:.3f} to {data['high']:.3f}",
        data["bar"] or "",
        verdict if data["bar"] else "",
        ", ".join(f"{side} {value:,.1f}" for side, value in data["costs"].items()),
    )
