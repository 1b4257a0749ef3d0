"""Who imports whom, read from the source: nothing is imported to find out."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = ("serving", "training", "feature_repo")
GATEWAY = ("serving.app", "serving.process.worker", "serving.api", "serving.assembly")


def modules(package: str) -> list[str]:
    """Every module of one of our packages, as `serving.features.keys`."""
    found = [
        p.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        for p in (ROOT / package).rglob("*.py")
    ]
    return sorted(found)


def source(module: str) -> str:
    """Of a package that runs as a program: that of its __main__."""
    main = _file(module).with_name("__main__.py")
    is_package = _file(module).name == "__init__.py"
    return (main if is_package and main.is_file() else _file(module)).read_text()


@cache
def imports(module: str) -> frozenset[str]:
    """What `module` imports anywhere but under TYPE_CHECKING: our modules by full name, else as written."""
    names = imported_names(_file(module).read_text())
    return frozenset(n if _is_ours(n) or not n.startswith(OURS) else _owner(n) for n in names)


def imported_names(text: str) -> set[str]:
    """What Python source imports when it runs, anywhere in it."""
    return {name for node in _running(ast.parse(text)) for name in _imported(node)}


def closure(*starts: str) -> set[str]:
    """The modules of ours that importing `starts` runs, and the foreign ones that these import."""
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        found.add(module)
        if _is_ours(module):
            waiting += imports(module)
            waiting += [p for p in _packages(module) if _is_ours(p)]
    return found


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _running(node)


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:  # a name may be a module itself
            whole = f"{node.module}.{alias.name}"
            yield whole if _is_ours(whole) else node.module


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in OURS and _file(module).is_file()


def _owner(name: str) -> str:
    while name and not _is_ours(name):
        name = name.rpartition(".")[0]
    return name


def _packages(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


@cache
def _file(module: str) -> Path:
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
