"""What an installed `permits` comes with besides its code."""

import importlib.metadata

HERE = importlib.metadata.distribution("permits")


def test_the_licences_are_named_and_installed():
    named = HERE.metadata.get_all("License-File")
    installed = {file.name: file for file in HERE.files or [] if "licenses" in file.parts}

    assert HERE.metadata["License-Expression"] == "MIT OR Apache-2.0"
    assert sorted(named) == ["LICENSE-APACHE", "LICENSE-MIT"]
    assert sorted(installed) == sorted(named)
    assert "Permission is hereby granted" in installed["LICENSE-MIT"].read_text()
    assert "Apache License" in installed["LICENSE-APACHE"].read_text()
