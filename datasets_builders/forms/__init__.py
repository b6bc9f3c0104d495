"""One task asked as yes/no, as choice and openly, made from dataset folders (Curr-ReFT's three forms)."""

from datasets_builders.forms.builder import FormDraft, build_forms, forms_examples
from datasets_builders.forms.config import FormsConfig

__all__ = ["FormDraft", "FormsConfig", "build_forms", "forms_examples"]
