"""Sections that most files do not have: pydantic builds their validators when a file has one."""

from pydantic import ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from scar.fdl.model.base import FdlModel


class DeferredModel(FdlModel):
    """A section whose validator is built with its first value.

    Its default is ``Model.model_construct()``: ``Model()`` would build the validator at once. A
    field of a section that is not deferred is ``Annotated[Model, BuiltAtUse(Model)]``.
    """

    model_config = ConfigDict(defer_build=True)


class BuiltAtUse:
    """Keeps the section around a field from needing the validator of the field's section."""

    def __init__(self, model: type[DeferredModel]) -> None:
        self._model = model

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        del source, handler
        return core_schema.with_info_plain_validator_function(self._validate)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        del schema
        self._model.model_rebuild()
        # In another schema, so that pydantic refers to the section as to every other one.
        return handler(
            core_schema.no_info_after_validator_function(
                self._model.model_validate, self._model.__pydantic_core_schema__
            )
        )

    def _validate(self, value: object, info: ValidationInfo) -> DeferredModel:
        # Of a ValidationError pydantic takes over the errors, below the place of this value.
        return self._model.model_validate(value, context=info.context)
