"""What README.md shows of machines is what happens."""

from __future__ import annotations

import re

import pytest

from test_docs import blocks, run_program


@pytest.mark.parametrize("line, code, printed", blocks(machines=True))
def test_examples_of_the_readme_hold_on_a_server(server, line, code, printed, tmp_path):
    code, places = re.subn(r"etcd://[0-9.,]+/", server.address("readme/"), code)

    assert places == 1
    run_program(code, printed, tmp_path)
