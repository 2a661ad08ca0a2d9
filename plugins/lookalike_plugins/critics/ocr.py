"""Readers of one line of text: the optical character recognition behind the transcript critic.

    reader = open_reader("rapidocr")
    reader.read(line)          # line: (height, width) uint8, dark on light
    # Reading(text='West of House', confidence=0.98)

`rapidocr` brings its weights in its wheel and is the default; `tesserocr` is for machines that have Tesseract's
English language file. Finding where the lines stand is not their work: see screen.py.
"""

from __future__ import annotations

import importlib.util
import os
import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from lookalike_bench.errors import PluginError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LANGUAGE_DIRECTORIES = ("/usr/share/tesseract-ocr/*/tessdata", "/usr/share/tessdata", "/usr/local/share/tessdata")
"""Where Tesseract's language files are installed, unless TESSDATA_PREFIX says otherwise."""


class Reading(NamedTuple):
    """The text of a line, and how sure the reader is of it, in [0, 1]."""

    text: str
    confidence: float


class LineReader(Protocol):
    """Reads one line. The same picture always gives the same reading."""

    name: str
    """Engine and version, for the provenance of what was read."""

    def read(self, line: NDArray[np.uint8]) -> Reading:
        """Read a line: (height, width) uint8, dark on light."""


class RapidReader:
    """PP-OCR on onnxruntime, recognition only; its weights are in the wheel."""

    def __init__(self) -> None:
        from rapidocr import RapidOCR

        # A fixed number of threads: the order of floating-point sums is part of "the same reading".
        parameters = {
            "Global.log_level": "error",
            "Global.use_preprocess_img": False,
            "EngineConfig.onnxruntime.intra_op_num_threads": 2,
        }
        self._engine = RapidOCR(params=parameters)
        self.name = f"rapidocr {version('rapidocr')}"

    def read(self, line: NDArray[np.uint8]) -> Reading:
        import numpy as np

        result: Any = self._engine(np.repeat(line[:, :, None], 3, axis=2), use_det=False, use_cls=False, use_rec=True)
        if not result.txts:
            return Reading("", 0.0)
        return Reading(repair(result.txts[0]), float(result.scores[0]))


class TesseractReader:
    """Tesseract through tesserocr, one line at a time on one thread."""

    def __init__(self) -> None:
        languages = language_directory()
        if importlib.util.find_spec("tesserocr") is None or languages is None:
            raise PluginError(
                "ocr: tesserocr needs the package tesserocr and Tesseract's English language file (eng.traineddata; "
                "Debian: tesseract-ocr); use ocr: rapidocr, which needs neither"
            )
        os.environ.setdefault("OMP_THREAD_LIMIT", "1")
        import tesserocr

        self._engine = tesserocr.PyTessBaseAPI(path=str(languages), lang="eng", psm=tesserocr.PSM.SINGLE_LINE)
        self.name = f"tesserocr {version('tesserocr')}"

    def read(self, line: NDArray[np.uint8]) -> Reading:
        from PIL import Image, ImageOps

        picture = Image.fromarray(line)
        scale = max(2, round(40 / picture.height))
        picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.BICUBIC)
        self._engine.SetImage(ImageOps.expand(picture, border=10, fill=255))
        text = self._engine.GetUTF8Text().strip()
        return Reading(repair(text), self._engine.MeanTextConf() / 100 if text else 0.0)


READERS: dict[str, type[RapidReader] | type[TesseractReader]] = {
    "rapidocr": RapidReader,
    "tesserocr": TesseractReader,
}


def open_reader(name: str) -> LineReader:
    """The reader of that name. Raises PluginError if there is none, or if this machine lacks what it needs."""
    if name not in READERS:
        raise PluginError(f"ocr: there is no reader {name!r}, only {', '.join(sorted(READERS))}")
    return READERS[name]()


def language_directory() -> Path | None:
    """The directory with Tesseract's English language file, or None."""
    named = os.environ.get("TESSDATA_PREFIX")
    candidates = [Path(named)] if named else []
    for pattern in LANGUAGE_DIRECTORIES:
        candidates += sorted(Path("/").glob(pattern.lstrip("/")))
    return next((place for place in candidates if (place / "eng.traineddata").is_file()), None)


def repair(text: str) -> str:
    """Mend what an engine for documents gets wrong on a terminal, by spelling alone: typographic quotes and full-
    width forms become ASCII, and a zero or a bar inside a word becomes the letter it looks like."""
    text = text.translate(_TO_ASCII).strip()
    text = re.sub(r"(?<![\w.])0(?=[a-z]{2})", "O", text)
    text = re.sub(r"(?<=[a-z])0(?=[a-z])", "o", text)
    text = re.sub(r"(?<=[a-z])[|1](?=[a-z])", "l", text)
    return re.sub(r"  +", " ", text)


_TO_ASCII: dict[int, str | int] = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    0x201C: '"', 0x201D: '"', 0x2018: "'", 0x2019: "'", 0x2013: "-", 0x2014: "-", 0x2026: "...",
    0x203A: ">", 0xBB: ">", 0x3000: " ",
}  # fmt: skip
