"""What is public is described: its docstring has every argument, and every exception that it raises."""

import ast
import dataclasses
import inspect
import re
import textwrap

import pytest

import explorer


def section(text, *titles):
    """The names that are described under these titles of a docstring."""
    bodies = re.findall(rf"^(?:{'|'.join(titles)}):\n((?: {{4}}.*\n|\n)+)", text + "\n", re.MULTILINE)
    return {name for body in bodies for name in re.findall(r"^ {4}([\w.]+): \S", body, re.MULTILINE)}


def raised(function, owner=None):
    """The exceptions that a function raises itself, or by private helpers in its module or its class."""
    found, left, seen = set(), [function], []
    while left:
        seen.append(one := inspect.unwrap(left.pop()))
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(one)))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                found.add(ast.unparse(node.exc.func))
            elif isinstance(node, ast.Call) and (call := re.fullmatch(r"(self\.)?(_[a-z]\w*)", ast.unparse(node.func))):
                helper = getattr(owner, call[2], None) if call[1] else one.__globals__.get(call[2])
                left += [helper] if inspect.isfunction(helper) and inspect.unwrap(helper) not in seen else []
    return found


def public():
    """(name, what is called, its docstring, titles its arguments may stand under, what it raises)."""
    for name, thing in ((name, getattr(explorer, name)) for name in explorer.__all__):
        if inspect.isfunction(thing):
            yield name, thing, inspect.getdoc(thing), ["Args"], raised(thing)
        elif inspect.isclass(thing):
            made = getattr(thing, "__post_init__" if dataclasses.is_dataclass(thing) else "__init__", None)
            raises = raised(made, thing) if inspect.isfunction(made) else set()
            yield name, thing, inspect.getdoc(thing), ["Args", "Attributes"], raises
            ours = [kind for kind in thing.__mro__ if kind.__module__.startswith("explorer.")]
            for each in {each for kind in ours for each in vars(kind) if not each.startswith("_")}:
                called = inspect.getattr_static(thing, each)
                if inspect.isfunction(called := getattr(called, "__func__", called)):
                    # A base class may describe what is overridden.
                    texts = [inspect.getdoc(vars(kind)[each]) or "" for kind in ours if each in vars(kind)]
                    yield f"{name}.{each}", called, "\n\n".join(texts), ["Args"], raised(called, thing)


PUBLIC = {name: rest for name, *rest in sorted(public(), key=str)}


def gaps(called, text, titles, raises):
    """Arguments and exceptions that are not described, and described arguments that there are not."""
    arguments = set(inspect.signature(called).parameters) - {"self", "cls"}
    odd = section(text, "Args") - arguments
    return (arguments - section(text, *titles)) | odd | (raises - section(text, "Raises"))


@pytest.mark.parametrize("name", PUBLIC)
def test_every_argument_and_exception_is_described(name):
    assert gaps(*PUBLIC[name]) == set()


def test_the_rule_sees_what_it_should():
    assert len(PUBLIC) > 100
    assert PUBLIC["SeriesRead"][-1] == PUBLIC["Recording.restore"][-1] == {"ConfigError"}  # by a private helper
    text = "What.\n\nArgs:\n    model: it.\n    more: no.\n"
    assert gaps(explorer.train, text, ["Args"], {"TextError"}) == {"text_or_ids", "recipe", "seed", "more", "TextError"}
