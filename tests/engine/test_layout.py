from __future__ import annotations

import torch

from mmrl.engine.layout import KeyValues, Segment, pack, pack_after


def ids(*values):
    return torch.tensor(values)


PROMPTS = [(ids(1, 2, 3), torch.tensor([[0, 1, 2]])), (ids(7, 8), torch.tensor([[0, 1]]))]
COMPLETIONS = [[ids(10, 11, 12), ids(20)], [ids(30, 31), ids(40, 41, 42)]]


def test_a_packed_row_holds_each_prompt_once_and_completions_without_their_last_token():
    row = pack(PROMPTS, COMPLETIONS)
    assert row.input_ids_T.tolist() == [1, 2, 3, 10, 11, 7, 8, 30, 40, 41]
    assert row.positions_A_T.tolist() == [[0, 1, 2, 3, 4, 0, 1, 2, 2, 3]]
    assert [(one.prompt, one.lengths_G) for one in row.layout.segments] == [(3, (2, 0)), (2, (1, 2))]
    assert row.layout.split_sizes == [3, 2, 2, 3]


def test_every_completion_token_is_scored_from_the_token_before_it():
    row = pack(PROMPTS, COMPLETIONS)
    assert row.targets_S.tolist() == [10, 11, 12, 20, 30, 31, 40, 41, 42]
    assert row.input_ids_T[row.scored_S].tolist() == [3, 10, 11, 3, 8, 30, 8, 40, 41]


def test_positions_go_on_from_the_largest_one_of_the_prompt_on_every_axis():
    """A picture of 2 x 3 tokens: its positions run in space and end before its tokens would."""
    positions = torch.tensor([[0, 1, 1, 1, 1, 1, 1, 4], [0, 1, 1, 1, 2, 2, 2, 4], [0, 1, 2, 3, 1, 2, 3, 4]])
    row = pack([(torch.arange(8), positions)], [[ids(50, 51, 52), ids(60, 61)]])
    assert row.positions_A_T[:, 8:].tolist() == [[5, 6, 5]] * 3


def test_completions_behind_stored_prompts_score_from_the_prompts_last_tokens():
    stored = KeyValues()
    row = pack_after([positions for _, positions in PROMPTS], COMPLETIONS, stored)
    whole = pack(PROMPTS, COMPLETIONS)
    assert row.layout.stored is stored
    assert row.input_ids_T.tolist() == [10, 11, 30, 40, 41]
    assert row.positions_A_T.tolist() == [[3, 4, 2, 2, 3]]
    assert torch.equal(row.targets_S, whole.targets_S)
    before_and_row = torch.cat([ids(3, 8), row.input_ids_T])  # last tokens of the prompts, then the row
    assert torch.equal(before_and_row[row.scored_S], whole.input_ids_T[whole.scored_S])


def test_uneven_completions_are_gathered_padded_and_told_apart():
    segment = Segment(prompt=4, lengths_G=(2, 0, 3))
    assert segment.completions == 5
    assert not segment.is_even
    assert segment.gather_GC.tolist() == [[0, 1, 1], [2, 3, 4]]
    assert segment.real_GC.tolist() == [[True, True, False], [True, True, True]]
    assert Segment(prompt=4, lengths_G=(2, 2)).is_even
