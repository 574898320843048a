"""The error tree: every error is complete, and no two share a code."""

import pytest

from leffa import errors
from leffa.errors import LeffaError, catalogue


def every_error() -> list[type[LeffaError]]:
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, LeffaError)]


def test_every_error_has_a_code_of_its_own() -> None:
    assert sorted(catalogue()) == sorted({error.code for error in every_error()})
    assert len(catalogue()) == len(every_error())


@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.code)
def test_every_error_says_what_and_what_to_do(error: type[LeffaError]) -> None:
    one = error(field="human_image")
    assert one.code.replace("_", "").isalpha() and one.code.islower()
    assert 400 <= one.status < 600
    assert one.title and one.detail and one.fix
    assert one.fix.endswith(".") and not one.title.endswith(".")
    assert error.__doc__


def test_an_error_s_own_words_win() -> None:
    error = errors.NoPerson("Only a dog.", fix="Ask somebody.", field="human_image")
    assert (str(error), error.detail, error.fix) == ("Only a dog.", "Only a dog.", "Ask somebody.")


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    for error in every_error():
        assert error.__name__ in (errors.__doc__ or ""), error
