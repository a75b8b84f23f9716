"""Lines that use each public function, class and result wrongly, made of the sources: TensorFlow is not started."""

import ast
from pathlib import Path

import tfcompress

ROOT = Path(tfcompress.__file__).parent
UNTYPED = {"optimizer"}
"""Parameters that take what Keras, which has no types, makes."""
TYPED = {"target": repr("cpu")}
"""What stands for parameters by which an overload is chosen: any value would fit all of them."""


def mistakes_with_every_name():
    """Yield a script for type checkers in which each line with a comment is wrong."""
    yield from ("# pyright: strict", "from typing import Any", "import tfcompress", "def something() -> Any: ...")
    for name, home in tfcompress._HOMES.items():
        path = ROOT / home.replace(".", "/")
        if (path / f"{name}.py").exists():  # tfmot is a module
            for node in body_of(path / f"{name}.py"):
                if isinstance(node, ast.FunctionDef) and node.name[0] != "_":
                    yield from with_function(f"tfcompress.{name}.{node.name}", node)
            continue
        *_, node = (node for node in body_of(path.with_suffix(".py")) if getattr(node, "name", None) == name)
        if isinstance(node, ast.FunctionDef):
            yield from with_function(f"tfcompress.{name}", node)
        elif home != "errors":
            yield from with_class(f"tfcompress.{name}", node)


def body_of(path):
    return ast.parse(path.read_text()).body


def with_function(name, node):
    yield from wrong_calls(name, node.args)
    if ast.unparse(node.returns) != "None":
        yield f"{name}({call(node.args)}).no_such_attribute  # mistake"


def with_class(name, node):
    """Misspelt attributes of an object, of its fields and of its properties; wrong calls of its methods."""
    if any("dataclass" in ast.unparse(one) for one in node.decorator_list):
        yield from wrong_calls(name, fields(node))
    yield f"def use_{node.name}(one: {name}) -> None:"
    yield "    one.no_such_attribute  # mistake"
    for member in node.body:
        kinds = {ast.unparse(one) for one in getattr(member, "decorator_list", ())}
        if isinstance(member, ast.AnnAssign) and not ast.unparse(member.annotation).startswith("ClassVar"):
            yield f"    one.{member.target.id}.no_such_attribute  # mistake"
        elif not isinstance(member, ast.FunctionDef):
            continue
        elif member.name == "__init__":
            yield from (f"    {line}" for line in wrong_calls(name, member.args))
        elif kinds & {"property", "cached_property"}:
            yield f"    one.{member.name}.no_such_attribute  # mistake"
        # What Keras calls of a callback is no mistake of users.
        elif not kinds and not member.name.startswith(("_", "on_", "set_")):
            yield from (f"    {line}" for line in wrong_calls(f"one.{member.name}", member.args))


def fields(node):
    """The arguments that a dataclass takes."""
    found = [one for one in node.body if isinstance(one, ast.AnnAssign)]
    arguments = [ast.arg(one.target.id, one.annotation) for one in found]
    return ast.arguments(
        [], arguments, kwonlyargs=[], kw_defaults=[], defaults=[one.value for one in found if one.value]
    )


def wrong_calls(name, arguments):
    """Yield a call with a wrong keyword, and one with a wrong value for each parameter."""
    yield f"{name}({call(arguments, no_such_keyword=1)})  # mistake"
    for parameter in parameters(arguments):
        if parameter.arg not in UNTYPED:
            yield f"{name}({call(arguments, **{parameter.arg: 'object()'})})  # mistake"
        words = ast.unparse(parameter.annotation).split(" | ")
        if {"int", "float"} & {*words} and "str" not in words:
            yield f"{name}({call(arguments, **{parameter.arg: repr('text')})})  # mistake"


def call(arguments, **others):
    """The arguments of a call: something for what must be there, and others."""
    positional = [*arguments.posonlyargs, *arguments.args]
    needed = positional[: len(positional) - len(arguments.defaults)]
    needed += [one for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if not default]
    values = {one.arg: TYPED.get(one.arg, "something()") for one in needed if one.arg != "self"} | others
    return ", ".join(f"{name}={value}" for name, value in values.items())


def parameters(arguments):
    return [one for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs) if one.arg != "self"]
