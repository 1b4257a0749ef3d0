"""docker's rules, by the examples of its documentation and of its matcher's own tests."""

import pytest

from tests.meta.dockerignore import DockerIgnore


@pytest.mark.parametrize(
    ("lines", "path", "kept_out"),
    [
        ("", "a", False),
        ("# a remark", "a", False),
        ("a", "a/b/c", True),
        ("/a/", "a/b", True),
        ("a", "b/a", False),
        ("*", "a/b", True),
        ("*/temp*", "somedir/temporary.txt", True),
        ("*/temp*", "temp", False),
        ("*/*/temp*", "somedir/subdir/temporary.txt", True),
        ("temp?", "tempa", True),
        ("temp?", "temp", False),
        ("**/*.go", "main.go", True),
        ("**/*.go", "a/b/main.go", True),
        ("**/.*", "a/.b/c", True),
        ("a/**", "a/b/c", True),
        ("a.b", "acb", False),
        ("*.md\n!README.md", "README.md", False),
        ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", True),
        ("*.md\nREADME-secret.md\n!README*.md", "README-secret.md", False),
        ("*\n!a/b", "a/b/c", False),
        ("*\n!a/b", "a/c", True),
        ("*\n!a\na/b", "a/b/c", True),
    ],
)
def test_the_last_line_that_fits_decides(lines: str, path: str, *, kept_out: bool) -> None:
    assert DockerIgnore(lines).keeps_out(path) == kept_out
