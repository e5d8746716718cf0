"""`os.fork`: the child has a working semaphore with the counts as they were."""
