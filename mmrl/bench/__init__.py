"""Timing full optimiser steps of TRL's trainer and of ours on the same model and data: ``mmrl bench trainer``."""

from mmrl.bench.settings import BenchOptions, Setting, parse_setting

__all__ = ["BenchOptions", "Setting", "parse_setting"]
