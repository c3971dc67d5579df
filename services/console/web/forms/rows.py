"""A row of a list whose cells can be typed into."""

from typing import Any

from django import forms


class RowForm(forms.ModelForm):
    """A row, of which only what was typed counts as changed.

    It brings along what it showed, so that a list that was opened before somebody else's change does not
    undo it. Each field is named together with its row, for those who hear the page instead of seeing it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = f"{field.label} of {self.instance}"
            field.show_hidden_initial = True
            field.help_text = ""  # a list has no room for it
