"""`CountSemaphore` among threads, clause by clause."""
