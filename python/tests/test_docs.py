"""What the documentation shows is what happens: README.md, and the docstrings of the stubs."""

from __future__ import annotations

import ast
import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

import permits

README = Path(__file__).parent.parent / "README.md"
# Those that were installed: so the wheel has them.
STUBS = [Path(permits.__file__).parent / name for name in ("__init__.pyi", "_machines.pyi", "aio.pyi")]


def run_doctest(text, name, file, line, **known):
    test = doctest.DocTestParser().get_doctest(text, known, name, str(file), line)
    said = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert test.examples
    assert not said, "".join(said)


def docstrings():
    for file in STUBS:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                text = ast.get_docstring(node)
                if text and ">>>" in text:
                    name = getattr(node, "name", file.stem)
                    line = getattr(node, "lineno", 1)
                    yield pytest.param(file, line, text, id="{}:{}:{}".format(file.name, line, name))


@pytest.mark.parametrize("file, line, text", docstrings())
def test_examples_of_docstrings_hold(file, line, text, tmp_path):
    run_doctest(text, file.name, file, line, directory=tmp_path / "permits")


def blocks(machines=False):
    """The code of the README: those with prompts, and programs with what they print. That for machines needs a server."""
    text = README.read_text()
    found = list(re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    for block, after in zip(found, found[1:] + [None]):
        if block[1] == "python" and ("etcd://" in block[2]) == machines:
            line = text.count("\n", 0, block.start()) + 2
            heading = re.findall(r"^##+ (.*)$", text[: block.start()], re.MULTILINE)[-1]
            printed = after[2] if after and after[1] == "text" else None
            yield pytest.param(line, block[2], printed, id=heading)


@pytest.mark.parametrize("line, code, printed", blocks())
def test_examples_of_the_readme_hold(line, code, printed, tmp_path):
    if ">>>" in code:
        run_doctest(code, README.name, README, line - 1)
        return
    # In a directory of this test's own.
    where = "directory={!r}".format(str(tmp_path / "permits"))
    code = re.sub(r'HostSemaphore\(("[^()]*)\)', r"HostSemaphore(\1, {})".format(where), code)
    run_program(code, printed, tmp_path)


def run_program(code, printed, tmp_path):
    program = tmp_path / "example.py"
    program.write_text(code)

    command = [sys.executable, "-W", "error", str(program)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=50)

    assert (done.returncode, done.stdout) == (0, printed)


def public():
    """What the stubs document, by its path below `permits`."""
    for file in STUBS:
        module = permits if file.stem == "__init__" else getattr(permits, file.stem)
        tree = ast.parse(file.read_text())
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and hasattr(module, node.name):
                name = "{}.{}".format(module.__name__, node.name)
                yield pytest.param(getattr(module, node.name), ast.get_docstring(node), id=name)
                for member in node.body:
                    if isinstance(member, ast.FunctionDef) and ast.get_docstring(member):
                        thing = getattr(getattr(module, node.name), member.name)
                        yield pytest.param(thing, ast.get_docstring(member), id="{}.{}".format(name, member.name))


def opening(text):
    return " ".join(text.strip().partition("\n\n")[0].split())


@pytest.mark.parametrize("thing, text", public())
def test_help_opens_as_the_stubs_do(thing, text):
    assert opening(thing.__doc__ or "") == opening(text)
