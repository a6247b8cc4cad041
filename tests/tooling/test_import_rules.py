"""The import rules cover what the architecture page says, as far as it exists."""

import importlib
import tomllib
from pathlib import Path

from tools.programs import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = ["protocol", "aftersales", "queues", "media", "recordings", "signaling", "server"]
PURE = [
    "aftersales", "protocol", "queues.policy", "queues.model", "queues.ownership", "queues.presence",
    "queues.waiting_room", "media.call", "media.grading", "media.negotiation", "media.steps",
    "recordings.retention",
]  # fmt: skip


def exists(module: str) -> bool:
    path = ROOT / module.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def contract(name: str) -> dict[str, list[str]]:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    found: dict[str, list[str]] = next(entry for entry in contracts if entry["id"] == name)
    return found


def test_the_wheel_and_the_import_rules_name_the_same_packages() -> None:
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == PACKAGES
    assert PROJECT["tool"]["importlinter"]["root_packages"] == PACKAGES


def test_every_folder_of_python_at_the_root_is_a_package_of_the_product_or_stands_beside_it() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert folders <= {*PACKAGES, "benchmarks", "tests", "tools"}
    assert folders == set(PROJECT["tool"]["mypy"]["packages"]), "mypy reads every one of them"


def test_every_pure_module_that_exists_is_held_to_purity() -> None:
    assert contract("pure")["source_modules"] == [module for module in PURE if exists(module)]


def test_the_exceptions_of_a_contract_are_named_in_no_other_way_than_a_home() -> None:
    for name, home in (("sql", "server.storage"), ("redis", "server.cluster"), ("secrets", "server.auth")):
        assert all(
            line.split(" -> ")[0].removesuffix(".**") == home for line in contract(name)["ignore_imports"]
        )


def test_each_package_is_ours_and_not_a_namesake() -> None:
    for package in PACKAGES:
        file = importlib.import_module(package).__file__
        assert file is not None
        assert Path(file).parent == ROOT / package
