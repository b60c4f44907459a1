"""A calculator that reads what a model wrote, and runs none of it: arithmetic only, with bounds on size. Met in week 9.

Python's parser turns the text into a tree, and only nodes that are arithmetic are worked out, one by one. `eval` behind
a list of forbidden words has been broken again and again; a list of allowed nodes leaves nothing to break.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

LONGEST = 300  # characters of an expression
LARGEST = 4096  # bits of a whole number: 2**2**99 would fill the memory
_CONSTANTS = {"pi": math.pi, "e": math.e}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "log10": math.log10,
    "log2": math.log2,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "floor": math.floor,
    "ceil": math.ceil,
    "abs": abs,
    "round": round,
    "min": min,
    "max": max,
}
_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_UNARY: dict[type, Callable[[Any], Any]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}


def calculate(expression: str) -> int | float:
    """The value of an expression: + - * / // % ** ( ), pi, e, and sqrt, exp, log, sin, min, round and their like.

    Whole numbers are exact. ^ is taken as a power, and 1,000 as a thousand would be two numbers, so it is refused.
    Raises ValueError with one sentence for all else, and for what is too large.
    """
    if len(expression) > LONGEST:
        raise ValueError(
            f"the expression has {len(expression)} characters; at most {LONGEST} are read."
        )
    text = expression.strip().replace("^", "**").replace("×", "*").replace("÷", "/")
    text = text.replace("−", "-")
    try:
        return _value(ast.parse(text, mode="eval").body)
    except ZeroDivisionError:
        raise ValueError(f"{expression!r} divides by zero.") from None
    except OverflowError:
        raise ValueError(f"{expression!r} is too large.") from None
    except TypeError as error:
        raise ValueError(f"{expression!r} can't be worked out: {error}.") from None
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"{expression!r} is no expression.") from None


def shown(value: int | float) -> str:
    """A number as it is read: whole ones in full, others to 12 digits."""
    return str(value) if isinstance(value, int) else f"{value:.12g}"


def _value(node: ast.AST) -> int | float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return _bounded(node.value)
    if isinstance(node, ast.Name) and node.id in _CONSTANTS:
        return _CONSTANTS[node.id]
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _UNARY[type(node.op)](_value(node.operand))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return _power(_value(node.left), _value(node.right))
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _bounded(_BINARY[type(node.op)](_value(node.left), _value(node.right)))
    if isinstance(node, ast.Call) and not node.keywords and isinstance(node.func, ast.Name):
        if node.func.id in _FUNCTIONS:
            return _bounded(_FUNCTIONS[node.func.id](*map(_value, node.args)))
    raise ValueError(f"{ast.unparse(node)[:60]!r} is not arithmetic.")


def _power(base: int | float, exponent: int | float) -> int | float:
    if isinstance(base, int) and isinstance(exponent, int) and exponent > 0:
        if base.bit_length() * exponent > 2 * LARGEST:
            raise ValueError(f"{shown(base)[:40]}**{shown(exponent)[:40]} is too large.")
    result = base**exponent
    if isinstance(result, complex):
        raise ValueError(f"{shown(base)}**{shown(exponent)} is no real number.")
    return _bounded(result)


def _bounded(value: int | float) -> int | float:
    if isinstance(value, int) and value.bit_length() > LARGEST:
        raise ValueError("a number is too large.")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number is too large, or none.")
    return value
