"""The stream of states that the parts of a layer read and add to, as `model.layer_style` says."""

from persona_tf.export.onnx.graph import Graph, Norm


class Residual:
    """Lays out what stands between the parts: sums and norms.

    Args:
      graph: gets the nodes.
      x: what comes in, [X, D].
      norm_place: ``before`` or ``after``.
    """

    def __init__(self, graph: Graph, x: str, norm_place: str):
        self._graph, self._x, self._is_before = graph, x, norm_place == "before"
        self._added: str | None = None

    def enter(self, norm: Norm) -> str:
        """What a part with this norm reads."""
        if not self._is_before:
            return self._x
        self._x, normed = self._graph.add_norm(self._x, self._added, norm)
        return normed

    def leave(self, norm: Norm, made: str) -> None:
        """Takes what the part has made of it."""
        if self._is_before:
            self._added = made
        else:
            self._x = self._graph.add_norm(self._x, made, norm)[1]

    def end(self, norm: Norm | None) -> str:
        """What goes out; ``norm``: that at the end of the stack, where norms come before."""
        return self._x if norm is None else self._graph.add_norm(self._x, self._added, norm)[1]
