"""Parts that the owner wrote or installed: `driver = "my_module:MyLeds"` in the configuration."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from pi_voice.errors import ConfigError


def is_own(driver: str) -> bool:
    """True for `module:Class`, False for the name of a part that ships."""
    return ":" in driver


def make(table: str, settings: Any, folder: Path, *methods: str) -> Any:
    """A part of the class that the configuration names.

    Args:
        table: Of the configuration, for messages.
        settings: That table, with `driver = "module:Class"`; the class is called with it.
        folder: Where the module's file is; an installed module works too.
        methods: What the part must be able to do.

    Raises:
        ConfigError: It cannot be had; says why.
    """
    driver: str = settings.driver
    found = _load(table, driver, folder)
    try:
        made = found(settings)
    except Exception as error:  # noqa: BLE001  # whatever the owner's class does wrong
        why = f"{type(error).__name__}: {error}"
        place = f"[{table}] driver = {driver!r}"
        raise ConfigError(f"{place}: it does not start ({why}); mend it") from error
    missing = [method for method in methods if not callable(getattr(made, method, None))]
    if missing:
        raise ConfigError(
            f"[{table}] driver = {driver!r}: it has no method {', '.join(missing)}; "
            "ports.py says what each part must have"
        )
    return made


def extra(place: str, module_name: str, package: str) -> Any:
    """A library that only this setting needs.

    Args:
        place: The setting, for the message.
        module_name: What to import.
        package: What to install.

    Raises:
        ConfigError: It is not installed; says with which command it will be.
    """
    try:
        return importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigError(
            f"{place} needs a library that is not installed ({error}); "
            f"run: {sys.executable} -m pip install {package}"
        ) from error


def _load(table: str, driver: str, folder: Path) -> Any:
    module_name, _, class_name = driver.partition(":")
    place = f"[{table}] driver = {driver!r}"
    path = folder / f"{module_name}.py"
    try:
        if path.exists():
            spec = importlib.util.spec_from_file_location(module_name, path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[module_name] = module
            spec.loader.exec_module(module)
        else:
            module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigError(f"{place}: {error}; put {module_name}.py into {folder}") from error
    except Exception as error:  # noqa: BLE001  # whatever the owner's module does wrong
        why = f"{type(error).__name__}: {error}"
        raise ConfigError(f"{place}: the module does not load ({why}); mend it") from error
    try:
        return getattr(module, class_name)
    except AttributeError:
        raise ConfigError(
            f"{place}: {module_name} has no {class_name}; name a class of it"
        ) from None
