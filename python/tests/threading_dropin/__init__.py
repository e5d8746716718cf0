"""`Semaphore` and `BoundedSemaphore`, in the place of those of `threading`."""
