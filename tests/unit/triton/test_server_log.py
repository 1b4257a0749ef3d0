from pathlib import Path

from serving.triton.server_log import decisive_line

NOISE = (
    'E1124 07:00:16.235448 7144 server.cc:241] "CudaDriverHelper has not been initialized."\n'
    'I1124 07:00:16.236548 7144 model_lifecycle.cc:472] "loading: plus:1"\n'
)


def log(folder: Path, text: str) -> Path:
    path = folder / "triton.log"
    path.write_text(text)
    return path


def test_what_ended_the_server_comes_before_the_errors_on_the_way(tmp_path: Path):
    text = (
        NOISE + 'E1124 07:00:16.2 7144 x.cc:1] "first"\nerror: creating server: Internal - last\n'
    )
    assert decisive_line(log(tmp_path, text)) == "Internal - last"


def test_the_first_error_is_told_while_the_server_lives(tmp_path: Path):
    text = NOISE + 'E1124 07:00:16.2 7144 x.cc:1] "first"\nE1124 07:00:16.3 7144 x.cc:1] "second"\n'
    assert decisive_line(log(tmp_path, text)) == "first"


def test_without_an_error_the_last_line_is_told(tmp_path: Path):
    assert decisive_line(log(tmp_path, NOISE + "last words\n\n")) == "last words"
    assert decisive_line(log(tmp_path, "")) == "it wrote no log"
