from training import traced


def test_a_package_counts_by_its_main_and_a_module_by_itself():
    assert traced.file_of("training.prepare") == "training/prepare/__main__.py"
    assert traced.file_of("training.traced") == "training/traced.py"


def test_what_is_imported_from_the_repository_is_listed_and_nothing_else():
    found = traced.imported()
    assert "training/traced.py" in found
    assert all(file.startswith(("training/", "serving/", "protos/", "tests/")) for file in found)


def test_the_rule_names_the_target_by_the_state_and_lets_a_file_vanish():
    assert traced.rule("models/a.ckpt", {"training/b.py", "training/a.py"}) == (
        "$(STATE)/models/a.ckpt: training/a.py training/b.py\ntraining/a.py:\ntraining/b.py:\n"
    )
