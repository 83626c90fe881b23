"""From a checkout and its entrypoint to an image: rendered purely, then built."""

from karst.build.base import (
    BaseImage,
    BasePin,
    PythonWish,
    choose_base,
    engine_lookups,
    read_python_wish,
)
from karst.build.context import prepare_context
from karst.build.image import (
    Builder,
    BuiltImage,
    ImageBuild,
    build_command,
    build_images,
    detect_builder,
)
from karst.build.recipe import BuildRecipe, image_name, render_recipe

__all__ = [
    "BaseImage",
    "BasePin",
    "BuildRecipe",
    "Builder",
    "BuiltImage",
    "ImageBuild",
    "PythonWish",
    "build_command",
    "build_images",
    "choose_base",
    "detect_builder",
    "engine_lookups",
    "image_name",
    "prepare_context",
    "read_python_wish",
    "render_recipe",
]
