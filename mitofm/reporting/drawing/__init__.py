"""How figures look, are drawn, captioned and pointed at, and kept until what they show changes."""
