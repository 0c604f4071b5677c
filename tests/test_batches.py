"""Both samplings against a transcription of d2l 8.3 in plain lists: exact contents, counts, offsets and limits."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.batches import SAMPLINGS, batch_count, batches, min_tokens
from explorer.text import TextError

PROPERTY = settings(deadline=None, max_examples=60)
SIZES = dict(
    rows=st.integers(1, 6), steps=st.integers(1, 8), spare=st.integers(0, 60), seed=st.integers(0, 2**31),
    random_offset=st.booleans(),
)  # fmt: skip


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def one_epoch(ids, rows, steps, sampling, *, random_offset, seed=0):
    """An epoch as lists: [(x rows, y rows)], where row b reads along time."""
    epoch = batches(torch.tensor(list(ids)), rows, steps, sampling, random_offset=random_offset, generator=seeded(seed))
    pairs = []
    for x_TB, y_TB in epoch:
        assert x_TB.shape == y_TB.shape == (steps, rows)  # no batch is short, so nothing is padded
        assert x_TB.dtype == y_TB.dtype == torch.int64
        pairs.append((x_TB.T.tolist(), y_TB.T.tolist()))
    return pairs


# The oracle: d2l's two samplings, the offset given.


def sequential_by_hand(text, rows, steps, offset):
    text = text[offset:]
    row_length = (len(text) - 1) // rows
    epoch = []
    for part in range(row_length // steps):
        starts = [row * row_length + part * steps for row in range(rows)]
        epoch.append(([text[s : s + steps] for s in starts], [text[s + 1 : s + 1 + steps] for s in starts]))
    return epoch


def pieces_by_hand(text, steps, offset):
    """Start of a piece -> (the piece, what follows each of its characters)."""
    pieces, start = {}, offset
    while start + steps + 1 <= len(text):
        pieces[start] = (text[start : start + steps], text[start + 1 : start + steps + 1])
        start += steps
    return pieces


@given(**SIZES)
@PROPERTY
def test_sequential_equals_the_transcription(rows, steps, spare, seed, random_offset):
    text = list(range(min_tokens(rows, steps, random_offset=random_offset) + spare))
    epoch = one_epoch(text, rows, steps, "sequential", random_offset=random_offset, seed=seed)
    offset = epoch[0][0][0][0]  # the text counts up from zero: its first character read is the offset
    assert 0 <= offset <= (steps if random_offset else 0)
    assert epoch == sequential_by_hand(text, rows, steps, offset)


@given(**SIZES)
@PROPERTY
def test_random_reads_pieces_of_the_transcription_each_at_most_once(rows, steps, spare, seed, random_offset):
    text = list(range(min_tokens(rows, steps, random_offset=random_offset) + spare))
    epoch = one_epoch(text, rows, steps, "random", random_offset=random_offset, seed=seed)
    offset = epoch[0][0][0][0] % steps
    assert offset == 0 or random_offset
    pieces = pieces_by_hand(text, steps, offset)
    assert len(epoch) == len(pieces) // rows
    read = [(x, y) for xs, ys in epoch for x, y in zip(xs, ys, strict=True)]
    assert all(pieces[x[0]] == (x, y) for x, y in read)
    assert len({x[0] for x, _ in read}) == len(read) == len(epoch) * rows


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("random_offset", [True, False])
def test_ten_thousand_characters_give_eight_batches_of_32_by_35_whatever_the_offset(sampling, random_offset):
    offsets = set()
    for seed in range(150 if random_offset else 3):
        epoch = one_epoch(range(10_000), 32, 35, sampling, random_offset=random_offset, seed=seed)
        assert len(epoch) == 8
        first = epoch[0][0][0][0]
        offsets.add(first if sampling == "sequential" else first % 35)
    assert len(offsets) > 30 if random_offset else offsets == {0}


@pytest.mark.parametrize(("tokens", "expected"), [(1121, 1), (2240, 1), (2241, 2), (10_000, 8), (170_580, 152)])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_counts_without_an_offset(sampling, tokens, expected):
    # (170,580 - 1) // 35 = 4873 pieces, 4873 // 32 = 152; and 5330 characters a row, 5330 // 35 = 152.
    assert len(one_epoch(range(tokens), 32, 35, sampling, random_offset=False)) == expected


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_y_is_what_follows_x_in_the_text(sampling):
    text = torch.randint(0, 28, (500,), generator=seeded(1)).tolist()
    for seed in range(20):
        where = one_epoch(range(500), 3, 7, sampling, random_offset=True, seed=seed)
        what = one_epoch(text, 3, 7, sampling, random_offset=True, seed=seed)
        for (places, after), (xs, ys) in zip(where, what, strict=True):
            assert xs == [[text[i] for i in row] for row in places]
            assert ys == [[text[i + 1] for i in row] for row in places]
            assert after == [[i + 1 for i in row] for row in places]


@pytest.mark.parametrize("random_offset", [True, False])
def test_sequential_batches_continue_each_other_row_by_row(random_offset):
    epoch = one_epoch(range(1000), 4, 9, "sequential", random_offset=random_offset, seed=3)
    assert len(epoch) > 20
    for (_, before), (after, _) in pairwise(epoch):
        assert [row[-1] for row in before] == [row[0] for row in after]
    # Row by row an epoch reads stretches of the text that do not touch each other.
    read = [i for row in range(4) for xs, _ in epoch for i in xs[row]]
    assert read == sorted(set(read))


def test_sequential_reads_by_hand():
    # Ten characters, two rows of (10 - 1) // 2 = 4, two steps at a time.
    assert one_epoch(range(10), 2, 2, "sequential", random_offset=False) == [
        ([[0, 1], [4, 5]], [[1, 2], [5, 6]]),
        ([[2, 3], [6, 7]], [[3, 4], [7, 8]]),
    ]


def test_random_reads_by_hand():
    # Eight characters, three steps: pieces at 0 and 3; a piece at 6 would have nothing to predict at its end.
    [(xs, ys)] = one_epoch(range(8), 2, 3, "random", random_offset=False)
    assert sorted(xs) == [[0, 1, 2], [3, 4, 5]]
    assert sorted(ys) == [[1, 2, 3], [4, 5, 6]]


# The offset and the shuffle


def test_sequential_offsets_are_0_to_T_inclusive():
    firsts = {one_epoch(range(60), 2, 5, "sequential", random_offset=True, seed=s)[0][0][0][0] for s in range(200)}
    assert firsts == {0, 1, 2, 3, 4, 5}


def test_random_offsets_are_0_to_T_minus_1():
    # With one row every piece is read, so the smallest start is the offset itself.
    lowest = set()
    for seed in range(200):
        epoch = one_epoch(range(60), 1, 5, "random", random_offset=True, seed=seed)
        lowest.add(min(xs[0][0] for xs, _ in epoch))
    assert lowest == {0, 1, 2, 3, 4}


def test_without_an_offset_nothing_is_skipped_at_the_start():
    for seed in range(30):
        assert one_epoch(range(60), 2, 5, "sequential", random_offset=False, seed=seed)[0][0][0][0] == 0
        epoch = one_epoch(range(60), 1, 5, "random", random_offset=False, seed=seed)
        assert sorted(xs[0][0] for xs, _ in epoch) == list(range(0, 55, 5))


def test_every_order_of_the_pieces_occurs():
    orders = set()
    for seed in range(150):
        epoch = one_epoch(range(13), 1, 4, "random", random_offset=False, seed=seed)
        orders.add(tuple(xs[0][0] for xs, _ in epoch))
    assert orders == {(0, 4, 8), (0, 8, 4), (4, 0, 8), (4, 8, 0), (8, 0, 4), (8, 4, 0)}


def test_the_pieces_left_over_are_not_always_the_last_ones():
    # Three pieces and two rows: one is left out, and chance decides which.
    left_out = set()
    for seed in range(60):
        [(xs, _)] = one_epoch(range(13), 2, 4, "random", random_offset=False, seed=seed)
        left_out |= {0, 4, 8} - {x[0] for x in xs}
    assert left_out == {0, 4, 8}


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_the_generator_alone_decides_the_epoch(sampling):
    ids_N = torch.arange(3000)

    def epochs(generator, count=4):
        return [
            [x_TB.tolist() for x_TB, _ in batches(ids_N, 4, 9, sampling, random_offset=True, generator=generator)]
            for _ in range(count)
        ]

    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = epochs(seeded(5))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    assert epochs(seeded(5)) == first
    assert epochs(seeded(6)) != first
    assert any(epoch != first[0] for epoch in first[1:])  # an epoch is new, not the first one again


# Limits


@pytest.mark.parametrize(
    ("rows", "steps", "random_offset", "expected"),
    [(32, 35, False, 1121), (32, 35, True, 1156), (1, 1, False, 2), (1, 1, True, 3), (2, 3, True, 10)],
)
def test_min_tokens_by_hand(rows, steps, random_offset, expected):
    assert min_tokens(rows, steps, random_offset=random_offset) == expected


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize(("rows", "steps"), [(1, 1), (1, 4), (3, 1), (3, 4)])
@pytest.mark.parametrize("random_offset", [True, False])
def test_the_shortest_text_gives_a_batch_at_every_offset(sampling, rows, steps, random_offset):
    shortest = min_tokens(rows, steps, random_offset=random_offset)
    offsets = set()
    for seed in range(100 if random_offset else 1):
        epoch = one_epoch(range(shortest), rows, steps, sampling, random_offset=random_offset, seed=seed)
        assert epoch
        first = epoch[0][0][0][0]
        offsets.add(first if sampling == "sequential" else first % steps)
    highest = (steps if sampling == "sequential" else steps - 1) if random_offset else 0
    assert offsets == set(range(highest + 1))


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize(("random_offset", "needed", "one_less"), [(True, "1,156", "1,155"), (False, "1,121", "1,120")])
def test_a_text_one_character_shorter_is_refused_at_once(sampling, random_offset, needed, one_less):
    # Before the first batch is asked for: the person is told when the training is set up.
    length = int(one_less.replace(",", ""))
    with pytest.raises(TextError, match=f"at least {needed} characters for batches of 32 x 35; got {one_less}"):
        batches(torch.arange(length), 32, 35, sampling, random_offset=random_offset, generator=seeded(0))


@pytest.mark.parametrize(("rows", "steps"), [(1, 1), (3, 4), (32, 35)])
def test_min_tokens_is_no_larger_than_sequential_sampling_needs(rows, steps):
    shorter = list(range(min_tokens(rows, steps, random_offset=True) - 1))
    assert sequential_by_hand(shorter, rows, steps, offset=steps) == []
    shorter = list(range(min_tokens(rows, steps, random_offset=False) - 1))
    assert sequential_by_hand(shorter, rows, steps, offset=0) == []
    assert len(pieces_by_hand(shorter, steps, offset=0)) < rows


@pytest.mark.parametrize("length", [0, 1])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_nothing_can_be_cut_from_nothing(sampling, length):
    with pytest.raises(TextError, match="Take a longer text"):
        batches(torch.arange(length), 1, 1, sampling, random_offset=False, generator=seeded(0))


@pytest.mark.parametrize("sampling", ["", "Random", "shuffled"])
def test_an_unknown_sampling_is_refused(sampling):
    with pytest.raises(TextError, match="sequential or random"):
        batches(torch.arange(100), 2, 5, sampling, random_offset=True, generator=seeded(0))


@given(sampling=st.sampled_from(SAMPLINGS), **SIZES)
@PROPERTY
def test_the_count_of_batches_is_the_number_that_is_made(sampling, rows, steps, spare, seed, random_offset):
    characters = min_tokens(rows, steps, random_offset=random_offset) + spare
    made = one_epoch(range(characters), rows, steps, sampling, random_offset=random_offset, seed=seed)
    counted = batch_count(characters, rows, steps, sampling, random_offset=random_offset, generator=seeded(seed))
    assert counted == len(made)
