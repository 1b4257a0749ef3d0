"""Pages from the templates of `training/templates`; a value that a template asks for in vain is an error."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"


def words(name: object) -> str:
    """A name as a reader is told it."""
    return str(name).replace("_", " ")


def rendered(template: str, **values: object) -> str:
    """The page of a template's file; `words` is a filter there."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["words"] = words
    return environment.get_template(template).render(**values)
