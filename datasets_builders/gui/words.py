"""Words that stand on widgets and windows.

No label is the beginning of another, so that naming one names only one. An initial vowel letter is always spoken as a
vowel, so that the article of a question is right.
"""

from __future__ import annotations

KINDS = ("button", "text field", "checkbox", "slider", "dropdown")
"""Kinds of widget, as questions name them."""

SHORT_WORDS = ("Save", "Open", "Edit", "Help", "Quit", "Find", "Copy", "Undo", "Zoom", "Sync")
"""Labels of a small window, on widgets of any kind."""

SHORT_TITLES = ("Notes", "Mail", "Photos", "Files", "Music", "Paint")

LABELS: dict[str, tuple[str, ...]] = {
    "button": (
        "Save changes", "Cancel", "Apply now", "Sign in", "Send message", "Add to cart", "Delete account", "Print page",
        "Export report", "Import contacts", "Start scan", "Check for updates", "Restore defaults", "New folder",
        "Download all", "Invite guests", "Empty trash", "Book a room", "Pay invoice", "Go back",
    ),
    "text field": (
        "First name", "Last name", "Email address", "Phone number", "Street", "City", "Postal code", "Search term",
        "File name", "Company", "Job title", "Password", "Order number", "Account holder", "Web page", "Subject",
    ),
    "checkbox": (
        "Remember me", "Show hidden files", "Accept the terms", "Enable sound", "Dark mode", "Notify by mail",
        "Auto save", "Keep a copy", "Check spelling", "Snap to grid", "Lock position", "Repeat daily", "Gift wrap",
        "Open at login", "Include drafts", "Private session",
    ),
    "slider": (
        "Volume", "Brightness", "Contrast", "Playback speed", "Opacity", "Line width", "Zoom level", "Text size",
        "Saturation", "Bass", "Sharpness", "Quality",
    ),
    "dropdown": (
        "Country", "Language", "Time zone", "Sort order", "Paper size", "Currency", "Category", "Font family",
        "Priority", "Region", "Printer", "Date format", "Encoding", "Payment method",
    ),
}  # fmt: skip
"""Labels of a larger window that suit one kind of widget."""

SHARED_LABELS = (
    "Alerts", "Archive", "Backup", "Details", "Effects", "Filter", "Grid", "History", "Layout", "Location", "Margins",
    "Notes", "Overlay", "Reminder", "Schedule", "Shadow", "Spacing", "Theme", "Timer", "Toolbar", "Tracking", "Updates",
)  # fmt: skip
"""Labels of a larger window that suit every kind, so that a question's words alone never tell whether it is there."""

TITLES = (
    "Preferences", "Account settings", "Media player", "Print dialog", "Document editor", "Checkout", "Profile",
    "Image viewer", "Backup assistant", "Calendar", "Network manager", "Contact form",
)  # fmt: skip

CHOSEN = ("None", "Default", "Automatic", "Custom")
"""What a dropdown of a larger window shows as chosen."""
