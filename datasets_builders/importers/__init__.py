"""Published annotations of screens, pictures and clips as dataset folders: ``mmrl build import``."""

from datasets_builders.importers.clips import CLIP_FORMATS
from datasets_builders.importers.formats import FORMATS
from datasets_builders.importers.request import ImportRequest, ImportResult
from datasets_builders.importers.write import import_dataset

__all__ = ["CLIP_FORMATS", "FORMATS", "ImportRequest", "ImportResult", "import_dataset"]
