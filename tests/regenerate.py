"""
Writes what is made from the catalogues: the README's tables and `.env.example`; and from the benchmarks'
last figures what the README tells of speed.

    python tests/regenerate.py
"""

import re
import textwrap
from pathlib import Path

from benchmarks import told

from flask_cors_env.answers.console import sentences
from flask_cors_env.answers.migrate.differences import Difference
from flask_cors_env.audit.event import fields_table, mapping_table
from flask_cors_env.config import reference
from flask_cors_env.config.codes import CODES
from flask_cors_env.config.rules import RULES
from flask_cors_env.config.settings import FOREIGN, VARIABLES
from flask_cors_env.core.environments import ENVIRONMENTS
from flask_cors_env.core.fields import FIELDS, SPELLED
from flask_cors_env.core.reason import Note, Reason
from flask_cors_env.web import peer

ROOT = Path(__file__).parents[1]


def reasons_table():
    rows = [
        f"| `{r}` | {r.verdict} | {r.meaning} | {r.remedy.format(variable=_variable(r), true='`true`')} |"
        for r in Reason
    ]
    return "\n".join(["| reason | verdict | meaning | remedy |", "|---|---|---|---|", *rows]) + "\n"


def _variable(reason):
    return f"`CORS_{reason.setting}`"


def notes_table():
    rows = [
        f"| `{n}` | {n.meaning} | {(n.remedy or '').format(variable=_variable(n), true='`true`')} |"
        for n in Note
    ]
    return "\n".join(["| note | meaning | remedy |", "|---|---|---|", *rows]) + "\n"


def codes_table():
    rows = [f'| <a id="{code}"></a>`{code}` | {CODES[code]} |' for code in sorted(CODES)]
    return "\n".join(["| code | meaning |", "|---|---|", *rows]) + "\n"


def rules_table():
    rows = [_rule_row(rule) for rule in RULES]
    head = "| rule | " + " | ".join(ENVIRONMENTS) + " |"
    return "\n".join([head, "|---" * (len(ENVIRONMENTS) + 1) + "|", *rows]) + "\n"


def _rule_row(rule):
    cells = [
        plain
        if plain == rule.with_credentials[name]
        else f"{plain}; {rule.with_credentials[name]} with credentials"
        for name, plain in rule.levels.items()
    ]
    return f"| `{rule.id}` | " + " | ".join(cells) + " |"


def names_table():
    head = "| flask-cors | its default | here | variable | default in production |"
    return "\n".join([head, "|---|---|---|---|---|", *map(_name_row, peer.OPTIONS)]) + "\n"


def _name_row(name):
    default = f"`{peer.OPTIONS[name]}`" if peer.OPTIONS[name] else ""
    here = _there(name) if name in VARIABLES else _nowhere(name)
    return f"| `{name.lower()}` | {default} | {here} |"


def _there(name):
    setting = VARIABLES[name]
    default = setting.defaults["production"]
    return f"`{setting.key}` | `CORS_{setting.name}` | `{default}`"


def _nowhere(name):
    if name == "RESOURCES":
        return "`resources` | `CORS_RESOURCES__<NAME>__PATH` |"
    return f"{FOREIGN[name](peer.OPTIONS[name]).message} | |"


def differences_table():
    rows = [f"| `{d.code}` | {d.effect} | {d.what} | {d.why} |" for d in Difference]
    return "\n".join(["| code | effect | here | because |", "|---|---|---|---|", *rows]) + "\n"


def consoles_table():
    rows = [
        f"| {s.engine} | `{_tail(s.text)}` | {s.cause.meaning} {s.cause.cure}".rstrip() + " |"
        for s in sentences()
    ]
    return "\n".join(["| engine | its console says | which means |", "|---|---|---|", *rows]) + "\n"


def _tail(sentence):
    """What distinguishes a sentence from the others of its engine, with its places in capitals."""
    for start in ("CORS policy: ", "(Reason: "):
        if start in sentence:
            sentence = f"... {start}{sentence.split(start, 1)[1]}"
    return re.sub(r"\{(\w+)\}", lambda m: m[1].upper(), sentence.replace("`", "'"))


TABLES = {
    "consoles": consoles_table,
    "names": names_table,
    "differences": differences_table,
    "codes": codes_table,
    "rules": rules_table,
    "settings": reference.settings_table,
    "reasons": reasons_table,
    "notes": notes_table,
    "events": fields_table,
    "mapping": mapping_table,
    "speed": told.speed_table,
    "bars": told.bars_table,
    "log": told.log_table,
    "ways": told.ways_table,
    "growth": told.growth_list,
    "load": told.load_table,
}


def readme(text):
    """*text* with every generated part made anew."""
    for name, make in TABLES.items():
        part = re.compile(rf"(<!-- {name}: made by tests/regenerate.py -->\n).*?(<!-- end -->)", re.DOTALL)
        text, count = part.subn(lambda m, make=make: m[1] + make() + m[2], text)
        assert count == 1, name
    return text


def docstrings(text):
    """*text* of a source with what its docstrings say of a resource's fields made anew."""
    names = " ".join(setting.lower() for setting, f in SPELLED.items() if f.spelling.inherited)
    names = textwrap.fill(f"``{names}``", 88, subsequent_indent=" " * 12)
    text = re.sub(r"``origins methods [a-z_\s]*``", names, text)
    lines = "".join(map(_attribute, FIELDS))
    part = re.compile(r'(class ResourceFields:\n    """\n[^\n]*\n\n    Attributes:\n).*?(    """)', re.DOTALL)
    return part.sub(lambda m: m[1] + lines + m[2], text)


def _attribute(field):
    text = f"{field.name}: {field.meaning}"
    return textwrap.fill(text, 110, initial_indent=" " * 8, subsequent_indent=" " * 12) + "\n"


#: The sources whose docstrings list the fields.
SOURCES = [
    ROOT / "flask_cors_env" / name for name in ("core/fields.py", "web/extension.py", "web/decorator.py")
]


def main():
    for source in SOURCES:
        source.write_text(docstrings(source.read_text()))
    path = ROOT / "README.md"
    path.write_text(readme(path.read_text()))
    (ROOT / ".env.example").write_text(reference.env_example())
    told.PLOT.write_text(told.drawing())


if __name__ == "__main__":
    main()
