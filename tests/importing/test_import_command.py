"""`python -m explorer import`: what it says, what it writes, and how it refuses."""

import json

import torch
from click.testing import CliRunner

import explorer.cli
from explorer import load_checkpoint
from readers import SYMBOLS, Reader


def run(*arguments):
    return CliRunner().invoke(explorer.cli.cli, ["import", *map(str, arguments)])


def test_a_file_becomes_a_checkpoint(tmp_path):
    module = Reader("gru")
    torch.save(module.state_dict(), tmp_path / "gru.pth")
    (tmp_path / "symbols.json").write_text(json.dumps(list(SYMBOLS)))
    (tmp_path / "sample.txt").write_text("a bad dad\n")
    output = tmp_path / "ours.safetensors"
    result = run(tmp_path / "gru.pth", "--vocabulary", tmp_path / "symbols.json", "--sample", tmp_path / "sample.txt",
                 "--output", output, "--reset", "after")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "fc.weight" in result.stdout
    checkpoint = load_checkpoint(output)
    assert (checkpoint.corpus, checkpoint.config.cell, checkpoint.config.reset) == ("gru", "gru", "after")
    torch.testing.assert_close(checkpoint.model.out.weight[1:], module.fc.weight)


def test_a_refusal_is_one_line_and_writes_nothing(tmp_path):
    torch.save(Reader("gru").state_dict(), tmp_path / "gru.pth")
    output = tmp_path / "ours.safetensors"
    for arguments in (
        [tmp_path / "none.pth"],
        [tmp_path / "gru.pth"],
        [tmp_path / "gru.pth", "--vocabulary", tmp_path / "none"],
    ):
        result = run(*arguments, "--output", output)
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)
        assert result.stderr.startswith("Error: Expected")
        assert len(result.stderr.splitlines()) == 1
    assert run(tmp_path / "gru.pth", "--output", tmp_path / "ours.pth").exit_code == 2
    assert not output.exists()
