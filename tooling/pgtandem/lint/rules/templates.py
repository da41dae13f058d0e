"""TH17 a template lets nothing out but through a filter that makes it safe."""

from collections.abc import Collection, Iterator

import jinja2
from jinja2 import nodes
from jinja2.defaults import DEFAULT_NAMESPACE

from pgtandem.lint.finding import Finding

PASSES_ON = "trusted"
"""The filter that quotes nothing, for what is SQL already."""
LAYS_OUT = frozenset({"indent", "trim"})
CHECKED_WORDS = frozenset({"name"})
"""Attributes of a mapping's parts that the mapping checks to be plain lower-case words."""
CHECKED_LISTS = frozenset({"key_params"})
"""Attributes that list parameter names made from such words."""


def template_filters(
    path: str, text: str, environment: jinja2.Environment, safe: Collection[str]
) -> Iterator[Finding]:
    """TH17: every ``{{ ... }}`` ends in a safe filter, in each branch of a condition.

    A constant written in the template is as safe as the text around it, and so is a macro, whose
    own output is checked where it is defined. ``| trusted`` takes only what is SQL already: a
    macro's output; what a loop over constants or over a function of the renderer yields; a name
    made of constants and of words that the mapping checks; a macro's parameter if its default and
    what each call in the same template gives is of these kinds. Filters that only lay out change
    nothing.
    """
    try:
        tree = environment.parse(text)
    except jinja2.TemplateSyntaxError as error:
        message = f"not a valid template: {error.message}"
        yield Finding(path, error.lineno, "TH17", message, "correct the template")
        return
    for node in _Check(tree, environment, safe).unsafe(tree, {}):
        yield Finding(
            path,
            node.lineno,
            "TH17",
            f"an output does not end in a safe filter ({_describe(node)})",
            "end it in `| ident` for a name, `| literal` for a value, or another filter of the "
            "renderer",
        )


_Scope = dict[str, bool]
"""The names bound where one stands; True if what they hold is SQL already."""


class _Check:
    """What one template knows to be safe."""

    def __init__(
        self, tree: nodes.Template, environment: jinja2.Environment, safe: Collection[str]
    ) -> None:
        self.safe = safe
        self.builders = set(environment.globals) - set(DEFAULT_NAMESPACE)
        self.macros = {macro.name for macro in tree.find_all(nodes.Macro)} | {"caller"}
        self.modules = {imported.target for imported in tree.find_all(nodes.Import)}
        for imported in tree.find_all(nodes.FromImport):
            names = imported.names
            self.macros |= {name if isinstance(name, str) else name[1] for name in names}
        self.calls = list(tree.find_all(nodes.Call))

    def unsafe(self, node: nodes.Node, scope: _Scope) -> Iterator[nodes.Expr]:
        """The outputs below `node` that are not safe; an assignment adds to `scope`."""
        if isinstance(node, nodes.Output):
            for output in node.nodes:
                if not isinstance(output, nodes.TemplateData) and not self.is_safe(output, scope):
                    yield output
        elif isinstance(node, nodes.Assign) and isinstance(node.target, nodes.Name):
            scope[node.target.name] = self._is_sql(node.node, scope)
        elif isinstance(node, nodes.If):
            branches: list[_Scope] = []
            parts: list[list[nodes.Node]] = [node.body, node.else_]
            parts += [[other] for other in node.elif_]
            for branch in parts:
                branches.append(dict(scope))
                for child in branch:
                    yield from self.unsafe(child, branches[-1])
            for name in {name for branch in branches for name in branch}:
                scope[name] = all(branch.get(name, True) for branch in branches)
        else:
            inner = scope
            if isinstance(node, nodes.For):
                inner = scope | self._loop(node)
            elif isinstance(node, nodes.Macro):
                inner = scope | self._parameters(node, scope)
            for child in node.iter_child_nodes():
                yield from self.unsafe(child, inner)

    def is_safe(self, node: nodes.Expr, scope: _Scope) -> bool:
        """Whether an output is safe as it is."""
        if isinstance(node, nodes.Const):
            return True
        if isinstance(node, nodes.CondExpr):
            branches = [node.expr1, *([node.expr2] if node.expr2 is not None else [])]
            return all(self.is_safe(branch, scope) for branch in branches)
        if isinstance(node, nodes.Call):
            return self._is_macro(node.node)
        if not isinstance(node, nodes.Filter) or node.node is None:
            return False
        if node.name in LAYS_OUT:
            return self.is_safe(node.node, scope)
        if node.name == PASSES_ON:
            return self._is_sql(node.node, scope)
        return node.name in self.safe

    def _is_sql(self, node: nodes.Node, scope: _Scope) -> bool:
        """Whether an expression may go through `trusted`."""
        if isinstance(node, nodes.Name):
            return scope.get(node.name, False)
        if isinstance(node, nodes.Getattr):
            return node.attr in CHECKED_WORDS
        if isinstance(node, nodes.Concat):
            return all(self._is_sql(part, scope) for part in node.nodes)
        return isinstance(node, nodes.Expr) and self.is_safe(node, scope)

    def _is_macro(self, node: nodes.Node) -> bool:
        if isinstance(node, nodes.Getattr):
            return isinstance(node.node, nodes.Name) and node.node.name in self.modules
        return isinstance(node, nodes.Name) and node.name in self.macros

    def _loop(self, loop: nodes.For) -> _Scope:
        """What a loop binds."""
        source = loop.iter
        called = source.node if isinstance(source, nodes.Call) else None
        targets = [loop.target, *loop.target.find_all(nodes.Name)]
        names = [target.name for target in targets if isinstance(target, nodes.Name)]
        is_builder = isinstance(called, nodes.Name) and called.name in self.builders
        is_sql = is_builder or _is_constant(source)
        is_words = isinstance(source, nodes.Getattr) and source.attr in CHECKED_LISTS
        return {name: is_sql or (is_words and name == names[-1]) for name in names}

    def _parameters(self, macro: nodes.Macro, scope: _Scope) -> _Scope:
        """What a macro binds: a parameter is SQL if all that it is given in this template is."""
        ours = [
            call
            for call in self.calls
            if isinstance(call.node, nodes.Name) and call.node.name == macro.name
        ]
        without_default = len(macro.args) - len(macro.defaults)
        bound: _Scope = {}
        for position, argument in enumerate(macro.args):
            given: list[nodes.Expr] = []
            if position >= without_default:
                given.append(macro.defaults[position - without_default])
            for call in ours:
                given += call.args[position : position + 1]
                given += [word.value for word in call.kwargs if word.key == argument.name]
            is_sql = bool(given) and all(self._is_sql(value, scope) for value in given)
            bound[argument.name] = is_sql
        return bound


def _is_constant(node: nodes.Node) -> bool:
    if isinstance(node, nodes.Tuple | nodes.List):
        return all(_is_constant(item) for item in node.items)
    return isinstance(node, nodes.Const)


def _describe(node: nodes.Expr) -> str:
    if isinstance(node, nodes.Filter):
        return f"it ends in `| {node.name}`"
    return f"it is a bare {type(node).__name__.lower()}"
