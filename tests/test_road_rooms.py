"""The house keeps its walls: a room imports from rooms before it on the road, and only verbs know several."""

import ast
from pathlib import Path

import pytest

import jaxmlda

HOME = Path(jaxmlda.__file__).parent
ROAD = (
    "world",
    "corpus",
    "streams",
    "rows",
    "model",
    "parallel",
    "training",
    "questions",
    "adaxeval",
    "probe",
    "dynamics",
    "report",
)
SHARED = ("errors", "config", "storage", "progress")
DOORS = {"__main__.py"}


def imported(path: Path) -> set[str]:
    """Rooms that a file imports, wherever in the file the import stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("jaxmlda.")}
        elif isinstance(node, ast.ImportFrom) and node.module == "jaxmlda":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jaxmlda."):
            found.add(node.module.split(".")[1])
    return found - {"__version__"}


@pytest.mark.parametrize("room", ROAD)
def test_a_room_imports_only_from_rooms_before_it(room):
    allowed = {*ROAD[: ROAD.index(room) + 1], *SHARED}
    files = [path for path in (HOME / room).rglob("*.py") if path.name not in DOORS]
    assert files, f"the room {room} is empty"
    assert {str(path): imported(path) - allowed for path in files if imported(path) - allowed} == {}


def test_shared_rooms_import_no_room_of_the_road():
    paths = [HOME / "errors.py", *(path for room in SHARED[1:] for path in (HOME / room).rglob("*.py"))]
    assert {str(path): imported(path) & {*ROAD, "verbs"} for path in paths if imported(path) & {*ROAD, "verbs"}} == {}


def test_tasks_import_only_rooms_that_the_data_has_passed():
    paths = list((HOME.parent / "seqio_tasks").rglob("*.py"))
    allowed = {"world", "corpus", "streams", "rows", *SHARED}
    assert paths
    assert {str(path): imported(path) - allowed for path in paths if imported(path) - allowed} == {}


def test_every_folder_is_a_room_a_shared_room_or_the_verbs():
    folders = {path.name for path in HOME.iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert folders <= {*ROAD, *SHARED, "verbs", "configs"}


@pytest.mark.parametrize(
    "path",
    [path for room in ("training", "probe", "dynamics", "report", "model") for path in (HOME / room).rglob("*.py")],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_no_file_of_training_probe_or_report_names_tensorflow(path):
    names = {
        alias.name if isinstance(node, ast.Import) else node.module or ""
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert not {name for name in names if name.split(".")[0] in {"tensorflow", "seqio", "seqio_tasks"}}
