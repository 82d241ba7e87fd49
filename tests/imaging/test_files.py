import pytest

from xraylab.imaging.files import is_ignored_file


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("a/._sex.csv", True),
        ("__MACOSX/a/sex.csv", True),
        (".DS_Store", True),
        ("a/Thumbs.db", True),
        ("desktop.ini", True),
        ("~$sex.csv", True),
        (".git/sex.csv", True),
        ("a/sex.csv", False),
        ("./sex.csv", False),
        ("a~b.csv", False),
        ("Thumbs.dbase.csv", False),
    ],
)
def test_hidden_and_system_files_are_ignored_by_rule(path: str, ignored: bool) -> None:
    assert bool(is_ignored_file(path)) is ignored
