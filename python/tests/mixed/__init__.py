"""One object for threads and for the tasks of several event loops in several threads (C17)."""
