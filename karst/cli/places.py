"""Where fetched repositories are kept, and which settings are never shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from karst.config.setting_keys import FORGE_KEYS
from karst.config.settings import Settings
from karst.context.run_context import RunContext
from karst.effects.workspace import private_directory
from karst.secret import Secret


def fetched_folder(
    settings: Settings,
    environ: Mapping[str, str],
    root: Path,
    context: RunContext | None = None,
) -> Path:
    """Where fetched repositories are kept: a pipeline's own cache can save it."""
    if settings.cache_dir:
        return root / settings.cache_dir.expanduser()
    if context is not None:
        return private_directory(context.workspace / ".karst") / "cache"
    home = (
        environ.get("XDG_CACHE_HOME") or f"{environ.get('HOME') or Path.home()}/.cache"
    )
    return Path(home) / "karstkit" / "fetched"


def forge_secrets(settings: Settings) -> tuple[Secret, ...]:
    """The tokens and keys of forges, never to be shown."""
    secret = {key.name for key in FORGE_KEYS if key.secret}
    return tuple(Secret(v) for name, v in settings.forges.items() if name in secret)
