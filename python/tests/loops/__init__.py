"""Event loops that close, stop, come again, or have futures of their own."""
