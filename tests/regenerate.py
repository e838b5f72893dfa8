"""
Writes what is made from the catalogues: the README's tables and `.env.example`.

    python tests/regenerate.py
"""

import re
from pathlib import Path

from flask_cors_env.audit.event import fields_table, mapping_table
from flask_cors_env.config import reference
from flask_cors_env.core.reason import Note, Reason

ROOT = Path(__file__).parents[1]


def reasons_table():
    rows = [
        f"| `{r}` | {r.verdict} | {r.meaning} | {r.remedy.format(variable=_variable(r))} |" for r in Reason
    ]
    return "\n".join(["| reason | verdict | meaning | remedy |", "|---|---|---|---|", *rows]) + "\n"


def _variable(reason):
    return f"`CORS_{reason.setting}`"


def notes_table():
    rows = [f"| `{note}` | {note.meaning} |" for note in Note]
    return "\n".join(["| note | meaning |", "|---|---|", *rows]) + "\n"


TABLES = {
    "settings": reference.settings_table,
    "reasons": reasons_table,
    "notes": notes_table,
    "events": fields_table,
    "mapping": mapping_table,
}


def readme(text):
    """*text* with every generated part made anew."""
    for name, make in TABLES.items():
        part = re.compile(rf"(<!-- {name}: made by tests/regenerate.py -->\n).*?(<!-- end -->)", re.DOTALL)
        text, count = part.subn(lambda m, make=make: m[1] + make() + m[2], text)
        assert count == 1, name
    return text


def main():
    path = ROOT / "README.md"
    path.write_text(readme(path.read_text()))
    (ROOT / ".env.example").write_text(reference.env_example())


if __name__ == "__main__":
    main()
