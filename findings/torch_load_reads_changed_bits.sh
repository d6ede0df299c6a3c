#!/usr/bin/env bash
# A checkpoint of torch is a zip archive, with a CRC-32 of every tensor in it. A bit of a tensor that has changed on the disk should
# be told when the file is loaded, as zipfile and unzip tell it. torch.load gives the other number without a word.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5
cd "$work"
venv/bin/python - <<'PYTHON'
import sys
import zipfile

import torch

saved = torch.arange(4096, dtype=torch.float32)
torch.save({"weights": saved}, "checkpoint.pt")
with open("checkpoint.pt", "rb") as file:
    held = bytearray(file.read())
held[held.find(saved.numpy().tobytes()) + 4 * 1000 + 3] ^= 1
with open("checkpoint.pt", "wb") as file:
    file.write(held)
try:
    seen = torch.load("checkpoint.pt", weights_only=True)["weights"][1000].item()
except RuntimeError as error:
    seen = error
told = zipfile.ZipFile("checkpoint.pt").testzip()
print(f"torch {torch.__version__}, one bit of 16 kB changed")
print("expected: an error, or 1000.0")
print(f"seen:     {seen}; zipfile says that {told} has another checksum")
sys.exit(None if isinstance(seen, float) and seen != 1000.0 and told else "no longer as stated")
PYTHON
