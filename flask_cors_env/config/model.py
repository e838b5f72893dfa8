"""
The settings as pydantic models, made from the catalogue: they merge, type, and describe themselves.

Imported where a policy is built, and not before: pydantic is most of what we add to a worker's start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from flask_cors_env.config.errors import FaultyValueError
from flask_cors_env.config.layers import RESOURCES, Path
from flask_cors_env.config.settings import SETTINGS, Setting
from flask_cors_env.core.environments import ENVIRONMENTS

#: Settings by name and, under RESOURCES, by resource; a leaf is a raw value.
Tree = dict[str, Any]
_EMPTY: Any = Field(default_factory=dict)


def _type(setting: Setting) -> Any:
    return Annotated[Any, PlainValidator(setting.type.parse), WithJsonSchema(dict(setting.type.schema))]


def _fields(settings: Iterable[Setting]) -> Tree:
    return {setting.name: (_type(setting), None) for setting in settings}


def _described(settings: Iterable[Setting]) -> Tree:
    """Return the fields as a policy file spells and the reference describes them."""
    return {setting.key: (_type(setting), _description(setting)) for setting in settings}


def _description(setting: Setting) -> Any:
    defaults = set(setting.defaults.values())
    return Field(
        default_factory=lambda: None,  # another default would be in the schema
        description=setting.meaning,
        examples=[setting.example],
        json_schema_extra={"default": defaults.pop()} if len(defaults) == 1 else None,
    )


def policy_file() -> type[BaseModel]:
    """Return the model of a policy file, for its JSON Schema."""
    closed = ConfigDict(extra="forbid")
    of_resource = _described(s for s in SETTINGS if s.for_resource)
    resource: Any = create_model("Resource", __config__=closed, **of_resource)
    fields = _described(s for s in SETTINGS if s.for_app and s.in_files)
    tree: Any = create_model("Tree", __config__=closed, **fields, resources=(dict[str, resource], _EMPTY))
    overlays: Any = dict.fromkeys(ENVIRONMENTS, (tree, _EMPTY))
    environments: Any = create_model("Environments", __config__=closed, **overlays)
    return create_model("PolicyFile", __base__=tree, environments=(environments, _EMPTY))


class _LayerSource(PydanticBaseSettingsSource):
    """One layer, as it was read already."""

    def __init__(self, settings: type[BaseSettings], tree: Tree) -> None:
        super().__init__(settings)
        self._tree = tree

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        return self._tree.get(field_name), field_name, False

    def __call__(self) -> Tree:
        return self._tree


class _Layered(BaseSettings):
    """Settings that are merged from the trees given as ``layers``, the strongest first, and nothing else."""

    model_config = SettingsConfigDict(extra="forbid", hide_input_in_errors=True, validate_default=False)

    @classmethod
    def settings_customise_sources(  # type: ignore[override]  # the stock sources are not used
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, **_: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        layers: Sequence[Tree] = init_settings.init_kwargs["layers"]  # type: ignore[attr-defined]
        return tuple(_LayerSource(settings_cls, tree) for tree in layers)


_Resource: Any = create_model("Resource", **_fields(s for s in SETTINGS if s.for_resource))
_Settings: Any = create_model(
    "Settings",
    __base__=_Layered,
    **_fields(s for s in SETTINGS if s.for_app),
    RESOURCES=(dict[str, _Resource], _EMPTY),
)


def load(layers: Sequence[Tree]) -> tuple[Mapping[Path, Any], Mapping[Path, FaultyValueError]]:
    """
    Merge *layers*, the strongest first, and type each value; what does not parse is taken out of *layers*.

    Returns:
        The typed values by path, in the catalogue's order; and what is wrong with the others.
    """
    try:
        return dict(_leaves(_Settings(layers=layers))), {}
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
    faults = {tuple(map(str, one["loc"])): one["ctx"]["error"] for one in found}
    for tree in layers:
        for *owner, setting in faults:
            reduce(lambda node, part: node.get(part, {}), owner, tree).pop(setting, None)
    return dict(_leaves(_Settings(layers=layers))), faults


def _leaves(model: BaseModel, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every leaf of *model* that is set, in the catalogue's order."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if name == RESOURCES:
            for resource in sorted(value):
                yield from _leaves(value[resource], (name, resource))
        elif name in model.model_fields_set:
            yield (*at, name), value
