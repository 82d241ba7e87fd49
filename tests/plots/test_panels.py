from xraylab.plots.panels import letters, rows_and_columns, wrapped


def test_words_keep_to_their_panel() -> None:
    assert wrapped("two words", 5) == "two\nwords"
    assert wrapped("first\nsecond", 20) == "first\nsecond"
    short = wrapped("a" * 40 + "b" * 40, 10, 2)
    assert all(len(line) <= 10 for line in short.split("\n"))
    assert short.count("\n") == 1
    assert short[0] == "a"
    assert short[-1] == "b"
    assert "…" in short
    assert letters(2.0) > letters(1.0) >= 8
    assert [rows_and_columns(n) for n in (1, 3, 4, 5, 12)] == [
        (1, 1),
        (1, 3),
        (2, 2),
        (2, 3),
        (4, 3),
    ]
