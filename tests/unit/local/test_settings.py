from pathlib import Path

import pytest

from serving.errors import SettingsError
from serving.local.settings import read_settings


def test_an_existing_triton_is_named_by_a_variable_without_the_prefix():
    settings = read_settings({"RECSERVE_STACK_STATE": "build/x", "TRITON_URL": "there:8001"})
    assert settings.state == Path("build/x")
    assert settings.triton_url == "there:8001"


def test_all_wrong_settings_are_told_together():
    with pytest.raises(SettingsError) as caught:
        read_settings({"RECSERVE_STACK_WORKERS": "0", "RECSERVE_STACK_COLOUR": "red"})
    told = str(caught.value)
    assert "RECSERVE_STACK_STATE is required and not set" in told
    assert "RECSERVE_STACK_WORKERS: Input should be greater than or equal to 1, got '0'" in told
    assert "RECSERVE_STACK_COLOUR is no setting; after RECSERVE_STACK_ may stand STATE" in told
