"""One setting looked up in flags, environment, .env and defaults, and checked."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from karst.config.addresses import (
    hide_password,
    is_engine_address,
    is_network_name,
    network_remedy,
)
from karst.config.dotenv_file import DotenvValue, parse_dotenv
from karst.config.quantity import parse_size
from karst.config.setting_keys import SETTING_KEYS
from karst.errors import ConfigError
from karst.secret import Secret

Flag = str | int | bool | Path | None

_TRUTHS = {"1": True, "true": True, "yes": True, "on": True}
_TRUTHS |= {"0": False, "false": False, "no": False, "off": False}
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_WHOLE = re.compile(r"[0-9]{1,6}")


class SettingSource:
    """Where settings come from, the strongest first. Readers raise ConfigError."""

    def __init__(
        self,
        environ: Mapping[str, str],
        dotenv_text: str | None,
        flags: Mapping[str, Flag],
    ) -> None:
        self._environ = environ
        self._dotenv: Mapping[str, DotenvValue] = parse_dotenv(dotenv_text or "")
        self._flags = {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in flags.items()
            if value is not None
        }

    def _find(self, name: str) -> tuple[str, str]:
        """Return the text of a setting ("" for none) and where it was found."""
        if flag := self._flags.get(name):
            return flag, f"command line {name}"
        if variable := self._environ.get(name):
            return variable, f"environment variable {name}"
        if (value := self._dotenv.get(name)) and value.text:
            return value.text, f".env:{value.line} {name}"
        return SETTING_KEYS[name].default, f"default of {name}"

    def where(self, name: str) -> str:
        """Return where the value of `name` came from."""
        return self._find(name)[1]

    def text(self, name: str) -> str:
        return self._find(name)[0]

    def optional(self, name: str) -> str | None:
        return self.text(name) or None

    def secret(self, name: str) -> Secret | None:
        text = self.text(name)
        return Secret(text) if text else None

    def path(self, name: str) -> Path | None:
        text = self.text(name)
        return Path(text) if text else None

    def whole(self, name: str, least: int, most: int) -> int:
        text = self.text(name)
        remedy = f"write a number from {least} to {most}"
        if not _WHOLE.fullmatch(text):
            is_number = re.fullmatch(r"-?[0-9]+", text)
            self._refuse(
                name, "is out of range" if is_number else "is no whole number", remedy
            )
        if not least <= int(text) <= most:
            self._refuse(name, "is out of range", remedy)
        return int(text)

    def size(self, name: str) -> int:
        try:
            return parse_size(self.text(name))
        except ValueError:
            self._refuse(name, "is no size", "write it as 500MiB or 2GiB")

    def port(self, name: str) -> int:
        return self.whole(name, 1, 65535)

    def truth(self, name: str) -> bool:
        text = self.text(name).lower()
        if text not in _TRUTHS:
            self._refuse(name, "is neither true nor false", "write true or false")
        return _TRUTHS[text]

    def log_level(self, name: str) -> str:
        text = self.text(name).upper()
        if text not in _LEVELS:
            self._refuse(name, "is no log level", f"write one of {', '.join(_LEVELS)}")
        return text

    def url(self, name: str) -> str | None:
        text = self.text(name)
        try:
            parts = urlsplit(text)
            is_url = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            is_url = False
        if text and not is_url:
            self._refuse(
                name, "is no URL", "write it as https://host or http://host:port"
            )
        return text or None

    def engine(self, name: str) -> str | None:
        text = self.text(name)
        if text and not is_engine_address(text):
            self._refuse(
                name,
                "is no address of an engine",
                "write it as ssh://user@host, tcp://host:2376 or unix:///path/docker.sock",
            )
        return text or None

    def network(self, name: str) -> str:
        text = self.text(name)
        if not is_network_name(text):
            self._refuse(
                name,
                "is no name for a network of one's own",
                network_remedy(text),
            )
        return text

    def image_pattern(self, name: str) -> str:
        text = self.text(name)
        try:
            fields = {field for _, field, _, _ in string.Formatter().parse(text)}
        except ValueError:
            fields = {""}
        if not fields <= {None, "version"}:
            self._refuse(
                name,
                "holds braces that mean nothing",
                "write {version} where Python's version goes, and no other braces",
            )
        return text

    def _refuse(self, name: str, what: str, remedy: str) -> NoReturn:
        text, where = self._find(name)
        raise ConfigError(f"'{hide_password(text)}' {what}", where=where, remedy=remedy)
