"""Dataset folders: written whole or not at all, readable by plain ``datasets.load_dataset``, proved row by row."""

from mmrl.data.check import Problem, check_folder
from mmrl.data.reader import DatasetFolder, read_folder
from mmrl.data.writer import DatasetWriter

__all__ = ["DatasetFolder", "DatasetWriter", "Problem", "check_folder", "read_folder"]
