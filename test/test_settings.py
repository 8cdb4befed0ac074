from pathlib import Path

import pytest

from dice_ros.errors import SettingsError
from dice_ros.settings import Settings, schema
from dice_ros.settings_document import settings_markdown, settings_yaml

ROOT = Path(__file__).parents[1]


def test_defaults_are_valid():
    assert Settings.from_mapping({n: s.default for n, s in schema().items()}) == Settings()


def test_an_integer_is_accepted_where_a_number_is_wanted():
    assert Settings.from_mapping({"indentation_mm": 4}).indentation_mm == 4.0


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"max_person": 2}, "did you mean 'max_persons'"),
        ({"max_persons": 0}, "expected 1 to 8"),
        ({"max_persons": "two"}, "expected int"),
        ({"max_persons": True}, "expected int"),
        ({"indentation_mm": float("nan")}, "finite"),
        ({"estimator": "magic"}, "expected one of"),
        ({"touch_on_probability": 0.3}, "touch_off_probability.* at most touch_on_probability"),
    ],
)
def test_invalid_settings_say_what_is_expected(values, text):
    with pytest.raises(SettingsError, match=text):
        Settings.from_mapping(values)


def test_one_bad_value_keeps_the_good_ones_from_taking_effect():
    before = Settings()
    with pytest.raises(SettingsError):
        before.updated({"indentation_mm": 5.0, "max_persons": 99})
    assert before.indentation_mm == 3.0


def test_the_yaml_file_is_the_schema():
    assert (ROOT / "config" / "dice.yaml").read_text() == settings_yaml()


def test_the_readme_holds_the_table_of_the_schema():
    assert settings_markdown() in (ROOT / "README.md").read_text()
