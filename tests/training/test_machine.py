import pytest
import torch

from xraylab.training import machine


@pytest.mark.parametrize(
    ("asked", "given"), [("32", "32-true"), ("bf16", "bf16-mixed"), ("16", "16-mixed")]
)
def test_a_named_precision_is_taken(asked, given):
    assert machine.choose_precision(asked, "cpu") == given


def test_precision_is_half_only_where_the_processor_computes_in_it(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    for capabilities, given in (
        ({}, "32-true"),
        ({"avx512_bf16": True}, "bf16-mixed"),
        ({"amx_bf16": True}, "bf16-mixed"),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found)
        assert machine.choose_precision("auto", "cpu") == given
