"""`HostSemaphore`: one semaphore for the processes of this host, that may die at any moment."""
