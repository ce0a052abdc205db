"""Order from dependencies: a pure module on keys.

Cycles do not stop an import: each one is condensed, a few of its dependencies are *proposed* as cuts (a person decides
later), and the rest still gives an order that respects every dependency that was kept.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

Edge = tuple[str, str]
"""(source, target): the source needs the target, so the target comes first."""


@dataclass(frozen=True, slots=True)
class Order:
    """``nodes`` in working order; ``cut``: dependencies left out to get there; ``cycles``: their members in that
    order.
    """

    nodes: tuple[str, ...]
    cut: frozenset[Edge]
    cycles: tuple[tuple[str, ...], ...]


def work_order(nodes: Sequence[str], needs: Iterable[Edge], hints: Iterable[Edge] = ()) -> Order:
    """Order ``nodes`` so that whatever is needed comes first, else as they were given.

    ``needs`` bind, except for the few that close a cycle; ``hints`` are followed where they contradict nothing.
    Edges from or to unknown nodes are ignored. Time and memory grow with nodes + edges (times a logarithm).
    """
    rank = {node: index for index, node in enumerate(nodes)}
    firm = {(a, b) for a, b in needs if a in rank and b in rank and a != b}
    cycles = sorted(
        (sorted(group, key=rank.__getitem__) for group in _knots(nodes, firm)), key=lambda group: rank[group[0]]
    )
    cut = frozenset(_cuts(cycles, firm))
    kept = firm - cut
    soft = {(a, b) for a, b in hints if a in rank and b in rank and a != b} - kept
    knotted = {node: number for number, group in enumerate(_knots(nodes, kept | soft)) for node in group}
    followed = kept | {(a, b) for a, b in soft if a not in knotted or knotted[a] != knotted.get(b)}
    return Order(tuple(_topological(nodes, rank, followed)), cut, tuple(tuple(group) for group in cycles))


def path_between(start: str, goal: str, needs: Iterable[Edge]) -> tuple[str, ...]:
    """A shortest chain of needs from ``start`` to ``goal``, both included, or ``()``."""
    targets = _adjacent(needs)
    came_from: dict[str, str] = {start: start}
    frontier = [start]
    while frontier and goal not in came_from:
        following = []
        for node in frontier:
            for target in targets[node]:
                if target not in came_from:
                    came_from[target] = node
                    following.append(target)
        frontier = following
    if goal not in came_from:
        return ()
    path = [goal]
    while path[-1] != start:
        path.append(came_from[path[-1]])
    return tuple(reversed(path))


def _adjacent(edges: Iterable[Edge]) -> dict[str, list[str]]:
    targets: dict[str, list[str]] = defaultdict(list)
    for source, target in sorted(edges):
        targets[source].append(target)
    return targets


def _topological(nodes: Sequence[str], rank: dict[str, int], edges: set[Edge]) -> Iterator[str]:
    """Kahn's algorithm; of the nodes that are ready the one given first comes first."""
    open_needs = dict.fromkeys(nodes, 0)
    waiting = _adjacent((target, source) for source, target in edges)
    for source, _ in edges:
        open_needs[source] += 1
    ready = [rank[node] for node in nodes if not open_needs[node]]
    heapq.heapify(ready)
    while ready:
        node = nodes[heapq.heappop(ready)]
        yield node
        for source in waiting[node]:
            open_needs[source] -= 1
            if not open_needs[source]:
                heapq.heappush(ready, rank[source])


def _knots(nodes: Sequence[str], edges: set[Edge]) -> list[list[str]]:
    """Strongly connected components of more than one node (Tarjan 1972, without recursion)."""
    targets = _adjacent(edges)
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    knots: list[list[str]] = []
    for root in nodes:
        if root in index:
            continue
        path = [(root, iter(targets[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while path:
            node, remaining = path[-1]
            for target in remaining:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    path.append((target, iter(targets[target])))
                    break
                if target in on_stack:
                    low[node] = min(low[node], index[target])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[node])
                if low[node] == index[node]:
                    knots.extend(_unwound(stack, on_stack, node))
    return knots


def _unwound(stack: list[str], on_stack: set[str], root: str) -> Iterator[list[str]]:
    group = []
    while True:
        member = stack.pop()
        on_stack.discard(member)
        group.append(member)
        if member == root:
            break
    if len(group) > 1:
        yield group


def _cuts(groups: list[list[str]], edges: set[Edge]) -> Iterator[Edge]:
    """A small set of edges without which no group has a cycle (greedy heuristic of Eades, Lin and Smyth, 1993).

    Groups are in rank order, which settles ties. The sequence puts nodes that are needed a lot first.
    """
    number = {node: index for index, group in enumerate(groups) for node in group}
    inside: list[set[Edge]] = [set() for _ in groups]
    for source, target in edges:
        if source in number and number[source] == number.get(target):
            inside[number[source]].add((source, target))
    for group, its_edges in zip(groups, inside, strict=True):
        position = {node: index for index, node in enumerate(_greedy_sequence(group, its_edges))}
        yield from ((a, b) for a, b in its_edges if position[a] < position[b])


def _greedy_sequence(group: list[str], inside: set[Edge]) -> list[str]:
    """Repeatedly: nodes that need nothing go to the front, nodes nobody needs to the back, else the most needed one
    to the front.
    """
    needs, needed_by = _adjacent(inside), _adjacent((b, a) for a, b in inside)
    out_degree = {node: len(needs[node]) for node in group}
    in_degree = {node: len(needed_by[node]) for node in group}
    rank = {node: index for index, node in enumerate(group)}
    heap = [(out_degree[node] - in_degree[node], rank[node], node) for node in group]
    heapq.heapify(heap)
    front: list[str] = []
    back: list[str] = []
    left = set(group)
    ends = [node for node in group if not out_degree[node] or not in_degree[node]]
    while left:
        while ends:
            node = ends.pop()
            if node in left:
                (front if not out_degree[node] else back).append(node)
                _take(node, left, needs, needed_by, out_degree, in_degree, ends, heap, rank)
        node = _most_needed(heap, left, out_degree, in_degree)
        if node:
            front.append(node)
            _take(node, left, needs, needed_by, out_degree, in_degree, ends, heap, rank)
    return front + back[::-1]


def _most_needed(
    heap: list[tuple[int, int, str]], left: set[str], out_degree: dict[str, int], in_degree: dict[str, int]
) -> str:
    while heap:
        surplus, _, node = heapq.heappop(heap)
        if node in left and surplus == out_degree[node] - in_degree[node]:
            return node
    return ""


def _take(  # noqa: PLR0917 - the state of one loop, spelled out
    node: str,
    left: set[str],
    needs: dict[str, list[str]],
    needed_by: dict[str, list[str]],
    out_degree: dict[str, int],
    in_degree: dict[str, int],
    ends: list[str],
    heap: list[tuple[int, int, str]],
    rank: dict[str, int],
) -> None:
    left.discard(node)
    for neighbours, degree in ((needs[node], in_degree), (needed_by[node], out_degree)):
        for neighbour in neighbours:
            if neighbour in left:
                degree[neighbour] -= 1
                heapq.heappush(heap, (out_degree[neighbour] - in_degree[neighbour], rank[neighbour], neighbour))
                if not degree[neighbour]:
                    ends.append(neighbour)
