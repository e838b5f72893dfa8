"""
The figures that the README shows, drawn as an SVG by hand: two panels, and colours for light and dark.

Left, what a request costs, as a part of the same under bare Flask. Right, how what an extension adds grows
with the origins; both axes in powers of ten.
"""

from math import log10

SIDES = {"flask-cors": "peer", "ours": "ours", "new": "new"}
NAMES = {"flask-cors": "flask-cors, no log", "ours": "this, with its log", "new": "this, every decision new"}
REQUESTS = {
    "no Origin": ("no Origin, Vary needed", None),
    "GET allowed": ("GET allowed, std", "GET allowed, std, every decision new"),
    "GET denied": ("GET denied, std", "GET denied, every origin new"),
    "preflight allowed": ("preflight allowed", "preflight allowed, every decision new"),
    "preflight denied": ("preflight denied", "preflight denied, every origin new"),
}
COUNTS = (1, 10, 100, 1_000, 10_000)

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 } .small { font-size: 11px; fill: #59636e }
.grid { stroke: #d1d9e0 } .bare { stroke: #59636e; stroke-dasharray: 4 3 }
.peer { --c: #bc4c00 } .ours { --c: #0969da } .new { --c: #8cbcf2 }
rect, circle { fill: var(--c) } path { stroke: var(--c); stroke-width: 2; fill: none }
.paper { fill: #ffffff }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9198a1 } .grid { stroke: #30363d } .bare { stroke: #9198a1 }
.peer { --c: #f0883e } .ours { --c: #58a6ff } .new { --c: #2b5c95 } .paper { fill: #0d1117 }
}
"""
_WIDTH, _HEIGHT = 860, 340
_TOP, _BOTTOM = 74, 286
#: The left panel: where its bars begin, and how long one of 1 is.
_LEFT, _ONE = 130, 140
#: The right panel's edges, and its greatest and least value in µs, in powers of ten.
_FROM, _TO = 540, 830


def plot(data):
    """The SVG of *data*, as `run.py --json` writes it; what was not measured is not drawn."""
    costs = {case["case"]: case["costs"] for case in data["cases"] if case["unit"].startswith("µs")}
    parts = [*_legend(), *_bars(costs), *_growth(costs)]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="What CORS costs a request">'
    )
    paper = f'<rect class="paper" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>'
    return "\n".join([head, f"<style>{_STYLE}</style>", paper, *parts, "</svg>"]) + "\n"


def _text(x, y, text, kind="", anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">{text}</text>'


def _line(kind, x1, y1, x2, y2):
    return f'<line class="{kind}" x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}"/>'


def _legend():
    for number, (side, kind) in enumerate(SIDES.items()):
        x = 20 + 170 * number
        yield f'<rect class="{kind}" x="{x}" y="{_HEIGHT - 26}" width="12" height="12"/>'
        yield _text(x + 18, _HEIGHT - 15, NAMES[side])


def parts_of_bare(costs, pair):
    """What the cases of *pair*, remembered and new, cost on each side, as a part of bare Flask's cost."""
    known, new = (costs.get(name) for name in pair)
    found = {side: known[side] / known["bare"] for side in ("flask-cors", "ours")} if known else {}
    return found | ({"new": new["ours"] / new["bare"]} if new else {})


def _bars(costs):
    yield _text(20, 28, "What a request costs", "title")
    yield _text(20, 46, "the same under bare Flask = 1, CPU time", "small")
    for tick in (0, 1, 2):
        kind = "bare" if tick == 1 else "grid"
        yield _line(kind, _LEFT + tick * _ONE, _TOP - 8, _LEFT + tick * _ONE, _BOTTOM)
        yield _text(_LEFT + tick * _ONE, _BOTTOM + 16, tick, "small", "middle")
    for number, (request, pair) in enumerate(REQUESTS.items()):
        y = _TOP + 43 * number
        yield _text(_LEFT - 8, y + 20, request, "", "end")
        for row, (side, part) in enumerate(parts_of_bare(costs, pair).items()):
            length = min(part, 2.3) * _ONE
            top = y + 11 * row
            yield f'<rect class="{SIDES[side]}" x="{_LEFT}" y="{top}" width="{length:.0f}" height="9"/>'
            yield _text(_LEFT + length + 5, top + 9, f"{part:.2f}", "small")


def _growth(costs):
    yield _text(_FROM - 40, 28, "What is added to a GET that is allowed", "title")
    yield _text(_FROM - 40, 46, "µs of CPU time, by how many origins are listed", "small")
    added = {side: _added(costs, side) for side in SIDES}
    values = [value for points in added.values() for value in points.values()]
    decades = range(1, 1 + max(2, len(str(int(max(values, default=1))))))
    for decade in decades:
        y = _height(10**decade, decades)
        yield _line("grid", _FROM, y, _TO, y)
        yield _text(_FROM - 6, y + 4, f"{10**decade:,}", "small", "end")
    for count in COUNTS:
        yield _text(_across(count), _BOTTOM + 16, f"{count:,}", "small", "middle")
    for side, points in added.items():
        yield from _curve(SIDES[side], points, decades)


def _added(costs, side):
    """What *side* adds to bare Flask, in µs, by the number of origins."""
    name = "{:,} origins: GET allowed" + (", every decision new" if side == "new" else "")
    named = "ours" if side == "new" else side
    found = {count: costs.get(name.format(count)) for count in COUNTS}
    return {count: max(1.0, cost[named] - cost["bare"]) for count, cost in found.items() if cost}


def _across(count):
    return _FROM + 16 + (_TO - _FROM - 32) * log10(count) / log10(COUNTS[-1])


def _height(value, decades):
    share = (log10(value) - decades[0]) / (decades[-1] - decades[0])
    return _BOTTOM - (_BOTTOM - _TOP) * max(0, share)


def _curve(kind, points, decades):
    at = [(_across(count), _height(value, decades)) for count, value in points.items()]
    if at:
        yield f'<path class="{kind}" d="M' + " L".join(f"{x:.1f} {y:.1f}" for x, y in at) + '"/>'
    for x, y in at:
        yield f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
