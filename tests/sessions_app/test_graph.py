"""Order from dependencies."""

import itertools
import time

import pytest

from sessions_app.graph import path_between, work_order


def edges(text: str) -> list[tuple[str, str]]:
    """``"a>b c>d"``: a needs b, c needs d."""
    return [tuple(each.split(">")) for each in text.split()]


@pytest.mark.parametrize(
    ("nodes", "needs", "expected"),
    [
        ("", "", ""),
        ("abc", "", "abc"),
        ("cba", "", "cba"),
        ("abc", "a>b b>c", "cba"),
        ("abcd", "a>d", "bcda"),
        ("abcd", "b>a c>a d>b d>c", "abcd"),
        ("abc", "a>x x>b", "abc"),
        ("abc", "a>a", "abc"),
        ("abc", "a>b a>b", "bac"),
    ],
)
def test_what_is_needed_comes_first_else_the_given_order_stays(nodes, needs, expected):
    order = work_order(nodes, edges(needs))

    assert "".join(order.nodes) == expected
    assert (order.cut, order.cycles) == (frozenset(), ())


@pytest.mark.parametrize(
    ("nodes", "hints", "expected"),
    [("abc", "a>b", "bac"), ("abc", "a>b b>a", "abc"), ("abc", "a>c c>b", "bca")],
)
def test_hints_are_followed_where_they_contradict_nothing(nodes, hints, expected):
    assert "".join(work_order(nodes, [], edges(hints)).nodes) == expected


def test_a_hint_against_a_need_is_left_aside():
    order = work_order("abc", edges("a>b"), edges("b>a c>a"))

    assert "".join(order.nodes) == "bac"


def test_a_cycle_is_named_and_cut_once():
    order = work_order("abcd", edges("a>b b>c c>a d>a"))

    assert order.cycles == (("a", "b", "c"),)
    assert len(order.cut) == 1
    assert order.cut < set(edges("a>b b>c c>a"))
    assert set(order.nodes) == set("abcd")


def test_separate_cycles_are_separate():
    order = work_order("dcba", edges("a>b b>a c>d d>c a>c"))

    assert order.cycles == (("d", "c"), ("b", "a"))
    assert len(order.cut) == 2


def test_few_cuts_undo_a_dense_knot():
    """Everything needs everything: half of the edges must go, and no more."""
    order = work_order("abcdef", itertools.permutations("abcdef", 2))

    assert len(order.cut) == 15


def test_the_cut_frees_the_node_that_is_needed_most():
    order = work_order("abcde", edges("a>e b>e c>e d>e e>a a>b a>c a>d"))

    assert order.cut == {("e", "a")}
    assert order.nodes[0] == "e"


def test_the_order_is_the_same_every_time():
    nodes = [f"n{n}" for n in range(60)]
    needs = [(f"n{a}", f"n{(a * 7 + 3) % 60}") for a in range(60)] + [(f"n{a}", f"n{(a * 11) % 60}") for a in range(60)]

    assert len({(work_order(nodes, list(each)).nodes) for each in (needs, needs[::-1], sorted(needs))}) == 1


@pytest.mark.parametrize(
    ("start", "goal", "path"),
    [("a", "c", "abc"), ("a", "d", "ad"), ("c", "a", ""), ("a", "a", "a"), ("x", "a", "")],
)
def test_a_path_is_the_shortest_chain(start, goal, path):
    assert "".join(path_between(start, goal, edges("a>b b>c a>d d>e e>c"))) == path


def test_long_chains_need_no_recursion():
    nodes = [str(n) for n in range(50_000)]
    chain = list(itertools.pairwise(nodes))

    assert work_order(nodes, chain).nodes == tuple(reversed(nodes))
    assert len(path_between("0", "49999", chain)) == 50_000


@pytest.mark.parametrize(
    "needs",
    [
        [(str(n), str((n + 1) % 20_000)) for n in range(20_000)],
        [(str(n), str(n ^ 1)) for n in range(20_000)],
        [(str(n), str((n + k) % 1_000)) for n in range(1_000) for k in range(1, 20)],
    ],
    ids=["one great cycle", "ten thousand small ones", "a dense knot"],
)
def test_cycles_do_not_take_long(needs):
    began = time.process_time()

    order = work_order([str(n) for n in range(20_000)], needs)

    assert len(order.nodes) == 20_000
    assert time.process_time() - began < 6
