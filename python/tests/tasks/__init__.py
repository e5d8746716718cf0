"""The futures of `CountSemaphore`, `Semaphore` and `BoundedSemaphore`: tasks in both queues."""
