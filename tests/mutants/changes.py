"""Finds the small changes that can be made to a module, one at a time."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_SUMS: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv}


@dataclass(frozen=True)
class Change:
    """Replaces `old` between these offsets of the module with `new`."""

    line: int
    start: int
    end: int
    old: str
    new: str

    def applied(self, text: str) -> str:
        return text[: self.start] + self.new + text[self.end :]


def changes(text: str) -> list[Change]:
    """Returns all changes: another comparison, condition or number, or a removed statement."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = []
    for node, new in _mutated(ast.parse(text)):
        old = ast.get_source_segment(text, node)
        assert old is not None
        line = text.splitlines()[node.lineno - 1]
        start = starts[node.lineno - 1] + len(line.encode()[: node.col_offset].decode())
        found.append(Change(node.lineno, start, start + len(old), old, new))
    return found


def _mutated(tree: ast.Module) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    skipped = {id(part) for node in ast.walk(tree) for part in _unimportant(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            skipped.update(id(part) for part in ast.iter_child_nodes(node))
        elif isinstance(node, ast.expr):
            yield from ((node, f"({new})") for new in _of_expression(node))
        elif (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)) or isinstance(
            node, ast.Raise | ast.Continue | ast.Break | ast.AugAssign
        ):
            yield node, "pass"
        elif isinstance(node, ast.If | ast.While):
            yield node.test, f"(not ({ast.unparse(node.test)}))"


def _of_expression(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARISONS:
        other = _COMPARISONS[type(node.ops[0])]()
        yield ast.unparse(ast.Compare(node.left, [other, *node.ops[1:]], node.comparators))
    elif isinstance(node, ast.BoolOp):
        yield ast.unparse(ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values))
        yield from (ast.unparse(value) for value in node.values)
    elif isinstance(node, ast.BinOp) and type(node.op) in _SUMS:
        yield ast.unparse(ast.BinOp(node.left, _SUMS[type(node.op)](), node.right))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield ast.unparse(node.operand)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield str(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield str(node.value + 1)


def _unimportant(node: ast.AST) -> Iterator[ast.AST]:
    """Yields nodes that tests need not check: types, code for type checkers, and texts of errors."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from filter(None, [node.returns, *(argument.annotation for argument in ast.walk(node.args)
                                                 if isinstance(argument, ast.arg))])  # fmt: skip
        yield from node.decorator_list
    elif isinstance(node, ast.AnnAssign):
        yield node.annotation
    elif isinstance(node, ast.ClassDef):
        yield from node.decorator_list
    elif isinstance(node, ast.JoinedStr):
        yield node
    elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        yield from [node.test, *node.body]
    elif isinstance(node, ast.Assert):
        yield node.test
