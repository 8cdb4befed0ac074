"""What inert objects mean: arrays, matrices, dictionaries.

Each name has one rule here, a pure function of stored data. Objects without a rule, such as
modules, stay inert, so a file may carry much that nobody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dice_ros.checkpoints.dictionary_keys import checked_key
from dice_ros.checkpoints.inert import Inert, StorageReference, origin_of
from dice_ros.checkpoints.read_budget import ReadBudget
from dice_ros.checkpoints.storage import Storage
from dice_ros.errors import CheckpointError

# Deeper than any file of these; each level takes a few Python frames.
_MAX_DEPTH = 100

Rule = Callable[["PlainReader", Inert], object]


class PlainReader:
    """Turns the inert objects of one file into plain values, each once.

    Args:
        rules: what the names mean.
        storage: finds the bytes behind a storage reference.
        budget: how much the arrays may take together.
        nesting: how many files this one is hidden in.
    """

    def __init__(
        self,
        rules: Mapping[str, Rule],
        storage: Callable[[StorageReference], Storage],
        budget: ReadBudget,
        nesting: int = 0,
    ) -> None:
        self.budget = budget
        self.nesting = nesting
        self._rules = rules
        self._storage = storage
        # The source is kept beside the value: a freed object's id may be used again.
        self._done: dict[int, tuple[object, object]] = {}
        self._open: set[int] = set()

    def value(self, node: object) -> object:
        """The plain value of a node.

        Returns:
            Numbers, strings, lists, tuples, sets, dictionaries, NumPy arrays, ``SparseMatrix``,
            ``Storage``; objects of other classes remain :class:`Inert`.

        Raises:
            CheckpointError: the node holds itself, is nested too deeply or its data is malformed.
        """
        if not isinstance(node, (Inert, list, tuple, dict, set, frozenset)):
            return node
        if id(node) in self._done:
            return self._done[id(node)][1]
        if id(node) in self._open:
            raise CheckpointError(f"a {origin_of(node)} in the file holds itself")
        if len(self._open) >= _MAX_DEPTH:
            raise CheckpointError(f"the file is nested more than {_MAX_DEPTH} levels deep")
        self._open.add(id(node))
        try:
            value = self._read(node)
        finally:
            self._open.discard(id(node))
        self._done[id(node)] = (node, value)
        return value

    def mapping(self, node: object) -> dict[object, object] | None:
        """The entries of a dictionary with their values still unread; None if it is none."""
        if isinstance(node, dict):
            return node
        if isinstance(node, Inert) and node.origin == "collections.OrderedDict":
            return self._ordered(node)
        return None

    def _read(self, node: object) -> object:
        entries = self.mapping(node)
        if entries is not None:
            return {self.key(key): self.value(value) for key, value in entries.items()}
        if isinstance(node, StorageReference):
            return self._storage(node)
        if isinstance(node, Inert):
            rule = self._rules.get(node.origin)
            return node if rule is None else rule(self, node)
        if isinstance(node, list):
            return [self.value(item) for item in node]
        if isinstance(node, tuple):
            return tuple(self.value(item) for item in node)
        if isinstance(node, (set, frozenset)):
            return {self.key(item) for item in node}
        return node

    def key(self, node: object) -> object:
        """The plain value of a key or of a member of a set.

        Raises:
            CheckpointError: it cannot be one, or there are too many.
        """
        return checked_key(self.value(node), self.budget)

    def _ordered(self, node: Inert) -> dict[object, object]:
        entries: dict[object, object] = {}
        pairs = node.args[0] if node.args else []
        if len(node.args) > 1 or not isinstance(pairs, list):
            raise CheckpointError("an OrderedDict is made from something that is no list of pairs")
        for pair in pairs:
            if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                raise CheckpointError("an OrderedDict holds something that is no pair")
            entries[checked_key(pair[0], self.budget)] = pair[1]
        for key, value in node.items:
            entries[checked_key(key, self.budget)] = value
        return entries
